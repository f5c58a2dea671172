"""From the settings to what each worker and driver is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from pydantic import SecretStr, ValidationError

from minerbridge.miners.driver import PoolLogin, Target
from minerbridge.miners.permission import Policy
from minerbridge.miners.plan import Plan
from minerbridge.miners.rush import Rush
from minerbridge.mqtt.meters import Meter
from minerbridge.settings import Miner, Ports, Settings
from minerbridge.state import FoundMiner, MinerState, Store

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class MinerSpec:
    """All that decides how one miner is run: when it differs, its thread is replaced."""

    miner: Miner
    host: str
    username: str | None
    password: str | None = field(repr=False)
    poll_interval_s: float
    offline_after_s: float
    read_only: bool
    pool_profiles: tuple[tuple[str, tuple[PoolLogin, ...]], ...] = field(repr=False)
    firmware_dir: str | None = None
    logs_dir: str | None = None
    #: The fleet may command it at any moment: what can be had ready is had ready.
    is_dispatched: bool = False

    def target(self) -> Target:
        miner = self.miner
        ports = {name: port for name, port in miner.ports.model_dump().items() if port is not None}
        return Target(
            miner_id=miner.id,
            host=self.host,
            username=self.username,
            password=self.password,
            ports=ports,
            algorithm=miner.algorithm,
            pool_profiles=dict(self.pool_profiles),
            options={
                "api": miner.api,
                "encrypted_reads": miner.encrypted_reads,
                "namespace": miner.namespace,
                "firmware_dir": self.firmware_dir,
                "logs_dir": self.logs_dir,
                "keeps_ready": self.is_dispatched,
                "curve": tuple(tuple(point.model_dump().values()) for point in miner.curve or ()),
                **miner.limits.model_dump(),
            },
        )

    def plan(self, metered_power_w: Callable[[], float | None], rush: Rush) -> Plan:
        miner = self.miner
        limits = miner.limits
        return Plan(
            miner_id=miner.id,
            host=self.host,
            rpc_port=miner.ports.rpc or 4028,
            poll_interval_s=self.poll_interval_s,
            offline_after_s=self.offline_after_s,
            rated_power_w=miner.rated_power_w,
            algorithm=miner.algorithm,
            policy=Policy(
                read_only=self.read_only,
                allow=miner.commands.allow,
                deny=miner.commands.deny,
                min_power_w=limits.min_power_w,
                max_power_w=limits.max_power_w,
                min_percent=limits.min_percent,
                max_percent=limits.max_percent,
            ),
            pool_profiles=dict(self.pool_profiles),
            metered_power_w=metered_power_w,
            rush=rush,
        )

    def meter(self) -> Meter | None:
        topic = self.miner.power_topic
        if topic is None:
            return None
        return Meter(topic.topic, topic.value_path, topic.unit, topic.max_age_s)


def specs_of(settings: Settings, store: Store) -> dict[str, MinerSpec]:
    """Return every miner that is to run: those of the file, and the found ones."""
    states = store.miners
    specs = {
        miner.id: _spec(settings, miner, states.get(miner.id, MinerState()))
        for miner in settings.miners
    }
    addresses = {(spec.host, spec.miner.ports.rpc) for spec in specs.values()}
    for found in store.found.values():
        # A found miner that was since named in the file is that miner, not a second one.
        if found.id in specs or (found.host, found.rpc_port) in addresses:
            continue
        try:
            miner = _miner_of(found)
        except ValidationError as error:
            log.error(
                "found_miner_skipped", miner_id=found.id, reason=str(error.errors()[0]["msg"])
            )
            continue
        specs[found.id] = _spec(settings, miner, states.get(found.id, MinerState()))
    return specs


def login_for(settings: Settings, family: str) -> tuple[str | None, str | None]:
    """Return user and password for found miners of *family*."""
    credential = settings.credentials.get(family)  # type: ignore[call-overload]  # any family may be asked
    if credential is None:
        return None, None
    return credential.username, _plain(credential.password)


def _spec(settings: Settings, miner: Miner, state: MinerState) -> MinerSpec:
    username, password = miner.username, _plain(miner.password)
    if username is None and password is None:
        username, password = login_for(settings, miner.family)
    profiles = tuple(
        (name, tuple(PoolLogin(p.url, p.user, p.password.get_secret_value()) for p in pools))
        for name, pools in settings.pool_profiles.items()
    )
    return MinerSpec(
        miner=miner,
        host=state.host(miner.host),
        username=username,
        password=password,
        poll_interval_s=miner.poll_interval_s or settings.poll_interval_s,
        offline_after_s=settings.offline_after_s,
        read_only=settings.read_only or miner.read_only,
        pool_profiles=profiles,
        firmware_dir=str(settings.files.firmware) if settings.files.firmware else None,
        logs_dir=str(settings.files.logs) if settings.files.logs else None,
        is_dispatched=settings.fleet.enabled
        and miner.dispatch
        and not (settings.read_only or miner.read_only),
    )


def _miner_of(found: FoundMiner) -> Miner:
    return Miner(
        id=found.id,
        host=found.host,
        family=found.family,
        ports=Ports(rpc=found.rpc_port),
        rated_power_w=found.rated_power_w,
    )


def _plain(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret is not None else None
