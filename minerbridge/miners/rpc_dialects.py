"""What relatives of cgminer answer beyond the common commands, one function per dialect."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from minerbridge.miners.rpc_avalon import read_avalon
from minerbridge.miners.rpc_bmminer import read_bmminer
from minerbridge.miners.rpc_decode import hashrate_hs, number
from minerbridge.miners.rpc_fields import (
    count,
    fan_rpm,
    first,
    hashrates,
    hottest_c,
    items,
    positive,
    temperature_c,
    text,
)
from minerbridge.model import Fault

Replies = Mapping[str, Mapping[str, Any]]
_SEAL_KEY = re.compile(r"(\d) (MHS\(Sample\)|Freq|Chip Count|Bad Chip Count|SN|Temp \d|Speed)")
_LUXOS_CORNERS = ("TopLeft", "TopRight", "BottomLeft", "BottomRight")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How to recognise a firmware and what to ask it: every poll *commands*.

    *statistics*: which commands may tell more, the first that does is asked every poll.
    """

    name: str
    marker: str = ""
    commands: tuple[str, ...] = ()
    statistics: tuple[str, ...] = ()
    read: Callable[[Replies], dict[str, Any]] = lambda _replies: {}


def read_bosminer(replies: Replies) -> dict[str, Any]:
    tuner = first(replies.get("tunerstatus"), "TUNERSTATUS")
    temperatures = items(replies.get("temps"), "TEMPS")
    boards: dict[int, dict[str, Any]] = {}
    for item in temperatures:
        boards.setdefault(count(item.get("ID")) or 0, {}).update(
            chip_temperature_c=temperature_c(item.get("Chip")),
            board_temperature_c=temperature_c(item.get("Board")),
        )
    for item in items(replies.get("devdetails"), "DEVDETAILS"):
        frequency_hz = positive(item.get("Frequency"))
        boards.setdefault(count(item.get("ID")) or 0, {}).update(
            frequency_mhz=frequency_hz / 1e6 if frequency_hz else None,
            chips=count(item.get("Chips")),
        )
    return {
        "chip_temperature_c": hottest_c(item.get("Chip") for item in temperatures),
        "board_temperature_c": hottest_c(item.get("Board") for item in temperatures),
        "fan_speeds_rpm": _fans(replies),
        # The tuner calls it ApproximateMinerPowerConsumption: a model, no meter.
        "power_estimated_w": positive(tuner.get("ApproximateMinerPowerConsumption")),
        "power_limit_w": positive(tuner.get("PowerLimit")),
        "boards_by_id": boards,
    }


def read_luxminer(replies: Replies) -> dict[str, Any]:
    power = first(replies.get("power"), "POWER")
    power_w = positive(power.get("Watts"))
    boards = {
        count(item.get("ID")) or 0: {
            "board_temperature_c": hottest_c(item.get(corner) for corner in _LUXOS_CORNERS)
        }
        for item in items(replies.get("temps"), "TEMPS")
    }
    config = first(replies.get("config"), "CONFIG")
    curtailed = config.get("CurtailMode") not in (None, "", "None")
    return {
        "board_temperature_c": hottest_c(board["board_temperature_c"] for board in boards.values()),
        "fan_speeds_rpm": _fans(replies),
        # PSU false: the supply has no meter, LuxOS calculates.
        "power_w" if power.get("PSU") is True else "power_estimated_w": power_w,
        "power_mode": text(config.get("Profile")),
        "status": "sleeping" if curtailed else None,
        "errors": tuple(_luxos_fault(item) for item in items(replies.get("events"), "EVENTS")),
        "boards_by_id": boards,
    }


def _luxos_fault(event: Mapping[str, Any]) -> Fault:
    try:
        at = datetime.fromisoformat(str(event.get("CreatedAt")))
    except ValueError:
        at = None
    code = str(event.get("Code"))
    board = count(event.get("ID"))
    where = f" (board {board})" if event.get("Target") == "BOARD" and board is not None else ""
    return Fault(
        code, f"{event.get('Description') or code}{where}", at if at and at.tzinfo else None
    )


def _fans(replies: Replies) -> tuple[int | None, ...]:
    fans = items(replies.get("fans"), "FANS")
    fans.sort(key=lambda fan: count(fan.get("ID")) or 0)
    return tuple(fan_rpm(fan.get("RPM")) for fan in fans)


def read_bdminer(replies: Replies) -> dict[str, Any]:
    statistics = first(replies.get("stats"), "STATS")
    chains: dict[int, dict[str, Any]] = {}
    fans: dict[int, int | None] = {}
    temperatures: dict[int, list[object]] = {}
    for key, value in statistics.items():
        match = _SEAL_KEY.fullmatch(key)
        if match is None:
            continue
        n, name = int(match[1]), match[2]
        if name == "Speed":
            fans[n] = fan_rpm(value)
        elif name.startswith("Temp"):
            temperatures.setdefault(n, []).append(value)
        else:
            chains.setdefault(n, {})[name] = value
    # "MHS 5s" of its summary swings by 70 %; the windows of its stats are steady.
    rate_hs, average_hs = hashrates({k: v for k, v in statistics.items() if k != "MHS(Sample)"})
    return {
        "hashrate_hs": rate_hs,
        "hashrate_average_hs": average_hs,
        "power_w": positive(statistics.get("PSU Input Power")),
        "power_limit_w": positive(statistics.get("Power Limit")),
        "power_mode": text(statistics.get("Mining Mode")),
        "frequency_mhz": positive(statistics.get("Freq")),
        "fan_speeds_rpm": tuple(fans[n] for n in sorted(fans)),
        "board_temperature_c": hottest_c(
            value for board in temperatures.values() for value in board
        ),
        "chains": {n: _seal_board(chains[n], temperatures.get(n, [])) for n in chains},
    }


def _seal_board(values: Mapping[str, Any], temperatures: list[object]) -> dict[str, Any]:
    expected, bad = count(values.get("Chip Count")), count(values.get("Bad Chip Count"))
    return {
        "hashrate_hs": hashrate_hs(values.get("MHS(Sample)"), "MHS"),
        "board_temperature_c": hottest_c(temperatures),
        "frequency_mhz": positive(values.get("Freq")),
        "chips": None if expected is None or bad is None else max(0, expected - bad),
        "chips_expected": expected,
        "serial_number": text(values.get("SN")),
    }


def read_dragonmint(replies: Replies) -> dict[str, Any]:
    chains: dict[int, dict[str, Any]] = {}
    fallen: dict[str, Any] = {}
    for item in items(replies.get("stats"), "STATS"):
        slot = count(item.get("Chain ID"))
        if slot is None:
            continue
        chains[slot] = {
            "hashrate_hs": hashrates(item)[0],
            "chip_temperature_c": temperature_c(item.get("Temp max")),
            "frequency_mhz": positive(item.get("PLL")),
            "chips": count(item.get("Num active chips")),
            "chips_expected": count(item.get("Num chips")),
            "status": "Disabled" if item.get("Disabled") is True else None,
        }
        fallen["uptime_s"] = number(item.get("Elapsed"))
    hottest = hottest_c(chain["chip_temperature_c"] for chain in chains.values())
    return {**fallen, "chip_temperature_c": hottest, "chains": chains} if chains else {}


def read_statistics(replies: Replies) -> dict[str, Any]:
    """Recognise statistics by their shape: firmware of this kind has no common name."""
    statistics = items(replies.get("stats"), "STATS")
    if any("Chain ID" in item for item in statistics):
        return read_dragonmint(replies)
    return read_bmminer(replies)


#: The first whose marker stands in the description or version is it; the last one always is.
DIALECTS = (
    Dialect(
        "bosminer", "BOSMINER", ("temps", "fans", "tunerstatus", "devdetails"), read=read_bosminer
    ),
    Dialect("boser", "BOSER", ("temps", "fans", "tunerstatus", "devdetails"), read=read_bosminer),
    Dialect(
        "luxminer", "LUXMINER", ("temps", "fans", "power", "config", "events"), read=read_luxminer
    ),
    Dialect("avalon", "AVALON", statistics=("litestats", "stats", "estats"), read=read_avalon),
    Dialect("bdminer", "BDMINER", statistics=("stats",), read=read_bdminer),
    Dialect("cgminer", statistics=("stats",), read=read_statistics),
)


def dialect_of(replies: Replies) -> Dialect:
    """Return the dialect that the answers to `version` and others are written in."""
    words: list[str] = []
    for reply in replies.values():
        words += [str(status.get("Description")) for status in items(reply, "STATUS")]
        words += [
            str(part) for item in items(reply, "VERSION") for pair in item.items() for part in pair
        ]
        words += [key for item in items(reply, "STATS") for key in item if key.startswith("MM ID")]
    spoken = " ".join(words).upper().replace("MM ID0", "AVALON")
    return next(dialect for dialect in DIALECTS if dialect.marker in spoken)
