"""A miner's set-points as a curve, and its upper concave hull: watts bought best first."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, pairwise

from minerbridge.fleet.allocation import Choice

#: Powers add up as whole nanowatts: exactly, and in any order.
NANOWATTS = 1_000_000_000
_ENDLESS_W = 1e30
#: Models at the same set-points; what was learned miner by miner is remembered by identity.
_MODELS = 256


@dataclass(frozen=True, slots=True)
class Edge:
    """A step from one position of a curve to a higher one, by the hashrate a nanowatt buys."""

    slope: float
    start: int
    end: int
    power: int


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """The set-points a miner may be placed at, ascending by power. Positions count along it."""

    options: tuple[int, ...]
    power: tuple[int, ...]
    worth: tuple[float, ...]
    edges: tuple[Edge, ...]
    #: Of every choice, its position; if it may not be taken, that of the next lower, else 0.
    positions: tuple[int, ...]
    #: The most that the miner could draw if it were let.
    peak: int
    #: The hull for bisection: slopes, negative so that they ascend, and power bought by corner.
    slopes: tuple[float, ...]
    climb: tuple[int, ...]

    def coarse(self, edges: int) -> tuple[Edge, ...]:
        """Return the hull in about as many edges as told; the first, the start, always stays."""
        if len(self.edges) <= edges:
            return self.edges
        corners = [edge.end for edge in self.edges]
        stride = -(-(len(corners) - 1) // max(1, edges - 1))
        kept = [self.edges[0].start, *corners[:1], *corners[1:][::-1][::stride][::-1]]
        return tuple(edge(self.power, self.worth, start, end) for start, end in pairwise(kept))


def nanowatts(power_w: float) -> int:
    return round(min(power_w, _ENDLESS_W) * NANOWATTS)


def edge(power: tuple[int, ...], worth: tuple[float, ...], start: int, end: int) -> Edge:
    rise = power[end] - power[start]
    return Edge((worth[end] - worth[start]) / rise, start, end, rise)


_by_identity: dict[tuple[int, int, int, float], tuple[tuple[Choice, ...], Curve]] = {}


def curve_of(choices: tuple[Choice, ...], lowest: int, highest: int, min_fraction: float) -> Curve:
    """Return the curve of the choices within a range of indices.

    Remembered by the tuple's identity first: to hash one costs a third of building its curve.
    """
    key = (id(choices), lowest, highest, min_fraction)
    known = _by_identity.get(key)
    if known is not None and known[0] is choices:
        return known[1]
    curve = _curve(choices, lowest, highest, min_fraction)
    _by_identity[key] = (choices, curve)
    return curve


def forget_unused(in_use: int) -> None:
    """Start anew once a quarter of what is remembered is of choices that were since replaced."""
    if len(_by_identity) > 1.25 * in_use + _MODELS:
        _by_identity.clear()


@lru_cache(maxsize=_MODELS)
def _curve(choices: tuple[Choice, ...], lowest: int, highest: int, min_fraction: float) -> Curve:
    lowest = min(max(lowest, 0), len(choices) - 1)
    span = range(lowest, max(lowest, min(highest, len(choices) - 1)) + 1)
    floor_w = min_fraction * max(choice.power_w for choice in choices)
    # Where the range leaves nothing above the floor, the range is stronger.
    found = [i for i in span if i == 0 or choices[i].power_w >= floor_w - 1e-9] or list(span)
    # At one power the better comes first, and the hull knows only that one.
    found.sort(key=lambda i: (choices[i].power_w, -choices[i].hashrate_hs, i))
    power = tuple(nanowatts(choices[i].power_w) for i in found)
    worth = tuple(choices[i].hashrate_hs for i in found)
    edges = _hull(power, worth)
    return Curve(
        options=tuple(found),
        power=power,
        worth=worth,
        edges=edges,
        positions=_positions(found, len(choices)),
        peak=max(1, *(nanowatts(choice.power_w) for choice in choices)),
        slopes=tuple(-edge.slope for edge in edges),
        climb=(0, *accumulate(edge.power for edge in edges)),
    )


def _positions(options: list[int], choices: int) -> tuple[int, ...]:
    place = {option: position for position, option in enumerate(options)}
    positions: list[int] = []
    for index in range(choices):
        positions.append(place.get(index, positions[-1] if positions else 0))
    return tuple(positions)


def _hull(power: tuple[int, ...], worth: tuple[float, ...]) -> tuple[Edge, ...]:
    edges: list[Edge] = []
    for place in range(1, len(power)):
        start = edges[-1].end if edges else 0
        if power[place] == power[start]:
            continue
        found = edge(power, worth, start, place)
        while edges and edges[-1].slope <= found.slope:
            found = edge(power, worth, edges.pop().start, place)
        edges.append(found)
    return tuple(edges)
