"""Fleets for the allocator's tests: tables of real curves, and any that hypothesis likes."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import strategies as st

from minerbridge.fleet.allocator import Ask, Cap, Choice, Unit

#: An Antminer S9 on Vnish at 300 to 650 MHz: watts and TH/s.
S9_CURVE = [
    (600.0, 6.5),
    (700.0, 7.5),
    (800.0, 8.6),
    (900.0, 9.6),
    (1000.0, 10.7),
    (1140.0, 11.8),
    (1280.0, 12.9),
    (1460.0, 14.0),
]
ALL_ALIKE = (Choice(0.0, 0.0), Choice(1460.0, 14.0))


def s9_steps():
    """Return off and every 25 MHz, between the curve's points halfway."""
    points = [Choice(0.0, 0.0)]
    for (power_w, hashrate), (next_w, next_hashrate) in pairwise(S9_CURVE):
        points.append(Choice(power_w, hashrate))
        points.append(Choice((power_w + next_w) / 2, (hashrate + next_hashrate) / 2))
    return (*points, Choice(*S9_CURVE[-1]))


S9_STEPS = s9_steps()


def whatsminer(power_w, hashrate, step=1):
    """Return off at 15 W, and 50 to 100 percent."""
    running = [
        Choice(round(power_w * percent / 100, 1), hashrate * (percent / 100) ** 0.85)
        for percent in range(50, 101, step)
    ]
    return (Choice(15.0, 0.0), *running)


def units_of(choices, number, prefix="m", **fields):
    return [Unit(f"{prefix}{n}", choices, **fields) for n in range(number)]


def power_of(units):
    return sum(max(choice.power_w for choice in unit.choices) for unit in units)


def now_at(units, found):
    return [replace(unit, current=found.chosen[unit.miner_id]) for unit in units]


def shuffled(units, random):
    return random.sample(list(units), len(units))


CIRCUITS = st.sampled_from([None, "row", "left", "right", "elsewhere"])


@st.composite
def curves(draw, choices):
    steps = draw(st.lists(st.integers(1, 1500), max_size=choices))
    power_w, hashrate = float(draw(st.integers(0, 60))), 0.0
    found = [Choice(power_w, 0.0)]
    for number, step_w in enumerate(steps):
        # The first step is the start: large. Later ones may even hash less.
        power_w += step_w + (400 if number == 0 else 0)
        hashrate = max(0.0, hashrate + step_w * draw(st.integers(-2, 20)) / 10)
        found.append(Choice(power_w, hashrate))
    return tuple(found)


@st.composite
def fleets(draw, most=12, choices=8, locks=True):
    kinds = [*draw(st.lists(curves(choices), min_size=1, max_size=4)), S9_STEPS[:choices]]
    units = []
    for number in range(draw(st.integers(1, most))):
        choice = draw(st.sampled_from(kinds))
        index = st.integers(0, len(choice) - 1)
        allowed = draw(st.none() | st.tuples(index, index)) if locks else None
        units.append(
            Unit(
                f"m{number:02}",
                choice,
                draw(st.none() | index),
                (min(allowed), max(allowed)) if allowed else None,
                draw(st.integers(0, 2)),
                draw(CIRCUITS),
                draw(st.sampled_from([1.0, 8.0])),
            )
        )
    return units


@st.composite
def asks(draw, strategies=("efficiency", "equal", "priority"), circuits=None):
    """Return what makes an Ask for a fleet: a share of its power."""
    share = draw(st.floats(0, 1.2))
    tolerance = draw(st.sampled_from([0.0, 0.005, 0.02, 0.1]))
    mode = draw(st.sampled_from(["target", "limit"]))
    strategy = draw(st.sampled_from(strategies))
    is_capped = len(strategies) > 1 and circuits is not False and draw(st.booleans())
    row, left = draw(st.floats(0, 1)), draw(st.floats(0, 1))
    min_fraction = draw(st.sampled_from([0.0, 0.6])) if len(strategies) > 1 else 0.0

    def ask(units):
        power_w = power_of(units)
        caps = {
            "row": Cap(row * power_w, None, 10.0),
            "left": Cap(left * power_w, "row"),
            "right": Cap(0.5 * power_w, "row", 5.0),
        }
        return Ask(
            share * power_w,
            tolerance * share * power_w,
            mode,
            strategy,
            caps if is_capped else {},
            min_fraction,
        )

    return ask
