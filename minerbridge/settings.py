"""What an operator can set: every key, its default, its range."""

from __future__ import annotations

from ipaddress import IPv4Network, ip_network
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from minerbridge.settings_fleet import Ems, Fleet, Meter
from minerbridge.settings_sources import CredentialFiles, SeedVariables
from minerbridge.settings_types import (
    BaseTopic,
    Family,
    FilePath,
    Host,
    MinerId,
    MonitorUrl,
    Namespace,
    Percent,
    PollSeconds,
    Port,
    Seconds,
    Section,
    Topic,
    Watts,
    not_a_flag,
)

MAX_SCAN_ADDRESSES = 4096
RESERVED_IDS = ("fleet", "bridge")


class Tls(Section):
    ca: FilePath | None = None
    certificate: FilePath | None = None
    key: FilePath | None = None
    insecure: bool = False

    @model_validator(mode="after")
    def _pair(self) -> Tls:
        if self.key is not None and self.certificate is None:
            raise ValueError("a key needs its certificate")
        return self


class Mqtt(Section):
    host: Host = "localhost"
    port: Port = 1883
    protocol: Literal["auto", "5", "3.1.1"] = "auto"
    client_id: str | None = None
    username: str | None = None
    password: SecretStr | None = None
    keepalive_s: Annotated[int, Field(ge=5, le=3600)] = 30
    tls: Tls | None = None
    base_topic: BaseTopic = "minerbridge"
    discovery_prefix: BaseTopic = "homeassistant"
    birth_topic: Topic = "homeassistant/status"
    discovery: bool = True
    max_message_bytes: Annotated[int, Field(ge=1024, le=65_536)] = 65_536

    @field_validator("protocol", mode="before")
    @classmethod
    def _unquoted_five(cls, value: Any) -> Any:
        return "5" if value == 5 else value


class Credential(Section):
    username: str | None = None
    password: SecretStr | None = None


class Ports(Section):
    rpc: Port | None = None
    http: Port | None = None
    v3: Port | None = None


class CurvePoint(Section):
    frequency_mhz: float | None = None
    power_w: Watts
    hashrate_ths: float | None = None
    voltage_v: float | None = None


class Limits(Section):
    min_power_w: Watts | None = None
    max_power_w: Watts | None = None
    min_percent: Percent = 50
    max_percent: Percent = 100
    max_chip_temperature_c: Annotated[float, Field(ge=20, le=150)] | None = None

    @model_validator(mode="after")
    def _order(self) -> Limits:
        low, high = self.min_power_w, self.max_power_w
        if low is not None and high is not None and low > high:
            raise ValueError("min_power_w is above max_power_w")
        if self.min_percent > self.max_percent:
            raise ValueError("min_percent is above max_percent")
        return self


class Commands(Section):
    allow: frozenset[str] = frozenset()
    deny: frozenset[str] = frozenset()


class Miner(Section):
    id: MinerId
    host: Host
    family: Family = "auto"
    name: str | None = None
    username: str | None = None
    password: SecretStr | None = None
    ports: Ports = Ports()
    api: Literal["auto", "v2", "v3"] = "auto"
    encrypted_reads: bool = False
    namespace: Namespace | None = None
    poll_interval_s: PollSeconds | None = None
    rated_power_w: Watts | None = None
    power_topic: Meter | None = None
    curve: tuple[CurvePoint, ...] | None = None
    limits: Limits = Limits()
    priority: int = 0
    circuit: str | None = None
    dispatch: bool = True
    read_only: bool = False
    commands: Commands = Commands()
    algorithm: str | None = None

    @field_validator("id")
    @classmethod
    def _not_ours(cls, value: str) -> str:
        if value in RESERVED_IDS:
            raise ValueError("fleet and bridge are devices of the bridge itself")
        return value


class PoolEntry(Section):
    url: Annotated[str, Field(min_length=1, max_length=255)]
    user: str
    password: SecretStr = SecretStr("x")


class Discovery(Section):
    enabled: bool = False
    networks: tuple[IPv4Network, ...] = ()
    interval_s: Annotated[float, Field(ge=60)] = 1800

    @field_validator("networks", mode="before")
    @classmethod
    def _networks(cls, value: Any) -> Any:
        if not isinstance(value, list | tuple):
            raise ValueError("expected a list such as [192.168.1.0/24]")
        networks = tuple(ip_network(str(one), strict=False) for one in value)
        if sum(network.num_addresses for network in networks) > MAX_SCAN_ADDRESSES:
            raise ValueError(f"together more than {MAX_SCAN_ADDRESSES} addresses")
        return networks


class History(Section):
    snapshot_interval_s: Seconds = 60
    snapshot_retention_h: Annotated[float, Field(gt=0)] = 24
    command_retention_d: Annotated[float, Field(gt=0)] = 90


class Files(Section):
    state: FilePath | None = None
    firmware: FilePath | None = None
    logs: FilePath | None = None


class RigMiner(Section):
    api_code: SecretStr
    coin_name: str | None = None
    wan_ip: str | None = None
    power_w: Watts | None = None
    fan_speed_rpm: Annotated[float, Field(ge=0, le=100_000)] | None = None
    software_version: str | None = None
    motherboard_name: str | None = None
    cpu_name: str | None = None
    ram_size: str | None = None
    gpu_coin_name_1: str | None = None
    gpu_coin_name_2: str | None = None


class RigMonitor(Section):
    url: MonitorUrl | None = None
    report_interval_s: Seconds = 30
    status_interval_s: Seconds = 5
    apply_expected_status: bool = False
    miners: dict[str, RigMiner] = Field(default_factory=dict)


class Log(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"


class Settings(BaseSettings):
    """All settings. Rank: environment, credential files, the variables of seed 001, the file."""

    model_config = SettingsConfigDict(
        env_prefix="MINERBRIDGE_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        env_ignore_empty=True,
    )

    site: MinerId | None = None
    mqtt: Mqtt = Mqtt()
    poll_interval_s: PollSeconds = 10
    offline_after_s: Seconds = 30
    read_only: bool = False
    publish_pool_users: bool = False
    credentials: dict[Family, Credential] = {}
    miners: tuple[Miner, ...] = ()
    pool_profiles: dict[str, tuple[PoolEntry, ...]] = {}
    discovery: Discovery = Discovery()
    fleet: Fleet = Fleet()
    ems: Ems = Ems()
    history: History = History()
    files: Files = Files()
    rig_monitor: RigMonitor = RigMonitor()
    log: Log = Log()

    @field_validator("*", mode="before")
    @classmethod
    def _no_flag(cls, value: Any, info: ValidationInfo) -> Any:
        return not_a_flag(value, cls.model_fields[str(info.field_name)].annotation)

    @field_validator("pool_profiles")
    @classmethod
    def _not_empty(cls, value: dict[str, tuple[PoolEntry, ...]]) -> dict[str, Any]:
        for name, pools in value.items():
            if not pools:
                raise ValueError(f"{name}: expected at least one pool")
        return value

    @model_validator(mode="after")
    def _whole(self) -> Settings:
        seen: set[str] = set()
        circuits = self.fleet.circuits
        for miner in self.miners:
            if miner.id in seen:
                raise ValueError(f"miners: the id {miner.id!r} is used twice")
            if self.site is not None and miner.id in {f"{self.site}_{own}" for own in RESERVED_IDS}:
                raise ValueError(f"miners: {miner.id!r} is a device of the bridge itself")
            seen.add(miner.id)
            if miner.circuit is not None and miner.circuit not in circuits:
                raise ValueError(f"miners: {miner.id}: no circuit {miner.circuit!r} in the fleet's")
        for name, circuit in circuits.items():
            if circuit.parent is not None and circuit.parent not in circuits:
                raise ValueError(f"fleet.circuits: {name}: no circuit {circuit.parent!r}")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  the signature is theirs
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  the signature is theirs
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment outrank the file, which comes in as arguments."""
        return (
            env_settings,
            CredentialFiles(settings_cls, init_settings),
            SeedVariables(settings_cls),
            init_settings,
        )
