"""The writing side of the history: one connection, used by one thread."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import structlog

from minerbridge.fleet.history_backlog import Batch
from minerbridge.fleet.history_rows import (
    FleetSnapshot,
    Outcome,
    Retold,
    Row,
    command_row,
    fleet_row,
    microseconds,
    miner_row,
    minute_row,
    outcome_row,
    seconds,
)
from minerbridge.fleet.history_schema import connect, transaction
from minerbridge.model_fleet import HistoryEntry

log = structlog.get_logger(__name__)
T = TypeVar("T")

#: Files of one database: its name with each of these behind it.
PARTS = ("", "-wal", "-shm")
#: Rows removed in one transaction: a command that comes meanwhile waits for no more than these.
PRUNED_AT_ONCE = 5000
#: Free pages that stay in the file, as a part of it: they are used again within hours.
SPARE_PART = 10

INSERT_ABSENT = """
    INSERT INTO commands (id, at_us, source, command, parameters, success, state, message)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO """
INSERT_COMMAND = f"""{INSERT_ABSENT} UPDATE SET at_us = excluded.at_us, source = excluded.source,
        command = excluded.command, parameters = excluded.parameters, success = excluded.success,
        state = excluded.state, message = excluded.message"""
UPDATE_OUTCOME = "UPDATE commands SET success = ?, state = ?, message = ? WHERE id = ?"
INSERT_MINUTE = "INSERT OR REPLACE INTO minutes VALUES (?, ?, ?, ?, ?)"
INSERT_FLEET = "INSERT OR REPLACE INTO fleet_snapshots VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
INSERT_MINERS = "INSERT OR REPLACE INTO miner_snapshots VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
DELETE_MINER_SNAPSHOTS = """
    DELETE FROM miner_snapshots WHERE (at_s, number) IN
        (SELECT at_s, number FROM miner_snapshots WHERE at_s < ? LIMIT ?)"""
DELETE_FLEET_SNAPSHOTS = """
    DELETE FROM fleet_snapshots WHERE at_s IN
        (SELECT at_s FROM fleet_snapshots WHERE at_s < ? LIMIT ?)"""
DELETE_COMMANDS = """
    DELETE FROM commands WHERE seq IN (SELECT seq FROM commands WHERE at_us < ? LIMIT ?)"""
DELETE_MINUTES = """
    DELETE FROM minutes WHERE (at_s, order_id) IN
        (SELECT at_s, order_id FROM minutes WHERE at_s < ? LIMIT ?)"""


class Writer:
    """Methods raise `sqlite3.Error` and OSError; afterwards `close` and begin again."""

    def __init__(self, path: Path, snapshots_kept: timedelta, commands_kept: timedelta) -> None:
        self._path = path
        self._snapshots_kept = snapshots_kept
        self._commands_kept = commands_kept
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._numbers: dict[str, int] = {}
        self.unusable = 0

    def write(self, batch: Batch) -> None:
        """Write all of *batch*; twice is the same as once."""
        connection = self._open()
        if batch.commands:
            # On the disk before anything else is done: also a power cut must not take a command.
            connection.execute("PRAGMA synchronous = FULL")
            with transaction(connection):
                for statement, row in self._usable(_command_statement, batch.commands):
                    connection.execute(statement, row)
            connection.execute("PRAGMA synchronous = NORMAL")
        if batch.minutes or batch.snapshots:
            with transaction(connection):
                rows = self._usable(minute_row, batch.minutes.values())
                connection.executemany(INSERT_MINUTE, rows)
                for snapshot in batch.snapshots:
                    self._write_snapshot(connection, snapshot)

    def prune(self, now: datetime) -> bool:
        """Remove some of what is too old at *now*; return whether there is more of it."""
        connection = self._open()
        snapshots_end, commands_end = now - self._snapshots_kept, now - self._commands_kept
        with transaction(connection):
            for statement, end in (
                (DELETE_MINER_SNAPSHOTS, seconds(snapshots_end)),
                (DELETE_FLEET_SNAPSHOTS, seconds(snapshots_end)),
                (DELETE_COMMANDS, microseconds(commands_end)),
                (DELETE_MINUTES, seconds(commands_end)),
            ):
                if connection.execute(statement, (end, PRUNED_AT_ONCE)).rowcount == PRUNED_AT_ONCE:
                    return True
        return self._give_back(connection)

    def check(self) -> None:
        """Look at every page; raise `sqlite3.DatabaseError` where one is bad."""
        (found,) = self._open().execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            error = sqlite3.DatabaseError(str(found).splitlines()[-1])
            error.sqlite_errorname = "SQLITE_CORRUPT"
            raise error

    def set_aside(self, why: str) -> Path:
        """Rename the database, with its log, so that a new one can begin; nothing is destroyed."""
        self.close()
        stamp = int(time.time())
        while (aside := self._path.with_suffix(f".{why}-{stamp}")).exists():
            stamp += 1
        for part in reversed(PARTS):  # the database last: until then it is found and tried again
            whole = Path(f"{self._path}{part}")
            if whole.exists():
                whole.replace(f"{aside}{part}")
        return aside

    def close(self) -> None:
        self._numbers.clear()
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close()

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None and self._identity() != self._file:
            # Removed or replaced by somebody: what is written now would be in no file.
            log.warning("history_file_replaced", file=str(self._path))
            self.close()
        if self._connection is None:
            self._connection = connect(self._path)
            self._file = self._identity()
        return self._connection

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    def _write_snapshot(self, connection: sqlite3.Connection, snapshot: FleetSnapshot) -> None:
        at_s = seconds(snapshot.status.at)
        connection.executemany(INSERT_FLEET, self._usable(fleet_row, (snapshot.status,)))
        new = {one.miner_id for one in snapshot.miners} - self._numbers.keys()
        if new:
            connection.executemany(
                "INSERT OR IGNORE INTO miners (miner_id) VALUES (?)", ((one,) for one in new)
            )
            self._numbers = dict(connection.execute("SELECT miner_id, number FROM miners"))
        numbers = self._numbers
        rows = self._usable(
            lambda one: miner_row(at_s, numbers[one.miner_id], one), snapshot.miners
        )
        connection.executemany(INSERT_MINERS, rows)

    def _usable(self, convert: Callable[[T], Row], items: Iterable[T]) -> Iterator[Row]:
        """Yield a row for each of *items*; one that cannot be written fails alone."""
        for item in items:
            try:
                row = convert(item)
            except Exception:
                self.unusable += 1
                log.exception("history_entry_unusable", kind=type(item).__name__)
                continue
            yield row

    def _give_back(self, connection: sqlite3.Connection) -> bool:
        """Return free pages to the file system, beyond those soon used; whether there are more."""
        free, pages = (
            int(connection.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("freelist_count", "page_count")
        )
        spare = free - pages // SPARE_PART
        if spare <= 0:
            return False
        # A script runs to its end; execute would take its first step alone, which is one page.
        connection.executescript(f"PRAGMA incremental_vacuum({min(spare, PRUNED_AT_ONCE)})")
        return spare > PRUNED_AT_ONCE


def _command_statement(item: HistoryEntry | Outcome | Retold) -> tuple[str, Row]:
    if isinstance(item, Outcome):
        return UPDATE_OUTCOME, outcome_row(item)
    if isinstance(item, Retold):
        return f"{INSERT_ABSENT} NOTHING", command_row(item.entry)
    return INSERT_COMMAND, command_row(item)
