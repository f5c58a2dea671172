"""The EMS's topics: its requests, their answers, and what it may watch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from minerbridge.asyncapi import examples
from minerbridge.asyncapi.codes import EMS_CODES
from minerbridge.asyncapi.parts import Channel, Message
from minerbridge.asyncapi.schemas import (
    BOOLEAN,
    INTEGER,
    NUMBER,
    TEXT,
    TIME,
    Schema,
    array_of,
    described,
    map_of,
    one_of,
    or_null,
    record,
)
from minerbridge.model_fleet import OrderAnswer, OrderMode, OrderState
from minerbridge.mqtt.ems_wire import (
    KNOWN_KEYS,
    MAX_DURATION_S,
    MAX_ID_LENGTH,
    POWER,
    answer_document,
)
from minerbridge.mqtt.fleet_publisher import EXPIRES_AFTER_INTERVALS
from minerbridge.mqtt.topics import Topics

_ID: Schema = {"type": ["string", "number"], "maxLength": MAX_ID_LENGTH}
_KEYS: dict[str, Schema] = {
    POWER: {"type": "number", "minimum": 0, "description": "kW; 0 is deactivate"},
    "id": described(_ID, "the same id gets the same answer, and nothing is done twice"),
    "at": {
        "type": ["string", "number", "null"],
        "description": "when it was said: ISO 8601 with a zone, or seconds since 1970",
    },
    "validForSeconds": {
        "type": ["number", "null"],
        "exclusiveMinimum": 0,
        "maximum": MAX_DURATION_S,
    },
    "mode": or_null(described(one_of(get_args(OrderMode)), "target, where left out")),
    "rampSeconds": {"type": ["number", "null"], "minimum": 0, "maximum": MAX_DURATION_S},
}
_SUMMARIES = {
    "activate": "Bring the fleet to a power, or keep it below one",
    "deactivate": "Bring the fleet to standby",
    "status": "Ask for the four keys of the status",
    "heartbeat": "Say that the EMS is there",
}
_KILOWATTS = or_null(described(NUMBER, "kW"))
_POWERS = ("target", "allocated", "active", "estimated", "achievable")
EMS_STATUS = record(
    isAvailableForDispatch=BOOLEAN,
    runningStatus={"type": "integer", "enum": [1, 2], "description": "1 standby, 2 running"},
    ratedPowerInKw=NUMBER,
    activePowerInKw=described(or_null(NUMBER), "null: nobody knows"),
)
DISPATCH = record(
    id=or_null(TEXT),
    mode=or_null(one_of(get_args(OrderMode))),
    state=or_null(one_of(get_args(OrderState))),
    reason=or_null(TEXT),
    **{f"{name}PowerInKw": _KILOWATTS for name in _POWERS},
    deviationInKw=_KILOWATTS,
    compliant=or_null(BOOLEAN),
    inFlight=INTEGER,
    oldestReadingS=or_null(NUMBER),
    counts=described(map_of(INTEGER), "miners per outcome"),
    exceptions=array_of(record(miner_id=TEXT, outcome=TEXT, reason=or_null(TEXT))),
    since=or_null(TIME),
    validUntil=or_null(TIME),
)
CAPABILITY = record(
    minPowerInKw=NUMBER,
    maxPowerInKw=NUMBER,
    smallestStepInKw=or_null(NUMBER),
    **{
        f"headroom{direction}{when}InKw": NUMBER
        for direction in ("Up", "Down")
        for when in ("Now", "10s", "5min")
    },
)


def status_code(code: str) -> int:
    """Return the number that goes with *code* on the wire."""
    answer = answer_document(OrderAnswer("", "", code), "")
    return int(answer["statusCode"])


def _refusal() -> Message:
    meanings = "\n".join(
        f"* `{code}` {status_code(code)}: {words}" for code, words in EMS_CODES.items()
    )
    payload = record(
        accepted={"type": "boolean", "enum": [False]},
        message=TEXT,
        id=_ID,
        errorCode=described(one_of(EMS_CODES), meanings),
        statusCode={"type": "integer", "enum": sorted({status_code(c) for c in EMS_CODES})},
    )
    shown = [one for name in KNOWN_KEYS for one in examples.answered("ems", name, well=False)]
    return Message("ems_refusal", "Refused: nothing was changed", payload, tuple(shown))


REFUSAL = _refusal()


def _answer(name: str) -> Message:
    shown = examples.answered("ems", name, well=True)
    if name == "status":
        return Message("ems_status_answer", "How the fleet stands", EMS_STATUS, shown)
    if name == "heartbeat":
        payload = record(ok={"type": "boolean", "enum": [True]}, at=TIME)
        return Message("ems_heartbeat_answer", "Heard", payload, shown)
    payload = record(accepted={"type": "boolean", "enum": [True]}, message=TEXT, id=_ID)
    return Message(f"ems_{name}_answer", "Accepted, not yet achieved", payload, shown)


def _request(name: str) -> Message:
    keys = {key: schema for key, schema in _KEYS.items() if key in KNOWN_KEYS[name]}
    payload: Schema = {"type": "object", "properties": keys}
    summary = _SUMMARIES[name]
    if POWER in keys:
        payload["required"] = [POWER]
    else:
        summary += "; an empty payload is an empty object"
    return Message(
        f"ems_{name}_request", summary, payload, examples.asked("ems", name), is_request=True
    )


def ems_channels(topics: Topics, status_interval_s: float) -> Iterator[Channel]:
    for name in KNOWN_KEYS:
        answers = (_answer(name), REFUSAL)
        yield Channel(
            f"ems_request_{name}", topics.ems(f"request/{name}"), _SUMMARIES[name],
            (_request(name),), "receive", "ems", reply=f"ems_response_{name}", replies=answers,
        )  # fmt: skip
        yield Channel(
            f"ems_response_{name}", topics.ems(f"response/{name}"), f"Answers to {name}", answers,
            None, "ems",
        )  # fmt: skip
    unknown = Message("ems_unknown_request", "A request that does not exist", {"type": "object"})
    yield Channel(
        "ems_request_unknown", topics.ems("request/{request}"), "Anything else is refused",
        (unknown,), "receive", "ems", reply="ems_response_unknown", replies=(REFUSAL,),
    )  # fmt: skip
    yield Channel(
        "ems_response_unknown", topics.ems("response/{request}"), "NOT_FOUND", (REFUSAL,), None,
        "ems",
    )  # fmt: skip
    watched = (
        ("status", f"The four keys, on change and every {status_interval_s:g} s", EMS_STATUS),
        ("dispatch", "The life of the order in force", DISPATCH),
        ("capability", "What the fleet could do from now on", CAPABILITY),
    )  # fmt: skip
    for name, summary, payload in watched:
        expires_s = round(EXPIRES_AFTER_INTERVALS * status_interval_s) if name == "status" else None
        message = Message(f"ems_{name}", summary, payload, examples.document(f"ems/{name}"))
        yield Channel(
            f"ems_{name}", topics.ems(name), summary, (message,), "send", "ems", retain=True,
            expires_s=expires_s,
        )  # fmt: skip
