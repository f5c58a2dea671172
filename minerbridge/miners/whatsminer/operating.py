"""The set-points a WhatsMiner offers to whoever shares power out among miners. Pure."""

from __future__ import annotations

import math

from minerbridge.miners.whatsminer.state import OFF_SHARE
from minerbridge.model import CommandSpec, MinerReading, OperatingPoint

#: Hashrate grows less than power. The exponent is assumed: nobody has published a curve.
_EXPONENT = 0.85
#: The fast form of the percentage takes no more; what a liquid-cooled miner can do beyond is slow.
_MOST_PERCENT = 100


def operating_points(
    reading: MinerReading, percent: CommandSpec | None, default_limit_w: float | None
) -> tuple[OperatingPoint, ...]:
    """Return a point per percent that *percent*, the command, takes; () while no limit is told.

    Without fast boot another percentage costs a start (HashSource's field guide: it drops to 0 W),
    so such a miner is running or not. A percentage is of the limit.
    """
    limit_w = reading.power_limit_w
    if limit_w is None:
        return ()
    if percent is None or reading.details.get("fast_boot") is not True:
        return (OperatingPoint(limit_w, _hashrate_hs(reading, limit_w, default_limit_w)),)
    parameter = percent.parameters[0]
    low, high = parameter.minimum or 1.0, min(parameter.maximum or _MOST_PERCENT, _MOST_PERCENT)
    return tuple(
        OperatingPoint(
            power_w=limit_w * share / 100,
            hashrate_hs=_hashrate_hs(reading, limit_w * share / 100, default_limit_w),
            power_percent=share,
            command=percent.name,
            parameters={parameter.name: share, "speed": "fast"},
        )
        for share in range(math.ceil(low), math.floor(high) + 1)
        if share > 0
    )


def standby_power_w(reading: MinerReading) -> float | None:
    """Return what a stopped miner says it draws; most say 0 or -1, which is no measurement."""
    limit_w = reading.power_limit_w or 1000.0
    if reading.status != "stopped" or not reading.power_w or reading.power_w > limit_w * OFF_SHARE:
        return None
    return reading.power_w


def _hashrate_hs(
    reading: MinerReading, power_w: float, default_limit_w: float | None
) -> float | None:
    nominal_hs = reading.details.get("factory_hashrate_hs")
    full_w = default_limit_w or reading.power_limit_w
    if nominal_hs is None or not full_w:
        return None
    return float(nominal_hs * (power_w / full_w) ** _EXPONENT)
