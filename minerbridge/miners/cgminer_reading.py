"""From replies of a cgminer-like server to a reading. Pure: no network, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from minerbridge.miners.rpc_decode import hashrate_hs
from minerbridge.miners.rpc_fields import (
    count,
    first,
    hashrates,
    hottest_c,
    items,
    merged,
    positive,
    temperature_c,
    text,
)
from minerbridge.model import Board, MinerReading, Pool, Status

Replies = Mapping[str, Mapping[str, Any]]
_FIELDS = frozenset(field.name for field in fields(MinerReading))
_SLOTS = ("ASC", "PGA", "GPU", "CPU", "DEV")
_DIFFICULTIES = ("Stratum Difficulty", "Work Difficulty", "Diff")
_STARTING_S = 300
# The windows of cgminer decay towards zero and do not reach it for minutes.
_STANDING_SHARE = 1 / 1000


def reading_fields(
    replies: Replies, found: Mapping[str, Any], rate_scale: float = 1.0
) -> dict[str, Any]:
    """Return the fields of a reading. *found*: what the dialect adds, which outranks the rest.

    *rate_scale* mends hashrates of firmware that names a wrong unit.
    """
    devices = items(replies.get("devs"), "DEVS")
    values = _totals(replies, devices)
    values["pools"] = read_pools(replies.get("pools"))
    boards = _boards(devices)
    by_id = {
        count(device.get("ID")): slot for slot, device in zip(_slots(devices), devices, strict=True)
    }
    values["boards"] = merged(
        _with_chains(boards, found.get("chains") or {}),
        {by_id.get(n, n): board for n, board in (found.get("boards_by_id") or {}).items()},
    )
    values.update(
        {
            key: value
            for key, value in found.items()
            if key in _FIELDS and value not in (None, ()) and not _is_said(values, key)
        }
    )
    _fill_from_boards(values)
    if rate_scale != 1:
        _scale_rates(values, rate_scale)
    values["reject_rate_percent"] = _reject_rate(values)
    status = _status(values, has_devices=_has_devices(replies), hinted=found.get("status"))
    values["status"] = status
    values["is_mining"] = None if status == "unknown" else status == "mining"
    return values


def _is_said(values: Mapping[str, Any], key: str) -> bool:
    """Whether the summary's word stands: statistics may count from another start."""
    return key in ("uptime_s", "hashrate_average_hs") and values[key] is not None


def _totals(replies: Replies, devices: list[dict[str, Any]]) -> dict[str, Any]:
    summary = first(replies.get("summary"), "SUMMARY")
    rate_hs, average_hs = hashrates(summary)
    if rate_hs is None:
        rate_hs = _total([hashrates(device)[0] for device in devices])
    elapsed_s = count(summary.get("Elapsed"))
    return {
        "hashrate_hs": rate_hs,
        "hashrate_average_hs": average_hs,
        "shares_accepted": count(summary.get("Accepted")),
        "shares_rejected": count(summary.get("Rejected")),
        "shares_stale": count(summary.get("Stale")),
        "hardware_errors": count(summary.get("Hardware Errors")),
        "uptime_s": None if elapsed_s is None else float(elapsed_s),
    }


def read_pools(reply: Mapping[str, Any] | None) -> tuple[Pool, ...]:
    """Return the pools; active is the connected one of the best priority (LuxOS: per group)."""
    found = items(reply, "POOLS")
    alive = [
        item
        for item in found
        if item.get("Status") == "Alive"
        and str(item.get("Stratum Active", True)).lower() != "false"
    ]
    alive.sort(key=lambda item: count(item.get("Priority")) or 0, reverse=True)
    active = {item.get("GROUP"): item for item in alive}
    return tuple(
        Pool(
            slot=slot if (slot := count(item.get("POOL"))) is not None else n,
            url=text(item.get("URL")),
            user=text(item.get("User")),
            status=text(item.get("Status")),
            is_active=item is active.get(item.get("GROUP")) if "Status" in item else None,
            accepted=count(item.get("Accepted")),
            rejected=count(item.get("Rejected")),
            stale=count(item.get("Stale")),
            difficulty=_difficulty(item),
        )
        for n, item in enumerate(found)
    )


def _difficulty(pool: Mapping[str, Any]) -> float | None:
    for key in _DIFFICULTIES:
        value = hashrate_hs(pool.get(key), "H")  # written as 524288, "524288.00" or "524K"
        if value:
            return value
    return None


def _slots(devices: list[dict[str, Any]]) -> list[int]:
    """Return the number each device has in commands; ASC 0 beside PGA 0 gets the next free one."""
    slots: list[int] = []
    for n, device in enumerate(devices):
        slot = next((count(device[key]) for key in _SLOTS if key in device), n)
        slots.append(n if slot is None else slot)
        while slots.count(slots[-1]) > 1:
            slots[-1] += 1
    return slots


def _boards(devices: list[dict[str, Any]]) -> tuple[Board, ...]:
    boards = [
        Board(
            slot=slot,
            hashrate_hs=hashrates(device)[0],
            board_temperature_c=temperature_c(device.get("Temperature")),
            frequency_mhz=positive(device.get("Frequency")),
            status=_device_status(device),
            serial_number=text(device.get("SerialNumber")),
        )
        for slot, device in zip(_slots(devices), devices, strict=True)
    ]
    return tuple(sorted(boards, key=lambda board: board.slot))


def _device_status(device: Mapping[str, Any]) -> str | None:
    return "Disabled" if device.get("Enabled") in ("N", False) else text(device.get("Status"))


def _with_chains(
    boards: tuple[Board, ...], chains: Mapping[int, dict[str, Any]]
) -> tuple[Board, ...]:
    """Prefer the chains where the firmware shows the whole machine as one device."""
    if len(chains) > len(boards):
        return merged((), chains)
    if len(chains) < len(boards) or not chains:
        return boards
    return tuple(
        replace(
            board,
            **{
                name: value
                for name, value in chains[slot].items()
                if value is not None and getattr(board, name) is None
            },
        )
        for board, slot in zip(boards, sorted(chains), strict=True)
    )


def _fill_from_boards(values: dict[str, Any]) -> None:
    boards: tuple[Board, ...] = values["boards"]
    if values["hashrate_hs"] is None:
        values["hashrate_hs"] = _total([board.hashrate_hs for board in boards])
    for name in ("chip_temperature_c", "board_temperature_c"):
        if values.get(name) is None:
            values[name] = hottest_c(getattr(board, name) for board in boards)
    for name in ("accepted", "rejected", "stale"):
        counts = [getattr(pool, name) for pool in values["pools"]]
        if values[f"shares_{name}"] is None and counts and None not in counts:
            values[f"shares_{name}"] = sum(counts)


def _scale_rates(values: dict[str, Any], scale: float) -> None:
    for name in ("hashrate_hs", "hashrate_average_hs"):
        values[name] = None if values[name] is None else values[name] * scale
    values["boards"] = tuple(
        board
        if board.hashrate_hs is None
        else replace(board, hashrate_hs=board.hashrate_hs * scale)
        for board in values["boards"]
    )


def _total(rates: list[float | None]) -> float | None:
    known = [rate for rate in rates if rate is not None]
    return sum(known) if known and len(known) == len(rates) else None


def _reject_rate(values: Mapping[str, Any]) -> float | None:
    accepted, rejected = values["shares_accepted"], values["shares_rejected"]
    if accepted is None or rejected is None or accepted + rejected == 0:
        return None
    return float(100 * rejected / (accepted + rejected))


def _has_devices(replies: Replies) -> bool | None:
    """None when the server does not say: it then refuses `devs`, as it does without devices."""
    config = first(replies.get("config"), "CONFIG")
    counts = [count(config.get(key)) for key in ("ASC Count", "PGA Count")]
    known = [n for n in counts if n is not None]
    return bool(items(replies.get("devs"), "DEVS")) or (sum(known) > 0 if known else None)


def _status(
    values: Mapping[str, Any], *, has_devices: bool | None, hinted: Status | None
) -> Status:
    """Say "error" where everything is there to hash with and nothing does, dead pools included."""
    if hinted is not None:
        return hinted
    boards: tuple[Board, ...] = values["boards"]
    if boards and all(board.status == "Disabled" for board in boards):
        return "stopped"
    rate_hs, average_hs = values["hashrate_hs"], values["hashrate_average_hs"]
    if rate_hs is None:
        return "unknown"
    if rate_hs > (average_hs or 0) * _STANDING_SHARE:
        return "mining"
    if has_devices is False:
        return "stopped"
    uptime_s = values["uptime_s"]
    return "starting" if uptime_s is not None and uptime_s < _STARTING_S else "error"
