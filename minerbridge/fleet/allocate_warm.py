"""Following a moving target from where the fleet stands, with few moves."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from minerbridge.fleet.allocate_caps import Circuits
from minerbridge.fleet.allocate_cold import BAND, Goal, goal_of
from minerbridge.fleet.allocate_lots import Lot
from minerbridge.fleet.allocate_moves import Move, Moves
from minerbridge.fleet.allocation import Ask
from minerbridge.fleet.hull import nanowatts

#: So many kinds of miners, in order of rank, are searched for the move that lands in the window.
_FINISHING = 24


class Follower:
    """One correction of a fleet that stands somewhere."""

    def __init__(self, lots: Sequence[Lot], ask: Ask) -> None:
        for lot in lots:
            lot.stay()
        self._lots = lots
        self._goal: Goal = goal_of(ask)
        self._tolerance = nanowatts(ask.tolerance_w)
        self._circuits = Circuits(ask.circuits, lots)
        self._drawn = sum(lot.power for lot in lots)
        top_power = sum(lot.curve.power[-1] * len(lot.members) for lot in lots)
        top_worth = sum(lot.curve.worth[-1] * len(lot.members) for lot in lots)
        average = top_worth / top_power if top_power > 0 and top_worth > 0 else 1.0
        self._is_equal = ask.strategy == "equal"
        self._stuck = 0
        self._moves = Moves(lots, self._circuits, average)

    def follow(self) -> bool:
        """Move what has to move. False when the window was missed: place from scratch."""
        self._relieve()
        # What is above its cap now is as low as it may go: no reason to place anew.
        self._stuck = len(self._circuits.overloaded)
        if self._is_equal:
            # A few wide moves would make the shares uneven: stay, or place anew.
            return self._is_met() and not (self._goal.is_limit and self._high < 0)
        return self._limit() if self._goal.is_limit else self._target()

    @property
    def _high(self) -> int:
        """What may be added before the target; negative is what must go."""
        return self._goal.power - self._drawn

    def _is_met(self) -> bool:
        return -self._tolerance <= self._high <= self._tolerance and self._caps_hold()

    def _caps_hold(self) -> bool:
        return len(self._circuits.overloaded) <= self._stuck

    def _target(self) -> bool:
        if self._is_met():
            return True
        rest = self._bulk(range(len(self._lots)), self._high)
        # Half of the tolerance below the target leaves room for the next change either way.
        width = self._tolerance // 2 or round(self._goal.power * BAND)
        spots = self._spots(rest)
        for low, high in ((-width, 0), (-self._tolerance, self._tolerance)):
            if self._is_met() or self._finish(spots, low + self._high, high + self._high):
                break
        return self._is_met()

    def _limit(self) -> bool:
        """Stay below; rise only when that gains more than the tolerance."""
        if self._high < 0:
            rest = self._bulk(range(len(self._lots)), self._high)
            low = self._high - self._tolerance
            if self._high < 0 and not self._finish(self._spots(rest), low, self._high):
                self._overshoot(range(len(self._lots)), self._high)
        if self._high > self._tolerance:
            self._rise()
        return self._high >= 0 and self._caps_hold()

    def _rise(self) -> None:
        """Use what is free below a limit; take it back if it comes to less than the tolerance."""
        made: list[tuple[Move, int]] = []
        before = self._drawn
        while self._high > self._tolerance:
            wave = list(self._rises())
            if not wave:
                break
            made += wave
        if self._drawn - before <= self._tolerance:
            for move, number in reversed(made):
                self._make(move, -number)

    def _rises(self) -> Sequence[tuple[Move, int]]:
        made: list[tuple[Move, int]] = []
        for widest in self._moves.extremes(range(len(self._lots)), up=True):
            if self._high <= self._tolerance:
                break
            move = self._moves.largest(widest, self._high)
            if move is not None:
                number = min(self._moves.number(move), self._high // move.power)
                self._make(move, number)
                made.append((move, number))
        return made

    def _relieve(self) -> None:
        """Bring every overloaded circuit under its cap, by moves below it."""
        for name in self._circuits.overloaded:
            chains = self._circuits.chains
            below = [
                number
                for number, lot in enumerate(self._lots)
                if lot.circuit is not None and name in chains[lot.circuit]
            ]
            if self._circuits.left[name] < 0:
                self._bulk(below, self._circuits.left[name])
            if self._circuits.left[name] < 0:
                self._overshoot(below, self._circuits.left[name])

    def _bulk(self, numbers: Sequence[int] | range, need: int) -> list[Move]:
        """Take the widest moves, best first, while they fit in *need*. Returns those not used up.

        Ends at the first that only a part of its miners makes: the rest is less than one move.
        """
        extremes = self._moves.extremes(numbers, up=need > 0)
        for at, move in enumerate(extremes):
            fitting = need // move.power
            number = min(self._moves.number(move), fitting)
            if number:
                need -= self._make(move, number)
            if number == fitting:
                return extremes[at:]
        return []

    def _overshoot(self, numbers: Sequence[int] | range, need: int) -> None:
        """Free at least as much as needed: the least that one move can, else all that can go."""
        while need < 0:
            spots = [(number, place) for number in numbers for place in self._lots[number].counts]
            enough = [move for move in self._moves.every(spots) if move.power <= need]
            if enough:
                self._make(max(enough, key=lambda move: (move.power, move.score, -move.lot)))
                return
            # Who was lowered to running may have to stop in the next round.
            widest = self._moves.extremes(numbers, up=False)
            freed = sum(
                self._make(move, min(self._moves.number(move), -(-need // move.power)))
                for move in widest[:1]
            )
            if not freed:
                return
            need -= freed

    def _make(self, move: Move, number: int = 1) -> int:
        added = self._moves.make(move, number)
        self._drawn += added
        return added

    def _spots(self, rest: Sequence[Move]) -> list[tuple[int, int]]:
        """Return where those stand who may make the last move, the best to move first."""
        places = dict.fromkeys((move.lot, move.start) for move in rest)
        if len(places) < _FINISHING:
            for number, lot in enumerate(self._lots[:_FINISHING]):
                places.update(((number, place), None) for place in lot.counts)
        return list(places)[:_FINISHING]

    def _finish(self, spots: Sequence[tuple[int, int]], low: int, high: int) -> bool:
        """Make the best single move, else the best pair, that adds between *low* and *high*."""
        moves = self._moves.every(spots)
        single = [move for move in moves if low <= move.power <= high and self._moves.fits(move)]
        if single:
            self._make(min(single, key=lambda move: move.rank))
            return True
        moves.sort(key=lambda move: (move.power, move.rank))
        powers = [move.power for move in moves]
        best: tuple[float, Move, Move] | None = None
        for first in moves:
            start = bisect_left(powers, low - first.power)
            end = bisect_right(powers, high - first.power)
            for second in moves[start : min(end, start + 8)]:
                price = 1 / max(first.score, 1e-9) + 1 / max(second.score, 1e-9)
                if (best is None or price < best[0]) and self._moves.fits(first, second):
                    best = (price, first, second)
        if best is None:
            return False
        for move in best[1:]:
            self._make(move)
        return True
