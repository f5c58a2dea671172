"""What the history keeps, and how each of it becomes a row and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from minerbridge.logs import redact
from minerbridge.model_fleet import FleetStatus, HistoryEntry

Row = tuple[Any, ...]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
MINUTE_S = 60
MAX_TEXT = 10_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the command *id* really ended."""

    id: str
    success: bool | None
    state: str | None
    message: str


@dataclass(frozen=True, slots=True)
class Retold:
    """A command that was told by an earlier run: kept where that was killed before it wrote."""

    entry: HistoryEntry


@dataclass(frozen=True, slots=True)
class Minute:
    """One minute of an order, for settlement. *at* is its beginning; None: not known."""

    order_id: str
    at: datetime
    target_w: float | None
    allocated_w: float | None
    active_w: float | None


@dataclass(frozen=True, slots=True)
class MinerSnapshot:
    """How one miner stood; None is not reported. Kept in whole W and H/s and tenths of a degree."""

    miner_id: str
    online: bool
    status: str
    power_w: float | None = None
    power_estimated_w: float | None = None
    hashrate_hs: float | None = None
    chip_temperature_c: float | None = None


@dataclass(frozen=True, slots=True)
class FleetSnapshot:
    """The fleet and all its miners at one moment, as it waits to be written."""

    status: FleetStatus
    miners: tuple[MinerSnapshot, ...]


def microseconds(at: datetime) -> int:
    """Return microseconds since 1970; a time without zone is UTC."""
    aware = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return (aware - EPOCH) // MICROSECOND


def seconds(at: datetime) -> int:
    return microseconds(at) // 1_000_000


def moment(microseconds_: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds_)


def minute_of(at: datetime) -> datetime:
    """Return the beginning of the minute of *at*, in UTC."""
    return moment(seconds(at) // MINUTE_S * MINUTE_S * 1_000_000)


def command_row(entry: HistoryEntry) -> Row:
    """Return id, time, source, command, parameters, success, state, message; without secrets."""
    return (
        _text(entry.id), microseconds(entry.at), _text(entry.source), _text(entry.command),
        _json(entry.parameters), _flag(entry.success), _maybe(entry.state), _text(entry.message),
    )  # fmt: skip


def entry_of(row: Row) -> HistoryEntry:
    identity, at_us, source, command, parameters, success, state, message = row
    return HistoryEntry(
        identity, moment(at_us), source, command, json.loads(parameters),
        None if success is None else bool(success), message, state,
    )  # fmt: skip


def outcome_row(outcome: Outcome) -> Row:
    """Return success, state, message, id."""
    return (
        _flag(outcome.success), _maybe(outcome.state), _text(outcome.message), _text(outcome.id),
    )  # fmt: skip


def minute_row(minute: Minute) -> Row:
    powers = (minute.target_w, minute.allocated_w, minute.active_w)
    return (seconds(minute.at), _text(minute.order_id), *(_rounded(one, 1) for one in powers))


def minute_of_row(row: Row) -> Minute:
    at_s, order_id, target_w, allocated_w, active_w = row
    return Minute(order_id, moment(at_s * 1_000_000), target_w, allocated_w, active_w)


def fleet_row(status: FleetStatus) -> Row:
    powers = (
        status.rated_power_w, status.target_power_w, status.limit_power_w,
        status.allocated_power_w, status.active_power_w, status.hashrate_hs,
    )  # fmt: skip
    counts = (status.total_miners, status.online_miners, status.mining_miners)
    return (
        seconds(status.at), _text(status.state), *(_rounded(one) for one in powers),
        *counts, _flag(status.override_active),
    )  # fmt: skip


def miner_row(at_s: int, number: int, miner: MinerSnapshot) -> Row:
    return (
        at_s, number, _flag(miner.online), _text(miner.status), _rounded(miner.power_w),
        _rounded(miner.power_estimated_w), _rounded(miner.hashrate_hs),
        _rounded(miner.chip_temperature_c, 1),
    )  # fmt: skip


def _text(value: str) -> str:
    # Half a surrogate pair, which JSON can carry, is no text to SQLite.
    return str(value)[:MAX_TEXT].encode("utf-8", "replace").decode()


def _maybe(value: str | None) -> str | None:
    return None if value is None else _text(value)


def _flag(value: bool | None) -> int | None:
    return None if value is None else int(bool(value))


def _rounded(value: float | None, digits: int = 0) -> float | None:
    # A whole number takes a few bytes in SQLite, any other eight.
    return None if value is None else round(float(value), digits)


def _json(parameters: Mapping[str, Any]) -> str:
    kept = redact(None, "", {str(key): value for key, value in parameters.items()})
    try:
        return json.dumps(kept, default=str, allow_nan=False)
    except (ValueError, TypeError, RecursionError):  # NaN, or what no JSON can say
        return json.dumps({"text": str(kept)[:MAX_TEXT]})
