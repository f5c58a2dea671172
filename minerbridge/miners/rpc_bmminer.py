"""What bmminer and its relatives put into `stats`: numbered keys for chains and fans."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from minerbridge.miners.rpc_decode import hashrate_hs
from minerbridge.miners.rpc_fields import (
    count,
    fan_rpm,
    hashrates,
    hottest_c,
    items,
    positive,
    temperature_c,
)

_CHAINS = range(1, 17)
_FANS = range(1, 9)
_BOARD_TEMPERATURES = ("temp_pcb{}", "temp_in_pcb_{}", "temp_out_pcb_{}", "temp{}")
_CHIP_TEMPERATURES = ("temp_chip{}", "temp_in_chip_{}", "temp_out_chip_{}", "temp2_{}")
_FREQUENCIES = ("freq_avg{}", "freq{}")
_RATES = ("chain_rate{}", "CHAIN AVG HASHRATE{}")


def read_bmminer(replies: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return what `stats` says, as fields of a reading; {} when it is of another kind."""
    statistics: dict[str, Any] = {}
    for item in items(replies.get("stats"), "STATS"):
        statistics.update(item)
    if not any(key in statistics for key in ("miner_count", "chain_acn1", "fan_num", "temp1")):
        return {}
    rate_hs, average_hs = hashrates(statistics)
    unit = "MHS" if "MHS 5s" in statistics else str(statistics.get("rate_unit") or "GHS")
    chains = {n: _chain(statistics, n, unit) for n in _CHAINS if _is_there(statistics, n)}
    return {
        "hashrate_hs": rate_hs,
        "hashrate_average_hs": average_hs,
        "uptime_s": positive(statistics.get("Elapsed")),
        "frequency_mhz": positive(statistics.get("total_freqavg"))
        or positive(statistics.get("frequency")),
        "fan_speeds_rpm": _fans(statistics),
        "chip_temperature_c": hottest_c(chain["chip_temperature_c"] for chain in chains.values()),
        "board_temperature_c": hottest_c(chain["board_temperature_c"] for chain in chains.values()),
        "power_estimated_w": _power_w(statistics),
        "chains": chains,
    }


def _is_there(statistics: Mapping[str, Any], n: int) -> bool:
    if f"chain_acn{n}" in statistics:
        return bool(count(statistics[f"chain_acn{n}"]))
    return any(statistics.get(key.format(n)) for key in (*_RATES, "temp_in_chip_{}"))


def _chain(statistics: Mapping[str, Any], n: int, unit: str) -> dict[str, Any]:
    rates = (hashrate_hs(statistics.get(key.format(n)), unit) for key in _RATES)
    speeds = (positive(statistics.get(key.format(n))) for key in _FREQUENCIES)
    return {
        "hashrate_hs": next((rate for rate in rates if rate is not None), None),
        "chip_temperature_c": hottest_c(_readings(statistics, _CHIP_TEMPERATURES, n)),
        "board_temperature_c": hottest_c(_readings(statistics, _BOARD_TEMPERATURES, n)),
        "frequency_mhz": next((speed for speed in speeds if speed), None),
        "chips": _answering_chips(statistics, n),
        "chips_expected": count(statistics.get(f"chain_acn{n}")),
    }


def _readings(statistics: Mapping[str, Any], keys: Iterable[str], n: int) -> Iterable[object]:
    """Yield the sensors of chain *n*; several stand in one value as "78-50-69-70"."""
    for key in keys:
        value = statistics.get(key.format(n))
        if isinstance(value, str):
            yield from value.split("-") if temperature_c(value) is None else (value,)
        elif value is not None:
            yield value


def _answering_chips(statistics: Mapping[str, Any], n: int) -> int | None:
    """Count the "o" in " ooo oxo": an "x" is a chip that does not answer."""
    letters = statistics.get(f"chain_acs{n}")
    return letters.count("o") if isinstance(letters, str) and letters.strip() else None


def _fans(statistics: Mapping[str, Any]) -> tuple[int | None, ...]:
    speeds = {n: fan_rpm(statistics[f"fan{n}"]) for n in _FANS if f"fan{n}" in statistics}
    present = count(statistics.get("fan_num")) or 0
    turning = [n for n in speeds if speeds[n] != 0]
    # S9 boards count two fans and report them as the fifth and sixth.
    chosen = sorted(turning) if any(n > present for n in turning) else range(1, present + 1)
    return tuple(speeds.get(n) for n in chosen)


def _power_w(statistics: Mapping[str, Any]) -> float | None:
    # These boards have no meter: Vnish, Hiveon and MSK calculate what they report.
    chains = [positive(statistics.get(f"chain_consumption{n}")) for n in _CHAINS]
    total_w = sum(chain_w for chain_w in chains if chain_w)
    return (
        total_w
        or positive(statistics.get("total_power"))
        or positive(statistics.get("chain_power"))
    )
