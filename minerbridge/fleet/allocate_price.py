"""Jumping near the break of a fleet of many kinds: the price at which its miners buy the power."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from math import inf

from minerbridge.fleet.allocate_fill import Step
from minerbridge.fleet.allocate_lots import Lot

#: So many miners' slopes are the prices tried; so many of those are kept.
_SAMPLE, _PRICES = 128, 256


def climb(lots: Sequence[Lot], left: int, *, only_gains: bool) -> tuple[int, list[Step]]:
    """Place every lot where its hull is as steep as a price that leaves a little of *left*.

    Returns what is left, and the steps around the price: those just taken and those to take.
    """
    rows = [(len(lot.members), lot.curve.slopes, lot.curve.climb) for lot in lots]
    stride = max(1, len(lots) // _SAMPLE)
    slopes = sorted(
        slope for _, slopes, _ in rows[::stride] for slope in slopes if slope < 0 or not only_gains
    )
    prices = slopes[:: max(1, len(slopes) // _PRICES)]

    def bought(price: float) -> int:
        return sum([count * climb[bisect_right(slopes, price)] for count, slopes, climb in rows])

    at = bisect_left(prices, left, key=bought)
    # One price further down, so that steps on both sides of the break are at hand.
    price, shown = (prices[at - 1] if at else -inf), (prices[at - 2] if at > 1 else -inf)
    until = prices[at + 1] if at + 1 < len(prices) else inf
    steps: list[Step] = []
    for number, lot in enumerate(lots):
        slopes_of, edges = lot.curve.slopes, lot.curve.edges
        corner = bisect_right(slopes_of, price)
        if corner:
            lot.counts = {edges[corner - 1].end: len(lot.members)}
        for index in range(bisect_right(slopes_of, shown), bisect_right(slopes_of, until)):
            edge = edges[index]
            if edge.slope > 0 or not only_gains:
                steps.append((-edge.slope, number, edge.start, edge.end, edge.power))
    steps.sort()
    return left - (bought(price) if at else 0), steps
