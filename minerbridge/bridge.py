"""THE DOOR: builds every object, joins the rooms, starts and stops them in order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import structlog

from minerbridge import __version__
from minerbridge.answers import SLOW_REQUESTS, Answers
from minerbridge.broker import login_of
from minerbridge.changes import changes
from minerbridge.fleet_link import DISPATCH, FleetLink
from minerbridge.found_miners import Discoverer
from minerbridge.housekeeping import Duty, Housekeeping
from minerbridge.miners.plan import Listener
from minerbridge.miners.worker import MinerWorker
from minerbridge.model import CommandResult, MinerCommand, MinerProfile, MinerReading
from minerbridge.mqtt.client import MqttClient
from minerbridge.mqtt.outbox import Outgoing
from minerbridge.mqtt.publisher import Presentation, Publisher
from minerbridge.mqtt.requests import SELF_TEST, RequestDesk
from minerbridge.mqtt.router import Destinations, Router
from minerbridge.mqtt.self_test import SelfTest
from minerbridge.mqtt.topics import Topics
from minerbridge.plans import login_for, specs_of
from minerbridge.population import Population
from minerbridge.report import diagnostics, summary
from minerbridge.rig_link import RigLink
from minerbridge.runtime import Service
from minerbridge.settings import Settings
from minerbridge.state import FoundMiner, MinerState, Store, state_directory

log = structlog.get_logger(__name__)

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
            self.topics, self.client.publish, announced, self._presentation(), self._mark
        )
        self.population = Population(
            self.store,
            self.publisher,
            self,
            lambda: specs_of(self.settings, self.store),
            self._population_changed,
        )
        self.fleet = FleetLink(self)
        self.rig_monitor = RigLink(self)
        self.answers = Answers(self)
        self.desk = RequestDesk(
            self.topics,
            self.client.publish,
            self.answers.table(),
            mqtt.max_message_bytes,
            SLOW_REQUESTS,
        )
        self.router = Router(
            self.topics,
            self.desk,
            Destinations(
                self.publisher.row,
                self.submit,
                self.publish_result,
                self._birth,
                self._nonce_came,
                self.fleet.controls.take,
                self.fleet.desk.take,
            ),
        )
        self.housekeeping = Housekeeping(
            [
                Duty("save_miners", 1.0, self._save_miners),
                Duty("info", 2.0, self._publish_info),
                Duty("self_test", 1.0, self._check_self_test),
                Duty("broker", 0.5, self.fleet.check_broker),
                Duty("snapshot", settings.history.snapshot_interval_s, self.fleet.snapshot),
                Duty("fleet_anew", 900.0, self.fleet.publisher.republish),
                Duty("energy", 60.0, self.population.save_energy),
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
            lambda found: self.population.found(found),
        )
        self._dirty: set[str] = set()
        self._self_test = SelfTest()
        self._info: dict[str, Any] | None = None
        self._counting = threading.Lock()

    # -- start and stop ----------------------------------------------------------------------

    def services(self) -> list[Service]:
        """Return every thread that must be alive for the bridge to be."""
        services: list[Service] = [
            self.client, self.housekeeping, *self.desk.clerks, *self.fleet.services(),
            *self.rig_monitor.services(),
        ]  # fmt: skip
        if self.settings.discovery.enabled:
            services.append(self.discoverer)
        return services + list(self.workers.values())

    def start(self) -> None:
        self.fleet.start()
        self.population.on_thread_end = self.ended
        self.population.apply()
        for service in self.services():
            if service not in self.workers.values():
                service.start(self.ended)

    def stop(self) -> None:
        """Answer what waits, say goodbye, end; takes less than 5 s whatever hangs."""
        self.discoverer.stop()
        self.housekeeping.stop()
        for clerk in self.desk.clerks:
            clerk.stop()
        self.rig_monitor.stop()
        self.fleet.stop()
        self.population.stop(STOP_WORKERS_WITHIN_S)
        for save in (self.population.save_energy, self._save_miners):
            try:
                save()
            except OSError as error:
                log.error("state_not_saved", reason=str(error))
        self.publisher.bridge("state", "offline")
        if not self.client.flush(FLUSH_WITHIN_S):
            log.warning("mqtt_goodbye_not_confirmed", waiting=len(self.client.outbox))
        self.client.stop()
        self.client.join(1.0)

    def apply(self, settings: Settings) -> None:
        """Take over what changed in the settings: miners come and go without a restart."""
        fixed = ("site", "mqtt", "files", "log", "discovery", "history", "rig_monitor", "ems")
        kept = {name: getattr(self.settings, name) for name in fixed}
        for name, value in kept.items():
            if getattr(settings, name) != value:
                log.warning("setting_needs_restart", section=name)
        settings = settings.model_copy(update=kept)
        self.settings = settings
        self.publisher.presentation = self._presentation()
        self.population.apply()
        self.housekeeping.refresh_all()

    # -- miners ------------------------------------------------------------------------------

    @property
    def workers(self) -> dict[str, MinerWorker]:
        return self.population.workers

    def worker_of(self, name: str) -> MinerWorker:
        return self.population.worker_of(name)

    def add(self, found: FoundMiner) -> None:
        self.population.add(found)

    def remove(self, miner_id: str) -> None:
        self.population.remove(miner_id)

    def submit(self, command: MinerCommand) -> None:
        """Hand on what a person or an automation wants of a miner; raise `CommandRejected`."""
        if command.name == DISPATCH.name:
            self.fleet.take_part(command)
            return
        worker = self.worker_of(command.miner_id)
        worker.submit(command)
        profile = worker.profiles.get(command.miner_id)
        self.fleet.person(command, profile.commands.get(command.name) if profile else None)

    def _population_changed(self) -> None:
        """Listen for every miner there is, and have each in the fleet."""
        self.fleet.apply()
        ids, meters = self.population.device_ids(), [*self.population.meters.values()]
        if self.fleet.meter is not None:
            meters.append(self.fleet.meter)
        self.client.subscribe(self.router.subscriptions(ids, meters))

    # -- what workers tell (Listener) --------------------------------------------------------

    def profile(self, profile: MinerProfile) -> None:
        self._dirty.add(self.population.meet(profile.miner_id))
        self.known(profile)

    def known(self, profile: MinerProfile) -> None:
        self.fleet.service.meet(profile)
        self.rig_monitor.profile(profile)
        self.publisher.profile(self.rig_monitor.decorated(self.fleet.decorated(profile)))

    def reading(self, reading: MinerReading) -> None:
        self.fleet.service.sees(reading)
        self.rig_monitor.reading(reading)
        reading = self.marked(reading)
        worker = self.workers.get(self.population.owner_of(reading.miner_id))
        before = worker.previous.get(reading.miner_id) if worker is not None else None
        for kind, facts in changes(before, reading):
            self.publisher.event(kind, reading.miner_id, **facts)
        self.publisher.reading(reading)

    def show_again(self, miner_id: str) -> None:
        """Publish a miner's newest reading once more: what the bridge knows of it has changed."""
        worker = self.workers.get(self.population.owner_of(miner_id))
        reading = worker.readings.get(miner_id) if worker is not None else None
        if reading is not None:
            self.publisher.reading(self.marked(reading))

    def marked(self, reading: MinerReading) -> MinerReading:
        """Return *reading* with what the bridge itself knows of its miner."""
        return self.rig_monitor.marked(self.fleet.marked(reading))

    def availability(self, miner_id: str, online: bool, code: str, reason: str) -> None:
        self.fleet.service.heard(miner_id, online=online)
        self.rig_monitor.availability(miner_id, reason, online=online)
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

    def progress(self, miner_id: str, command: str, done: int, total: int) -> None:
        facts = {"command": command, "percent": done * 100 // total, "bytes": done, "of": total}
        self.publisher.event("progress", miner_id, **facts)

    def result(self, result: CommandResult) -> None:
        if self.fleet.is_own(result):
            log.debug("fleet_command", outcome=result.status, miner_id=result.miner_id,
                      key=result.key, reason=result.message)  # fmt: skip
            return
        self.publish_result(result)

    def publish_result(self, result: CommandResult) -> None:
        """Answer whoever gave a command."""
        self.rig_monitor.result(result)
        say = log.info if result.status == "confirmed" else log.warning
        say("command_" + result.status, miner_id=result.miner_id, key=result.key,
            value=result.value, id=result.id, reason=result.message)  # fmt: skip
        self.publisher.result(result)
        self.publisher.event(
            "command_result", result.miner_id, id=result.id, key=result.key,
            status=result.status, code=result.code, message=result.message,
        )  # fmt: skip

    def tell(self, kind: str, miner_id: str | None = None, **facts: Any) -> None:
        """Log and publish what happened in the fleet."""
        log.info(kind, miner_id=miner_id, **facts)
        self.publisher.event(kind, miner_id, **facts)

    # -- what the router hands over ----------------------------------------------------------

    def _route(self, message: Any) -> None:
        self.router(message)

    def _connected(self) -> None:
        self.router.connected()
        self.publisher.bridge("state", "online")
        self._info = None
        self.publisher.announce_bridge()
        self._publish_own_states()
        self.fleet.connected()
        nonce = self._self_test.begin(time.monotonic())
        self.client.publish(Outgoing(self.topics.request(SELF_TEST), nonce, 1))
        self.housekeeping.refresh_all()

    def _birth(self) -> None:
        log.info("home_assistant_started")
        self.publisher.announce_bridge()
        self._publish_own_states()
        self.fleet.publisher.republish()
        self.housekeeping.refresh_after_birth()

    # -- duties ------------------------------------------------------------------------------

    def _mark(self, device_id: str) -> None:
        self._dirty.add(self.population.owner_of(device_id))

    def _save_miners(self) -> None:
        """Write down who the miners are; what cannot be written stays due."""
        for miner_id in list(self._dirty):
            self._dirty.discard(miner_id)
            try:
                self._save_miner(miner_id)
            except OSError:
                self._dirty.add(miner_id)
                raise
        if self.client.connected.is_set() and self.client.is_idle:
            self.population.forget_withdrawn()

    def _save_miner(self, miner_id: str) -> None:
        worker = self.workers.get(miner_id)
        if worker is not None:
            before = self.store.miners.get(miner_id, MinerState())
            profiles = tuple(worker.profiles.copy().values())
            announced = {p.miner_id: self.publisher.announced(p.miner_id) for p in profiles}
            state = MinerState(profiles, announced, before.found_at, before.moved_from)
            self.store.save_miner(miner_id, state)

    def _publish_own_states(self) -> None:
        self.publisher.bridge_state("version", __version__, anew=True)
        self._publish_offline_count(anew=True)

    def _publish_offline_count(self, *, anew: bool = False) -> None:
        with self._counting:
            count = sum(worker.online is False for worker in list(self.workers.values()))
            self.publisher.bridge_state("miners_offline", str(count), anew=anew)

    def _publish_info(self) -> None:
        """Publish what the bridge is and has, where that changed."""
        info = summary(self)
        if info != self._info and self.client.connected.is_set():
            self._info = info
            self.publisher.bridge("info", info)

    def _publish_diagnostics(self) -> None:
        self.publisher.bridge("diagnostics", diagnostics(self))

    def _nonce_came(self, payload: bytes) -> None:
        self._self_test.came(payload)

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

    def _presentation(self) -> Presentation:
        settings = self.settings
        return Presentation(
            discovery=settings.mqtt.discovery,
            with_pool_users=settings.publish_pool_users,
            names={miner.id: miner.name for miner in settings.miners if miner.name},
            read_only=frozenset(miner.id for miner in settings.miners if miner.read_only),
            denied={miner.id: miner.commands.deny for miner in settings.miners},
            all_read_only=settings.read_only,
            owner_of=lambda device_id: self.population.owner_of(device_id),
        )
