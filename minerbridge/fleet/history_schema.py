"""The tables of the history, version by version, and how a connection to them is made."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

#: A lock of another process is waited for this long; two such waits must fit into a stop.
BUSY_TIMEOUT_S = 0.5

#: Settings of the writing connection. auto_vacuum counts only before the first page is written.
PRAGMAS = (
    "auto_vacuum = INCREMENTAL",
    "journal_mode = WAL",
    "synchronous = NORMAL",
    "journal_size_limit = 16777216",
)

#: What leads from each version to the next. Only ever appended to: databases are out there.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE commands (
            seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, at_us INTEGER NOT NULL,
            source TEXT NOT NULL, command TEXT NOT NULL, parameters TEXT NOT NULL,
            success INTEGER, state TEXT, message TEXT NOT NULL)""",
        "CREATE INDEX commands_by_time ON commands (at_us)",
        # Every key begins with the time: rows are appended at one end and removed at the other.
        """CREATE TABLE minutes (
            at_s INTEGER NOT NULL, order_id TEXT NOT NULL,
            target_w REAL, allocated_w REAL, active_w REAL,
            PRIMARY KEY (at_s, order_id)) WITHOUT ROWID""",
        """CREATE TABLE fleet_snapshots (
            at_s INTEGER PRIMARY KEY, state TEXT NOT NULL,
            rated_w REAL, target_w REAL, limit_w REAL, allocated_w REAL, active_w REAL,
            hashrate_hs REAL, total INTEGER, online INTEGER, mining INTEGER, override INTEGER)""",
        "CREATE TABLE miners (number INTEGER PRIMARY KEY, miner_id TEXT NOT NULL UNIQUE)",
        """CREATE TABLE miner_snapshots (
            at_s INTEGER NOT NULL, number INTEGER NOT NULL, online INTEGER NOT NULL,
            status TEXT NOT NULL, power_w REAL, power_estimated_w REAL, hashrate_hs REAL,
            chip_temperature_c REAL, PRIMARY KEY (at_s, number)) WITHOUT ROWID""",
    ),
)

#: The file is not what was written there: nothing but a new one helps. The rest may pass.
_UNREADABLE = (
    "SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_ERROR", "SQLITE_CONSTRAINT", "SQLITE_MISMATCH",
    "SQLITE_FORMAT",
)  # fmt: skip


class NewerSchema(sqlite3.DatabaseError):
    """A later version of minerbridge wrote the database."""


def is_unreadable(error: Exception) -> bool:
    """Whether *error* says that the file itself is bad: neither full, nor locked, nor refused."""
    name = str(getattr(error, "sqlite_errorname", ""))
    return isinstance(error, NewerSchema) or name.startswith(_UNREADABLE)


def connect(path: Path) -> sqlite3.Connection:
    """Open or create the database for its one writer; raise `sqlite3.Error` or OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    try:
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}").fetchall()
        _migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def connect_reading(path: Path) -> sqlite3.Connection:
    """Open the database for reading alone, beside a writer; never create one."""
    address = f"file:{quote(str(path.absolute()))}?mode=ro"
    if not Path(f"{path}-wal").exists() and not os.access(path.parent, os.W_OK):
        # Nobody writes, and whoever may not write cannot begin the log that SQLite would want.
        address += "&immutable=1"
    return sqlite3.connect(address, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)


def version_of(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit at the end, or undo all of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk has undone it already
            connection.execute("ROLLBACK")
        raise


def _migrate(connection: sqlite3.Connection) -> None:
    version = version_of(connection)
    if version > len(MIGRATIONS):
        raise NewerSchema(f"version {version}, this minerbridge knows {len(MIGRATIONS)}")
    if version == len(MIGRATIONS):
        return
    with transaction(connection):
        for steps in MIGRATIONS[version:]:
            for step in steps:
                connection.execute(step)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
