"""On what terms the fleet is steered: the settings, and what was changed while running."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from minerbridge.fleet.member import Member
from minerbridge.fleet.participant import Participant
from minerbridge.model_fleet import ControlMode, FleetConfig, Moment, Strategy
from minerbridge.settings_fleet import Circuit, Fleet

#: A command is given this much longer than its family says it takes, and at least so long.
PATIENCE, LEAST_PATIENCE_S = 1.1, 20.0
_STRATEGIES: Mapping[str, Strategy] = {
    "efficiency": "efficiency", "equal": "equal", "even": "equal", "priority": "priority",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Terms:
    """The settings of the fleet as they hold now. Powers in W."""

    control_mode: ControlMode = "on_off"
    strategy: Strategy = "efficiency"
    tolerance_percent: float = 2.0
    min_fraction: float = 0.0
    max_rate_w_per_s: float = 50_000.0
    rated_override_w: float | None = None
    priorities: Mapping[str, int] = field(default_factory=dict)
    circuits: Mapping[str, Circuit] = field(default_factory=dict)
    wave_miners: int = 20
    wave_percent: float = 10.0
    wave_interval_s: float = 15.0
    min_on_s: float = 0.0
    min_off_s: float = 300.0
    offline_grace_s: float = 300.0
    confirm_within_s: float | None = None
    quarantine_after: int = 2

    def tolerance_w(self, power_w: float) -> float:
        return self.tolerance_percent / 100 * power_w

    def priority(self, member: Member) -> int:
        """Return the rank of *member*: a list given while running outranks the settings."""
        return self.priorities.get(member.miner_id, member.priority)

    def off_wait_s(self, one: Participant, now: Moment) -> float:
        """Return how long a miner that is off must stay so."""
        if one.off_s is None:
            return 0.0
        return max(0.0, one.off_s + self.min_off_s - now.s)

    def patience_s(self, expected_s: float) -> float:
        """Return how long a command has to show."""
        if self.confirm_within_s is not None:
            return self.confirm_within_s
        return max(LEAST_PATIENCE_S, PATIENCE * expected_s)

    def wave_size(self, miners: int) -> int:
        return max(self.wave_miners, round(self.wave_percent / 100 * miners))


def terms_of(fleet: Fleet, config: FleetConfig) -> Terms:
    """Return the terms of *fleet* with what *config* changes of them."""
    strategy = config.power_distribution_strategy or fleet.power_distribution_strategy
    mode = config.power_control_mode or fleet.power_control_mode
    rated_kw = config.rated_power_kw_override
    if rated_kw is None:
        rated_kw = fleet.rated_power_kw_override
    rate_kw = config.max_power_change_rate_kw_per_sec
    least = config.min_miner_power_percent
    order = config.miner_priority or ()
    return Terms(
        control_mode="frequency" if mode == "frequency" else "on_off",
        strategy=_STRATEGIES[strategy],
        tolerance_percent=fleet.tolerance_percent,
        min_fraction=(fleet.min_miner_power_percent if least is None else least) / 100,
        max_rate_w_per_s=1000 * (rate_kw or fleet.max_power_change_rate_kw_per_sec),
        rated_override_w=None if rated_kw is None else 1000 * rated_kw,
        priorities={name: len(order) - place + 1_000_000 for place, name in enumerate(order)},
        circuits=fleet.circuits,
        wave_miners=fleet.wave_miners,
        wave_percent=fleet.wave_percent,
        wave_interval_s=fleet.wave_interval_s,
        min_on_s=fleet.min_on_s,
        min_off_s=fleet.min_off_s,
        offline_grace_s=fleet.offline_grace_s,
        confirm_within_s=fleet.confirm_within_s,
        quarantine_after=fleet.quarantine_after,
    )
