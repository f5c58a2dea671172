"""Choosing changes that add up to a window: a multiple-choice subset sum in two halves.

Each half keeps its least costly sums; joined, a few hundred sums a half give tens of thousands.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import inf
from typing import Any

#: What changes: nested pairs of (place, option) and None, as deep as there were candidates.
Picks = Any
#: A change of power, its cost, and what it is made of.
Change = tuple[int, float, Picks]
#: Of every sum, the least cost and what it is made of.
Sums = dict[int, tuple[float, Picks]]
NOTHING: Sums = {0: (0.0, None)}


@dataclass(frozen=True, slots=True)
class Window:
    """Where the sum should fall (None: no lower end), and what it may never exceed."""

    low: int | None
    high: int
    most: int

    def error(self, total: int) -> int:
        """Return how far a sum is outside."""
        if total > self.high:
            return total - self.high
        return max(0, self.low - total) if self.low is not None else 0


@dataclass(frozen=True, slots=True)
class Best:
    """The best sum: how far outside the window it is, what it costs, what it is made of."""

    error: int
    cost: float
    total: int
    picks: Picks

    @property
    def rank(self) -> tuple[int, float]:
        return self.error, self.cost


def extended(sums: Sums, changes: Sequence[Change], worst: float = inf) -> Sums:
    """Return the sums with and without one more candidate, who makes one change at most.

    None that costs *worst* or more is added.
    """
    found = dict(sums)
    for total, (cost, picks) in sums.items():
        for change, price, pick in changes:
            paid = cost + price
            if paid >= worst:
                break  # changes come cheapest first
            key = total + change
            known = found.get(key)
            if known is None or paid < known[0]:
                found[key] = (paid, (picks, pick))
    return found


def trimmed(sums: Sums, beam: int, reach: int) -> Sums:
    """Return at most *beam* sums: the least costly, and the least costly of every distance.

    Cheap sums alone crowd around zero; distances go up to *reach* on either side.
    """
    if len(sums) <= beam:
        return sums
    least = sorted(sums.items(), key=lambda item: (item[1][0], item[0]))
    kept = dict(least[: beam // 2])
    width = max(1, 4 * reach // beam)
    distances: set[int] = set()
    for total, found in least:
        distance = total // width
        if -reach <= total <= reach and distance not in distances:
            distances.add(distance)
            kept[total] = found
    return kept


def joined(left: Sums, right: Sums, window: Window, slope: float) -> Best | None:
    """Return the best sum of one from each half: nearest to the window, then of least cost.

    The cost of a sum is that of its parts plus *slope* for each unit of power below `high`.
    """
    if len(left) > len(right):
        left, right = right, left
    totals = sorted(right)
    costs = [right[total][0] - slope * total for total in totals]
    cheapest = _cheapest_so_far(costs) if window.low is None else []
    best: Best | None = None
    for total, (cost, picks) in left.items():
        spent = cost + slope * (window.high - total)
        end = bisect_right(totals, window.high - total)
        start = 0 if window.low is None else bisect_left(totals, window.low - total)
        if start < end:
            near = [cheapest[end - 1] if cheapest else _cheapest(costs, start, end)]
        else:
            near = [at for at in (start - 1, end) if 0 <= at < len(totals)]
        for at in near:
            there = total + totals[at]
            found = (window.error(there), spent + costs[at])
            if there <= window.most and (best is None or found < best.rank):
                best = Best(*found, there, (picks, right[totals[at]][1]))
    return best


def _cheapest(costs: list[float], start: int, end: int) -> int:
    part = costs[start:end]
    return start + part.index(min(part))


def _cheapest_so_far(costs: list[float]) -> list[int]:
    """Return, for every place, that of the least cost up to it."""

    def cheaper(one: int, other: int) -> int:
        return one if costs[one] <= costs[other] else other

    return list(accumulate(range(len(costs)), cheaper))


def flattened(picks: Picks) -> list[tuple[int, int]]:
    """Return the picks of a sum: (place, option) of every change."""
    found: list[tuple[int, int]] = []
    waiting = [picks]
    while waiting:
        pick = waiting.pop()
        if pick is None:
            continue
        if isinstance(pick[0], int):
            found.append(pick)
        else:
            waiting += pick
    return found
