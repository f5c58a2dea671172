"""`get_miner_status.cgi` of the older generation: for when the RPC is closed to us."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minerbridge.miners.antminer import models
from minerbridge.miners.antminer.stats import first_rate
from minerbridge.miners.antminer.summary import parse_pools
from minerbridge.miners.rpc_decode import number
from minerbridge.miners.rpc_fields import count, fan_rpm, hottest_c, items, positive, text
from minerbridge.model import Board

Fields = dict[str, Any]


def parse(reply: Mapping[str, Any], model: str | None) -> Fields:
    """Return fields of a reading. All values are text, zeros when the mining program is down."""
    summary = reply.get("summary")
    summary = summary if isinstance(summary, dict) else {}
    unit = models.rate_unit(model, None)
    boards = tuple(
        _board(entry, unit) for entry in items(reply, "devs") if positive(entry.get("chain_acn"))
    )
    frequencies = [board.frequency_mhz for board in boards if board.frequency_mhz is not None]
    found: Fields = {
        "hashrate_hs": first_rate(summary, ("ghs5s",), unit),
        "hashrate_average_hs": first_rate(summary, ("ghsav",), unit),
        "shares_accepted": count(_plain(summary.get("accepted"))),
        "shares_rejected": count(_plain(summary.get("rejected"))),
        "shares_stale": count(_plain(summary.get("stale"))),
        "hardware_errors": count(_plain(summary.get("hw"))),
        "uptime_s": positive(_plain(summary.get("elapsed"))),
        "frequency_mhz": sum(frequencies) / len(frequencies) if frequencies else None,
        "chip_temperature_c": hottest_c(board.chip_temperature_c for board in boards),
        "board_temperature_c": hottest_c(board.board_temperature_c for board in boards),
        "boards": boards,
        "pools": parse_pools({"POOLS": items(reply, "pools")}),
    }
    return {name: value for name, value in found.items() if value is not None}


def fans_rpm(reply: Mapping[str, Any]) -> dict[int, int]:
    """Return the speeds, which only one of the boards carries."""
    found: dict[int, int] = {}
    for entry in items(reply, "devs"):
        for slot in range(1, 9):
            rpm = fan_rpm(entry.get(f"fan{slot}"))
            if rpm is not None:
                found[slot] = max(rpm, found.get(slot, 0))
    return found


def _board(entry: Mapping[str, Any], unit: str) -> Board:
    chips = text(entry.get("chain_acs"))
    slot = count(entry.get("index"))
    return Board(
        slot=0 if slot is None else slot,
        hashrate_hs=first_rate(entry, ("rate",), unit),
        chip_temperature_c=hottest_c([entry.get("temp2")]),
        board_temperature_c=hottest_c([entry.get("temp")]),
        frequency_mhz=positive(entry.get("freqavg")) or positive(entry.get("freq")),
        chips=chips.count("o") if chips else None,
        chips_expected=count(entry.get("chain_acn")),
    )


def _plain(value: object) -> float | None:
    """Return a number that the page writes with commas between the thousands."""
    return number(value.replace(",", "")) if isinstance(value, str) else number(value)
