"""What the settings say about a miner of the fleet, and what was learned of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

#: How far a learned factor may lead away from what the set-point's own figure says.
LEAST_FACTOR, MOST_FACTOR = 0.5, 1.5
#: How much of a new finding is taken over at once.
GAIN = 0.7


@dataclass(frozen=True, slots=True)
class Member:
    """One miner as the operator wants it dispatched."""

    miner_id: str
    dispatch: bool = True
    is_read_only: bool = False
    priority: int = 0
    circuit: str | None = None
    rated_power_w: float | None = None
    min_power_w: float | None = None
    max_power_w: float | None = None
    max_chip_temperature_c: float | None = None
    denied: frozenset[str] = frozenset()
    #: A reading older than this says nothing about now.
    stale_after_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Learned:
    """What a miner was measured to draw. *factor*: measured power over that of the set-point."""

    factor: float | None = None
    full_power_w: float | None = None
    full_hashrate_hs: float | None = None
    standby_power_w: float | None = None

    def with_factor(self, seen: float) -> Learned:
        """Return this with one more finding of the factor."""
        seen = min(MOST_FACTOR, max(LEAST_FACTOR, seen))
        factor = seen if self.factor is None else self.factor + GAIN * (seen - self.factor)
        return replace(self, factor=factor)
