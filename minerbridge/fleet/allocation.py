"""What the allocator is asked and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Choice:
    """One set-point of a miner. The hashrate is a relative worth: any unit, one for all."""

    power_w: float
    hashrate_hs: float


@dataclass(frozen=True, slots=True)
class Unit:
    """One miner that may be placed.

    `choices[0]` is off: its standby draw and no hashrate; the rest ascend by power.
    `current` is the index it is at or on its way to. None is unknown: taken for off.
    `allowed` is the inclusive range of indices it may be placed in now; None is all.
    `setpoint_cost` is that of going from one running point to another; START_COST, if it restarts.
    """

    miner_id: str
    choices: tuple[Choice, ...]
    current: int | None = None
    allowed: tuple[int, int] | None = None
    priority: int = 0
    circuit: str | None = None
    setpoint_cost: float = 1.0


@dataclass(frozen=True, slots=True)
class Cap:
    """A circuit: what it may carry, what feeds it, and the load on it that is not placed here."""

    max_power_w: float
    parent: str | None = None
    base_w: float = 0.0


@dataclass(frozen=True, slots=True)
class Ask:
    """What the units together, standby included, shall draw (target) or may draw (limit).

    A target is met within the tolerance and never exceeded by more; a limit is never exceeded.
    A running unit gets at least `min_fraction` of its highest power.
    """

    power_w: float
    tolerance_w: float
    mode: Literal["target", "limit"] = "target"
    strategy: Literal["efficiency", "equal", "priority"] = "efficiency"
    circuits: Mapping[str, Cap] = field(default_factory=dict)
    min_fraction: float = 0.0


@dataclass(frozen=True, slots=True)
class Allocation:
    """The index of every unit's choice, what it adds up to, and who has to move for it."""

    chosen: Mapping[str, int]
    power_w: float
    hashrate_hs: float
    moved: tuple[str, ...]
