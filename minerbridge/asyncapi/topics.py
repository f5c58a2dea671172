"""The bridge's own topics: itself, its requests, each miner's three, and Home Assistant's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from minerbridge.asyncapi import examples
from minerbridge.asyncapi.events import EVENTS
from minerbridge.asyncapi.parts import PLAIN, Channel, Message, snake
from minerbridge.asyncapi.requests import REQUESTS
from minerbridge.asyncapi.rows_of_fleet import FLEET_STATUS
from minerbridge.asyncapi.schemas import (
    ANY,
    BOOLEAN,
    CODE,
    ID,
    INTEGER,
    NUMBER,
    OBJECT,
    TEXT,
    TIME,
    Schema,
    array_of,
    map_of,
    one_of,
    or_null,
    record,
)
from minerbridge.model import CommandSpec, MinerProfile
from minerbridge.mqtt.discovery import bridge_payload, fleet_payload, miner_payload, rows_of
from minerbridge.mqtt.fleet_entities import FLEET_ENTITIES
from minerbridge.mqtt.requests import SELF_TEST
from minerbridge.mqtt.topics import Topics

_IS_ONLINE: Schema = {"type": "string", "enum": ["online", "offline"]}
RESULT = Message(
    "result", "The one answer to a command", {"$ref": "#/components/schemas/CommandResult"},
    examples.document("result/confirmed") + examples.document("result/rejected"),
)  # fmt: skip
ERROR = Message(
    "request_error", "Refused or failed",
    record(status=one_of(["error"]), error=record(code=CODE, message=TEXT), id=or_null(ID)),
    tuple(one for row in REQUESTS for one in examples.answered("requests", row.name, well=False)),
)  # fmt: skip
_COUNTS = ("uptime_s", "miners", "miners_online", "polls", "poll_failures", "commands")
_INFO = record(
    version=TEXT,
    python=TEXT,
    site=or_null(TEXT),
    miners=INTEGER,
    miners_online=INTEGER,
    poll_interval_s=NUMBER,
    offline_after_s=NUMBER,
    read_only=BOOLEAN,
    discovery_networks=array_of(TEXT),
    pool_profiles=array_of(TEXT),
    base_topic=TEXT,
    discovery_prefix=TEXT,
)
_WORST = record(
    miner_id=TEXT,
    online=or_null(BOOLEAN),
    polls=INTEGER,
    failures=INTEGER,
    last_error=or_null(TEXT),
    last_good_at=or_null(TIME),
)
_DIAGNOSTICS = record(
    **dict.fromkeys(_COUNTS, INTEGER),
    read_ms_median=or_null(NUMBER),
    read_ms_max=or_null(NUMBER),
    poll_late_ms_max=NUMBER,
    mqtt=record(connections=INTEGER, waiting=INTEGER, dropped=INTEGER, requests_arrive=TEXT),
    failing=OBJECT,
    threads=INTEGER,
    memory_mib=or_null(NUMBER),
    worst=array_of(_WORST),
)
_DISCOVERY: Schema = {
    "type": "object",
    "description": "Home Assistant's device discovery; a large one abbreviates its keys",
    "properties": {
        "device": OBJECT,
        "origin": OBJECT,
        "availability": array_of(OBJECT),
        "availability_mode": one_of(["all"]),
        "components": map_of(OBJECT),
    },
    "required": ["device", "origin", "components"],
    "additionalProperties": False,
}
_SHOWN_MINER = MinerProfile(
    "s19_1", "antminer", manufacturer="Bitmain", model="Antminer S19 Pro",
    commands={name: CommandSpec(name) for name in ("start", "stop")},
    reports=frozenset({"hashrate_hs", "power_w"}),
)  # fmt: skip


def own_channels(topics: Topics) -> Iterator[Channel]:
    """Yield what the bridge says of itself and of its fleet."""
    state = Message("bridge_state", "offline is the will", _IS_ONLINE, (("", "online"),), PLAIN)
    yield Channel("bridge_state", topics.bridge("state"), "Whether the bridge runs", (state,),
                  retain=True)  # fmt: skip
    documents = (
        ("info", "Version, counts and settings, without secrets", _INFO),
        ("diagnostics", "Every 60 s: totals and the worst miners", _DIAGNOSTICS),
    )
    for name, summary, payload in documents:
        message = Message(f"bridge_{name}", summary, payload, examples.document(f"bridge/{name}"))
        yield Channel(f"bridge_{name}", topics.bridge(name), summary, (message,), retain=True)
    yield Channel("bridge_event", topics.bridge("event"), "What happened, for automations",
                  tuple(row.message() for row in EVENTS))  # fmt: skip
    status = Message("fleet_status", "How the fleet stands", FLEET_STATUS,
                     examples.document("fleet/status"))  # fmt: skip
    yield Channel("fleet_status", topics.fleet("status"), status.summary, (status,), tag="fleet",
                  qos=0, retain=True)  # fmt: skip
    yield Channel(
        "fleet_result", topics.result(topics.own_id("fleet")),
        "Results of what was set on the fleet device", (RESULT,), tag="fleet",
    )  # fmt: skip


def request_channels(topics: Topics) -> Iterator[Channel]:
    """Yield two topics for each row of THE TABLE of requests, and those of unknown names."""
    for row in REQUESTS:
        name = snake(row.name)
        request = Message(
            f"request_{name}", row.summary, row.request_schema(),
            examples.asked("requests", row.name), is_request=True,
        )  # fmt: skip
        answer = Message(
            f"answer_{name}", row.summary, record(status=one_of(["ok"]), data=row.answer, id=ID),
            examples.answered("requests", row.name, well=True),
        )  # fmt: skip
        yield Channel(
            f"request_{name}", topics.request(row.name), row.summary, (request,), "receive",
            "requests", reply=f"response_{name}", replies=(answer, ERROR),
        )  # fmt: skip
        yield Channel(
            f"response_{name}", topics.response(row.name), f"Answers: {row.summary}",
            (answer, ERROR), None, "requests",
        )  # fmt: skip
    nonce = Message("selftest", "A nonce; nobody is answered", ANY, content_type=PLAIN)
    yield Channel(
        "request_selftest", topics.request(SELF_TEST),
        "What the bridge sends itself, to see that requests arrive", (nonce,), "send", "requests",
    )  # fmt: skip
    unknown = Message("request_unknown", "A request that does not exist", OBJECT)
    yield Channel(
        "request_unknown", topics.request("{request}"), "Anything else is refused", (unknown,),
        "receive", "requests", reply="response_unknown", replies=(ERROR,),
    )  # fmt: skip
    yield Channel(
        "response_unknown", topics.response("{request}"), "NOT_FOUND", (ERROR,), None, "requests"
    )


def miner_channels(topics: Topics) -> Iterator[Channel]:
    """Yield the three topics of each miner."""
    online = Message("availability", "Whether the miner answers", _IS_ONLINE, (("", "online"),),
                     PLAIN)  # fmt: skip
    yield Channel("miner_availability", topics.availability("{miner_id}"), online.summary,
                  (online,), tag="miners", retain=True)  # fmt: skip
    reading = Message(
        "reading", "Everything the miner said; null where it said nothing",
        {"$ref": "#/components/schemas/MinerReading"}, examples.document("reading"),
    )  # fmt: skip
    yield Channel("miner_reading", topics.reading("{miner_id}"), reading.summary, (reading,),
                  tag="miners", qos=0, retain=True)  # fmt: skip
    yield Channel("miner_result", topics.result("{miner_id}"),
                  "Exactly one answer to each command", (RESULT,), tag="miners")  # fmt: skip


def discovery_channels(topics: Topics) -> Iterator[Channel]:
    """Yield Home Assistant's discovery messages, made as the publisher makes them."""
    rows = rows_of(_SHOWN_MINER, "TH/s")
    miner = miner_payload(_SHOWN_MINER, rows, {}, topics, name=None, mac_is_unique=True)
    shown = {
        "miner": ("{miner_id}", "Announces a miner; empty: it has left", miner),
        "fleet": (topics.own_id("fleet"), "Announces the fleet",
                  fleet_payload(topics, FLEET_ENTITIES, 10)),
        "bridge": (topics.own_id("bridge"), "Announces the bridge", bridge_payload(topics)),
    }  # fmt: skip
    for name, (device_id, summary, payload) in shown.items():
        example: Any = json.loads(payload)
        message = Message(f"discovery_{name}", summary, _DISCOVERY, (("", example),))
        yield Channel(f"discovery_{name}", topics.discovery(device_id), summary, (message,),
                      tag="home_assistant", retain=True)  # fmt: skip
    birth = Message("birth", "online: everything is announced and sent anew", TEXT,
                    (("", "online"),), PLAIN)  # fmt: skip
    yield Channel("birth", topics.birth, "Home Assistant has started, or ends", (birth,),
                  "receive", "home_assistant")  # fmt: skip
