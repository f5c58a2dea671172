"""The vocabulary of the fleet: what is ordered of it, what it answers and how it stands.

Powers are watts; only the wire of the EMS and the fields of seed 001 are kilowatts. `*_s` of a
`Moment` run on the monotonic clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

OrderMode = Literal["target", "limit"]
OrderKind = Literal["activate", "deactivate", "heartbeat"]
Source = Literal["ems", "dashboard", "home_assistant"]
OrderState = Literal[
    "accepted", "started", "achieved", "partial", "expired", "superseded", "aborted"
]
FleetState = Literal["initializing", "standby", "activating", "active", "deactivating", "fault"]
ControlMode = Literal["on_off", "frequency"]
Strategy = Literal["efficiency", "equal", "priority"]


@dataclass(frozen=True, slots=True)
class Moment:
    """Now, on both clocks: everything is timed by *s*; *at* is for people and restarts."""

    s: float
    at: datetime


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """What somebody asks of the fleet. *at*: when it was said; None where the sender is silent.

    *is_retained*: the broker kept it, so nobody knows how old it is.
    """

    kind: OrderKind
    id: str
    power_w: float = 0.0
    mode: OrderMode = "target"
    source: Source = "ems"
    at: datetime | None = None
    valid_for_s: float | None = None
    ramp_s: float | None = None
    is_retained: bool = False


@dataclass(frozen=True, slots=True)
class OrderAnswer:
    """The one answer to an order. *code* None: accepted."""

    id: str
    message: str
    code: str | None = None

    @property
    def accepted(self) -> bool:
        return self.code is None


@dataclass(frozen=True, slots=True)
class ParticipationRequest:
    """Whether a miner takes part in orders from now on."""

    miner_id: str
    enabled: bool
    source: str = "mqtt"
    id: str = ""


@dataclass(frozen=True, slots=True)
class OverrideRequest:
    """A person takes the fleet, or gives it back. *power_w* None is stop all."""

    enabled: bool
    power_w: float | None = None
    source: str = "dashboard"
    id: str = ""


@dataclass(frozen=True, slots=True)
class FleetConfig:
    """What may be changed while running: the five names of seed 001, and the control mode.

    None: as the settings file says. *changed*: which of them a request is about.
    """

    rated_power_kw_override: float | None = None
    power_distribution_strategy: str | None = None
    miner_priority: tuple[str, ...] | None = None
    max_power_change_rate_kw_per_sec: float | None = None
    min_miner_power_percent: float | None = None
    power_control_mode: str | None = None
    changed: frozenset[str] = frozenset()
    source: str = "dashboard"
    id: str = ""


FleetRequest = OrderRequest | OverrideRequest | FleetConfig | ParticipationRequest


@dataclass(frozen=True, slots=True)
class Dispatch:
    """The life of the order that is in force; without one only the powers are filled in.

    *counts*: miners per outcome; *exceptions*: miners that do not do as told, and why.
    """

    id: str | None = None
    mode: OrderMode | None = None
    state: OrderState | None = None
    reason: str | None = None
    target_power_w: float | None = None
    allocated_power_w: float | None = None
    active_power_w: float | None = None
    estimated_power_w: float | None = None
    achievable_power_w: float | None = None
    deviation_w: float | None = None
    compliant: bool | None = None
    in_flight: int = 0
    oldest_reading_s: float | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    exceptions: tuple[Mapping[str, Any], ...] = ()
    since: datetime | None = None
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Capability:
    """What the fleet could do, from now on. Headrooms are what can be added or shed in a time."""

    min_power_w: float = 0.0
    max_power_w: float = 0.0
    smallest_step_w: float | None = None
    up_now_w: float = 0.0
    up_10_s_w: float = 0.0
    up_5_min_w: float = 0.0
    down_now_w: float = 0.0
    down_10_s_w: float = 0.0
    down_5_min_w: float = 0.0


@dataclass(frozen=True, slots=True)
class FleetStatus:
    """How the fleet stands at one moment: what every status topic and answer is made from."""

    at: datetime
    state: FleetState = "initializing"
    is_available: bool = False
    is_running: bool = False
    rated_power_w: float = 0.0
    active_power_w: float | None = None
    target_power_w: float | None = None
    limit_power_w: float | None = None
    allocated_power_w: float | None = None
    hashrate_hs: float | None = None
    total_miners: int = 0
    online_miners: int = 0
    mining_miners: int = 0
    override_active: bool = False
    override_power_w: float | None = None
    last_order_at: datetime | None = None
    errors: tuple[str, ...] = ()
    control_mode: ControlMode = "on_off"
    strategy: Strategy = "efficiency"
    is_failsafe: bool = False
    dispatch: Dispatch = Dispatch()
    capability: Capability = Capability()


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One command to the fleet or a miner, as it was given. *success* None: not known yet."""

    id: str
    at: datetime
    source: str
    command: str
    parameters: Mapping[str, Any]
    success: bool | None
    message: str
    state: str | None = None
