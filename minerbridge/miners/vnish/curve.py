"""What an S9 draws and hashes at each frequency, and at which voltage. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from minerbridge.model import OperatingPoint

LOWEST_MHZ, HIGHEST_MHZ = 100, 1175
LOWEST_V, HIGHEST_V = 7.9, 9.5
#: Above it the default curve is only what the firmware's own profiles promise.
RATED_MHZ = 650
_STEP_MHZ = 25
_UNEVEN_MHZ = (
    404, 406, 408, 412, 416, 418, 420, 425, 429, 431, 433, 437, 441, 443, 445, 450, 454, 456, 458,
    462, 466, 468, 470, 475, 479, 481, 483, 487, 491, 493, 495, 500, 504, 506, 508, 512, 516, 518,
    520, 525, 529, 531, 533, 537, 543, 550, 556, 562, 568, 575, 581, 587, 593, 600, 606, 612, 618,
    625, 631, 637, 643, 650, 656, 662, 668, 675, 681, 687, 693, 700, 706, 712, 718, 725, 731, 737,
    743, 750, 756, 762, 768, 775, 781, 787, 793,
)  # fmt: skip
#: What the firmware's own page offers.
FREQUENCIES_MHZ: tuple[int, ...] = (
    *range(100, 401, _STEP_MHZ), *_UNEVEN_MHZ, *range(800, 1176, _STEP_MHZ)
)  # fmt: skip


class CurvePoint(NamedTuple):
    """One measured point; None is "not told"."""

    frequency_mhz: float
    power_w: float
    hashrate_ths: float | None = None
    voltage_v: float | None = None


#: Measured on S9 in the field at 350 and 650 MHz, the firmware's profiles or estimates between.
DEFAULT = (
    CurvePoint(350, 660, 7.5, 8.2),
    CurvePoint(387, 875, 10.0, 8.4),
    CurvePoint(450, 950, 11.0, 8.5),
    CurvePoint(481, 1020, 11.0, 8.6),
    CurvePoint(525, 1145, 12.0, 8.7),
    CurvePoint(550, 1250, 12.5, 8.8),
    CurvePoint(575, 1285, 13.0, 8.8),
    CurvePoint(600, 1350, 13.3, 8.9),
    CurvePoint(650, 1460, 13.7, 8.9),
    CurvePoint(700, 1650, 15.0, 9.0),
    CurvePoint(750, 1850, 16.0, 9.1),
    CurvePoint(800, 1900, 17.0, 9.2),
)


class Curve:
    """Straight lines between *points*. *is_default*: nobody measured this very miner."""

    def __init__(self, points: Sequence[CurvePoint] = DEFAULT) -> None:
        by_frequency = {point.frequency_mhz: point for point in points}
        self.points = tuple(by_frequency[mhz] for mhz in sorted(by_frequency))
        self.is_default = points is DEFAULT

    def at(self, frequency_mhz: float) -> CurvePoint:
        """Return the point at *frequency_mhz*; beyond an end of the curve, that end's values."""
        known = [point.frequency_mhz for point in self.points]
        place = bisect_right(known, frequency_mhz)
        low = self.points[max(place - 1, 0)]
        high = self.points[min(place, len(known) - 1)]
        if frequency_mhz <= low.frequency_mhz or low is high:
            return low._replace(frequency_mhz=frequency_mhz)
        share = (frequency_mhz - low.frequency_mhz) / (high.frequency_mhz - low.frequency_mhz)
        power_w = low.power_w + share * (high.power_w - low.power_w)
        return CurvePoint(
            frequency_mhz,
            power_w,
            _between(low.hashrate_ths, high.hashrate_ths, share),
            _between(low.voltage_v, high.voltage_v, share),
        )

    def voltage_v(self, frequency_mhz: float) -> float:
        """Return the voltage for *frequency_mhz*, as fine as it is set: in hundredths."""
        found = self.at(frequency_mhz).voltage_v
        if found is None:
            found = Curve().at(frequency_mhz).voltage_v
        assert found is not None, "the default curve tells all voltages"
        return min(max(round(found, 2), LOWEST_V), HIGHEST_V)

    def frequencies_mhz(self) -> tuple[int, ...]:
        """Return the frequencies a dispatch may choose: none beyond what was measured."""
        low, high = self.points[0].frequency_mhz, self.points[-1].frequency_mhz
        if self.is_default:
            return tuple(mhz for mhz in FREQUENCIES_MHZ if low <= mhz <= RATED_MHZ)
        steps = {mhz for mhz in FREQUENCIES_MHZ if mhz % _STEP_MHZ == 0 and low <= mhz <= high}
        return tuple(sorted(steps | {round(point.frequency_mhz) for point in self.points}))

    def settable_mhz(self) -> tuple[int, ...]:
        """Return every frequency that may be asked for."""
        own = () if self.is_default else self.frequencies_mhz()
        return tuple(sorted({*FREQUENCIES_MHZ, *own}))

    def operating_points(self) -> tuple[OperatingPoint, ...]:
        return tuple(self._operating_point(mhz) for mhz in self.frequencies_mhz())

    def _operating_point(self, frequency_mhz: int) -> OperatingPoint:
        point, voltage_v = self.at(frequency_mhz), self.voltage_v(frequency_mhz)
        rate_ths = point.hashrate_ths
        return OperatingPoint(
            power_w=round(point.power_w, 1),
            hashrate_hs=None if rate_ths is None else round(rate_ths * 1e12),
            frequency_mhz=frequency_mhz,
            voltage_v=voltage_v,
            command="set_frequency",
            parameters={"frequency_mhz": frequency_mhz, "voltage_v": voltage_v},
        )


def curve_of(given: object) -> Curve:
    """Return the curve of a miner's settings: rows of MHz, W, TH/s, V; without any, the default.

    A row without a frequency, or with one that the firmware cannot take, drives nothing here.
    """
    rows: Iterable[Any] = given if isinstance(given, list | tuple) else ()
    points = [CurvePoint(*row) for row in rows if row[0] is not None]
    usable = [point for point in points if LOWEST_MHZ <= point.frequency_mhz <= HIGHEST_MHZ]
    return Curve(usable) if usable else Curve()


def _between(low: float | None, high: float | None, share: float) -> float | None:
    return None if low is None or high is None else low + share * (high - low)
