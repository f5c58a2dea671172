"""Finishing an allocation: the few changes near the break that land it in its window."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import inf

from minerbridge.fleet.allocate_caps import Circuits
from minerbridge.fleet.allocate_fill import Step
from minerbridge.fleet.allocate_lots import Lot
from minerbridge.fleet.subset import (
    NOTHING,
    Best,
    Change,
    Sums,
    Window,
    extended,
    flattened,
    joined,
    trimmed,
)

#: Up to so many miners every combination counts.
EXACT_MINERS = 5
_SMALL_FLEET, _MIDDLING_FLEET = 24, 64
_EXACT_BEAM = 40_000
#: Of a miner's changes so many are the cheapest; the others lie ever further apart.
_CHEAPEST = 4

#: Where miners stand that may change: a lot's number and a position.
Spot = tuple[int, int]
#: What it costs to take a member of a lot from one position to another.
Price = Callable[[Lot, int, int], float]


@dataclass(frozen=True, slots=True)
class Effort:
    """How many changes are looked at, of each miner and of all; how many sums are kept."""

    changes: int
    all_changes: int
    beam: int

    @property
    def miners(self) -> int:
        """The most miners looked at: those with one change, on or off."""
        return min(self.all_changes, 32)


EXACT = Effort(1_000, 5_000, 256)
CLOSE = Effort(16, 256, 160)
FAIR = Effort(8, 128, 128)
QUICK = Effort(8, 96, 96)


def effort_for(miners: int) -> Effort:
    if miners <= EXACT_MINERS:
        return EXACT
    if miners <= _SMALL_FLEET:
        return CLOSE
    return FAIR if miners <= _MIDDLING_FLEET else QUICK


@dataclass(frozen=True, slots=True)
class Core:
    """The miners near the break, what they may change to, and the circuits above them."""

    lots: Sequence[Lot]
    circuits: Circuits
    spots: Sequence[Spot]
    price: Price
    #: What a nanowatt below the window's upper end costs.
    slope: float

    def settle(self, window: Window, effort: Effort) -> Best | None:
        """Make the best changes found; nothing is made where none is better than staying."""
        candidates = self._candidates(effort)
        best = self._search(candidates, window, effort.beam)
        if effort is EXACT and len(candidates) > 1:
            best = self._proved(candidates, window, best)
        if best is None:
            return None
        for number, end in flattened(best.picks):
            lot_number, start = self.spots[number]
            lot = self.lots[lot_number]
            lot.move(1, start, end)
            self.circuits.take(lot.circuit, lot.curve.power[end] - lot.curve.power[start])
        return best

    def _proved(
        self, candidates: list[tuple[str | None, list[Change]]], window: Window, best: Best | None
    ) -> Best | None:
        """Search again without a beam: sums dearer than the best known can't be part of a better.

        That holds while nothing is gained by leaving the base, which circuits can make untrue.
        """
        worst = inf
        if best is not None and best.error == 0 and not self.circuits.left:
            band = window.high - window.low if window.low is not None else 0
            worst = best.cost - min(0.0, self.slope * band)
            worst += 1e-9 * abs(worst)
        again = self._search(candidates, window, _EXACT_BEAM, worst=worst)
        if best is None or (again is not None and again.rank < best.rank):
            return again
        return best

    def _candidates(self, effort: Effort) -> list[tuple[str | None, list[Change]]]:
        """Return the circuit and the changes of each miner looked at, the cheapest first."""
        found: list[tuple[int, float, int, list[Change]]] = []
        for number, (lot_number, start) in enumerate(self.spots):
            lot = self.lots[lot_number]
            changes = _spread(self._changes(number, lot, start), effort.changes)
            if changes:
                # Two of a kind before the next kind: pairs of alike changes are useful.
                found += [
                    (copy // 2, changes[0][1], number, changes)
                    for copy in range(min(lot.counts[start], effort.miners))
                ]
        found.sort(key=lambda candidate: candidate[:3])
        looked_at = accumulate(len(changes) for *_, changes in found)
        return [
            (self.lots[self.spots[number][0]].circuit, changes)
            for (_, _, number, changes), total in zip(found, looked_at, strict=True)
            if total <= effort.all_changes
        ][: effort.miners]

    def _changes(self, number: int, lot: Lot, start: int) -> list[Change]:
        power = lot.curve.power
        changes = [
            (power[end] - power[start], self.price(lot, start, end), (number, end))
            for end in range(len(power))
            if end != start
        ]
        changes.sort(key=lambda change: (change[1], abs(change[0]), change[2]))
        return changes

    def _search(
        self,
        candidates: list[tuple[str | None, list[Change]]],
        window: Window,
        beam: int,
        *,
        worst: float = inf,
    ) -> Best | None:
        widest = max((abs(c[0]) for _, changes in candidates for c in changes), default=0)
        reach = max(abs(window.high), widest)
        parts = self._under_circuits(candidates, beam, reach)
        halves: list[Sums] = [NOTHING, NOTHING]
        for at, changes in enumerate(parts):
            half = trimmed(extended(halves[at % 2], changes, worst), beam, reach)
            halves[at % 2] = half
        return joined(halves[0], halves[1], window, self.slope)

    def _under_circuits(
        self, candidates: Iterable[tuple[str | None, list[Change]]], beam: int, reach: int
    ) -> list[Sequence[Change]]:
        """Return the candidates without a circuit, and each outermost circuit as one candidate."""
        below: dict[str | None, list[Sequence[Change]]] = {}
        names: set[str] = set()
        for circuit, changes in candidates:
            below.setdefault(circuit, []).append(changes)
            names.update(self.circuits.chains[circuit] if circuit is not None else ())
        chains = self.circuits.chains
        for name in sorted(names, key=lambda name: (-len(chains[name]), name)):
            room = max(0, self.circuits.left[name])
            sums = NOTHING
            for part in below.get(name, ()):
                sums = trimmed(extended(sums, part), beam, reach)
            # What goes down elsewhere on the circuit makes room: the cap is that of the sum.
            fitting = [(total, *found) for total, found in sums.items() if 0 != total <= room]
            fitting.sort(key=lambda change: (change[1], change[0]))
            parent = chains[name][1] if len(chains[name]) > 1 else None
            below.setdefault(parent, []).append(fitting[: max(16, beam // 8)])
        return below.get(None, [])


def _spread(changes: list[Change], most: int) -> list[Change]:
    """Return the cheapest changes and, ever more thinly, dearer ones: small steps and large."""
    kept = changes[:_CHEAPEST]
    rest = len(changes) - len(kept)
    if len(changes) <= most:
        return changes
    thin = most - len(kept)
    picked = {_CHEAPEST + round(rest ** (at / thin)) - 1 for at in range(1, thin + 1)}
    return kept + [changes[at] for at in sorted(picked) if at < len(changes)]


def spots_near(lots: Sequence[Lot], steps: Sequence[Step], cut: int, most: int) -> list[Spot]:
    """Return where miners stand next to the break: the steps last taken and next to take."""
    found: dict[Spot, None] = {}
    for distance in range(min(len(steps), 8 * most)):
        for at in (cut + distance, cut - 1 - distance):
            if 0 <= at < len(steps):
                _, number, start, end, _ = steps[at]
                counts = lots[number].counts
                for place in (start, end):
                    if counts.get(place):
                        found[number, place] = None
        if len(found) >= most:
            break
    return list(found)


def all_spots(lots: Sequence[Lot]) -> list[Spot]:
    return [
        (number, place)
        for number, lot in enumerate(lots)
        for place, count in sorted(lot.counts.items())
        if count
    ]
