"""The fleet's thread: takes requests and readings, steps every second, sends, answers, saves."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import structlog

from minerbridge.errors import CommandRejected
from minerbridge.fleet import status as view
from minerbridge.fleet.controller import Controller
from minerbridge.fleet.listener import FleetListener
from minerbridge.fleet.member import Member
from minerbridge.fleet.memory import Memory
from minerbridge.fleet.orders import KeptOrders
from minerbridge.model import CommandResult, MinerCommand, MinerProfile, MinerReading
from minerbridge.model_fleet import FleetRequest, FleetStatus, Moment, OrderAnswer, OrderRequest
from minerbridge.runtime import Mailbox, MailboxClosed, Service
from minerbridge.settings_fleet import Ems, Fleet

log = structlog.get_logger(__name__)

STEP_S = 1.0
#: What was learned may be lost by a crash for this long; what was told may not.
SAVE_EVERY_S = 60.0
Reply = Callable[[OrderAnswer], None]
Work = Callable[[Moment], None]


@dataclass(frozen=True, slots=True)
class Asked:
    """Something for the fleet's thread; *drop* answers whoever waits when the thread is gone."""

    work: Work
    drop: Callable[[], None] = lambda: None


def _stopping(request: FleetRequest) -> OrderAnswer:
    return OrderAnswer(request.id, "The bridge is stopping.", "FLEET_OFFLINE")


class FleetService(Service):
    """Owner of the controller: everybody else posts to its mailbox."""

    silence_s = 60.0

    def __init__(
        self,
        fleet: Fleet,
        ems: Ems,
        memory: Memory,
        listener: FleetListener,
        meter_w: Callable[[], float | None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__("fleet")
        self._listener = listener
        self._memory = memory
        self._clock, self._wall = clock, wall
        self.meter_w = meter_w
        self._mailbox: Mailbox[Asked] = Mailbox()
        self._newest: dict[str, MinerReading] = {}
        self._reading = threading.Lock()
        self._saved_s = clock()
        self._last_failure = ""
        self.controller = Controller(
            fleet, ems, listener, self._now(), memory.ordered, memory.miners
        )
        #: The newest snapshot; replaced whole, so any thread may read it.
        self.status: FleetStatus | None = None

    def _now(self) -> Moment:
        return Moment(self._clock(), self._wall())

    # -- any thread --------------------------------------------------------------------------

    def submit(self, request: FleetRequest, reply: Reply) -> None:
        """Have *request* answered: *reply* is called once, in the fleet's thread."""
        asked = Asked(
            lambda now: self._request(request, reply, now), lambda: reply(_stopping(request))
        )
        try:
            self._mailbox.post(asked)
        except MailboxClosed:
            asked.drop()

    def apply(self, fleet: Fleet, members: Mapping[str, Member]) -> None:
        """Take over the settings."""
        self._post(lambda now: self.controller.apply(fleet, members, now))

    def meet(self, profile: MinerProfile) -> None:
        self._post(lambda _: self.controller.meet(profile))

    def heard(self, miner_id: str, *, online: bool) -> None:
        self._post(lambda now: self.controller.heard(miner_id, now, online=online))

    def sees(self, reading: MinerReading) -> None:
        """Note the newest reading of a miner; it is looked at in the next step."""
        with self._reading:
            self._newest[reading.miner_id] = reading

    def answered(self, result: CommandResult) -> None:
        self._post(lambda now: self.controller.answered(result, now))

    def person(self, miner_id: str, command: str) -> None:
        self._post(lambda now: self._person(miner_id, command, now))

    def broker(self, *, connected: bool) -> None:
        self._post(lambda now: self.controller.broker(now, connected=connected))

    def ask(self, question: Callable[[Controller, Moment], Any], timeout_s: float = 5.0) -> Any:
        """Return what *question* finds in the fleet's own thread; raise `CommandRejected`."""
        answer: list[Any] = []
        done = threading.Event()

        def work(now: Moment) -> None:
            try:
                answer.append(question(self.controller, now))
            finally:
                done.set()

        try:
            self._mailbox.post(Asked(work, done.set))
        except MailboxClosed:
            raise CommandRejected("the bridge is stopping", code="STOPPING") from None
        if not done.wait(timeout_s) or not answer:
            raise CommandRejected("the fleet did not answer", code="INTERNAL_ERROR")
        return answer[0]

    def _post(self, work: Work) -> None:
        try:
            self._mailbox.post(Asked(work))
        except MailboxClosed:
            log.debug("fleet_is_stopping")

    def wake(self) -> None:
        for left in self._mailbox.close():
            left.drop()

    # -- the thread --------------------------------------------------------------------------

    def run(self) -> None:
        due_s = self._clock()
        try:
            while not self.stopping.is_set():
                self.beat()
                due_s = min(due_s, self.controller.orders.due_s(self._clock()))
                asked = self._mailbox.take(max(0.0, due_s - self._clock()))
                while asked is not None:
                    self._guarded(lambda asked=asked: asked.work(self._now()))  # type: ignore[misc]  # binds the loop variable
                    asked = self._mailbox.take(0) if len(self._mailbox) else None
                    due_s = self._clock() if self._is_urgent else due_s
                if self._clock() >= due_s:
                    self._is_urgent = False
                    self._guarded(self.step)
                    due_s = self._clock() + STEP_S
        except MailboxClosed:
            pass
        finally:
            self._guarded(self._save_miners)

    _is_urgent = False

    def _guarded(self, work: Callable[[], None]) -> None:
        """Let an unexpected error cost this step or request and nothing else."""
        try:
            work()
            self._last_failure = ""
        except Exception as error:
            if repr(error) != self._last_failure:
                self._last_failure = repr(error)
                log.exception("fleet_work_failed")

    def _request(self, request: FleetRequest, reply: Reply, now: Moment) -> None:
        """Decide, save, then answer: an order is on disk before it is accepted."""
        before = self.controller.orders.kept()
        try:
            self._take_readings(now)
            answer = self.controller.request(request, now)
            if answer.accepted:
                answer = self._saved(request, answer, before)
        except Exception:
            log.exception("fleet_request_failed")
            self.controller.orders.restore(before)  # refused: nothing of it may be in force
            answer = OrderAnswer(request.id, "Internal error.", "INTERNAL_ERROR")
        self._is_urgent = True
        reply(answer)

    def _saved(self, request: FleetRequest, answer: OrderAnswer, before: KeptOrders) -> OrderAnswer:
        """Write the orders; what cannot be written is refused, unless it sheds load."""
        try:
            self._memory.save_orders(self.controller.ordered())
        except OSError as error:
            log.error("order_not_saved", reason=str(error))
            orders = self.controller.orders
            old = before.target.power_w if before.target is not None else 0.0
            if (
                isinstance(request, OrderRequest)
                and request.mode == "target"
                and (orders.target is not None and orders.target.power_w > old)
            ):
                orders.restore(before)
                words = f"The order cannot be saved: {error.strerror}"
                return OrderAnswer(request.id, words, "INTERNAL_ERROR")
            return replace(answer, message=f"{answer.message} (it could not be saved to disk)")
        return answer

    def _person(self, miner_id: str, command: str, now: Moment) -> None:
        self.controller.person(miner_id, command)
        self._is_urgent = True
        self._save_miners(now)

    def _take_readings(self, now: Moment) -> None:
        with self._reading:
            newest, self._newest = self._newest, {}
        for reading in newest.values():
            self.controller.sees(reading, now)

    def step(self) -> None:
        """Look at what is new, send what is due, say how it stands."""
        now = self._now()
        self._take_readings(now)
        commands = self.controller.step(now, self.meter_w())
        if commands or now.s - self._saved_s >= SAVE_EVERY_S:
            self._save_miners(now)
        self._save_orders()
        for command in commands:
            self._send(command)
        self.status = view.status_of(self.controller, now)
        self._listener.status(self.status)

    def _send(self, command: MinerCommand) -> None:
        try:
            self._listener.send(command)
        except Exception as error:
            # One that cannot be sent must not keep back the others, which may shed load.
            if not isinstance(error, CommandRejected):
                log.exception("fleet_command_failed", miner_id=command.miner_id)
            now = self._now()
            self.controller.answered(
                CommandResult(
                    command.id, command.miner_id, command.key, command.value, "rejected",
                    getattr(error, "code", "INTERNAL_ERROR"), str(error), now.at, 0.0,
                ), now,
            )  # fmt: skip

    def _save_orders(self) -> None:
        try:
            self._memory.save_orders(self.controller.ordered())
        except OSError as error:
            self._told("orders_not_saved", error)

    def _save_miners(self, now: Moment | None = None) -> None:
        now = now or self._now()
        self._saved_s = now.s
        try:
            self._memory.save_miners(self.controller.kept(now))
        except OSError as error:
            self._told("fleet_not_saved", error)

    def _told(self, event: str, error: OSError) -> None:
        if str(error) != self._last_failure:
            self._last_failure = str(error)
            log.error(event, reason=str(error))
