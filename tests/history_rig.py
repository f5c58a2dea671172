"""A history in a folder of its own, and what is told to it."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

from minerbridge.errors import BridgeError
from minerbridge.fleet.history import History
from minerbridge.fleet.history_rows import MinerSnapshot
from minerbridge.model_fleet import FleetStatus, HistoryEntry
from tests.waiting import until

NOON = datetime(2026, 1, 20, 12, tzinfo=UTC)
MINER = MinerSnapshot("m1", True, "mining", 3250.0, None, 9.5e13, 65.3)


def entry(identity="a", at=NOON, **changes):
    facts = {
        "source": "ems", "command": "activate", "parameters": {"power_kw": 2.0},
        "success": None, "message": "", **changes,
    }  # fmt: skip
    return HistoryEntry(identity, at, **facts)


def status(at=NOON, **changes):
    return FleetStatus(at, "active", rated_power_w=3250.0, total_miners=1, **changes)


class HistoryRig:
    """A running history; *minutes* later is what its wall clock then says."""

    def __init__(self, folder, **retention):
        self.path = folder / "history.db"
        self.now = NOON
        kept = {"snapshot_retention_h": 24.0, "command_retention_d": 90.0, **retention}
        self.history = History(self.path, **kept, wall=lambda: self.now)
        self.ends: list[str] = []

    def start(self):
        self.history.start(self.ends.append)
        return self.history

    def stop(self):
        self.history.stop()
        assert self.history.join(2.0), "a stop takes 2 s at most"
        assert not self.ends

    def later(self, **time):
        self.now += timedelta(**time)

    def rows(self, statement):
        with closing(sqlite3.connect(self.path)) as connection:
            return connection.execute(statement).fetchall()

    def ids(self):
        try:
            return [one.id for one in self.history.commands(1000, 0)[0]]
        except BridgeError:  # not made yet, or just being made anew
            return []

    def has(self, *ids):
        """Wait until exactly these commands can be read, newest first."""

        until(lambda: self.ids() == list(ids), 5, f"the commands {ids}")

    def asides(self):
        names = {path.name for path in self.path.parent.glob("history.*-*")}
        return sorted(name for name in names if not name.endswith(("-wal", "-shm")))
