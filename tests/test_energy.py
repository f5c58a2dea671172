"""Energy from measured power: exact where it is known, silent where it is not."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minerbridge.miners.energy import EnergyMeter

GAP_S = 30.0
WATTS = st.floats(0, 10_000)
STEPS = st.lists(st.tuples(st.floats(0.1, GAP_S), WATTS), max_size=40)
ANYTHING = st.none() | st.floats(-1e6, 1e6) | st.sampled_from([math.nan, math.inf, -math.inf])


def kwh(*points, longest_gap_s=GAP_S, start=None):
    meter = EnergyMeter(longest_gap_s, start)
    total = start
    for now_s, power_w in points:
        total = meter.add(power_w, now_s)
    return total


def test_before_any_measurement_there_is_no_energy():
    assert kwh((0, None), (10, None)) is None


def test_the_first_measurement_begins_at_zero_or_where_it_stood():
    assert kwh((0, 3000.0)) == 0
    assert kwh((0, 3000.0), start=12.5) == 12.5


@given(WATTS, STEPS)
def test_energy_is_the_exact_integral_of_piecewise_linear_power(first_w, steps):
    now_s, power_w, joules = 0.0, first_w, 0.0
    meter = EnergyMeter(GAP_S + 1e-6)
    meter.add(first_w, now_s)
    for gap_s, next_w in steps:
        joules += (power_w + next_w) / 2 * gap_s
        now_s, power_w = now_s + gap_s, next_w
        meter.add(power_w, now_s)

    assert meter.energy_kwh == pytest.approx(joules / 3.6e6)


@given(st.lists(st.tuples(st.floats(0, 1e6), ANYTHING), max_size=40), st.floats(0, 1e6))
def test_energy_never_decreases_and_stays_a_number(points, start):
    meter = EnergyMeter(GAP_S, start)
    before = start
    for now_s, power_w in points:
        after = meter.add(power_w, now_s)
        assert after is not None
        assert before <= after < math.inf
        before = after


@pytest.mark.parametrize(
    "points",
    [
        [(0, 3600.0), (31, 3600.0)],
        [(0, 3600.0), (10, None), (20, 3600.0)],
        [(0, 3600.0), (10, math.nan), (20, 3600.0)],
        [(10, 3600.0), (0, 3600.0)],
        [(10, 3600.0), (10, 3600.0)],
    ],
)
def test_a_gap_is_not_guessed_over(points):
    assert kwh(*points) == 0


def test_counting_goes_on_after_a_gap():
    assert kwh((0, 3600.0), (100, 3600.0), (110, 3600.0)) == pytest.approx(0.01)


def test_a_gap_of_just_the_longest_length_counts():
    assert kwh((0, 3600.0), (30, 3600.0)) == pytest.approx(0.03)


def test_power_below_zero_counts_as_none():
    assert kwh((0, -5.0), (10, -5.0)) == 0
