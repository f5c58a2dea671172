"""Miners that are alike are placed by number: a lot says how many stand at each position."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import attrgetter

from minerbridge.fleet.allocation import Ask, Unit
from minerbridge.fleet.hull import Curve, curve_of, forget_unused

_TO_THE_TOP = 1 << 30


@dataclass(slots=True, eq=False)
class Lot:
    """Interchangeable miners, in order of id, and how many are placed at each position."""

    curve: Curve
    circuit: str | None
    priority: int
    setpoint_cost: float
    members: list[Unit]
    counts: dict[int, int]

    def move(self, number: int, start: int, end: int) -> None:
        self.counts[start] -= number
        self.counts[end] = self.counts.get(end, 0) + number

    def lower(self) -> None:
        """Place every member as low as it may be."""
        self.counts = {0: len(self.members)}

    def stay(self) -> None:
        """Place every member where it is, or as near below as it may be."""
        positions = self.curve.positions
        self.counts = {}
        for unit in self.members:
            place = position_now(positions, unit)
            self.counts[place] = self.counts.get(place, 0) + 1

    @property
    def power(self) -> int:
        power = self.curve.power
        return sum(number * power[place] for place, number in self.counts.items())

    @property
    def worth(self) -> float:
        worth = self.curve.worth
        return sum(number * worth[place] for place, number in self.counts.items())


def position_now(positions: tuple[int, ...], unit: Unit) -> int:
    """Return where a miner stands on its curve; unknown is taken for off."""
    return positions[min(unit.current or 0, len(positions) - 1)]


def lots_of(units: Iterable[Unit], ask: Ask) -> list[Lot]:
    """Return the lots in order of their first member's id, everybody placed lowest."""
    lots: dict[tuple[Curve, str | None, int, float], Lot] = {}
    # Most of a fleet is met by one look-up: a thousand miners are a few lots.
    seen: dict[tuple[int, tuple[int, int] | None, str | None, int, float], Lot] = {}
    by_priority = ask.strategy == "priority"
    for unit in sorted(units, key=attrgetter("miner_id")):
        circuit = unit.circuit if unit.circuit in ask.circuits else None
        priority = unit.priority if by_priority else 0
        look = (id(unit.choices), unit.allowed, circuit, priority, unit.setpoint_cost)
        lot = seen.get(look)
        if lot is None:
            lowest, highest = unit.allowed or (0, _TO_THE_TOP)
            curve = curve_of(unit.choices, lowest, highest, ask.min_fraction)
            key = (curve, circuit, priority, unit.setpoint_cost)
            lot = lots.get(key)
            if lot is None:
                lot = lots[key] = Lot(curve, circuit, priority, unit.setpoint_cost, [], {})
            seen[look] = lot
        lot.members.append(unit)
    forget_unused(len(seen))
    for lot in lots.values():
        lot.lower()
    return list(lots.values())


def deal(lot: Lot, *, warm: bool) -> Iterator[tuple[Unit, int]]:
    """Yield every member with its choice's index.

    From scratch, a higher priority gets the higher points; warm, who need not move stays.
    """
    options = lot.curve.options
    places = sorted((p for p, number in lot.counts.items() if number), reverse=True)
    if len(places) == 1:
        index = options[places[0]]
        for unit in lot.members:
            yield unit, index
        return
    left = {place: lot.counts[place] for place in places}
    for tier in [lot.members] if warm else _tiers(lot.members):
        share = _highest(left, len(tier))
        for unit, place in _matched(tier, share, lot.curve.positions):
            yield unit, options[place]


def _tiers(members: list[Unit]) -> list[list[Unit]]:
    tiers: dict[int, list[Unit]] = {}
    for unit in members:
        tiers.setdefault(unit.priority, []).append(unit)
    return [tiers[priority] for priority in sorted(tiers, reverse=True)]


def _highest(left: dict[int, int], number: int) -> dict[int, int]:
    """Take so many places out of *left*, the highest first."""
    share: dict[int, int] = {}
    for place in left:
        taken = min(number, left[place])
        if taken:
            share[place] = taken
            left[place] -= taken
            number -= taken
    return share


def _matched(
    members: list[Unit], share: dict[int, int], positions: tuple[int, ...]
) -> Iterator[tuple[Unit, int]]:
    """Match members to places: who stands on one keeps it, the others move in order."""
    here: dict[int, list[Unit]] = {}
    for unit in members:
        here.setdefault(position_now(positions, unit), []).append(unit)
    movers: list[tuple[int, Unit]] = []
    vacant: list[int] = []
    for place in sorted(here.keys() | share.keys(), reverse=True):
        group, stay = here.get(place, []), share.get(place, 0)
        if stay < len(group):
            group = _stayers_first(group, rises=len(vacant) > len(movers))
        for unit in group[:stay]:
            yield unit, place
        movers += [(place, unit) for unit in group[stay:]]
        vacant += [place] * (stay - len(group))
    movers.sort(key=lambda mover: (-mover[0], -mover[1].priority, mover[1].miner_id))
    for (_, unit), place in zip(movers, vacant, strict=True):
        yield unit, place


def _stayers_first(group: list[Unit], *, rises: bool) -> list[Unit]:
    """Of those that stand alike, a higher priority is the first to go up, and the last down."""
    if rises:
        backwards = group[::-1]  # of one priority the first id is the first to go
        return sorted(backwards, key=attrgetter("priority"))
    return sorted(group, key=lambda unit: -unit.priority)
