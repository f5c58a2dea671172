"""What a simulated S9 really draws and hashes at a frequency: straight lines between points."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from minerbridge.simulator.physics import Point

Row = tuple[float, float, float]  # MHz, W, TH/s
#: As measured in the field at its ends, profiles of the firmware between.
FIELD: tuple[Row, ...] = (
    (350, 660, 7.5), (387, 875, 10.0), (450, 950, 11.0), (481, 1020, 11.0), (525, 1145, 12.0),
    (550, 1250, 12.5), (575, 1285, 13.0), (600, 1350, 13.3), (650, 1460, 13.7), (700, 1650, 15.0),
    (750, 1850, 16.0), (800, 1900, 17.0),
)  # fmt: skip


def point_at(frequency_mhz: float, rows: Sequence[Row] = FIELD) -> Point:
    """Return power and hashrate; beyond an end in proportion to the frequency."""
    if not rows[0][0] <= frequency_mhz <= rows[-1][0]:
        mhz, power_w, rate_ths = rows[0] if frequency_mhz < rows[0][0] else rows[-1]
        share = frequency_mhz / mhz
        return Point(rate_ths * share * 1e12, power_w * share)
    for low, high in pairwise(rows):
        if frequency_mhz <= high[0]:
            share = (frequency_mhz - low[0]) / (high[0] - low[0])
            power_w, rate_ths = (low[n] + share * (high[n] - low[n]) for n in (1, 2))
            return Point(rate_ths * 1e12, power_w)
    return Point(rows[-1][2] * 1e12, rows[-1][1])
