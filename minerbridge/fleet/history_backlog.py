"""What waits to be written: bounded, so that a full disk never becomes a full memory."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from minerbridge.fleet.history_rows import FleetSnapshot, Minute, Outcome, Retold
from minerbridge.model_fleet import HistoryEntry

log = structlog.get_logger(__name__)

MAX_COMMANDS = 10_000
MAX_MINUTES = 20_000
#: Rows of miners over all waiting snapshots, about 3 MB; the newest snapshot is always kept.
MAX_SNAPSHOT_ROWS = 20_000
#: How long minutes and snapshots wait for company; commands don't.
GATHER_S = 0.9


@dataclass(slots=True)
class Batch:
    """What was taken together, oldest first."""

    commands: deque[HistoryEntry | Outcome | Retold] = field(default_factory=deque)
    minutes: dict[tuple[str, datetime], Minute] = field(default_factory=dict)
    snapshots: deque[FleetSnapshot] = field(default_factory=deque)

    def __len__(self) -> int:
        return len(self.commands) + len(self.minutes) + len(self.snapshots)


class Backlog:
    """Filled by any thread, emptied by one. Where it is full the oldest of the kind is dropped."""

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._batch = Batch()
        self._gathering_since_s: float | None = None
        self._nudged = False
        self._told: set[str] = set()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._batch)

    def add(self, item: HistoryEntry | Outcome | Retold | Minute | FleetSnapshot) -> None:
        with self._changed:
            match item:
                case Minute():
                    self._batch.minutes[item.order_id, item.at] = item
                case FleetSnapshot():
                    self._batch.snapshots.append(item)
                case _:
                    self._batch.commands.append(item)
                    self._changed.notify()
            if self._gathering_since_s is None:
                self._gathering_since_s = time.monotonic()
                self._changed.notify()
            lost = self._trim()
        self._tell(lost)

    def take(self) -> Batch:
        with self._changed:
            taken, self._batch = self._batch, Batch()
            self._gathering_since_s = None
            return taken

    def put_back(self, batch: Batch) -> None:
        """Take back what could not be written, before what has come since."""
        with self._changed:
            since = self._batch
            batch.commands.extend(since.commands)
            batch.minutes.update(since.minutes)
            batch.snapshots.extend(since.snapshots)
            self._batch = batch
            lost = self._trim()
        self._tell(lost)

    def wait(self, timeout_s: float) -> None:
        """Return when a command waits, anything has waited long enough, at `nudge`, or in time."""
        end_s = time.monotonic() + timeout_s
        with self._changed:
            while not self._batch.commands and not self._nudged:
                since_s = self._gathering_since_s
                until_s = end_s if since_s is None else min(end_s, since_s + GATHER_S)
                left_s = until_s - time.monotonic()
                if left_s <= 0:
                    break
                self._changed.wait(left_s)
            self._nudged = False

    def nudge(self) -> None:
        with self._changed:
            self._nudged = True
            self._changed.notify()

    def relieved(self) -> None:
        """All is written again: what is dropped from now on is told anew."""
        self._told.clear()

    def _trim(self) -> dict[str, int]:
        """Drop the oldest beyond the bounds; return how many of which kind."""
        lost = dict.fromkeys(("snapshots", "minutes", "commands"), 0)
        batch = self._batch
        rows = sum(len(one.miners) + 1 for one in batch.snapshots)
        while rows > MAX_SNAPSHOT_ROWS and len(batch.snapshots) > 1:
            rows -= len(batch.snapshots.popleft().miners) + 1
            lost["snapshots"] += 1
        while len(batch.minutes) > MAX_MINUTES:
            del batch.minutes[next(iter(batch.minutes))]
            lost["minutes"] += 1
        while len(batch.commands) > MAX_COMMANDS:
            batch.commands.popleft()
            lost["commands"] += 1
        self.dropped += sum(lost.values())
        return lost

    def _tell(self, lost: dict[str, int]) -> None:
        for kind, count in lost.items():
            if count and kind not in self._told:
                self._told.add(kind)
                log.error("history_dropped", kind=kind, waiting=len(self), dropped=self.dropped)
