"""The reading side of the history: beside the writer, from any thread or process."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from minerbridge.errors import BridgeError
from minerbridge.fleet.history_rows import (
    Minute,
    Row,
    entry_of,
    microseconds,
    minute_of_row,
    moment,
)
from minerbridge.fleet.history_schema import connect_reading, version_of
from minerbridge.model_fleet import HistoryEntry

#: Rows read at once: between two pages nothing is locked, however slowly somebody reads on.
PAGE_ROWS = 5000
#: After every time there is.
LATEST_S = 2**40
LATEST_US = LATEST_S * 1_000_000

COMMANDS = """
    SELECT id, at_us, source, command, parameters, success, state, message
    FROM commands ORDER BY at_us DESC, seq DESC LIMIT ? OFFSET ?"""
COMMANDS_BETWEEN = """
    SELECT at_us, seq, id, at_us, source, command, parameters, success, state, message
    FROM commands
    WHERE (at_us, seq) < (?, ?) AND at_us >= ? AND (? IS NULL OR id = ?)
    ORDER BY at_us DESC, seq DESC LIMIT ?"""
MINUTES_BETWEEN = """
    SELECT at_s, order_id, target_w, allocated_w, active_w FROM minutes
    WHERE (at_s, order_id) > (?, ?) AND at_s < ? AND (? IS NULL OR order_id = ?)
    ORDER BY at_s, order_id LIMIT ?"""
FLEET_BETWEEN = """
    SELECT * FROM fleet_snapshots WHERE at_s > ? AND at_s < ? ORDER BY at_s LIMIT ?"""
MINER_BETWEEN = """
    SELECT at_s, online, status, power_w, power_estimated_w, hashrate_hs, chip_temperature_c
    FROM miner_snapshots WHERE at_s > ? AND at_s < ?
    AND number = (SELECT number FROM miners WHERE miner_id = ?) ORDER BY at_s LIMIT ?"""


class HistoryReader:
    """Each call opens a connection of its own; raises `BridgeError` where nothing can be read."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def commands(self, limit: int, offset: int) -> tuple[list[HistoryEntry], int]:
        """Return a page of the commands, newest first, and how many there are in all."""
        with self._reading() as connection:
            connection.execute("BEGIN")  # page and total are of one moment
            (total,) = connection.execute("SELECT count(*) FROM commands").fetchone()
            rows = connection.execute(COMMANDS, (max(0, limit), max(0, offset))).fetchall()
        return [entry_of(row) for row in rows], total

    def commands_between(
        self, order_id: str | None, since: datetime | None, until: datetime | None
    ) -> Iterator[HistoryEntry]:
        """Yield commands from *since* to before *until*, newest first."""
        start = -LATEST_US if since is None else microseconds(since)
        key: Row = (LATEST_US if until is None else microseconds(until), 0)
        while rows := self._page(COMMANDS_BETWEEN, *key, start, order_id, order_id):
            key = rows[-1][:2]
            yield from (entry_of(row[2:]) for row in rows)

    def minutes(
        self, order_id: str | None, since: datetime | None, until: datetime | None
    ) -> Iterator[Minute]:
        """Yield the minutes that begin from *since* to before *until*, oldest first."""
        start_s, end_s = _span_s(since, until)
        key: Row = (start_s, "")
        while rows := self._page(MINUTES_BETWEEN, *key, end_s, order_id, order_id):
            key = rows[-1][:2]
            yield from map(minute_of_row, rows)

    def fleet(self, since: datetime | None, until: datetime | None) -> Iterator[Row]:
        """Yield the snapshots of the fleet, oldest first: the time, then the other columns."""
        return self._snapshots(FLEET_BETWEEN, since, until)

    def miner(self, miner_id: str, since: datetime | None, until: datetime | None) -> Iterator[Row]:
        """Yield the snapshots of a miner, oldest first: the time, then the other columns."""
        return self._snapshots(MINER_BETWEEN, since, until, miner_id)

    def _snapshots(
        self, statement: str, since: datetime | None, until: datetime | None, *of: str
    ) -> Iterator[Row]:
        start_s, end_s = _span_s(since, until)
        last_s = start_s - 1
        while rows := self._page(statement, last_s, end_s, *of):
            last_s = rows[-1][0]
            yield from ((moment(row[0] * 1_000_000), *row[1:]) for row in rows)

    def _page(self, statement: str, *values: Any) -> list[Row]:
        with self._reading() as connection:
            return connection.execute(statement, (*values, PAGE_ROWS)).fetchall()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        try:
            if not self._path.exists():
                raise BridgeError(f"{self._path}: there is no history yet")
            with closing(connect_reading(self._path)) as connection:
                if version_of(connection) == 0:  # just being made
                    raise BridgeError(f"{self._path}: there is no history yet")
                yield connection
        except (sqlite3.Error, OSError) as error:
            raise BridgeError(f"{self._path}: the history cannot be read: {error}") from error


def _span_s(since: datetime | None, until: datetime | None) -> tuple[int, int]:
    """Return the first whole second of a span, and the one after its last."""
    ends = (None if at is None else -(-microseconds(at) // 1_000_000) for at in (since, until))
    start_s, end_s = ends
    return -LATEST_S if start_s is None else start_s, LATEST_S if end_s is None else end_s
