"""The thread that owns one miner: polls it, runs its commands, answers for each."""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import structlog

from minerbridge.errors import (
    BridgeError,
    CommandRejected,
    MinerError,
    MinerUnreachable,
    Unsupported,
    WrongDevice,
)
from minerbridge.miners import enrich
from minerbridge.miners.commands import check_parameters
from minerbridge.miners.driver import HostDriver, MinerDriver
from minerbridge.miners.energy import EnergyMeter
from minerbridge.miners.errand import NOT_SENT, SUPERSEDED, Errands
from minerbridge.miners.guard import IdentityGuard
from minerbridge.miners.plan import REFRESH, Counters, Listener, Plan, Query
from minerbridge.model import (
    Identity,
    MinerCommand,
    MinerProfile,
    MinerReading,
)
from minerbridge.runtime import Mailbox, MailboxClosed, Service

log = structlog.get_logger(__name__)

FIRST_RETRY_S = 1.0
LONGEST_OFFSET_S = 5.0
#: Between two polls that events ask for: a host that tells of much must not be asked without end.
SHORTEST_PAUSE_S = 0.5
#: How long to leave the reading while urgent commands, of any miner, are not sent yet.
RUSH_PAUSE_S = 0.4


class MinerWorker(Service):
    """One miner address. Commands go before polls and are followed by a read-back."""

    def __init__(
        self,
        plan: Plan,
        driver: MinerDriver,
        listener: Listener,
        known: Sequence[MinerProfile] = (),
        energy_kwh: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(f"miner-{plan.miner_id}")
        self.plan = plan
        self._driver = driver
        self._listener = listener
        self._clock = clock
        self._mailbox: Mailbox[tuple[MinerCommand, float] | Query] = Mailbox()
        self.profiles: dict[str, MinerProfile] = {
            profile.miner_id: plan.policy.narrowed(profile) for profile in known
        }
        identity = next((profile.identity for profile in known), Identity())
        self._who = IdentityGuard(plan.host, identity)
        self._meter = EnergyMeter(3 * plan.poll_interval_s, energy_kwh)
        #: What is safe on disk: the most that may be published, lest a crash turn it back.
        self.stored_energy_kwh = energy_kwh
        self._errands = Errands(driver, listener, clock)
        self._in_contact = False
        self._last_good_s: float | None = None
        self._failures_in_row = 0
        self._last_surprise = ""
        self.online: bool | None = None
        self.readings: dict[str, MinerReading] = {}
        #: The readings before, while the listener hears of the new ones.
        self.previous: dict[str, MinerReading] = {}
        self.counters = Counters()
        self._reading = threading.Lock()
        self._is_reading = self._was_cut = False
        self._is_woken = threading.Event()
        self._polled_s = float("-inf")
        self._host = driver if isinstance(driver, HostDriver) else None
        if self._host is not None:
            self._host.attend([profile.miner_id for profile in known], self._poll_soon)

    # -- any thread --------------------------------------------------------------------------

    @property
    def failures_in_row(self) -> int:
        return self._failures_in_row

    @property
    def energy_kwh(self) -> float | None:
        return self._meter.energy_kwh

    def submit(self, command: MinerCommand) -> None:
        """Queue *command*; raise `CommandRejected` if it must not or cannot reach the miner."""
        ready, key = self._checked(command)
        if ready.is_urgent:
            self.plan.rush.begin(ready.id)
        try:
            replaced = self._mailbox.post((ready, self._clock()), key)
        except MailboxClosed:
            self.plan.rush.end(ready.id)
            raise CommandRejected("the bridge is stopping", code="STOPPING") from None
        if isinstance(replaced, tuple):
            self.plan.rush.end(replaced[0].id)
            self._errands.finish(*replaced, SUPERSEDED)
        if ready.is_urgent:
            self._cut_read()

    def _checked(self, command: MinerCommand) -> tuple[MinerCommand, tuple[Any, ...]]:
        """Return *command* in the types its miner declares, and the key that newer ones share."""
        profile = self.profiles.get(command.miner_id)
        if profile is None:
            raise CommandRejected(f"{command.miner_id} has not answered yet", code="OFFLINE")
        spec = profile.commands.get(command.name)
        if spec is None or spec.is_query:
            model = profile.model or profile.family
            writes = sorted(n for n, one in profile.commands.items() if not one.is_query)
            known = ", ".join(writes) or "no commands"
            raise Unsupported(f"{command.name} is not supported by this {model}; it takes {known}")
        self.plan.policy.permit(spec, command.miner_id)
        ready = replace(command, parameters=check_parameters(spec, command.parameters))
        return ready, (command.miner_id, spec.key(ready.parameters))

    def query(self, name: str, parameters: Mapping[str, Any], timeout_s: float = 15.0) -> Any:
        """Ask the device a read-only question and wait for its own answer; raise `BridgeError`."""
        if self.online is False:
            raise MinerUnreachable(f"{self.plan.miner_id} is offline")
        query = Query(name, parameters)
        try:
            self._mailbox.post(query)
            return query.answer.result(timeout_s)
        except MailboxClosed:
            raise CommandRejected("the bridge is stopping", code="STOPPING") from None
        except TimeoutError:
            raise MinerUnreachable(f"no answer within {timeout_s:g} s") from None

    def _cut_read(self) -> None:
        """End the read under way, and nothing else: what is urgent goes first."""
        with self._reading:
            if self._is_reading:
                self._was_cut = True
                self._driver.interrupt()

    def _poll_soon(self) -> None:
        """Let the driver's events bring the next poll forward."""
        self._is_woken.set()
        self._mailbox.nudge()

    def wake(self) -> None:
        for left in self._mailbox.close():
            if isinstance(left, Query):
                left.answer.set_exception(CommandRejected("the bridge is stopping"))
            else:
                self.plan.rush.end(left[0].id)
                self._errands.finish(*left, ("rejected", "STOPPING", "the bridge is stopping"))
        self._driver.interrupt()

    # -- the thread --------------------------------------------------------------------------

    def run(self) -> None:
        structlog.contextvars.bind_contextvars(miner_id=self.plan.miner_id)
        due_s = self._clock() + self._offset_s()
        try:
            while not self.stopping.is_set():
                taken = self._mailbox.take(max(0.0, due_s - self._clock()))
                if isinstance(taken, Query):
                    self._run_query(taken)
                    continue
                if taken is not None:
                    self._guarded(self._run_command, *taken)
                    self.plan.rush.end(taken[0].id)
                    due_s = self._clock()
                    continue
                if self._is_woken.is_set():
                    self._is_woken.clear()
                    due_s = min(due_s, max(self._clock(), self._polled_s + SHORTEST_PAUSE_S))
                if self._clock() < due_s:
                    continue
                if self.plan.rush.is_on:
                    due_s = self._clock() + RUSH_PAUSE_S
                    continue
                self.counters.latest_s = max(self.counters.latest_s, self._clock() - due_s)
                self._guarded(self._poll)
                self._polled_s = self._clock()
                due_s = self._next_due_s(due_s)
        except MailboxClosed:
            pass
        finally:
            self._errands.abandon()
            self._driver.close()

    def _offset_s(self) -> float:
        """Spread first polls over the interval (at most 5 s), the same after every restart."""
        share = zlib.crc32(self.plan.miner_id.encode()) / 0xFFFFFFFF
        return share * min(self.plan.poll_interval_s, LONGEST_OFFSET_S)

    def _next_due_s(self, due_s: float) -> float:
        """Return when to poll next: on the grid, sooner while something is waited for or failed."""
        now_s = self._clock()
        look_again_s = self._errands.look_again_s
        if look_again_s is not None:
            return now_s + look_again_s
        interval_s = self.plan.poll_interval_s
        if self._failures_in_row:
            wait_s = FIRST_RETRY_S * 2 ** min(self._failures_in_row - 1, 16)
            return now_s + min(float(wait_s), interval_s)
        # A slow poll skips the ticks it has missed; they never pile up.
        missed = max(0, int((now_s - due_s) / interval_s))
        return due_s + (missed + 1) * interval_s

    def _guarded(self, work: Callable[..., None], *arguments: Any) -> None:
        """Let an unexpected error cost this poll or command and nothing else."""
        try:
            work(*arguments)
        except Exception as error:
            if repr(error) != self._last_surprise:
                self._last_surprise = repr(error)
                log.exception("miner_work_failed")
            self._failed(MinerError(f"internal error: {error!r}", code="INTERNAL_ERROR"))

    # -- polling -----------------------------------------------------------------------------

    def _poll(self) -> None:
        self.counters.polls += 1
        began_s = self._clock()
        try:
            readings = self._uncut_read()
            if readings is None:
                return  # a command waits; it is followed by a read of its own
            self.counters.read_s = self._clock() - began_s
            if self._host is not None and self._host.has_news():
                self._meet()
            for reading in readings:
                self._publish(reading)
        except MinerError as error:
            if not self.stopping.is_set():
                self._failed(error)
            return
        self._succeeded()
        self._errands.judge(self.readings)

    def _uncut_read(self) -> Sequence[MinerReading] | None:
        """Read; None when a command goes first, also when it cut the read that was under way."""
        with self._reading:
            self._is_reading, self._was_cut = True, False
        try:
            self._ensure_contact()
            readings = self._read()
        except MinerError:
            if self._was_cut:
                return None
            raise
        finally:
            with self._reading:
                self._is_reading = False
        # What was cut may lack what the device would have told.
        return None if self._was_cut else readings

    def _read(self) -> Sequence[MinerReading] | None:
        """Read step by step; None when a command came in between and goes first."""
        steps = self._driver.read()
        try:
            while True:
                next(steps)
                if len(self._mailbox) or self._mailbox.closed:
                    steps.close()
                    return None
        except StopIteration as end:
            readings: Sequence[MinerReading] = end.value
            return readings

    def _publish(self, reading: MinerReading) -> None:
        plan = self.plan
        if reading.miner_id not in self.profiles:
            self._meet()
        is_own = reading.miner_id == plan.miner_id
        if is_own:
            self._who.compare(Identity(reading.mac_address, reading.serial_number))
        if reading.algorithm is None and plan.algorithm is not None:
            reading = reading.replace(algorithm=plan.algorithm)
        reading = enrich.without_logins(reading)
        # Plug and rating are the host's: shared out they would count once for each of its devices.
        if is_own:
            reading = enrich.with_power(reading, plan.metered_power_w(), plan.rated_power_w)
            self._meter.add(reading.power_w, self._clock())
        energy_kwh = self._published_energy_kwh() if is_own else None
        reading = enrich.with_derived(reading, energy_kwh)
        reading = enrich.with_pool_profile(reading, plan.pool_profiles)
        profile = self.profiles[reading.miner_id]
        grown = enrich.grown(profile, reading)
        if grown is not profile:
            self._know(grown)
        if reading.miner_id in self.readings:
            self.previous[reading.miner_id] = self.readings[reading.miner_id]
        self.readings[reading.miner_id] = reading
        self._listener.reading(reading)
        self.previous.clear()

    def _published_energy_kwh(self) -> float | None:
        if self.stored_energy_kwh is None and self._meter.energy_kwh is not None:
            return 0.0
        return self.stored_energy_kwh

    def _ensure_contact(self) -> None:
        """Meet the miner anew after every silence, and make sure that it is the same one."""
        if self._in_contact:
            return
        self._meet()
        self._in_contact = True

    def _meet(self) -> None:
        for profile in self._driver.contact():
            self._who.compare(profile.identity)
            self._who.compare_family(self.profiles.get(profile.miner_id), profile)
            self._know(enrich.merged(self.profiles.get(profile.miner_id), profile))

    def _know(self, profile: MinerProfile) -> None:
        profile = self.plan.policy.narrowed(profile)
        before = self.profiles.get(profile.miner_id)
        if profile == before:
            return
        self.profiles[profile.miner_id] = profile
        self._listener.profile(profile)
        if before is None and self.online:
            # A device that comes later: its host's return was told before it was there.
            self._listener.availability(profile.miner_id, True, "", "")

    def _succeeded(self) -> None:
        self._failures_in_row = 0
        self._last_good_s = self._clock()
        self.counters.last_good_at = datetime.now(UTC)
        self.counters.last_error = None
        if not self.online:
            self.online = True
            self._tell_availability("", "")

    def _failed(self, error: MinerError) -> None:
        self.counters.failures += 1
        self.counters.last_error = str(error)
        self._failures_in_row += 1
        self._in_contact = False
        self._driver.close()
        self._errands.judge({})
        now_s = self._clock()
        silent_s = now_s - self._last_good_s if self._last_good_s is not None else float("inf")
        is_gone = isinstance(error, WrongDevice) or silent_s >= self.plan.offline_after_s
        if is_gone and self.online is not False:
            self.online = False
            self._tell_availability(error.code, str(error))

    def _tell_availability(self, code: str, reason: str) -> None:
        for miner_id in list(self.profiles) or [self.plan.miner_id]:
            self._listener.availability(miner_id, bool(self.online), code, reason)

    def _run_query(self, query: Query) -> None:
        try:
            if query.name == REFRESH:
                self._poll()
                if self._failures_in_row:
                    raise MinerUnreachable(self.counters.last_error or "no answer")
                query.answer.set_result(None)
                return
            self._ensure_contact()
            query.answer.set_result(self._driver.query(query.name, query.parameters))
        except BridgeError as error:
            query.answer.set_exception(error)
        except Exception as error:
            log.exception("query_failed", query=query.name)
            query.answer.set_exception(MinerError(f"internal error: {error!r}"))

    # -- commands ----------------------------------------------------------------------------

    def _run_command(self, command: MinerCommand, since_s: float) -> None:
        self.counters.commands += 1
        try:
            self._ensure_contact()
            self._who.compare(self._driver.identity())
            self._who.refuse_stranger()
            # While it waited, other firmware may have been installed.
            ready, key = self._checked(command)
        except CommandRejected as error:
            self._errands.finish(command, since_s, ("rejected", error.code, str(error)))
            return
        except MinerError as error:
            self._failed(error)
            code = "OFFLINE" if isinstance(error, MinerUnreachable) else error.code
            self._errands.finish(command, since_s, ("rejected", code, f"not sent: {error}"))
            return
        except Exception:
            self._errands.finish(command, since_s, NOT_SENT)
            raise
        self._errands.send(ready, since_s, key)
