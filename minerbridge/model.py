"""The vocabulary: what miners report and are told. Units are suffixes; None is "not reported"."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal

Status = Literal["mining", "starting", "tuning", "sleeping", "stopped", "error", "unknown"]
Outcome = Literal["confirmed", "unconfirmed", "rejected", "superseded", "failed"]
EMPTY: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Board:
    """One hashboard. *slot* is the device's own number; displays count from 1 in slot order."""

    slot: int
    hashrate_hs: float | None = None
    chip_temperature_c: float | None = None
    board_temperature_c: float | None = None
    frequency_mhz: float | None = None
    power_w: float | None = None
    chips: int | None = None
    chips_expected: int | None = None
    status: str | None = None
    serial_number: str | None = None


@dataclass(frozen=True, slots=True)
class Pool:
    """One configured pool; *user* is often a wallet and leaves the bridge only when allowed."""

    slot: int
    url: str | None = None
    user: str | None = None
    status: str | None = None
    is_active: bool | None = None
    accepted: int | None = None
    rejected: int | None = None
    stale: int | None = None
    difficulty: float | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """An error the device itself reports."""

    code: str
    message: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class MinerReading:
    """What one miner said at one moment. Nothing in it is assumed."""

    miner_id: str
    at: datetime
    family: str
    model: str | None = None
    firmware: str | None = None
    mac_address: str | None = None
    serial_number: str | None = None
    hostname: str | None = None
    ip_address: str | None = None
    status: Status = "unknown"
    is_mining: bool | None = None
    hashrate_hs: float | None = None
    hashrate_average_hs: float | None = None
    algorithm: str | None = None
    power_w: float | None = None
    power_estimated_w: float | None = None
    power_limit_w: float | None = None
    power_percent: float | None = None
    power_mode: str | None = None
    energy_kwh: float | None = None
    efficiency_j_per_th: float | None = None
    chip_temperature_c: float | None = None
    board_temperature_c: float | None = None
    ambient_temperature_c: float | None = None
    frequency_mhz: float | None = None
    voltage_v: float | None = None
    fan_speeds_rpm: tuple[int | None, ...] = ()
    boards: tuple[Board, ...] = ()
    pools: tuple[Pool, ...] = ()
    shares_accepted: int | None = None
    shares_rejected: int | None = None
    shares_stale: int | None = None
    reject_rate_percent: float | None = None
    hardware_errors: int | None = None
    uptime_s: float | None = None
    errors: tuple[Fault, ...] = ()
    led_on: bool | None = None
    cpu: Mapping[str, Any] = field(default_factory=dict)
    gpus: tuple[Mapping[str, Any], ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)

    def replace(self, **changes: Any) -> MinerReading:
        return dataclasses.replace(self, **changes)


Kind = Literal["integer", "number", "boolean", "text", "choice"]
Access = Literal["normal", "guarded", "secret"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of a command: what it may be. *unit* is for people."""

    name: str
    kind: Kind
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    choices: tuple[str, ...] = ()
    unit: str = ""
    required: bool = True


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """One command of a family, from which validation, entities and documentation come.

    *access*: "guarded" is off until `commands.allow` names it for the miner; "secret" carries a
    pool address or password and is never taken over MQTT. *topic_key*: commands that undo one
    another share it, so that a newer one supersedes a waiting older one. *is_query*: it only tells
    something and is answered by the device's own reply. *targets*: parameters that say which of
    several things is meant; commands to different ones do not supersede one another.
    *restarts_mining*: the hash stops for a while, as at a start. *works_asleep*: it is taken, and
    kept for the next start, while the miner is stopped or asleep. *same_as*: other commands that do
    the same, or part of it; to allow or deny one of them is to allow or deny this one.
    """

    name: str
    parameters: tuple[Parameter, ...] = ()
    access: Access = "normal"
    topic_key: str = ""
    expected_s: float = 5.0
    summary: str = ""
    is_query: bool = False
    targets: tuple[str, ...] = ()
    restarts_mining: bool = False
    works_asleep: bool = False
    same_as: tuple[str, ...] = ()

    def is_among(self, names: AbstractSet[str]) -> bool:
        """Whether *names*, as the settings list them, mean this command."""
        return any(name in names for name in (self.name, *self.same_as))

    def key(self, parameters: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return what a newer command must share with a waiting one to take its place."""
        return (self.topic_key or self.name, *(parameters.get(name) for name in self.targets))


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """A set-point a running miner can be driven to, with what it then draws and hashes.

    *command* and *parameters* take a miner there; empty where running is all there is to set.
    *power_percent*, *frequency_mhz* and *power_limit_w* tell by a reading that it is there.
    """

    power_w: float
    hashrate_hs: float | None = None
    frequency_mhz: float | None = None
    voltage_v: float | None = None
    power_percent: float | None = None
    power_limit_w: float | None = None
    command: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Identity:
    """What tells one device from another: MAC, else serial number. None is "cannot be asked"."""

    mac_address: str | None = None
    serial_number: str | None = None

    def is_same_as(self, other: Identity) -> bool:
        """Whether these are certainly one device."""
        if self.mac_address and other.mac_address:
            return self.mac_address == other.mac_address
        return bool(self.serial_number) and self.serial_number == other.serial_number

    def differs_from(self, other: Identity) -> bool:
        """Whether these are certainly two devices; what one side does not know proves nothing."""
        if self.mac_address and other.mac_address:
            return self.mac_address != other.mac_address
        if self.serial_number and other.serial_number:
            return self.serial_number != other.serial_number
        return False


@dataclass(frozen=True, slots=True)
class MinerProfile:
    """Who a miner is and what it can do. Persisted; abilities only grow."""

    miner_id: str
    family: str
    evidence: str = ""
    manufacturer: str | None = None
    model: str | None = None
    firmware: str | None = None
    mac_address: str | None = None
    serial_number: str | None = None
    hostname: str | None = None
    ip_address: str | None = None
    algorithm: str | None = None
    commands: Mapping[str, CommandSpec] = field(default_factory=dict)
    reports: frozenset[str] = frozenset()
    board_slots: tuple[int, ...] = ()
    board_reports: frozenset[str] = frozenset()
    fan_count: int = 0
    rated_power_w: float | None = None
    #: What it draws when stopped or asleep.
    standby_power_w: float | None = None
    operating_points: tuple[OperatingPoint, ...] = ()

    @property
    def identity(self) -> Identity:
        return Identity(self.mac_address, self.serial_number)

    def replace(self, **changes: Any) -> MinerProfile:
        return dataclasses.replace(self, **changes)


@dataclass(frozen=True, slots=True)
class MinerCommand:
    """One order to one miner. *key* is what results are filed under (an entity key or the name).

    *is_urgent*: it goes before all reading, and cuts a read that is under way.
    """

    miner_id: str
    name: str
    id: str
    key: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    value: Any = None
    source: str = "mqtt"
    answer_to: Any = None
    is_urgent: bool = False

    @property
    def enabled(self) -> bool:
        return bool(self.parameters.get("enabled"))


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The one answer every command gets."""

    id: str
    miner_id: str
    key: str
    value: Any
    status: Outcome
    code: str | None
    message: str
    at: datetime
    duration_s: float
    answer_to: Any = None


@dataclass(frozen=True, slots=True)
class Confirmation:
    """How an executed command shows in readings.

    *seen* None: it cannot be read back. *message* describes what is waited for, as in
    "the miner is asleep". The worker reads at *interval_s* until *within_s* have passed.
    """

    seen: Callable[[MinerReading], bool] | None
    within_s: float
    message: str
    interval_s: float = 1.0
