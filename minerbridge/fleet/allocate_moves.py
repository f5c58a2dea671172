"""What a miner can be moved to, and what it is worth: watts for little wear and hashrate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from minerbridge.fleet.allocate_caps import Circuits
from minerbridge.fleet.allocate_lots import Lot

#: A start or a stop wears as much as eight changes of a set-point without a restart.
START_COST = 8.0
#: How much hashrate per watt weighs in the ranking. Lower moves fewer miners and hashes less.
_EFFICIENCY = 6.0


@dataclass(frozen=True, slots=True)
class Move:
    """A member of a lot from one position to another: the power it adds or frees."""

    score: float
    lot: int
    start: int
    end: int
    power: int
    #: By priority, where that is the strategy: the highest rises first and falls last.
    order: int = 0

    @property
    def rank(self) -> tuple[int, float, int, int, int]:
        return self.order, -self.score, self.lot, self.start, self.end


@dataclass(frozen=True, slots=True)
class Moves:
    """The moves of some lots, by what a nanowatt is worth on the fleet's average."""

    lots: Sequence[Lot]
    circuits: Circuits
    average: float

    def extremes(self, numbers: Iterable[int], *, up: bool, gains: bool = False) -> list[Move]:
        """Return the widest moves, best first: to the top; or to the lowest running, and off."""
        found = [
            move
            for number in numbers
            for start in self._places(number)
            for end in _ends(self.lots[number], start, up=up)
            if (move := self._move(number, start, end)).power and (not gains or self._gains(move))
        ]
        found.sort(key=lambda move: move.rank)
        return found

    def every(self, spots: Iterable[tuple[int, int]]) -> list[Move]:
        """Return all moves of the members that stand at the places told."""
        moves = (
            self._move(number, start, end)
            for number, start in spots
            if self.lots[number].counts.get(start)
            for end in range(len(self.lots[number].curve.power))
            if end != start
        )
        return [move for move in moves if move.power]

    def largest(self, move: Move, most: int) -> Move | None:
        """Return the widest move up from where *move* starts that gains, and adds *most* at most.

        None where nothing fits.
        """
        for end in range(move.end, move.start, -1):
            found = self._move(move.lot, move.start, end)
            if 0 < found.power <= most and self._gains(found) and self.fits(found):
                return found
        return None

    def number(self, move: Move) -> int:
        """Return how many members can make a move: those who stand there, and the circuit."""
        lot = self.lots[move.lot]
        ready = lot.counts.get(move.start, 0)
        if move.power > 0 and lot.circuit is not None:
            room = self.circuits.room(lot.circuit)
            if room is not None:
                return min(ready, max(0, room // move.power))
        return ready

    def fits(self, *moves: Move) -> bool:
        """Whether the moves can be made together."""
        done: list[Move] = []
        for move in sorted(moves, key=lambda move: move.power):
            if not self.number(move):
                break
            self.make(move)
            done.append(move)
        for move in done:
            self.make(move, -1)
        return len(done) == len(moves)

    def make(self, move: Move, number: int = 1) -> int:
        """Move so many members; negative takes it back. Returns the power added."""
        lot = self.lots[move.lot]
        lot.move(number, move.start, move.end)
        self.circuits.take(lot.circuit, number * move.power)
        return number * move.power

    def _places(self, number: int) -> Iterator[int]:
        return (place for place, count in self.lots[number].counts.items() if count)

    def _gains(self, move: Move) -> bool:
        worth = self.lots[move.lot].curve.worth
        return worth[move.end] > worth[move.start]

    def _move(self, number: int, start: int, end: int) -> Move:
        lot = self.lots[number]
        curve = lot.curve
        rise = curve.power[end] - curve.power[start]
        if not rise:
            return Move(0.0, number, start, end, 0)
        # Between an endless and no efficiency there is no more to tell.
        efficiency = (curve.worth[end] - curve.worth[start]) / rise / self.average
        weight: float = min(max(efficiency, 0.01), 100.0) ** _EFFICIENCY
        is_start_or_stop = 0 in (curve.options[start], curve.options[end])
        cost = START_COST if is_start_or_stop else max(lot.setpoint_cost, 1e-9)
        score = rise * weight / cost if rise > 0 else -rise / weight / cost
        return Move(score, number, start, end, rise, -lot.priority if rise > 0 else lot.priority)


def _ends(lot: Lot, start: int, *, up: bool) -> Iterator[int]:
    """Yield the positions that are worth going to at once."""
    if up:
        if start < len(lot.curve.power) - 1:
            yield len(lot.curve.power) - 1
        return
    if start > 0:
        yield 0
    if start > 1 and lot.curve.options[0] == 0:
        yield 1
