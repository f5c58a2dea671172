"""How often a miner may be made to restart, and how long a power_off is watched."""

from __future__ import annotations

from collections.abc import Callable

from minerbridge.errors import CommandRejected
from minerbridge.miners.whatsminer.row import Row
from minerbridge.model import Fault, MinerReading

RESTART_INTERVAL_S = 300.0
_WATCH_S = 600.0
_REPEAT_S = 180.0
_MOST_REPEATS = 3


class Pace:
    """Every restart costs minutes of hashing and wears the boards: they are kept apart."""

    def __init__(self, clock: Callable[[], float], interval_s: float = RESTART_INTERVAL_S) -> None:
        self._clock = clock
        self._interval_s = interval_s
        self._restarted_at_s = -1e9

    def check(self, row: Row) -> None:
        if row.restarts not in ("mining", "board"):
            return
        wait_s = self._restarted_at_s + self._interval_s - self._clock()
        if wait_s > 0:
            raise CommandRejected(
                f"{row.name} restarts the miner, which was told to restart less than"
                f" {self._interval_s:.0f} s ago: not before {wait_s:.0f} s from now",
                code="RATE_LIMITED",
            )

    def note(self, row: Row) -> None:
        if row.restarts in ("mining", "board"):
            self._restarted_at_s = self._clock()


class Hold:
    """Whether a miner that was switched off stays off.

    An M64 with firmware 20250409.15.REL took power_off and hashed again within minutes.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._sent_at_s: float | None = None
        self._repeats = 0
        self.fault: Fault | None = None

    def begin(self) -> None:
        self._sent_at_s, self._repeats, self.fault = self._clock(), 0, None

    def end(self) -> None:
        self._sent_at_s = self.fault = None

    def repeated(self) -> None:
        self._sent_at_s = self._clock()
        self._repeats += 1

    def wants_repeat(self, reading: MinerReading) -> bool:
        """Whether power_off has to be sent again; gives up after three times."""
        if self._sent_at_s is None or self.fault is not None:
            return False
        since_s = self._clock() - self._sent_at_s
        if reading.status in ("stopped", "unknown"):
            if since_s > _WATCH_S:
                self._sent_at_s = None
            return False
        if since_s < _REPEAT_S:
            return False
        if self._repeats < _MOST_REPEATS:
            return True
        self.fault = Fault(
            "POWER_OFF_NOT_HELD",
            f"the miner mines again after power_off and {self._repeats} repeats of it;"
            " API v3 may hold it (setting api: v3)",
        )
        return False
