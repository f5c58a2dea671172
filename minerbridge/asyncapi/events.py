"""Every event on `bridge/event`: its type, what it carries, and one of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, get_args

from minerbridge.asyncapi.parts import Message
from minerbridge.asyncapi.rows_of_miners import FOUND
from minerbridge.asyncapi.schemas import (
    CODE,
    ID,
    INTEGER,
    NUMBER,
    TEXT,
    TIME,
    Schema,
    array_of,
    one_of,
    or_null,
    record,
)
from minerbridge.model import Outcome
from minerbridge.model_fleet import OrderMode, OrderState, Source

AT = "2026-01-20T14:30:00+00:00"


@dataclass(frozen=True, slots=True)
class EventRow:
    """One type. *facts* are its keys beside type, miner_id and at, with the one of the example."""

    type: str
    summary: str
    facts: dict[str, tuple[Schema, Any]] = field(default_factory=dict)
    miner_id: str | None = "s19_1"
    optional: tuple[str, ...] = ()

    def message(self) -> Message:
        schemas = {name: schema for name, (schema, _) in self.facts.items()}
        payload = record(
            type=one_of([self.type]),
            miner_id={"type": "null"} if self.miner_id is None else TEXT,
            at=TIME,
            **schemas,
            optional=self.optional,
        )
        example = {"type": self.type, "miner_id": self.miner_id, "at": AT}
        example |= {name: value for name, (_, value) in self.facts.items()}
        return Message(f"event_{self.type}", self.summary, payload, (("", example),))


def _trouble(code: str, message: str) -> dict[str, tuple[Schema, Any]]:
    return {"code": (CODE, code), "message": (TEXT, message)}


def _fault(message: str) -> dict[str, tuple[Schema, Any]]:
    return {"code": (TEXT, "fan:1"), "message": (TEXT, message)}


def _says(message: str) -> dict[str, tuple[Schema, Any]]:
    return {"message": (TEXT, message)}


def _order(state: str) -> EventRow:
    facts: dict[str, tuple[Schema, Any]] = {
        "id": (TEXT, "order-7"),
        "mode": (one_of(get_args(OrderMode)), "target"),
        "power_kw": (NUMBER, 2.0),
        "source": (one_of(get_args(Source)), "ems"),
        "reason": (or_null(TEXT), None),
        "message": (TEXT, f"target 2 kW {state}"),
    }
    return EventRow(f"order_{state}", f"An order is {state}", facts, None)


_FOUND_ROW = {"id": "s19_2", "ip": "192.168.1.57", "model": "Antminer S19", "type": "asic",
              "family": "antminer", "is_online": True, "is_mining": None}  # fmt: skip

EVENTS: tuple[EventRow, ...] = (
    EventRow("miner_online", "A miner answers"),
    EventRow("miner_offline", "A miner answers no longer",
             _trouble("UNREACHABLE", "192.168.1.56:4028: timed out")),
    EventRow("wrong_device", "Another device answers at a miner's address",
             _trouble("WRONG_DEVICE", "expected 02:5d:00:5b:19:c0, found 02:5d:00:5b:19:c1")),
    EventRow("command_result", "A command has ended", {
        "id": (TEXT, "find-it"), "key": (TEXT, "led"),
        "status": (one_of(get_args(Outcome)), "confirmed"), "code": (or_null(CODE), None),
        "message": (TEXT, "the miner blinks"),
    }),
    EventRow("progress", "A file goes to a miner, or comes from it", {
        "command": (TEXT, "update_firmware"), "percent": (INTEGER, 50),
        "bytes": (INTEGER, 4_194_304), "of": (INTEGER, 8_388_608),
    }),
    EventRow("pool_lost", "A miner has no pool any more",
             {"pool_url": (or_null(TEXT), "stratum+tcp://pool.example.com:3333")}),
    EventRow("error_raised", "A miner reports an error", _fault("fan 1 stands")),
    EventRow("error_cleared", "A miner no longer reports an error", _fault("fan 1 stands")),
    EventRow("discovered", "A miner was found on the network", {
        "host": (TEXT, "192.168.1.57"), "family": (TEXT, "antminer"), "id": (ID, "scan-1"),
    }, "s19_2", ("id",)),
    EventRow("scan_finished", "A scan has ended", {
        "id": (ID, "scan-1"), "network_scanned": (TEXT, "192.168.1.0/24"),
        "miners_found": (INTEGER, 1), "miners": (array_of(FOUND), [_FOUND_ROW]),
    }, None),
    *(_order(state) for state in get_args(OrderState)),
    EventRow("dispatch_off", "A person commands a miner: it left the fleet's orders",
             {"command": (TEXT, "stop"), **_says("a person commands this miner")}),
    EventRow("quarantined", "A miner did not do as told and is left out for a while",
             {"failures": (INTEGER, 2), **_says("it did not do as told")}),
    EventRow("overheated", "The bridge stopped a miner that was too hot",
             _says("stopped at 91 °C, above 90 °C in three readings")),
    EventRow("protection_ended", "A miner that was too hot has cooled down",
             _says("it has cooled down and may be started again")),
    EventRow("mqtt_acl", "The broker lets no request through",
             _says("messages on minerbridge/bridge/request/# do not arrive"), None),
)  # fmt: skip
