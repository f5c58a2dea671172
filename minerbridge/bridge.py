"""THE DOOR: builds every object, joins the rooms, starts and stops them in order."""

from __future__ import annotations

import hashlib
import ssl
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from minerbridge import __version__
from minerbridge.answers import Answers
from minerbridge.changes import changes
from minerbridge.errors import NotFound, SettingsError
from minerbridge.found_miners import Discoverer
from minerbridge.housekeeping import Duty, Housekeeping
from minerbridge.miners.families import driver_for
from minerbridge.miners.plan import Listener
from minerbridge.miners.scan import Discovered
from minerbridge.miners.worker import MinerWorker
from minerbridge.model import CommandResult, MinerCommand, MinerProfile, MinerReading
from minerbridge.mqtt.client import Login, MqttClient
from minerbridge.mqtt.meters import Meter
from minerbridge.mqtt.outbox import Outgoing
from minerbridge.mqtt.publisher import Presentation, Publisher
from minerbridge.mqtt.requests import SELF_TEST, RequestDesk
from minerbridge.mqtt.router import Destinations, Router
from minerbridge.mqtt.topics import Topics
from minerbridge.plans import MinerSpec, login_for, specs_of
from minerbridge.report import diagnostics, summary
from minerbridge.runtime import Service
from minerbridge.settings import Settings
from minerbridge.state import FoundMiner, MinerState, Store, state_directory

log = structlog.get_logger(__name__)

SELF_TEST_WITHIN_S = 10.0
STOP_WORKERS_WITHIN_S = 2.0
FLUSH_WITHIN_S = 2.0


class Bridge(Listener):
    """Everything that runs. Constructing it starts nothing."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.started_s = time.monotonic()
        self.ended: Callable[[str], None] = lambda _: None
        self.store = Store(state_directory(settings.files.state))
        mqtt = settings.mqtt
        self.topics = Topics(
            mqtt.base_topic, mqtt.discovery_prefix, mqtt.birth_topic, settings.site
        )
        will = Outgoing(self.topics.bridge("state"), b"offline", 1, True)
        self.client = MqttClient(login_of(settings), will, self._connected, self._route)
        announced = {
            i: a for state in self.store.miners.values() for i, a in state.announced.items()
        }
        self.publisher = Publisher(
            self.topics, self.client.publish, announced, presentation_of(settings), self._mark
        )
        self.answers = Answers(self)
        self.desk = RequestDesk(
            self.topics, self.client.publish, self.answers.table(), mqtt.max_message_bytes
        )
        self.router = Router(
            self.topics,
            self.desk,
            Destinations(
                self.publisher.row,
                self.submit,
                self.publisher.result,
                self._birth,
                self._nonce_came,
            ),
        )
        self.housekeeping = Housekeeping(
            [
                Duty("save_miners", 1.0, self._save_miners),
                Duty("self_test", 1.0, self._check_self_test),
                Duty("energy", 60.0, self._save_energy),
                Duty("diagnostics", 60.0, self._publish_diagnostics),
            ],
            self.publisher.miners,
            self.publisher.republish,
        )
        discovery = settings.discovery
        self.discoverer = Discoverer(
            discovery.networks,
            discovery.interval_s,
            lambda f: login_for(self.settings, f),
            self._found,
        )
        self.workers: dict[str, MinerWorker] = {}
        self._specs: dict[str, MinerSpec] = {}
        self._meters: dict[str, Meter] = {}
        self._owners: dict[str, str] = {}
        self._dirty: set[str] = set()
        self._leaving: set[str] = set()
        self._lock = threading.RLock()
        self._self_test = SelfTest()

    # -- start and stop ----------------------------------------------------------------------

    def services(self) -> list[Service]:
        """Return every thread that must be alive for the bridge to be."""
        services: list[Service] = [self.client, self.housekeeping, *self.desk.clerks]
        if self.settings.discovery.enabled:
            services.append(self.discoverer)
        return services + list(self.workers.values())

    def start(self) -> None:
        known = set(self._wanted())
        for miner_id in set(self.store.miners) - known:
            self._withdraw(miner_id)
        self.publisher.announce_bridge()
        self._apply_specs()
        for service in self.services():
            if service not in self.workers.values():
                service.start(self.ended)

    def stop(self) -> None:
        """Answer what waits, say goodbye, end; takes less than 5 s whatever hangs."""
        self.discoverer.stop()
        self.housekeeping.stop()
        for clerk in self.desk.clerks:
            clerk.stop()
        workers = list(self.workers.values())
        for worker in workers:
            worker.stop()
        deadline_s = time.monotonic() + STOP_WORKERS_WITHIN_S
        for worker in workers:
            worker.join(deadline_s - time.monotonic())
        self._save_energy()
        self._save_miners()
        self.publisher.bridge("state", "offline")
        if not self.client.flush(FLUSH_WITHIN_S):
            log.warning("mqtt_goodbye_not_confirmed", waiting=len(self.client.outbox))
        self.client.stop()
        self.client.join(1.0)

    def apply(self, settings: Settings) -> None:
        """Take over what changed in the settings: miners come and go without a restart."""
        fixed = ("site", "mqtt", "files", "log", "discovery", "history", "rig_monitor", "ems")
        for name in fixed:
            if getattr(settings, name) != getattr(self.settings, name):
                log.warning("setting_needs_restart", section=name)
        self.settings = settings
        self.publisher.presentation = presentation_of(settings)
        for miner_id in set(self._specs) - set(self._wanted()):
            self.remove(miner_id)
        self._apply_specs()

    # -- miners come and go ------------------------------------------------------------------

    def _wanted(self) -> dict[str, MinerSpec]:
        return specs_of(self.settings, self.store)

    def _apply_specs(self) -> None:
        with self._lock:
            for miner_id, spec in self._wanted().items():
                if self._specs.get(miner_id) != spec:
                    self._start_worker(miner_id, spec)
            self._subscribe()

    def _start_worker(self, miner_id: str, spec: MinerSpec) -> None:
        old = self.workers.pop(miner_id, None)
        if old is not None:
            old.stop()
            old.join(STOP_WORKERS_WITHIN_S)
        meter = spec.meter()
        if meter is not None:
            self._meters[miner_id] = meter
        else:
            self._meters.pop(miner_id, None)
        state = self.store.miners.get(miner_id, MinerState())
        plan = spec.plan(meter.power_w if meter is not None else lambda: None)
        energy_kwh = self.store.energy_kwh.get(miner_id)
        driver = driver_for(spec.miner.family, spec.target())
        worker = MinerWorker(plan, driver, self, state.profiles, energy_kwh)
        self._specs[miner_id] = spec
        self.workers[miner_id] = worker
        self._owners[miner_id] = miner_id
        for profile in state.profiles:
            self._owners[profile.miner_id] = miner_id
            self.publisher.profile(profile)
        worker.start(self.ended)

    def _subscribe(self) -> None:
        ids = sorted(set(self._owners))
        self.client.subscribe(self.router.subscriptions(ids, self._meters.values()))

    def add(self, found: FoundMiner) -> None:
        """Take a found miner in, now and after restarts."""
        with self._lock:
            self.store.save_found({**self.store.found, found.id: found})
            self._apply_specs()

    def remove(self, miner_id: str) -> None:
        """Stop a miner's thread and withdraw everything that was said about it."""
        with self._lock:
            worker = self.workers.pop(miner_id, None)
            if worker is not None:
                worker.stop()
                worker.join(STOP_WORKERS_WITHIN_S)
            self._specs.pop(miner_id, None)
            self._meters.pop(miner_id, None)
            if miner_id in self.store.found:
                rest = {k: v for k, v in self.store.found.items() if k != miner_id}
                self.store.save_found(rest)
            self._withdraw(miner_id)
            self._subscribe()

    def _withdraw(self, miner_id: str) -> None:
        state = self.store.miners.get(miner_id, MinerState())
        devices = {d for d, owner in self._owners.items() if owner == miner_id}
        for device_id in devices | set(state.announced) | {miner_id}:
            self.publisher.withdraw(device_id)
            self._owners.pop(device_id, None)
        self._leaving.add(miner_id)
        self._dirty.discard(miner_id)

    def _found(self, found: Discovered) -> None:
        """Hear of a miner on the network: a new one, or a known one at a new address."""
        mac = found.profile.mac_address
        for miner_id, worker in list(self.workers.items()):
            known = {profile.mac_address for profile in worker.profiles.values()}
            if worker.plan.host == found.host and worker.online:
                return
            if mac is not None and mac in known:
                if worker.plan.host != found.host and not worker.online:
                    self._follow(miner_id, found.host)
                return
        if found.miner_id not in self.workers:
            self.publisher.event("discovered", found.miner_id, host=found.host, family=found.family)
            log.info("miner_discovered", miner_id=found.miner_id, host=found.host)
            self.add(FoundMiner(found.miner_id, found.host, found.family))

    def _follow(self, miner_id: str, host: str) -> None:
        log.warning("miner_moved", miner_id=miner_id, host=host)
        with self._lock:
            state = self.store.miners.get(miner_id, MinerState())
            self.store.save_miner(
                miner_id, MinerState(state.profiles, state.announced, found_at=host)
            )
            self._apply_specs()

    # -- what workers tell (Listener) --------------------------------------------------------

    def profile(self, profile: MinerProfile) -> None:
        owner = self._owner_of_new(profile.miner_id)
        if profile.miner_id not in self._owners:
            with self._lock:
                self._owners[profile.miner_id] = owner
                self._subscribe()
        self._dirty.add(owner)
        self.publisher.profile(profile)

    def _owner_of_new(self, device_id: str) -> str:
        """Return the worker of a device: `rig1` owns `rig1_xmrig`."""
        if device_id in self._owners:
            return self._owners[device_id]
        hosts = [miner_id for miner_id in self.workers if device_id.startswith(f"{miner_id}_")]
        return max(hosts, key=len, default=device_id)

    def reading(self, reading: MinerReading) -> None:
        worker = self.workers.get(self._owners.get(reading.miner_id, ""))
        before = worker.previous.get(reading.miner_id) if worker is not None else None
        for kind, facts in changes(before, reading):
            self.publisher.event(kind, reading.miner_id, **facts)
        self.publisher.reading(reading)

    def availability(self, miner_id: str, online: bool, code: str, reason: str) -> None:
        if online:
            log.info("miner_online", miner_id=miner_id)
            self.publisher.event("miner_online", miner_id)
        else:
            log.warning("miner_offline", miner_id=miner_id, code=code, reason=reason)
            kind = "wrong_device" if code == "WRONG_DEVICE" else "miner_offline"
            self.publisher.event(kind, miner_id, code=code, message=reason)
            self.discoverer.search_soon()
        self.publisher.availability(miner_id, online)
        self._publish_offline_count()

    def result(self, result: CommandResult) -> None:
        say = log.info if result.status == "confirmed" else log.warning
        say("command_" + result.status, miner_id=result.miner_id, key=result.key,
            value=result.value, id=result.id, reason=result.message)  # fmt: skip
        self.publisher.result(result)
        self.publisher.event(
            "command_result", result.miner_id, id=result.id, key=result.key,
            status=result.status, code=result.code, message=result.message,
        )  # fmt: skip

    # -- what the router hands over ----------------------------------------------------------

    def worker_of(self, device_id: str) -> MinerWorker:
        """Return the worker behind a device id or address; raise `NotFound`."""
        worker = self.workers.get(self._owners.get(device_id, device_id))
        if worker is None:
            same = [w for w in self.workers.values() if w.plan.host == device_id]
            if not same:
                raise NotFound(f"no miner {device_id!r}")
            worker = same[0]
        return worker

    def submit(self, command: MinerCommand) -> None:
        self.worker_of(command.miner_id).submit(command)

    def _route(self, message: Any) -> None:
        self.router(message)

    def _connected(self) -> None:
        self.router.connected()
        self.publisher.bridge("state", "online")
        self.publisher.bridge("info", summary(self))
        self.publisher.announce_bridge()
        self._publish_own_states()
        self._self_test.begin(time.monotonic())
        nonce = self._self_test.nonce.encode()
        self.client.publish(Outgoing(self.topics.request(SELF_TEST), nonce, 1))
        self.housekeeping.refresh_all()

    def _birth(self) -> None:
        log.info("home_assistant_started")
        self.publisher.announce_bridge()
        self._publish_own_states()
        self.housekeeping.refresh_after_birth()

    # -- duties ------------------------------------------------------------------------------

    def _mark(self, device_id: str) -> None:
        self._dirty.add(self._owners.get(device_id, device_id))

    def _save_miners(self) -> None:
        dirty, self._dirty = self._dirty, set()
        for miner_id in dirty:
            worker = self.workers.get(miner_id)
            if worker is None:
                continue
            before = self.store.miners.get(miner_id, MinerState())
            profiles = tuple(worker.profiles.values())
            announced = {p.miner_id: self.publisher.announced(p.miner_id) for p in profiles}
            self.store.save_miner(miner_id, MinerState(profiles, announced, before.found_at))
        if self._leaving and self.client.connected.is_set() and self.client.is_idle:
            leaving, self._leaving = self._leaving, set()
            for miner_id in leaving - set(self.workers):
                self.store.forget_miner(miner_id)

    def _save_energy(self) -> None:
        totals = {i: w.energy_kwh for i, w in list(self.workers.items())}
        measured = {i: round(kwh, 4) for i, kwh in totals.items() if kwh is not None}
        self.store.save_energy(measured)
        for miner_id, kwh in measured.items():
            worker = self.workers.get(miner_id)
            if worker is not None:
                worker.stored_energy_kwh = kwh

    def _publish_own_states(self) -> None:
        self.publisher.bridge_state("version", __version__, anew=True)
        self._publish_offline_count(anew=True)

    def _publish_offline_count(self, *, anew: bool = False) -> None:
        count = sum(worker.online is False for worker in list(self.workers.values()))
        self.publisher.bridge_state("miners_offline", str(count), anew=anew)

    def _publish_diagnostics(self) -> None:
        self.publisher.bridge("diagnostics", diagnostics(self))

    def _nonce_came(self, payload: bytes) -> None:
        self._self_test.came(payload.decode("utf-8", "replace"))

    def _check_self_test(self) -> None:
        if self._self_test.has_failed(time.monotonic()) and self.client.connected.is_set():
            log.error(
                "mqtt_requests_do_not_arrive",
                topic=self.topics.request("#"),
                hint="the broker's ACL lets this user neither publish nor subscribe there",
            )
            self.publisher.event(
                "mqtt_acl", message=f"messages on {self.topics.request('#')} do not arrive"
            )

    @property
    def self_test(self) -> str:
        return self._self_test.state


@dataclass(slots=True)
class SelfTest:
    """A nonce sent through the broker: brokers grant subscriptions that their ACL then starves."""

    nonce: str = ""
    state: str = "waiting"
    _due_s: float = 0.0

    def begin(self, now_s: float) -> None:
        self.nonce = uuid.uuid4().hex
        self.state = "waiting"
        self._due_s = now_s + SELF_TEST_WITHIN_S

    def came(self, nonce: str) -> None:
        if nonce == self.nonce:
            self.state = "ok"

    def has_failed(self, now_s: float) -> bool:
        """Whether it just turned out that the nonce does not come back; true once a connection."""
        if self.state != "waiting" or not self.nonce or now_s < self._due_s:
            return False
        self.state = "failed"
        return True


def presentation_of(settings: Settings) -> Presentation:
    return Presentation(
        discovery=settings.mqtt.discovery,
        with_pool_users=settings.publish_pool_users,
        names={miner.id: miner.name for miner in settings.miners if miner.name},
        read_only=frozenset(miner.id for miner in settings.miners if miner.read_only),
        all_read_only=settings.read_only,
    )


def login_of(settings: Settings) -> Login:
    """Return how to reach the broker; raise `SettingsError` where certificates are unreadable."""
    mqtt = settings.mqtt
    return Login(
        host=mqtt.host,
        port=mqtt.port,
        client_id=mqtt.client_id or default_client_id(settings.site),
        protocol=mqtt.protocol,
        username=mqtt.username,
        password=mqtt.password.get_secret_value() if mqtt.password else None,
        keepalive_s=mqtt.keepalive_s,
        tls=tls_context(settings),
        max_message_bytes=mqtt.max_message_bytes,
    )


def default_client_id(site: str | None) -> str:
    """Return an id that is the machine's own, without telling its machine id (machine-id(5))."""
    try:
        seed = Path("/etc/machine-id").read_text().strip()
    except OSError:
        seed = f"{uuid.getnode():012x}"
    machine = hashlib.sha256(f"minerbridge {seed}".encode()).hexdigest()[:12]
    return f"minerbridge-{machine}" + (f"-{site}" if site else "")


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    tls = settings.mqtt.tls
    if tls is None:
        return None
    try:
        context = ssl.create_default_context(cafile=str(tls.ca) if tls.ca else None)
        if tls.certificate is not None:
            context.load_cert_chain(str(tls.certificate), str(tls.key) if tls.key else None)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"mqtt.tls: {error}") from error
    if tls.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
