"""What an operator can set about the fleet and about power measured by others."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from minerbridge.settings_types import Kilowatts, Percent, Seconds, Section, Topic, Watts


class Meter(Section):
    """A measured power on a topic: a smart plug of a miner, or the meter of the site."""

    topic: Topic
    value_path: str | None = None
    unit: Literal["W", "kW"] = "W"
    max_age_s: Seconds = 30


class FleetMeter(Meter):
    """The meter of the fleet; *base_load_w* is what else it measures."""

    scope: Literal["miners", "site"] = "miners"
    base_load_w: Watts = 0


class Circuit(Section):
    """A cable or breaker whose power has a limit."""

    max_power_w: Watts
    parent: str | None = None


class Fleet(Section):
    """How the miners together follow orders."""

    enabled: bool = True
    power_control_mode: Literal["on_off", "frequency"] = "on_off"
    power_distribution_strategy: Literal["efficiency", "equal", "even", "priority"] = "efficiency"
    rated_power_kw_override: Kilowatts | None = None
    max_power_change_rate_kw_per_sec: Annotated[float, Field(gt=0)] = 50
    min_miner_power_percent: Percent = 0
    tolerance_percent: Annotated[float, Field(gt=0, le=50)] = 2
    wave_miners: Annotated[int, Field(ge=1)] = 20
    wave_percent: Percent = 10
    wave_interval_s: Annotated[float, Field(ge=0)] = 15
    min_on_s: Annotated[float, Field(ge=0)] = 0
    min_off_s: Annotated[float, Field(ge=0)] = 300
    offline_grace_s: Annotated[float, Field(ge=0)] = 300
    confirm_within_s: Seconds | None = None
    quarantine_after: Annotated[int, Field(ge=1)] = 2
    broker_loss_hold_s: Annotated[float, Field(ge=0)] = 120
    failsafe_power_kw: Kilowatts | None = None
    after_expiry: Literal["hold", "release"] | Kilowatts = "hold"
    meter: FleetMeter | None = None
    circuits: dict[str, Circuit] = Field(default_factory=dict)


class Ems(Section):
    """What is expected of the energy management system."""

    max_age_s: Seconds = 30
    heartbeat_timeout_s: Seconds | None = None
    status_interval_s: Seconds = 5
    max_requests_per_s: Annotated[float, Field(gt=0)] = 20
