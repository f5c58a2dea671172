"""The allocator: never above, as near as the steps allow, and the most hashrate for it."""

from itertools import product
from math import fsum, inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minerbridge.fleet.allocator import Ask, Cap, Unit, allocate
from tests.allocator_fleets import (
    ALL_ALIKE,
    S9_STEPS,
    asks,
    fleets,
    now_at,
    power_of,
    shuffled,
    units_of,
    whatsminer,
)

#: Powers are added up to the nanowatt a miner.
ROUNDING_W = 1e-6


def cold(units, power_w, tolerance_w=0.0, **ask):
    return allocate(units, Ask(power_w, tolerance_w, **ask), warm=False)


def warm(units, power_w, tolerance_w=0.0, **ask):
    return allocate(units, Ask(power_w, tolerance_w, **ask), warm=True)


def indices(unit, min_fraction=0.0):
    """Return what a unit may be placed at."""
    lowest, highest = unit.allowed or (0, len(unit.choices) - 1)
    floor_w = min_fraction * unit.choices[-1].power_w
    found = range(lowest, highest + 1)
    return [i for i in found if i == 0 or unit.choices[i].power_w >= floor_w] or list(found)


def lowest_w(units, min_fraction=0.0):
    return fsum(unit.choices[indices(unit, min_fraction)[0]].power_w for unit in units)


def brute_force(units, ask):
    """Return the least error outside the band and the most hashrate at that error."""
    top_w = ask.power_w + (ask.tolerance_w if ask.mode == "target" else 0)
    bottom_w = ask.power_w * 0.998 if ask.mode == "target" else -inf
    best = (inf, 0.0)
    for picked in product(*(indices(unit) for unit in units)):
        power_w = fsum(u.choices[i].power_w for u, i in zip(units, picked, strict=True))
        if power_w > top_w + ROUNDING_W:
            continue
        worth = sum(u.choices[i].hashrate_hs for u, i in zip(units, picked, strict=True))
        error_w = max(0.0, bottom_w - power_w, power_w - ask.power_w)
        error_w = 0.0 if error_w < ROUNDING_W else error_w
        best = min(best, (round(error_w, 5), -worth))
    return best


def test_two_miners_share_what_one_at_full_power_would_waste():
    found = cold(units_of(S9_STEPS, 2), 2000.0, 40.0)

    assert found.power_w == 2000.0
    assert found.hashrate_hs == pytest.approx(21.4)
    assert {S9_STEPS[index].power_w for index in found.chosen.values()} == {1000.0}


@given(fleets(most=4, choices=6), asks(strategies=("efficiency",)))
def test_a_small_fleet_is_placed_as_well_as_by_trying_everything(units, ask):
    ask = ask(units)
    found = allocate(units, ask, warm=False)

    if ask.power_w <= lowest_w(units):
        assert found.power_w == pytest.approx(lowest_w(units))
        return
    error_w, worth = brute_force(units, ask)
    if error_w == inf:
        return
    bottom_w = ask.power_w * 0.998 if ask.mode == "target" else -inf
    reached_w = max(0.0, bottom_w - found.power_w, found.power_w - ask.power_w)
    assert reached_w == pytest.approx(error_w, abs=1e-4)
    assert found.hashrate_hs == pytest.approx(-worth, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("share", [0.3, 0.47, 0.61, 0.83, 0.97])
def test_five_different_whatsminers_of_percent_steps_are_placed_exactly(share):
    units = [Unit(f"m{n}", whatsminer(3000 + 170 * n, 80 + 9 * n, 10)) for n in range(5)]
    ask = Ask(share * power_of(units), 100.0)

    assert allocate(units, ask, warm=False).hashrate_hs == pytest.approx(
        -brute_force(units, ask)[1]
    )


@given(fleets(), asks(), st.booleans())
def test_nothing_exceeds_a_limit_a_cap_or_what_is_allowed(units, ask, is_warm):
    ask = ask(units)
    found = allocate(units, ask, warm=is_warm)

    assert set(found.chosen) == {unit.miner_id for unit in units}
    chosen_w = {unit.miner_id: unit.choices[found.chosen[unit.miner_id]].power_w for unit in units}
    assert found.power_w == pytest.approx(fsum(chosen_w.values()))
    top_w = ask.power_w + (ask.tolerance_w if ask.mode == "target" else 0)
    assert found.power_w <= max(top_w, lowest_w(units, ask.min_fraction)) + ROUNDING_W
    for unit in units:
        assert found.chosen[unit.miner_id] in indices(unit, ask.min_fraction)
    assert_caps_hold(units, ask, chosen_w)


def assert_caps_hold(units, ask, chosen_w):
    def load_w(name, power_w):
        own = fsum(power_w(unit) for unit in units if unit.circuit == name)
        below = [child for child, cap in ask.circuits.items() if cap.parent == name]
        return own + ask.circuits[name].base_w + fsum(load_w(child, power_w) for child in below)

    def least_of(unit):
        return unit.choices[indices(unit, ask.min_fraction)[0]]

    for name, cap in ask.circuits.items():
        least_w = load_w(name, lambda unit: least_of(unit).power_w)
        drawn_w = load_w(name, lambda unit: chosen_w[unit.miner_id])
        assert drawn_w <= max(cap.max_power_w, least_w) + ROUNDING_W, name


@given(fleets(), asks(), st.booleans(), st.randoms())
def test_the_order_of_the_units_changes_nothing(units, ask, is_warm, random):
    ask = ask(units)

    assert allocate(shuffled(units, random), ask, warm=is_warm) == allocate(
        units, ask, warm=is_warm
    )


@given(fleets(), asks(), st.booleans())
def test_asked_again_nothing_moves(units, ask, was_warm):
    ask = ask(units)
    found = allocate(units, ask, warm=was_warm)
    there = now_at(units, found)
    again = allocate(there, ask, warm=True)
    if was_warm:
        assert again.moved == ()
    # From scratch may leave the rest to a few moves; then those are the last.
    assert allocate(now_at(there, again), ask, warm=True).moved == ()


@given(fleets(), asks(circuits=False), st.booleans())
def test_moved_names_exactly_who_differs(units, ask, is_warm):
    found = allocate(units, ask(units), warm=is_warm)

    assert list(found.moved) == sorted(
        unit.miner_id for unit in units if found.chosen[unit.miner_id] != unit.current
    )


@given(fleets(locks=False), st.floats(0, 1), st.floats(0, 1))
def test_a_higher_limit_never_hashes_less(units, one, other):
    low, high = sorted((one * power_of(units), other * power_of(units)))
    slack = 0.01 * power_of(units)
    least = cold(units, low, mode="limit").hashrate_hs

    # Near the break a fleet of many is placed well, not perfectly.
    assert cold(units, high + slack, mode="limit").hashrate_hs >= least * 0.995


@pytest.mark.parametrize("is_warm", [False, True])
@pytest.mark.parametrize("mode", ["target", "limit"])
@pytest.mark.parametrize("strategy", ["efficiency", "equal", "priority"])
class TestExtremes:
    def ask(self, power_w, mode, strategy):
        return Ask(power_w, 10.0, mode, strategy)

    def test_no_units(self, mode, strategy, is_warm):
        found = allocate([], self.ask(5000.0, mode, strategy), warm=is_warm)

        assert (found.chosen, found.power_w, found.moved) == ({}, 0.0, ())

    def test_more_than_there_is_runs_everything(self, mode, strategy, is_warm):
        units = units_of(S9_STEPS, 3, current=0)
        found = allocate(units, self.ask(1e18, mode, strategy), warm=is_warm)

        assert found.power_w == 3 * 1460.0

    def test_nothing_asked_stops_everything(self, mode, strategy, is_warm):
        units = units_of(S9_STEPS, 3, current=len(S9_STEPS) - 1)
        found = allocate(units, self.ask(0.0, mode, strategy), warm=is_warm)

        assert set(found.chosen.values()) == {0}

    def test_a_unit_that_is_only_off_stays_off(self, mode, strategy, is_warm):
        units = [Unit("a", ALL_ALIKE[:1]), Unit("b", ALL_ALIKE, 0)]
        found = allocate(units, self.ask(1460.0, mode, strategy), warm=is_warm)

        assert found.chosen == {"a": 0, "b": 1}

    def test_locked_units_stay_whatever_is_asked(self, mode, strategy, is_warm):
        units = [Unit(f"m{n}", S9_STEPS, n, (n, n)) for n in range(8)]
        found = allocate(units, self.ask(100.0, mode, strategy), warm=is_warm)

        assert found.chosen == {f"m{n}": n for n in range(8)}
        assert found.moved == ()


def test_below_the_standby_draw_everything_is_off():
    units = [Unit(f"m{n}", whatsminer(3400, 100, 5)) for n in range(3)]

    assert set(cold(units, 20.0, 5000.0).chosen.values()) == {0}


@pytest.mark.parametrize(
    ("power_w", "tolerance_w", "running"),
    [
        (1000.0, 20.0, 0),  # one would be above
        (1459.0, 20.0, 1),  # one is nearer, and within the tolerance
        (1500.0, 20.0, 1),
        (146_000.0, 0.0, 100),
        (146_900.0, 2000.0, 101),  # nearer than 100
    ],
)
def test_miners_that_only_turn_on_and_off_come_as_near_as_they_can(power_w, tolerance_w, running):
    found = cold(units_of(ALL_ALIKE, 200), power_w, tolerance_w)

    assert sum(found.chosen.values()) == running


def test_on_and_off_of_mixed_sizes_lands_in_the_band():
    sizes = [(1372.0, 13.5), (2200.0, 40.0), (3250.0, 110.0), (3068.0, 100.0), (5360.0, 198.0)]
    units = [
        unit for n, size in enumerate(sizes) for unit in units_of(on_off(*size), 6, prefix=f"k{n}")
    ]

    for power_w in range(20_000, 80_000, 3_700):
        assert power_w * 0.998 <= cold(units, power_w, 0.01 * power_w).power_w <= power_w


def on_off(power_w, hashrate_hs):
    return (ALL_ALIKE[0], type(ALL_ALIKE[0])(power_w, hashrate_hs))


def test_a_circle_of_circuits_does_not_hang():
    caps = {"a": Cap(2000.0, "b"), "b": Cap(1500.0, "a")}
    units = units_of(S9_STEPS, 3, circuit="a")

    assert cold(units, 4000.0, 80.0, circuits=caps).power_w <= 1500.0


def test_a_warm_fleet_is_brought_under_its_cap_by_those_below_it():
    units = units_of(S9_STEPS, 4, current=9, circuit="a") + units_of(
        S9_STEPS, 4, current=9, prefix="z"
    )
    found = warm(units, 8000.0, 80.0, circuits={"a": Cap(3500.0)})

    assert sum(S9_STEPS[found.chosen[f"m{n}"]].power_w for n in range(4)) <= 3500.0
    assert 7920.0 <= found.power_w <= 8080.0


def test_under_a_cap_who_was_lowered_to_running_stops_if_that_is_not_enough():
    units = units_of(S9_STEPS, 3, current=9, circuit="a")
    for mode in ("target", "limit"):
        found = warm(units, 9000.0, 90.0, mode=mode, circuits={"a": Cap(1250.0)})

        assert 1200.0 <= found.power_w <= 1250.0


def test_the_rest_of_an_overloaded_circuit_goes_as_low_as_it_may():
    locked = Unit("locked", S9_STEPS, 15, (15, 15), circuit="a")
    units = [locked, *units_of(S9_STEPS, 2, current=9, circuit="a"), Unit("free", S9_STEPS, 9)]
    for is_warm in (False, True):
        ask = Ask(2460.0, 20.0, circuits={"a": Cap(1000.0)})
        found = allocate(units, ask, warm=is_warm)

        assert found.chosen == {"locked": 15, "m0": 0, "m1": 0, "free": 9}
