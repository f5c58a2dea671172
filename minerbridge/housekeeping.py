"""The thread for what is due from time to time: state on disk, refreshes, diagnostics."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from minerbridge.runtime import Service

log = structlog.get_logger(__name__)

TICK_S = 0.5
#: After the start nobody should wait a whole period for the first diagnostics.
FIRST_WITHIN_S = 10.0
#: How many miners are sent anew in one tick: a burst a broker takes without effort.
REFRESH_PER_TICK = 100
BIRTH_SPREAD_S = (5.0, 30.0)


@dataclass(slots=True)
class Duty:
    """Something to do every *every_s*, in the housekeeping thread."""

    name: str
    every_s: float
    work: Callable[[], None]
    due_s: float = field(default=0.0)


class Housekeeping(Service):
    """Runs duties, and sends every miner anew when asked or when it is time."""

    silence_s = 120.0

    def __init__(
        self,
        duties: list[Duty],
        miners: Callable[[], list[str]],
        republish: Callable[[str], None],
        refresh_every_s: float = 900.0,
    ) -> None:
        super().__init__("housekeeping")
        self._duties = duties
        self._miners = miners
        self._republish = republish
        self._refresh_every_s = refresh_every_s
        self._due: dict[str, float] = {}
        #: What does not work at present, and why.
        self.failing: dict[str, str] = {}
        self._all_now = False
        self._birth = False

    def refresh_all(self) -> None:
        """Send everything about every miner as soon as the broker takes it."""
        self._all_now = True
        self.wake()

    def refresh_after_birth(self) -> None:
        """Send everything again, spread so that Home Assistant is not flooded while it starts."""
        self._birth = True

    def run(self) -> None:
        now_s = time.monotonic()
        for duty in self._duties:
            duty.due_s = now_s + min(duty.every_s, FIRST_WITHIN_S)
        while not self.stopping.wait(TICK_S):
            self.beat()
            self.tick(time.monotonic())

    def tick(self, now_s: float) -> None:
        """Do what is due at *now_s* (monotonic)."""
        for duty in self._duties:
            if now_s >= duty.due_s:
                duty.due_s = now_s + duty.every_s
                self._guarded(duty.name, duty.work)
        miners = self._miners()
        self._plan(miners, now_s)
        due = [miner for miner in miners if self._due[miner] <= now_s][:REFRESH_PER_TICK]
        for miner in due:
            self._due[miner] = now_s + self._refresh_every_s * random.uniform(0.9, 1.0)
            self._guarded("republish", lambda miner=miner: self._republish(miner))  # type: ignore[misc]  # binds the loop variable

    def _plan(self, miners: list[str], now_s: float) -> None:
        if self._all_now:
            self._all_now = False
            self._due = dict.fromkeys(miners, now_s)
        if self._birth:
            self._birth = False
            soonest, latest = BIRTH_SPREAD_S
            for miner in miners:
                self._due[miner] = now_s + random.uniform(soonest, latest)
        for miner in miners:
            self._due.setdefault(miner, now_s + self._refresh_every_s)
        for gone in self._due.keys() - set(miners):
            del self._due[gone]

    def _guarded(self, name: str, work: Callable[[], None]) -> None:
        try:
            work()
            self.failing.pop(name, None)
        except OSError as error:
            # A full disk is told once, and again when its reason changes.
            if self.failing.get(name) != str(error):
                log.error("duty_failed", duty=name, reason=str(error))
            self.failing[name] = str(error)
        except Exception as error:
            if self.failing.get(name) != repr(error):
                log.exception("duty_failed", duty=name)
            self.failing[name] = repr(error)
