"""What Avalon miners put into `stats`: one long `Key[value]` text per controller."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from minerbridge.miners.rpc_decode import hashrate_hs, integer
from minerbridge.miners.rpc_fields import fan_rpm, hottest_c, items, positive, temperature_c
from minerbridge.model import Fault, Status

_CONTROLLER = re.compile(r"MM ID(\d+)(?::Summary)?")
_FIELD = re.compile(r"([A-Za-z]\w*)\[([^\]]*)\]")
_FANS = tuple(f"Fan{n}" for n in range(1, 9))
# PS[0 1212 2285 35 801 2286 822]: the fifth number is the power drawn (Q, 1246, 1346).
_PS_WATTS = 4
_STATES: Mapping[str, Status] = {"In Idle": "sleeping", "In Init": "starting"}


def read_avalon(replies: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return what the controllers say, as fields of a reading; {} when none of them answered."""
    controllers = [
        fields for name in ("litestats", "stats", "estats") for fields in _in(replies.get(name))
    ]
    if not controllers:
        return {}
    first = controllers[0]
    found: dict[str, Any] = {
        "chip_temperature_c": hottest_c(fields.get("TMax") for fields in controllers),
        "uptime_s": positive(first.get("Elapsed")),
        "hashrate_average_hs": _sum(
            [hashrate_hs(fields.get("GHSavg"), "GHS") for fields in controllers]
        ),
        "ambient_temperature_c": temperature_c(first.get("Temp", first.get("ITemp"))),
        "frequency_mhz": positive(first.get("Freq")),
        "fan_speeds_rpm": tuple(
            fan_rpm(fields[name]) for fields in controllers for name in _FANS if name in fields
        ),
        "power_w": _sum([_power_w(fields) for fields in controllers]),
        "power_limit_w": _sum([positive(fields.get("MPO")) for fields in controllers]),
        "errors": tuple(fault for fields in controllers for fault in _faults(fields)),
    }
    state = re.search(r"Work: ([\w ]+)", first.get("SYSTEMSTATU", ""))
    found["status"] = _STATES.get(state.group(1).strip()) if state else None
    led = integer(first.get("Led"))
    found["led_on"] = None if led is None else led != 0
    found["chains"] = _chains(controllers, hashing=found["status"] is None)
    return found


def _in(reply: Mapping[str, Any] | None) -> list[dict[str, str]]:
    return [
        dict(_FIELD.findall(value))
        for statistics in items(reply, "STATS")
        for key, value in statistics.items()
        if _CONTROLLER.fullmatch(key) and isinstance(value, str)
    ]


def _chains(controllers: list[dict[str, str]], *, hashing: bool) -> dict[int, dict[str, Any]]:
    chains: dict[int, dict[str, Any]] = {}
    for fields in controllers:
        rates, hottest = fields.get("MGHS", "").split(), fields.get("MTmax", "").split()
        for n in range(max(len(rates), len(hottest))):
            chains[len(chains)] = {
                # An average since the start, which goes on being shown in standby.
                "hashrate_hs": hashrate_hs(rates[n], "GHS") if hashing and n < len(rates) else None,
                "chip_temperature_c": temperature_c(hottest[n]) if n < len(hottest) else None,
            }
    return chains


def _power_w(fields: Mapping[str, str]) -> float | None:
    wall_w = positive(fields.get("WALLPOWER"))
    if wall_w is not None:
        return wall_w
    supply = fields.get("PS", "").split()
    drawn = integer(supply[_PS_WATTS]) if len(supply) > _PS_WATTS else None
    return float(drawn) if drawn is not None and drawn >= 0 else None


def _faults(fields: Mapping[str, str]) -> list[Fault]:
    named = {"ECHU": "hash unit", "ECMM": "controller"}
    return [
        Fault(f"{key}{n}:{code}", f"{named[key]} {n} reports error code {code}")
        for key in named
        for n, code in enumerate(fields.get(key, "").split())
        if integer(code) not in (0, None)
    ]


def _sum(values: list[float | None]) -> float | None:
    return sum(value for value in values if value is not None) if None not in values else None
