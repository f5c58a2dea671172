"""Filling up from the lowest, step by step in a given order: the bulk of an allocation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from minerbridge.fleet.allocate_caps import Circuits
from minerbridge.fleet.allocate_lots import Lot

#: More steps than this are not sorted in time; then each miner's hull is taken coarser.
_MOST_STEPS = 40_000
_FEWEST_EDGES = 4

#: Its rank (lower is taken first), its lot's number, the positions it joins, its power.
Step = tuple[float, int, int, int, int]


@dataclass(frozen=True, slots=True)
class Filled:
    """How far filling came: the power left over, and the step at which it ended."""

    left: int
    cut: int


def hull_steps(lots: Sequence[Lot], *, only_gains: bool) -> list[Step]:
    """Return the edges of all hulls, those that buy the most hashrate first."""
    edges = max(_FEWEST_EDGES, _MOST_STEPS // max(1, len(lots)))
    steps = [
        (-edge.slope, number, edge.start, edge.end, edge.power)
        for number, lot in enumerate(lots)
        for edge in lot.curve.coarse(edges)
        if edge.slope > 0 or not only_gains
    ]
    steps.sort()
    return steps


def level_steps(lots: Sequence[Lot]) -> list[Step]:
    """Return every step of every curve by the share of a miner's maximum at its middle."""
    steps: list[Step] = []
    for number, lot in enumerate(lots):
        power = lot.curve.power
        start = 0
        for end in range(1, len(power)):
            if power[end] > power[start]:
                middle = (power[start] + power[end]) / (2 * lot.curve.peak)
                steps.append((middle, number, start, end, power[end] - power[start]))
                start = end
    steps.sort()
    return steps


def fill(
    lots: Sequence[Lot], steps: Sequence[Step], left: int, circuits: Circuits, *, skip: bool
) -> Filled:
    """Take steps in order while they fit; at the first that doesn't, end, or *skip* it.

    A step that its circuit has no room for is passed over in any case.
    """
    cut = len(steps)
    for at, (_, number, start, end, power) in enumerate(steps):
        lot = lots[number]
        ready = wanted = lot.counts.get(start, 0)
        if lot.circuit is not None:
            room = circuits.room(lot.circuit)
            if room is not None:
                wanted = min(ready, max(0, room // power))
        taken = min(wanted, left // power)
        if taken:
            lot.move(taken, start, end)
            circuits.take(lot.circuit, taken * power)
            left -= taken * power
        if taken < wanted and cut == len(steps):
            cut = at
            if not skip:
                break
    return Filled(left, cut)
