"""The S9's curve: exact at what was measured, straight between, nothing beyond."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minerbridge.miners.vnish.curve import (
    DEFAULT,
    FREQUENCIES_MHZ,
    RATED_MHZ,
    Curve,
    CurvePoint,
    curve_of,
)

#: As the Net Stabilization API shows it.
GIVEN = (
    (300, 600, 6.5, 8.1), (350, 700, 7.5, 8.2), (400, 800, 8.6, 8.3), (450, 900, 9.6, 8.4),
    (500, 1000, 10.7, 8.5), (550, 1140, 11.8, 8.6), (600, 1280, 12.9, 8.7), (650, 1460, 14.0, 8.8),
)  # fmt: skip
frequencies = st.lists(
    st.sampled_from(FREQUENCIES_MHZ), min_size=2, max_size=12, unique=True
).map(sorted)  # fmt: skip


@st.composite
def rising(draw):
    """A curve that rises in everything."""
    mhz = draw(frequencies)
    steps = st.floats(0.1, 200, allow_nan=False)
    power_w, rate_ths, voltage_v, points = 300.0, 3.0, 7.9, []
    for one in mhz:
        power_w, rate_ths = power_w + draw(steps), rate_ths + draw(steps) / 100
        voltage_v = min(9.5, voltage_v + draw(steps) / 1000)
        points.append(CurvePoint(one, power_w, rate_ths, voltage_v))
    return Curve(points)


def test_the_frequencies_are_those_of_the_firmwares_page():
    assert len(FREQUENCIES_MHZ) == 114
    assert list(FREQUENCIES_MHZ) == sorted(set(FREQUENCIES_MHZ))
    assert (FREQUENCIES_MHZ[0], FREQUENCIES_MHZ[-1]) == (100, 1175)
    assert {404, 475, 550, 650, 793, 800, 825} <= set(FREQUENCIES_MHZ)
    assert not {401, 510, 651, 799} & set(FREQUENCIES_MHZ)


@given(rising())
def test_it_is_exact_at_its_points_and_rises_between(curve):
    for point in curve.points:
        assert curve.at(point.frequency_mhz) == point
    low, high = curve.points[0], curve.points[-1]
    walk = [curve.at(low.frequency_mhz + n / 50 * (high.frequency_mhz - low.frequency_mhz))
            for n in range(51)]  # fmt: skip
    for value in ("power_w", "hashrate_ths", "voltage_v"):
        found = [getattr(point, value) for point in walk]
        assert all(b >= a - 1e-9 for a, b in pairwise(found)), value


@given(rising())
def test_no_point_lies_beyond_what_was_given(curve):
    points = curve.operating_points()
    assert {p.frequency_mhz for p in curve.points} <= {p.frequency_mhz for p in points}
    assert points[0].frequency_mhz == curve.points[0].frequency_mhz
    assert points[-1].frequency_mhz == curve.points[-1].frequency_mhz
    assert [p.power_w for p in points] == sorted(p.power_w for p in points)
    others = {p.frequency_mhz for p in points} - {p.frequency_mhz for p in curve.points}
    assert all(mhz % 25 == 0 for mhz in others)
    assert others == {m for m in range(25, 1176, 25)
                      if points[0].frequency_mhz < m < points[-1].frequency_mhz} - {
                          p.frequency_mhz for p in curve.points}  # fmt: skip


def test_the_default_ends_at_the_rating():
    points = Curve().operating_points()
    by_mhz = {point.frequency_mhz: point for point in points}
    assert list(by_mhz) == [mhz for mhz in FREQUENCIES_MHZ if 350 <= mhz <= RATED_MHZ]
    assert (by_mhz[350].power_w, by_mhz[350].voltage_v, by_mhz[350].hashrate_hs) == (
        660,
        8.2,
        7.5e12,
    )
    assert (by_mhz[650].power_w, by_mhz[650].voltage_v) == (1460, 8.9)
    assert by_mhz[500].power_w == pytest.approx(1020 + 125 * 19 / 44, abs=0.1)
    assert by_mhz[500].command == "set_frequency"
    assert by_mhz[500].parameters == {"frequency_mhz": 500, "voltage_v": by_mhz[500].voltage_v}


def test_a_curve_of_the_settings_replaces_it():
    by_mhz = {point.frequency_mhz: point for point in curve_of(GIVEN).operating_points()}
    assert list(by_mhz) == list(range(300, 651, 25))
    assert (by_mhz[500].power_w, by_mhz[500].hashrate_hs) == (1000, 10.7e12)
    assert (by_mhz[525].power_w, by_mhz[525].voltage_v) == (1070, 8.55)


def test_a_frequency_of_ones_own_may_be_set_and_those_above_the_rating():
    curve = curve_of([(510, 900, None, None), (700, 1500, None, None)])
    assert [p.frequency_mhz for p in curve.operating_points()] == [510, *range(525, 701, 25)]
    assert set(curve.settable_mhz()) == {*FREQUENCIES_MHZ, 510}
    assert curve.operating_points()[0].hashrate_hs is None
    assert curve.voltage_v(650) == 8.9  # of the default curve: this one tells none


@pytest.mark.parametrize("told", [None, (), [(None, 1000, 10, 8.5)], [(5000, 9000, 99, 9)]])
def test_what_tells_no_usable_frequency_leaves_the_default(told):
    assert curve_of(told).points == DEFAULT


def test_beyond_its_ends_the_voltage_is_that_of_the_end():
    assert (Curve().voltage_v(100), Curve().voltage_v(1175)) == (8.2, 9.2)
