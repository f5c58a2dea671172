"""What an operator can set: every key, its default, its range."""

from __future__ import annotations

from ipaddress import IPv4Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from minerbridge.settings_sources import CredentialFiles, SeedVariables

Family = Literal[
    "auto", "cgminer", "antminer", "vnish", "whatsminer", "iceriver", "mining_platform"
]
Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=86_400 * 365)]
Percent = Annotated[float, Field(ge=0, le=100)]
Watts = Annotated[float, Field(ge=0, le=10_000_000)]
Kilowatts = Annotated[float, Field(ge=0, le=1_000_000)]
MinerId = Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,64}$")]
Topic = Annotated[str, Field(pattern=r"^[^+#\x00]{1,200}$")]
MAX_SCAN_ADDRESSES = 4096
RESERVED_IDS = ("fleet", "bridge")


class Section(BaseModel):
    """A part of the settings; a misspelt key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Tls(Section):
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    insecure: bool = False


class Mqtt(Section):
    host: str = "localhost"
    port: Port = 1883
    protocol: Literal["auto", "5", "3.1.1"] = "auto"
    client_id: str | None = None
    username: str | None = None
    password: SecretStr | None = None
    keepalive_s: Annotated[int, Field(ge=5, le=3600)] = 30
    tls: Tls | None = None
    base_topic: Topic = "minerbridge"
    discovery_prefix: Topic = "homeassistant"
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


class Meter(Section):
    """A measured power on a topic: a smart plug of a miner, or the meter of the site."""

    topic: Topic
    value_path: str | None = None
    unit: Literal["W", "kW"] = "W"
    max_age_s: Seconds = 30


class FleetMeter(Meter):
    scope: Literal["miners", "site"] = "miners"
    base_load_w: Watts = 0


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


class Commands(Section):
    allow: frozenset[str] = frozenset()
    deny: frozenset[str] = frozenset()


class Miner(Section):
    id: MinerId
    host: Annotated[str, Field(min_length=1, max_length=253)]
    family: Family = "auto"
    name: str | None = None
    username: str | None = None
    password: SecretStr | None = None
    ports: Ports = Ports()
    api: Literal["auto", "v2", "v3"] = "auto"
    encrypted_reads: bool = False
    poll_interval_s: Annotated[float, Field(ge=0.5, le=3600)] | None = None
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


class Circuit(Section):
    max_power_w: Watts
    parent: str | None = None


class Fleet(Section):
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
    circuits: dict[str, Circuit] = {}


class Ems(Section):
    max_age_s: Seconds = 30
    heartbeat_timeout_s: Seconds | None = None
    status_interval_s: Seconds = 5
    max_requests_per_s: Annotated[float, Field(gt=0)] = 20


class History(Section):
    snapshot_interval_s: Seconds = 60
    snapshot_retention_h: Annotated[float, Field(gt=0)] = 24
    command_retention_d: Annotated[float, Field(gt=0)] = 90


class Files(Section):
    state: Path | None = None
    firmware: Path | None = None
    logs: Path | None = None


class RigMiner(Section):
    api_code: SecretStr
    coin_name: str | None = None
    wan_ip: str | None = None
    power_w: Watts | None = None
    motherboard_name: str | None = None
    cpu_name: str | None = None
    ram_size: str | None = None


class RigMonitor(Section):
    url: str | None = None
    report_interval_s: Seconds = 30
    status_interval_s: Seconds = 5
    apply_expected_status: bool = False
    miners: dict[str, RigMiner] = {}


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
    )

    site: MinerId | None = None
    mqtt: Mqtt = Mqtt()
    poll_interval_s: Annotated[float, Field(ge=0.5, le=3600)] = 10
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

    @model_validator(mode="after")
    def _whole(self) -> Settings:
        seen: set[str] = set()
        for miner in self.miners:
            if miner.id in seen:
                raise ValueError(f"miners: the id {miner.id!r} is used twice")
            seen.add(miner.id)
            if miner.circuit is not None and miner.circuit not in self.fleet.circuits:
                raise ValueError(
                    f"miners: {miner.id}: no circuit {miner.circuit!r} in fleet.circuits"
                )
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
