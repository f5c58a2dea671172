"""Placing a fleet from scratch: fill in the strategy's order, then finish near the break."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from minerbridge.fleet.allocate_caps import Circuits
from minerbridge.fleet.allocate_core import (
    Core,
    Effort,
    Price,
    Spot,
    all_spots,
    effort_for,
    spots_near,
)
from minerbridge.fleet.allocate_fill import Step, fill, hull_steps, level_steps
from minerbridge.fleet.allocate_lots import Lot
from minerbridge.fleet.allocate_price import climb
from minerbridge.fleet.allocation import Ask
from minerbridge.fleet.hull import nanowatts
from minerbridge.fleet.subset import Window

#: The error that is not worth a hashrate: a five-hundredth of what is asked.
BAND = 0.002
#: Below so many places to change, all are looked at, not only those near the break.
_ALL_SPOTS = 128
#: From so many kinds of miners on, to sort every step takes longer than to search the price.
_MANY_LOTS = 200


@dataclass(frozen=True, slots=True)
class Goal:
    """What the fleet shall add up to, in nanowatts."""

    power: int
    most: int
    is_limit: bool

    def window(self, power: int, *, fill_up: bool) -> Window:
        """Return the window seen from where the fleet stands."""
        low = round(self.power * (1 - BAND))
        return Window(
            None if self.is_limit and not fill_up else low - power,
            self.power - power,
            self.most - power,
        )


def goal_of(ask: Ask) -> Goal:
    power = nanowatts(ask.power_w)
    is_limit = ask.mode == "limit"
    return Goal(power, power if is_limit else power + nanowatts(ask.tolerance_w), is_limit)


def place_cold(lots: Sequence[Lot], ask: Ask) -> None:
    """Place every lot anew."""
    for lot in lots:
        lot.lower()
    goal = goal_of(ask)
    circuits = Circuits(ask.circuits, lots)
    drawn = sum(lot.power for lot in lots)
    if drawn >= goal.power:
        return
    if ask.strategy == "equal":
        _place_level(lots, goal, circuits, drawn)
    elif ask.strategy == "priority":
        _place_tiers(lots, goal, circuits, drawn)
    else:
        _place_best(lots, goal, circuits, drawn)


def _place_best(lots: Sequence[Lot], goal: Goal, circuits: Circuits, drawn: int) -> int:
    """Most hashrate for the power. Returns what the fleet then draws."""
    left = goal.power - drawn
    if left <= 0:
        return drawn
    if len(lots) > _MANY_LOTS and not circuits.left:
        left, steps = climb(lots, left, only_gains=goal.is_limit)
    else:
        steps = hull_steps(lots, only_gains=goal.is_limit)
    if not steps:
        return goal.power - left
    filled = fill(lots, steps, left, circuits, skip=False)
    if filled.cut == len(steps) and not circuits.left:
        return goal.power - filled.left
    slope = -steps[min(filled.cut, len(steps) - 1)][0]

    def price(lot: Lot, start: int, end: int) -> float:
        power, worth = lot.curve.power, lot.curve.worth
        return slope * (power[end] - power[start]) - (worth[end] - worth[start])

    drawn = goal.power - filled.left
    window = goal.window(drawn, fill_up=False)
    return drawn + _finish(lots, steps, filled.cut, circuits, price, slope, window)


def _place_level(lots: Sequence[Lot], goal: Goal, circuits: Circuits, drawn: int) -> int:
    """Every miner at the same share of its maximum, as nearly as its steps allow."""
    steps = level_steps(lots)
    filled = fill(lots, steps, goal.power - drawn, circuits, skip=True)
    level = steps[min(filled.cut, len(steps) - 1)][0] if steps else 0.0

    def price(lot: Lot, start: int, end: int) -> float:
        power, peak = lot.curve.power, lot.curve.peak
        return (power[end] / peak - level) ** 2 - (power[start] / peak - level) ** 2

    drawn = goal.power - filled.left
    window = goal.window(drawn, fill_up=True)
    if window.error(0) == 0:
        return drawn
    return drawn + _finish(lots, steps, filled.cut, circuits, price, 0.0, window)


def _place_tiers(lots: Sequence[Lot], goal: Goal, circuits: Circuits, drawn: int) -> int:
    """Fill the highest priority to the top, then the next; what is left over goes down."""
    tiers: dict[int, list[Lot]] = {}
    for lot in lots:
        tiers.setdefault(lot.priority, []).append(lot)
    for priority in sorted(tiers, reverse=True):
        tier = tiers[priority]
        below = drawn - sum(lot.power for lot in tier)
        share = Goal(goal.power - below, goal.most - below, goal.is_limit)
        drawn = below + _place_best(tier, share, circuits, drawn - below)
    return drawn


def _finish(
    lots: Sequence[Lot],
    steps: Sequence[Step],
    cut: int,
    circuits: Circuits,
    price: Price,
    slope: float,
    window: Window,
) -> int:
    """Make the changes that land in the window. Returns the power they add."""
    effort = effort_for(sum(len(lot.members) for lot in lots))
    core = Core(lots, circuits, _spots(lots, steps, cut, effort), price, slope)
    best = core.settle(window, effort)
    return best.total if best is not None else 0


def _spots(lots: Sequence[Lot], steps: Sequence[Step], cut: int, effort: Effort) -> list[Spot]:
    if len(lots) <= _ALL_SPOTS:
        spots = all_spots(lots)
        if len(spots) <= _ALL_SPOTS:
            return spots
    return spots_near(lots, steps, cut, 2 * effort.miners)
