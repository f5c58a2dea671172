"""What one miner's row says. Pure: readings in, words out; what was not reported is a dash."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from minerbridge.model import MinerReading
from minerbridge.mqtt.units import hashrate_unit, scale_of

DASH = "–"  # noqa: RUF001  it shall not look like a minus
CONNECTING, OFFLINE = "connecting", "offline"
#: Only these add up: a hash of scrypt is no hash of SHA-256.
SUMMED = "sha256"
#: From here on decimals say nothing and have no room.
WIDE = 1000.0


@dataclass(frozen=True, slots=True)
class Row:
    """One miner in words."""

    miner_id: str
    model: str = DASH
    status: str = CONNECTING
    hashrate: str = DASH
    power: str = DASH
    temperature: str = DASH
    fans: str = DASH
    shares: str = DASH


def row(miner_id: str, online: bool | None, reading: MinerReading | None) -> Row:
    """Return the row of a miner; of one that is offline, what it last said is no longer true."""
    if reading is None:
        return Row(miner_id, status=OFFLINE if online is False else CONNECTING)
    model = reading.model or reading.family
    if online is False:
        return Row(miner_id, model, OFFLINE)
    return Row(
        miner_id,
        model,
        reading.status,
        _hashrate(reading),
        _power(reading),
        f"{temperature_c:.0f} °C" if (temperature_c := hottest_c(reading)) is not None else DASH,
        _fans(reading.fan_speeds_rpm),
        _shares(reading),
    )


def hottest_c(reading: MinerReading) -> float | None:
    chips, boards = reading.chip_temperature_c, reading.board_temperature_c
    return boards if chips is None else chips


def total(readings: Sequence[MinerReading], miners: int) -> str:
    """Return one line over all miners that are online."""
    mining = sum(one.status == "mining" for one in readings)
    rate_hs = sum(one.hashrate_hs or 0.0 for one in readings if one.algorithm in (None, SUMMED))
    powers_w = [one.power_w for one in readings if one.power_w is not None]
    parts = [f"{mining} of {miners} mining", f"{rate_hs / 1e12:.1f} TH/s"]
    if powers_w:
        parts.append(f"{sum(powers_w) / 1000:.2f} kW measured on {len(powers_w)}")
    return " · ".join(parts)


def _hashrate(reading: MinerReading) -> str:
    if reading.hashrate_hs is None:
        return DASH
    unit = hashrate_unit(reading.algorithm, reading.hashrate_hs)
    rate = reading.hashrate_hs / scale_of(unit)
    return f"{rate:.{0 if rate >= WIDE else 2}f} {unit}"


def _power(reading: MinerReading) -> str:
    """Return watts; what no meter measured is marked."""
    if reading.power_w is not None:
        return f"{reading.power_w:.0f} W"
    return f"~{reading.power_estimated_w:.0f} W" if reading.power_estimated_w else DASH


def _fans(speeds_rpm: Sequence[int | None]) -> str:
    """Return "3x5900 1x0": how many turn how fast on average, and how many stand."""
    known = [rpm for rpm in speeds_rpm if rpm is not None]
    turning = [rpm for rpm in known if rpm]
    parts = [f"{len(turning)}x{sum(turning) / len(turning):.0f}"] if turning else []
    if len(known) > len(turning):
        parts.append(f"{len(known) - len(turning)}x0")
    return " ".join(parts) or DASH


def _shares(reading: MinerReading) -> str:
    """Return accepted ones, and rejected ones in brackets."""
    if reading.shares_accepted is None:
        return DASH
    rejected = f" ({reading.shares_rejected})" if reading.shares_rejected else ""
    return f"{reading.shares_accepted}{rejected}"
