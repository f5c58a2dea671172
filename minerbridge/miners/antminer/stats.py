"""The RPC reply `stats`, which every generation fills with other names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from minerbridge.miners.antminer import models
from minerbridge.miners.rpc_decode import hashrate_hs, number
from minerbridge.miners.rpc_fields import count, fan_rpm, hottest_c, items, positive, text
from minerbridge.model import Board

Fields = dict[str, Any]
_SLOTS = range(1, 17)
_FANS = range(1, 9)
#: Hottest first is not certain, so all are asked. S9: temp2_6; DR5, KS5: temp_in_chip_1.
_CHIP_SENSORS = ("temp_chip{}", "temp2_{}", "temp3_{}", "temp_in_chip_{}", "temp_out_chip_{}")
_BOARD_SENSORS = ("temp_pcb{}", "temp{}", "temp_in_pcb_{}", "temp_out_pcb_{}")
_PARTS = re.compile(r"(?<=\d)-")


def parse(reply: Mapping[str, Any] | None, model: str | None = None) -> Fields:
    """Return fields of a reading; *model* where the reply does not name it (D3)."""
    entries = items(reply, "STATS")
    if not entries:
        return {}
    head = entries[0]
    body: dict[str, Any] = next((entry for entry in reversed(entries) if "Elapsed" in entry), {})
    model = models.model_name(head.get("Type")) or model
    unit = models.rate_unit(model, body.get("rate_unit"))
    boards = _boards(body, unit)
    rates = ("GHS 5s", "total_rate", "GHS av", "total rate")
    found: Fields = {
        "model": model,
        "firmware": text(head.get("CompileTime")),
        "algorithm": models.algorithm(model),
        "hashrate_hs": first_rate(body, rates, unit),
        "hashrate_average_hs": first_rate(body, ("GHS av", "total rate"), unit),
        "uptime_s": number(body.get("Elapsed")),
        "hardware_errors": count(body.get("no_matching_work")),
        "frequency_mhz": _frequency_mhz(body, boards),
        "voltage_v": positive(body.get("Voltage")),
        "power_w": _power_w(body, boards),
        "boards": boards,
        "details": _details(head, body, unit),
    }
    found["chip_temperature_c"] = hottest_c(board.chip_temperature_c for board in boards)
    found["board_temperature_c"] = hottest_c(board.board_temperature_c for board in boards)
    return {name: value for name, value in found.items() if value is not None}


def fans_rpm(reply: Mapping[str, Any] | None) -> dict[int, int]:
    """Return every fan slot of the reply; an absent fan reads 0, as a standing one does."""
    for body in reversed(items(reply, "STATS")):
        found = {slot: fan_rpm(body[f"fan{slot}"]) for slot in _FANS if f"fan{slot}" in body}
        if found:
            return {slot: rpm for slot, rpm in found.items() if rpm is not None}
    return {}


def _boards(body: Mapping[str, Any], unit: str) -> tuple[Board, ...]:
    return tuple(_board(body, slot, unit) for slot in _SLOTS if _is_present(body, slot))


def _is_present(body: Mapping[str, Any], slot: int) -> bool:
    if f"chain_acn{slot}" in body:
        return bool(number(body[f"chain_acn{slot}"]))
    return bool(body.get(f"chain_acs{slot}") or body.get(f"CHAIN AVG HASHRATE{slot}"))


def _board(body: Mapping[str, Any], slot: int, unit: str) -> Board:
    chips = body.get(f"chain_acs{slot}")
    rates = (f"chain_rate{slot}", f"CHAIN AVG HASHRATE{slot}")  # the latter: KS5
    frequency = positive(body.get(f"freq_avg{slot}")) or positive(body.get(f"freq{slot}"))
    return Board(
        slot=slot,
        hashrate_hs=first_rate(body, rates, unit),
        chip_temperature_c=_hottest_c(body, _CHIP_SENSORS, slot),
        board_temperature_c=_hottest_c(body, _BOARD_SENSORS, slot),
        frequency_mhz=frequency,
        power_w=positive(body.get(f"chain_consumption{slot}")),
        chips=chips.count("o") if isinstance(chips, str) and chips.strip() else None,
        chips_expected=count(body.get(f"chain_acn{slot}")),
    )


def _hottest_c(body: Mapping[str, Any], sensors: tuple[str, ...], slot: int) -> float | None:
    values: list[object] = []
    for sensor in sensors:
        value = body.get(sensor.format(slot))
        values.extend(_PARTS.split(value) if isinstance(value, str) else [value])
    return hottest_c(values)


def first_rate(body: Mapping[str, Any], names: tuple[str, ...], unit: str) -> float | None:
    rates = (hashrate_hs(body[name], unit) for name in names if name in body)
    return next((rate for rate in rates if rate is not None), None)


def _frequency_mhz(body: Mapping[str, Any], boards: tuple[Board, ...]) -> float | None:
    """Return the mean of the boards: "frequency" is only where tuning began (S9 SE, S9k: 300)."""
    found = [board.frequency_mhz for board in boards if board.frequency_mhz is not None]
    if found:
        return sum(found) / len(found)
    return positive(body.get("frequency")) or positive(body.get("total_freqavg"))


def _power_w(body: Mapping[str, Any], boards: tuple[Board, ...]) -> float | None:
    measured = positive(body.get("chain_power"))
    parts = [board.power_w for board in boards if board.power_w is not None]
    return measured or (sum(parts) if parts else None)


def _details(head: Mapping[str, Any], body: Mapping[str, Any], unit: str) -> Fields:
    found = {
        "hardware_id": text(body.get("miner_id")),
        "miner_version": text(head.get("Miner")),
        "hashrate_30m_hs": first_rate(body, ("rate_30m", "GHS 30m"), unit),
        "hashrate_ideal_hs": first_rate(body, ("total_rateideal",), unit) or None,
    }
    return {name: value for name, value in found.items() if value is not None}
