"""Circuits: how much more may be drawn below each, with everything that feeds it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from minerbridge.fleet.allocate_lots import Lot
from minerbridge.fleet.allocation import Cap
from minerbridge.fleet.hull import nanowatts


class Circuits:
    """What is left under every cap. Negative where what may not go lower overloads it."""

    def __init__(self, caps: Mapping[str, Cap], lots: Iterable[Lot]) -> None:
        self.left = {
            name: nanowatts(cap.max_power_w) - nanowatts(cap.base_w) for name, cap in caps.items()
        }
        self.chains = {name: _chain(name, caps) for name in caps}
        for name, cap in caps.items():
            for above in self.chains[name][1:]:
                self.left[above] -= nanowatts(cap.base_w)
        for lot in lots:
            self.take(lot.circuit, lot.power)

    def room(self, circuit: str | None) -> int | None:
        """Return what may be added on a circuit; None is any amount."""
        if circuit is None:
            return None
        return min([self.left[name] for name in self.chains[circuit]])

    def take(self, circuit: str | None, power: int) -> None:
        for name in self.chains[circuit] if circuit is not None else ():
            self.left[name] -= power

    @property
    def overloaded(self) -> list[str]:
        """The circuits above their cap, those with the most above them first."""
        names = [name for name, left in self.left.items() if left < 0]
        return sorted(names, key=lambda name: (-len(self.chains[name]), name))


def _chain(name: str, caps: Mapping[str, Cap]) -> tuple[str, ...]:
    """Return a circuit and all that feed it; a circle of parents ends where it began."""
    chain: list[str] = []
    at: str | None = name
    while at is not None and at in caps and at not in chain:
        chain.append(at)
        at = caps[at].parent
    return tuple(chain)
