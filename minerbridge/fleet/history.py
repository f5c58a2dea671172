"""What was ordered, how it ended and how the fleet stood: kept in SQLite, for people."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from minerbridge.errors import BridgeError
from minerbridge.fleet.history_backlog import Backlog
from minerbridge.fleet.history_read import HistoryReader
from minerbridge.fleet.history_rows import (
    FleetSnapshot,
    MinerSnapshot,
    Minute,
    Outcome,
    Retold,
    minute_of,
)
from minerbridge.fleet.history_schema import NewerSchema, is_unreadable
from minerbridge.fleet.history_writer import Writer
from minerbridge.model_fleet import FleetStatus, HistoryEntry
from minerbridge.runtime import Service

log = structlog.get_logger(__name__)

PRUNE_EVERY_S = 3600.0
RETRY_FIRST_S = 1.0
RETRY_LAST_S = 60.0
#: A new database that is bad at once is the disk's fault: it is not set aside again and again.
ASIDE_EVERY_S = 3600.0
#: How long `problem` tells of a database that was set aside.
NOTICE_S = 86_400.0
#: Whatever is set: further back there is no time to compare with.
LONGEST_RETENTION_H = 100 * 365 * 24.0


class History(Service):
    """The only writer of the history. Nothing that control needs is in it, nothing waits for it.

    What is told to it comes back at once and never raises; while the database is full, locked or
    forbidden it waits in memory, within bounds. `silence_s` stays None: a hanging disk must not
    let the watchdog end the bridge.
    """

    def __init__(
        self,
        path: Path,
        *,
        snapshot_retention_h: float,
        command_retention_d: float,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__("history")
        self._path = path
        self._wall = wall
        self._backlog = Backlog()
        self._reader = HistoryReader(path)
        self._writer = Writer(
            path,
            timedelta(hours=min(snapshot_retention_h, LONGEST_RETENTION_H)),
            timedelta(hours=min(command_retention_d * 24, LONGEST_RETENTION_H)),
        )
        self._failure: str | None = None
        self._notice: str | None = None
        self._aside_s: float | None = None
        self._retry_s = 0.0
        self._prune_due_s = time.monotonic()
        self._suspected = False

    # -- what is told, from any thread -------------------------------------------------------

    def command(self, entry: HistoryEntry) -> None:
        """Keep a command; one of the same id is replaced."""
        self._backlog.add(entry)

    def retell(self, entry: HistoryEntry) -> None:
        """Keep a command of an earlier run, unless that kept it itself."""
        self._backlog.add(Retold(entry))

    def outcome(
        self,
        id: str,  # noqa: A002  the name of the field it must match
        *,
        success: bool | None,
        state: str | None,
        message: str,
    ) -> None:
        """Keep how a command that was told before has ended."""
        self._backlog.add(Outcome(id, success, state, message))

    def minute(
        self,
        order_id: str,
        at: datetime,
        target_w: float | None,
        allocated_w: float | None,
        active_w: float | None,
    ) -> None:
        """Keep the powers of an order for the minute of *at*; what is told last stays."""
        self._backlog.add(Minute(order_id, minute_of(at), target_w, allocated_w, active_w))

    def snapshot(self, status: FleetStatus, miners: Sequence[MinerSnapshot]) -> None:
        self._backlog.add(FleetSnapshot(status, tuple(miners)))

    @property
    def problem(self) -> str | None:
        """What is wrong with the history at present, in a sentence; None when nothing is."""
        if self._failure is not None:
            return self._failure
        is_recent = self._aside_s is not None and time.monotonic() - self._aside_s < NOTICE_S
        return self._notice if is_recent else None

    @property
    def dropped(self) -> int:
        """How many commands, minutes and snapshots were lost since the start."""
        return self._backlog.dropped + self._writer.unusable

    # -- what is asked, from any thread ------------------------------------------------------

    def commands(self, limit: int, offset: int) -> tuple[list[HistoryEntry], int]:
        """Return a page of the commands, newest first, and how many there are; or `BridgeError`."""
        try:
            return self._reader.commands(limit, offset)
        except BridgeError as error:
            if isinstance(error.__cause__, Exception) and is_unreadable(error.__cause__):
                self._suspected = True
                self._backlog.nudge()
            raise

    def minutes(
        self, order_id: str | None, since: datetime | None, until: datetime | None
    ) -> Iterator[Minute]:
        """Yield minutes from *since* to before *until*, oldest first; raise `BridgeError`."""
        return self._reader.minutes(order_id, since, until)

    # -- the thread --------------------------------------------------------------------------

    def wake(self) -> None:
        self._backlog.nudge()

    def run(self) -> None:
        self._turn()
        while not self.stopping.is_set():
            self.beat()
            if self._retry_s:
                self.stopping.wait(self._retry_s)
            else:
                self._backlog.wait(self._prune_due_s - time.monotonic())
            self._turn()
        if len(self._backlog):  # what came during the last turn
            self._turn()
        if len(self._backlog):
            log.error("history_not_saved", entries=len(self._backlog))
        self._writer.close()

    def _turn(self) -> None:
        """Write what waits, then remove some of what is old."""
        batch = self._backlog.take()
        try:
            try:
                self._writer.write(batch)
            except (sqlite3.Error, OSError):
                self._backlog.put_back(batch)
                raise
            except Exception:
                self._backlog.dropped += len(batch)  # written again it would fail again
                raise
            if not self.stopping.is_set():
                self._tidy()
            self._recovered()
        except (sqlite3.Error, OSError) as error:
            self._failed(error)
        except Exception as error:
            # A defect here must neither end the bridge nor be met again at once.
            log.exception("history_turn_failed", entries=len(batch))
            self._writer.close()
            self._wait_after(repr(error))

    def _tidy(self) -> None:
        if self._suspected:
            self._suspected = False
            self._writer.check()
        if time.monotonic() >= self._prune_due_s and not self._writer.prune(self._wall()):
            self._prune_due_s = time.monotonic() + PRUNE_EVERY_S

    def _failed(self, error: sqlite3.Error | OSError) -> None:
        self._writer.close()
        is_due = self._aside_s is None or time.monotonic() - self._aside_s > ASIDE_EVERY_S
        if not (is_unreadable(error) and is_due):
            self._wait_after(str(error))
            return
        try:
            aside = self._writer.set_aside(
                "newer" if isinstance(error, NewerSchema) else "unreadable"
            )
        except OSError as refusal:
            self._wait_after(f"{error}; it cannot be set aside: {refusal}")
            return
        log.error("history_set_aside", file=str(self._path), as_=str(aside), reason=str(error))
        self._aside_s = time.monotonic()
        self._notice = f"history: {error}; set aside as {aside.name}, a new one was begun"
        self._backlog.nudge()

    def _wait_after(self, reason: str) -> None:
        """Try again later; the reason is logged once."""
        failure = f"history: {reason}"
        if failure != self._failure:
            log.error("history_failed", file=str(self._path), reason=reason)
        self._failure = failure
        self._retry_s = min(max(RETRY_FIRST_S, 2 * self._retry_s), RETRY_LAST_S)

    def _recovered(self) -> None:
        if self._failure is not None:
            log.info("history_works_again", file=str(self._path), dropped=self.dropped)
        self._failure = None
        self._retry_s = 0.0
        self._backlog.relieved()
