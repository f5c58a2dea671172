"""Joins the fleet with the rest: its miners, its topics, its history and its meter."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import structlog

from minerbridge.errors import CommandRejected
from minerbridge.fleet.controller import Controller
from minerbridge.fleet.history import History
from minerbridge.fleet.history_rows import MinerSnapshot
from minerbridge.fleet.listener import FleetListener
from minerbridge.fleet.member import Member
from minerbridge.fleet.memory import Memory
from minerbridge.fleet.service import FleetService
from minerbridge.fleet.status import NO_FAILSAFE
from minerbridge.model import (
    CommandResult,
    CommandSpec,
    Fault,
    MinerCommand,
    MinerProfile,
    MinerReading,
    Parameter,
)
from minerbridge.model_fleet import (
    FleetRequest,
    FleetStatus,
    HistoryEntry,
    Moment,
    OrderAnswer,
    ParticipationRequest,
)
from minerbridge.mqtt.ems import EmsDesk
from minerbridge.mqtt.fleet_controls import FleetControls
from minerbridge.mqtt.fleet_publisher import FleetPublisher
from minerbridge.mqtt.meters import Meter
from minerbridge.plans import MinerSpec
from minerbridge.runtime import Service
from minerbridge.settings import Settings
from minerbridge.settings_fleet import Fleet

if TYPE_CHECKING:
    from minerbridge.bridge import Bridge

log = structlog.get_logger(__name__)
DISPATCH = CommandSpec(
    "dispatch",
    (Parameter("enabled", "boolean"),),
    summary="Take part in the fleet's orders, or stay out of them",
)
#: What a person may do to a miner without taking it out of the fleet's hands.
HARMLESS = frozenset({"led", "pool_profile", "pools", "dispatch"})
ANSWER_WITHIN_S = 5.0


class FleetLink(FleetListener):
    """The fleet's thread calls the listener's methods; the others are for any thread."""

    def __init__(self, bridge: Bridge) -> None:
        settings, topics, send = bridge.settings, bridge.topics, bridge.client.publish
        self._bridge = bridge
        self.meter = fleet_meter(settings)
        self.history = History(
            bridge.store.directory / "history.db",
            snapshot_retention_h=settings.history.snapshot_retention_h,
            command_retention_d=settings.history.command_retention_d,
        )
        self.service = FleetService(
            settings.fleet, settings.ems, Memory(bridge.store.directory), self, self._metered_w
        )
        self.publisher = FleetPublisher(
            topics,
            send,
            status_interval_s=settings.ems.status_interval_s,
            discovery=settings.mqtt.discovery,
            read_only=settings.read_only,
        )
        self.desk = EmsDesk(
            topics,
            send,
            self.service.submit,
            self.status_now,
            max_requests_per_s=settings.ems.max_requests_per_s,
        )
        self.controls = FleetControls(
            self.service.submit,
            self.status_now,
            bridge.publish_result,
            self.publisher,
            read_only=settings.read_only,
        )
        self._own: set[str] = set()
        self._settled: tuple[Fleet, dict[str, Member]] | None = None
        self._shown: dict[str, tuple[bool, bool]] = {}
        self._lock = threading.Lock()

    def services(self) -> list[Service]:
        return [self.history, self.service]

    def apply(self) -> None:
        """Take over who is in the fleet, and on what terms, where that changed."""
        bridge = self._bridge
        settled = (bridge.settings.fleet, members_of(bridge.settings, bridge.population.specs()))
        if settled == self._settled:
            return
        if self._settled is not None and self._settled[0].meter != settled[0].meter:
            self.meter = fleet_meter(bridge.settings)
        self._settled = settled
        self.service.apply(*settled)
        for worker in list(bridge.workers.values()):
            for profile in list(worker.profiles.values()):
                self.service.meet(profile)

    def start(self) -> None:
        """Say what an operator should know before the first order."""
        fleet = self._bridge.settings.fleet
        self.service.controller.retell()
        if fleet.enabled and fleet.failsafe_power_kw is None:
            log.warning("no_failsafe", hint=NO_FAILSAFE)

    def stop(self) -> None:
        """Say that no order is taken any more, and end; miners are left as they are."""
        self.publisher.goodbye()
        self.service.stop()
        self.service.join(1.0)
        self.history.stop()
        self.history.join(1.0)

    def connected(self) -> None:
        """Say everything anew; a bridge that controls no fleet takes away what it once said."""
        self.service.broker(connected=True)
        if self._bridge.settings.fleet.enabled:
            self.publisher.republish()
        else:
            self.publisher.withdraw()

    # -- what the bridge hears of miners -----------------------------------------------------

    def decorated(self, profile: MinerProfile) -> MinerProfile:
        """Return *profile* with the switch by which its miner takes part in orders."""
        spec = self._bridge.population.specs().get(profile.miner_id)
        can_take_part = {"start", "stop"} <= profile.commands.keys() or profile.operating_points
        enabled = self._bridge.settings.fleet.enabled
        if not enabled or spec is None or spec.read_only or not can_take_part:
            return profile
        return profile.replace(commands={**profile.commands, DISPATCH.name: DISPATCH})

    def marked(self, reading: MinerReading) -> MinerReading:
        """Return *reading* with what the fleet knows of its miner."""
        shown = self._shown.get(reading.miner_id)
        if shown is None:
            return reading
        dispatch, is_protected = shown
        reading = reading.replace(details={**reading.details, "dispatch": dispatch})
        if is_protected:
            fault = Fault("OVERHEATED", "stopped by the bridge: too hot", reading.at)
            reading = reading.replace(errors=(*reading.errors, fault))
        return reading

    def is_own(self, result: CommandResult) -> bool:
        """Whether *result* is of a command that the fleet sent; the fleet hears it then."""
        with self._lock:
            if result.id not in self._own:
                return False
            self._own.discard(result.id)
        self.service.answered(result)
        return True

    def person(self, command: MinerCommand, spec: CommandSpec | None) -> None:
        """Hear that a person commanded a miner, which takes it out of the fleet's hands."""
        names = {command.name} if spec is None else {spec.name, spec.topic_key}
        if command.source != "fleet" and not names & HARMLESS:
            self.service.person(command.miner_id, command.name)

    def drives(self, miner_id: str) -> bool:
        """Whether an order drives this miner at present."""
        status = self.service.status
        is_ordered = status is not None and status.dispatch.target_power_w is not None
        return is_ordered and self._shown.get(miner_id, (False, False))[0]

    def protects(self, miner_id: str) -> bool:
        """Whether this miner was stopped for being too hot, and is not to start yet."""
        return self._shown.get(miner_id, (False, False))[1]

    def take_part(self, command: MinerCommand) -> None:
        """Answer a command to the dispatch switch."""
        if not self._bridge.settings.fleet.enabled:
            raise CommandRejected("fleet control is switched off (fleet.enabled)")
        request = ParticipationRequest(
            command.miner_id, command.enabled, command.source, command.id
        )

        def reply(answer: OrderAnswer) -> None:
            self._bridge.publish_result(
                CommandResult(
                    command.id, command.miner_id, command.key, command.value,
                    "confirmed" if answer.accepted else "rejected", answer.code, answer.message,
                    datetime.now(UTC), 0.0, command.answer_to,
                )
            )  # fmt: skip

        self.service.submit(request, reply)

    def decide(self, request: FleetRequest) -> OrderAnswer:
        """Return the fleet's answer; raise `CommandRejected` with its code where it refuses."""
        answers: list[OrderAnswer] = []
        done = threading.Event()

        def reply(answer: OrderAnswer) -> None:
            answers.append(answer)
            done.set()

        self.service.submit(request, reply)
        if not done.wait(ANSWER_WITHIN_S):
            raise CommandRejected("the fleet did not answer", code="INTERNAL_ERROR")
        if not answers[0].accepted:
            raise CommandRejected(answers[0].message, code=answers[0].code)
        return answers[0]

    def ask(self, question: Callable[[Controller, Moment], Any]) -> Any:
        """Return what *question* finds in the fleet's own thread."""
        return self.service.ask(question)

    def status_now(self) -> FleetStatus | None:
        return self.service.status

    def check_broker(self) -> None:
        self.service.broker(connected=self._bridge.client.connected.is_set())

    def snapshot(self) -> None:
        """Keep how the fleet and every miner stand."""
        status = self.service.status
        if status is None:
            return
        rows = []
        for worker in list(self._bridge.workers.values()):
            for miner_id, reading in list(worker.readings.items()):
                rows.append(
                    MinerSnapshot(
                        miner_id, bool(worker.online), reading.status, reading.power_w,
                        reading.power_estimated_w, reading.hashrate_hs,
                        reading.chip_temperature_c,
                    )
                )  # fmt: skip
        self.history.snapshot(status, rows)

    # -- what the fleet tells (FleetListener) ------------------------------------------------

    def send(self, command: MinerCommand) -> None:
        with self._lock:
            self._own.add(command.id)
        try:
            self._bridge.worker_of(command.miner_id).submit(command)
        except CommandRejected:
            with self._lock:
                self._own.discard(command.id)
            raise

    def event(self, kind: str, miner_id: str | None = None, **facts: Any) -> None:
        self._bridge.tell(kind, miner_id, **facts)

    def status(self, status: FleetStatus) -> None:
        problem = self.history.problem
        if problem is not None:
            status = replace(status, errors=(*status.errors, f"history: {problem}"))
        self.publisher.publish(status)
        dispatch = status.dispatch
        if dispatch.id is not None:
            self.history.minute(
                dispatch.id, status.at, dispatch.target_power_w, dispatch.allocated_power_w,
                dispatch.active_power_w,
            )  # fmt: skip
        self._show_changes()

    def remember(self, entry: HistoryEntry) -> None:
        self.history.command(entry)

    def retell(self, entry: HistoryEntry) -> None:
        self.history.retell(entry)

    def outcome(self, entry_id: str, success: bool | None, state: str, message: str) -> None:
        self.history.outcome(entry_id, success=success, state=state, message=message)

    # -- inside ------------------------------------------------------------------------------

    def _show_changes(self) -> None:
        """Publish the switch of every miner that joined or left, without waiting for a poll."""
        for miner_id, one in self.service.controller.participants.items():
            shown = (one.dispatch and not one.member.is_read_only, one.is_protected)
            if self._shown.get(miner_id) != shown:
                self._shown[miner_id] = shown
                self._bridge.show_again(miner_id)

    def _metered_w(self) -> float | None:
        if self.meter is None:
            return None
        power_w = self.meter.power_w()
        setting = self._bridge.settings.fleet.meter
        if power_w is None or setting is None or setting.scope == "site":
            return power_w
        return max(0.0, power_w - setting.base_load_w)


def fleet_meter(settings: Settings) -> Meter | None:
    """Return the meter of the fleet; None where none is set."""
    one = settings.fleet.meter
    return Meter(one.topic, one.value_path, one.unit, one.max_age_s) if one is not None else None


def members_of(settings: Settings, specs: Mapping[str, MinerSpec]) -> dict[str, Member]:
    """Return the fleet: every miner of the settings, and every found one."""
    members = {}
    for miner_id, spec in dict(specs).items():
        miner, limits = spec.miner, spec.miner.limits
        members[miner_id] = Member(
            miner_id,
            dispatch=miner.dispatch,
            is_read_only=spec.read_only,
            priority=miner.priority,
            circuit=miner.circuit,
            rated_power_w=miner.rated_power_w,
            min_power_w=limits.min_power_w,
            max_power_w=limits.max_power_w,
            max_chip_temperature_c=limits.max_chip_temperature_c,
            denied=miner.commands.deny,
            stale_after_s=max(settings.offline_after_s, 3 * spec.poll_interval_s),
        )
    return members
