"""What each strategy means, and how a fleet that is followed warm moves."""

from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minerbridge.fleet.allocator import Ask, Cap, Choice, Unit, allocate
from tests.allocator_fleets import (
    ALL_ALIKE,
    S9_STEPS,
    now_at,
    power_of,
    units_of,
    whatsminer,
)

TOP = len(S9_STEPS) - 1


def place(units, power_w, tolerance=0.02, *, warm=False, **ask):
    return allocate(units, Ask(power_w, tolerance * power_w, **ask), warm=warm)


def powers_of(units, found):
    return [unit.choices[found.chosen[unit.miner_id]].power_w for unit in units]


def test_equal_gives_every_miner_the_same_share_of_its_maximum():
    units = [
        *units_of(S9_STEPS, 3, prefix="s9"),
        *units_of(whatsminer(3400, 100), 3, prefix="m30"),
        *units_of(whatsminer(6700, 240), 2, prefix="m63"),
    ]
    for share in (0.6, 0.75, 0.9):
        found = place(units, share * power_of(units), strategy="equal")
        shares = [
            power_w / unit.choices[-1].power_w
            for unit, power_w in zip(units, powers_of(units, found), strict=True)
        ]

        # The longest step is 180 W of 1460 W: nobody is further off than that.
        assert max(shares) - min(shares) <= 0.1
        assert found.power_w == pytest.approx(share * power_of(units), rel=0.002)


def test_equal_below_the_lowest_running_point_runs_as_few_as_it_must():
    units = units_of(S9_STEPS, 10)
    found = place(units, 3000.0, strategy="equal")

    assert sorted(powers_of(units, found)) == [0.0] * 5 + [600.0] * 5


def test_equal_of_miners_that_only_turn_on_and_off_keeps_who_runs():
    units = [
        *units_of(ALL_ALIKE, 5, current=0),
        *units_of(ALL_ALIKE, 5, prefix="on", current=1),
    ]
    found = place(units, 5 * 1460.0, strategy="equal")

    assert found.moved == ()


def test_equal_lets_a_full_circuit_stop_and_the_others_go_on():
    units = [*units_of(S9_STEPS, 2, circuit="a"), *units_of(S9_STEPS, 2, prefix="z")]
    found = place(units, 3960.0, strategy="equal", circuits={"a": Cap(1400.0)})

    assert powers_of(units, found)[:2] == [700.0, 700.0]
    assert powers_of(units, found)[2:] == [1280.0, 1280.0]


def test_priority_fills_the_highest_to_the_top_first():
    units = [
        *units_of(S9_STEPS, 2, prefix="low", priority=1),
        *units_of(S9_STEPS, 2, prefix="high", priority=2),
        *units_of(S9_STEPS, 2, prefix="none"),
    ]
    found = place(units, 2 * 1460.0 + 800.0, strategy="priority")

    by_id = dict(zip([unit.miner_id for unit in units], powers_of(units, found), strict=True))
    assert by_id["high0"] == by_id["high1"] == 1460.0
    assert by_id["low0"] + by_id["low1"] == 800.0
    assert by_id["none0"] == by_id["none1"] == 0.0


def test_priority_hands_down_what_its_steps_leave():
    units = [
        *units_of(ALL_ALIKE, 3, prefix="high", priority=2),
        *units_of(S9_STEPS, 1, prefix="low"),
    ]
    found = place(units, 1460.0 + 1000.0, strategy="priority")

    assert sorted(powers_of(units, found)) == [0.0, 0.0, 1000.0, 1460.0]
    assert S9_STEPS[found.chosen["low0"]].power_w == 1000.0


@pytest.mark.parametrize("strategy", ["efficiency", "equal"])
def test_among_equals_the_higher_priority_keeps_mining(strategy):
    units = [
        *units_of(ALL_ALIKE, 3, prefix="a"),
        *units_of(ALL_ALIKE, 2, prefix="b", priority=5),
    ]

    found = place(units, 2 * 1460.0, strategy=strategy)
    assert [name for name, index in found.chosen.items() if index] == ["b0", "b1"]
    running = [replace(unit, current=1) for unit in units]
    found = place(running, 2 * 1460.0, strategy=strategy, warm=True)
    assert [name for name, index in found.chosen.items() if index] == ["b0", "b1"]


def test_among_equals_of_one_priority_who_runs_keeps_running():
    units = units_of(ALL_ALIKE, 4, current=0) + units_of(ALL_ALIKE, 3, prefix="z", current=1)
    found = place(units, 4 * 1460.0)

    assert found.moved == ("m0",)


def test_followed_warm_the_lowest_priority_falls_first_and_the_highest_rises_first():
    units = [
        *units_of(S9_STEPS, 2, prefix="high", priority=2, current=9),
        *units_of(S9_STEPS, 2, prefix="low", current=9),
    ]
    for power_w, kept in ((3200.0, "high"), (4920.0, "low")):
        found = place(units, power_w, strategy="priority", warm=True)

        assert all(not name.startswith(kept) for name in found.moved)
        assert found.power_w == pytest.approx(power_w, rel=0.02)


def test_equal_stays_equal_when_followed_warm():
    units = units_of(S9_STEPS, 10, current=9)
    found = place(units, 8000.0, strategy="equal", warm=True)

    assert set(powers_of(units, found)) == {800.0}


def test_efficiency_beats_running_some_at_full_power():
    units = units_of(S9_STEPS, 100)
    found = place(units, 100_000.0)
    full_and_one_swing = 68 * 14.0 + 7.5

    assert found.power_w == pytest.approx(100_000.0, rel=0.002)
    assert found.hashrate_hs > 1.08 * full_and_one_swing


def test_a_limit_is_not_filled_where_that_costs_hashrate():
    worse = (*S9_STEPS, Choice(2000.0, 9.0))
    found = place(units_of(worse, 2), 4000.0, mode="limit")

    assert found.power_w == 2920.0
    assert place(units_of(worse, 2), 4000.0).power_w == 4000.0


def test_a_running_miner_gets_its_least_share_or_stops():
    units = units_of(whatsminer(3400, 100), 4)
    found = place(units, 6000.0, min_fraction=0.8)

    assert all(p == 15.0 or p >= 0.8 * 3400.0 for p in powers_of(units, found))
    assert max(powers_of(units, found)) > 15.0


WM = [whatsminer(3400, 112), whatsminer(3268, 86), whatsminer(6700, 240)]
MIXED = [Unit(f"m{n:03}", WM[n % 3]) for n in range(60)]


@cache
def at(power_w):
    return now_at(MIXED, place(MIXED, power_w))


@given(st.floats(0.98, 1.02), st.sampled_from(["target", "limit"]))
def test_inside_the_tolerance_nothing_moves(change, mode):
    units = at(180_000.0)
    drawn_w = sum(unit.choices[unit.current].power_w for unit in units)
    found = place(units, drawn_w * change, 0.021, warm=True, mode=mode)

    if mode == "target" or change >= 1:
        assert found.moved == ()


@given(st.floats(0.9, 1.1))
def test_a_changed_target_moves_few(change):
    found = place(at(180_000.0), 180_000.0 * change, 0.005, warm=True)

    assert found.power_w == pytest.approx(180_000.0 * change, rel=0.005)
    assert len(found.moved) <= 20


@given(st.floats(0.8, 1))
def test_a_limit_that_falls_is_kept_at_once_and_only_lowers(change):
    units = at(180_000.0)
    found = place(units, 180_000.0 * change, 0.005, warm=True, mode="limit")

    assert found.power_w <= 180_000.0 * change
    assert found.power_w >= 180_000.0 * change * 0.99


def test_set_points_move_before_anything_starts_or_stops():
    found = place(at(180_000.0), 176_000.0, 0.005, warm=True)
    before = {unit.miner_id: unit.current for unit in at(180_000.0)}

    assert all((before[name] == 0) == (found.chosen[name] == 0) for name in found.moved)


def test_what_may_not_run_any_more_stops_and_the_others_make_up_for_it():
    units = units_of(S9_STEPS, 10, current=9)
    units[0] = replace(units[0], allowed=(0, 0))
    found = place(units, 10_000.0, 0.005, warm=True)

    assert found.chosen["m0"] == 0
    assert found.power_w == pytest.approx(10_000.0, rel=0.005)


def test_a_unit_whose_state_is_unknown_is_named_as_moved_even_if_off():
    units = [Unit("known", S9_STEPS, 9), Unit("unknown", S9_STEPS, None)]
    found = place(units, 1000.0, warm=True)

    assert found.chosen == {"known": 9, "unknown": 0}
    assert found.moved == ("unknown",)


def test_a_limit_uses_what_is_free_below_it():
    found = place(units_of(S9_STEPS, 4, current=9), 4900.0, warm=True, mode="limit")

    assert 4802.0 <= found.power_w <= 4900.0


def test_five_hundred_learned_curves_are_placed_near_the_optimum():
    # No two alike: the price is searched, not every step sorted.
    units = [
        Unit(
            f"m{n:03}",
            tuple(Choice(c.power_w * (0.9 + n / 2500), c.hashrate_hs) for c in WM[n % 3]),
        )
        for n in range(500)
    ]
    for share in (0.4, 0.7, 0.95):
        power_w = share * power_of(units)
        found = place(units, power_w)

        assert power_w * 0.998 <= found.power_w <= power_w
        assert found.hashrate_hs >= 0.997 * hull_bound(units, power_w)


def hull_bound(units, power_w):
    """Return the most hashrate that a mixture of every miner's points could give: the dual."""

    def dual(price):
        best = (max(c.hashrate_hs - price * c.power_w for c in u.choices) for u in units)
        return sum(best) + price * power_w

    low, high = 0.0, 0.2
    for _ in range(40):
        one, two = low + (high - low) / 3, high - (high - low) / 3
        low, high = (low, two) if dual(one) < dual(two) else (one, high)
    return dual(low)
