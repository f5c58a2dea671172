"""What an energy management system says and hears, as JSON: strict in, exact out. Pure.

The protocol is the EMS part of the Net Stabilization API, carried over MQTT. Its powers are
kilowatts; in here they are watts.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

from minerbridge.errors import InvalidValue
from minerbridge.model_fleet import OrderAnswer, OrderKind, OrderMode, OrderRequest

INVALID_REQUEST, INVALID_POWER = "INVALID_REQUEST", "INVALID_POWER"
MAX_REQUEST_BYTES = 4096
MAX_ID_LENGTH = 128
#: Opening brackets in one request, which needs a single one.
MAX_BRACKETS = 64
MAX_DURATION_S = 366 * 86_400
MAX_SHOWN = 40
POWER = "activationPowerInKw"
#: The requests there are, and the keys that each of them reads.
KNOWN_KEYS: dict[str, frozenset[str]] = {
    "activate": frozenset({POWER, "id", "at", "validForSeconds", "mode", "rampSeconds"}),
    "deactivate": frozenset({"id", "at"}),
    "status": frozenset({"id", "at"}),
    "heartbeat": frozenset({"id", "at"}),
}
_STATUS_CODES = {
    INVALID_REQUEST: 400,
    INVALID_POWER: 400,
    "NOT_ALLOWED": 403,
    "NOT_FOUND": 404,
    "MANUAL_OVERRIDE": 409,
    "FAULT_STATE": 409,
    "STALE": 409,
    "UNSUPPORTED": 409,
    "RATE_LIMITED": 429,
    "INTERNAL_ERROR": 500,
    "FLEET_OFFLINE": 503,
}

# -- what comes in -----------------------------------------------------------------------------


def parse_document(payload: bytes) -> dict[str, Any]:
    """Return the JSON object of *payload*; an empty payload is an empty object.

    Raise InvalidValue for everything else, however it is nested or encoded.
    """
    if len(payload) > MAX_REQUEST_BYTES:
        raise _invalid(f"{len(payload)} bytes are more than a request's {MAX_REQUEST_BYTES}")
    if not payload.strip():
        return {}
    if payload.count(b"{") + payload.count(b"[") > MAX_BRACKETS:
        raise _invalid("the payload is nested too deep")
    try:
        document = json.loads(payload, parse_constant=_refuse, object_pairs_hook=_unambiguous)
    except (ValueError, RecursionError) as error:
        reason = f": {error}" if isinstance(error, _Mistake) else ""
        raise _invalid(f"the payload is not JSON{reason}") from None
    if not isinstance(document, dict):
        raise _invalid(f"the payload is {shown(document)}, not a JSON object")
    return document


def id_of(document: dict[str, Any]) -> str | int | float | None:
    """Return the id as it was given; None where there is none. Raise InvalidValue for no id."""
    given = document.get("id")
    if given is None or given == "":
        return None
    is_id = isinstance(given, str | int | float) and not isinstance(given, bool)
    text = str(given) if is_id else ""
    is_finite = not isinstance(given, float) or math.isfinite(given)
    if not text or len(text) > MAX_ID_LENGTH or not text.isprintable() or not is_finite:
        raise _invalid(f"id is {shown(given)}, neither a short text nor a number")
    return given  # type: ignore[no-any-return]  # checked above


def parse_order(
    kind: OrderKind, document: dict[str, Any], order_id: str, *, is_retained: bool = False
) -> OrderRequest:
    """Return the order that *document* gives; raise InvalidValue, which shows what came."""
    at = _moment(document)
    if kind != "activate":
        return OrderRequest(kind, order_id, at=at, is_retained=is_retained)
    return OrderRequest(
        kind,
        order_id,
        _power_w(document),
        _mode(document),
        at=at,
        valid_for_s=_duration_s(document, "validForSeconds", may_be_zero=False),
        ramp_s=_duration_s(document, "rampSeconds", may_be_zero=True),
        is_retained=is_retained,
    )


def shown(value: Any) -> str:
    """Return *value* as its sender wrote it, cut short."""
    text = json.dumps(value)
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"


def _power_w(document: dict[str, Any]) -> float:
    if POWER not in document:
        raise _invalid(f"{POWER} is missing: a number of kW, 0 or more", INVALID_POWER)
    value = document[POWER]
    power_w = _number(value) * 1000.0
    if math.isnan(power_w):
        raise _invalid(f"{POWER} is {shown(value)}, not a number of kW", INVALID_POWER)
    if power_w < 0:
        raise _invalid(f"{POWER} is {shown(value)}, less than 0", INVALID_POWER)
    if math.isinf(power_w):
        raise _invalid(f"{POWER} is {shown(value)}, more than any fleet draws", INVALID_POWER)
    return abs(power_w)  # -0 is 0


def _mode(document: dict[str, Any]) -> OrderMode:
    modes: dict[Any, OrderMode] = {None: "target", "target": "target", "limit": "limit"}
    value = document.get("mode")
    if not isinstance(value, str | None) or value not in modes:
        raise _invalid(f'mode is {shown(value)}, neither "target" nor "limit"')
    return modes[value]


def _duration_s(document: dict[str, Any], key: str, *, may_be_zero: bool) -> float | None:
    value = document.get(key)
    if value is None:
        return None
    seconds = _number(value)
    is_enough = seconds >= 0 if may_be_zero else seconds > 0
    if not is_enough or seconds > MAX_DURATION_S:  # comparisons with NaN are false
        least = "0 or more" if may_be_zero else "more than 0"
        raise _invalid(f"{key} is {shown(value)}, not a number of seconds {least}, up to a year")
    return seconds


def _moment(document: dict[str, Any]) -> datetime | None:
    value = document.get("at")
    if value is None:
        return None
    wanted = "neither ISO 8601 with a zone nor seconds since 1970"
    try:
        if isinstance(value, str):
            at = datetime.fromisoformat(value)
        else:
            at = datetime.fromtimestamp(_number(value), UTC)
        if at.tzinfo is None:
            raise _invalid(f"at is {shown(value)}, which has no zone: {wanted}")
        return at.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise _invalid(f"at is {shown(value)}, {wanted}") from None


def _number(value: Any) -> float:
    """Return a JSON number; NaN for what is none, infinity for what no float holds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


class _Mistake(ValueError):
    """What is wrong with JSON that Python would read."""


def _refuse(constant: str) -> Any:
    raise _Mistake(f"it has no {constant}")


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        raise _Mistake("a key stands twice")
    return document


def _invalid(message: str, code: str = INVALID_REQUEST) -> InvalidValue:
    return InvalidValue(message, code=code)


# -- what goes out -----------------------------------------------------------------------------


def answer_document(answer: OrderAnswer, given_id: str | int | float) -> dict[str, Any]:
    """Return the answer to an order; *given_id* is its id as the sender wrote it."""
    document = {"accepted": answer.accepted, "message": answer.message, "id": given_id}
    if answer.code is not None:
        document["errorCode"] = answer.code
        document["statusCode"] = _STATUS_CODES.get(answer.code, 500)
    return document


def heartbeat_document(at: datetime) -> dict[str, Any]:
    return {"ok": True, "at": at}
