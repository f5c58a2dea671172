"""Which miner runs at which set-point, for a power asked of them together. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import fsum

from minerbridge.fleet.allocate_caps import Circuits
from minerbridge.fleet.allocate_cold import goal_of, place_cold
from minerbridge.fleet.allocate_lots import Lot, deal, lots_of
from minerbridge.fleet.allocate_warm import Follower
from minerbridge.fleet.allocation import Allocation, Ask, Cap, Choice, Unit

__all__ = ["Allocation", "Ask", "Cap", "Choice", "Unit", "allocate"]


def allocate(units: Sequence[Unit], ask: Ask, *, warm: bool) -> Allocation:
    """Return the set-point of every unit.

    Warm: few moves from where the units stand, none where they meet what is asked; from scratch
    when that misses. Else the best placement: nearest first, within a five-hundredth of the power
    the most hashrate. Equal input, in any order of units, gives an equal result.
    """
    if not warm:
        return _cold(units, ask)
    lots = lots_of(units, ask)
    if Follower(lots, ask).follow():
        return _allocation(lots, warm=True)
    return _settled(units, ask)


def _cold(units: Sequence[Unit], ask: Ask) -> Allocation:
    lots = lots_of(units, ask)
    place_cold(lots, ask)
    return _allocation(lots, warm=False)


def _settled(units: Sequence[Unit], ask: Ask) -> Allocation:
    """Return the nearest placement, one that asking again does not change."""
    lots = lots_of(units, ask)
    for lot in lots:
        lot.stay()
    now = _distance(lots, ask)
    place_cold(lots, ask)
    if now <= _distance(lots, ask):
        for lot in lots:
            lot.stay()
        return _allocation(lots, warm=True)
    best = _allocation(lots, warm=False)
    # A few moves from there may land where placing anew did not.
    there = [replace(unit, current=best.chosen[unit.miner_id]) for unit in units]
    lots = lots_of(there, ask)
    if not Follower(lots, ask).follow():
        return best
    found = _allocation(lots, warm=True)
    moved = sorted(u.miner_id for u in units if u.current != found.chosen[u.miner_id])
    return replace(found, moved=tuple(moved))


def _distance(lots: Sequence[Lot], ask: Ask) -> tuple[int, int, int]:
    """Return how far the caps, what may be drawn at most, and what is asked are missed."""
    goal = goal_of(ask)
    drawn = sum(lot.power for lot in lots)
    overload = -sum(min(0, left) for left in Circuits(ask.circuits, lots).left.values())
    return overload, max(0, drawn - goal.most), abs(drawn - goal.power)


def _allocation(lots: Sequence[Lot], *, warm: bool) -> Allocation:
    chosen: dict[str, int] = {}
    moved: list[str] = []
    powers: list[float] = []
    hashrates: list[float] = []
    for lot in lots:
        for unit, index in deal(lot, warm=warm):
            chosen[unit.miner_id] = index
            choice = unit.choices[index]
            powers.append(choice.power_w)
            hashrates.append(choice.hashrate_hs)
            if index != unit.current:
                moved.append(unit.miner_id)
    moved.sort()
    return Allocation(chosen, fsum(powers), fsum(hashrates), tuple(moved))
