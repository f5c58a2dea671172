"""Values of RPC replies in the bridge's units; what a sensor cannot have meant is None."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from minerbridge.miners.rpc_decode import hashrate_hs, integer, number
from minerbridge.model import Board

_WINDOW = re.compile(
    r"(?P<unit>[KMGTP]?HS)[ (]"
    r"(?:(?P<count>\d+)(?P<scale>[smhd])|(?P<word>av|avg|rolling|sample))\)?",
    re.IGNORECASE,
)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_WORDS = {"rolling": 20, "sample": 15}
_NAMED_RATES = {"RT HASHRATE": 5.0, "AV HASHRATE": None}  # KS5; its values carry the unit
_SENSOR_FAULTS = {126, 127}  # S9: a sensor that does not answer
_MAX_TEMPERATURE_C = 150
_MAX_FAN_RPM = 15_000  # IceRiver and Vnish report up to 17,700 for a fan that stands
_MAC = re.compile(r"[0-9a-f]{12}")


@lru_cache(maxsize=4096)
def _rate_key(key: str) -> tuple[float | None, str] | None:
    """Return the window in seconds (None is since the start) and the unit that *key* names."""
    if key in _NAMED_RATES:
        return _NAMED_RATES[key], "H"
    match = _WINDOW.fullmatch(key)
    if match is None:
        return None
    if match["count"]:
        return int(match["count"]) * _SECONDS[match["scale"].lower()], match["unit"]
    return _WORDS.get(match["word"].lower()), match["unit"]


def hashrates(fields: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """Return hashrate (the shortest window given, else the average) and average in H/s."""
    best_hs = average_hs = best_s = None
    for key, value in fields.items():
        window = _rate_key(key)
        if window is None:
            continue
        seconds, unit = window
        if seconds is None:
            average_hs = hashrate_hs(value, unit)
        elif best_s is None or seconds < best_s:
            rate_hs = hashrate_hs(value, unit)
            if rate_hs is not None:
                best_hs, best_s = rate_hs, seconds
    return (average_hs if best_hs is None else best_hs), average_hs


def temperature_c(value: object) -> float | None:
    """Return *value* unless it is what a missing sensor gives, as 0, -83, -273 or 126."""
    found = number(value)
    if found is None or not 0 < found <= _MAX_TEMPERATURE_C or found in _SENSOR_FAULTS:
        return None
    return found


def hottest_c(values: Iterable[object]) -> float | None:
    return max((found for value in values if (found := temperature_c(value))), default=None)


def fan_rpm(value: object) -> int | None:
    found = integer(value)
    return found if found is not None and 0 <= found <= _MAX_FAN_RPM else None


def count(value: object) -> int | None:
    found = integer(value)
    return found if found is not None and found >= 0 else None


def positive(value: object) -> float | None:
    found = number(value)
    return found if found is not None and found > 0 else None


def text(value: object) -> str | None:
    return str(value).strip() or None if isinstance(value, str | int | float) else None


def mac_address(value: object) -> str | None:
    """Return *value* as aa:bb:cc:dd:ee:ff, or None when it is no address."""
    digits = re.sub(r"[:.\- ]", "", str(value)).lower()
    if not _MAC.fullmatch(digits) or digits in ("0" * 12, "f" * 12):
        return None
    return ":".join(digits[i : i + 2] for i in range(0, 12, 2))


def items(reply: Mapping[str, Any] | None, name: str) -> list[dict[str, Any]]:
    """Return the dictionaries in list *name* of *reply*; empty when there is none."""
    found = reply.get(name) if reply else None
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def first(reply: Mapping[str, Any] | None, name: str) -> dict[str, Any]:
    found = items(reply, name)
    return found[0] if found else {}


def merged(boards: tuple[Board, ...], found: Mapping[int, dict[str, Any]]) -> tuple[Board, ...]:
    """Return *boards* with what was *found* by slot; a None in it takes nothing away."""
    by_slot = {board.slot: board for board in boards}
    for slot, values in found.items():
        known = {name: value for name, value in values.items() if value is not None}
        by_slot[slot] = replace(by_slot.get(slot, Board(slot)), **known)
    return tuple(by_slot[slot] for slot in sorted(by_slot))
