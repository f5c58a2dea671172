"""The demo in lines, for pipes, logs and terminals without a live table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields

from minerbridge.demo.journal import Entry
from minerbridge.demo.rows import Row
from minerbridge.demo.view import View

MOST_ROWS = 40
HEADINGS = Row("miner", "model", "status", "hashrate", "power", "temp", "fans", "shares")


def opening(view: View) -> list[str]:
    lines = [view.title, f"MQTT  {view.address}"]
    return [*lines, view.remark] if view.remark else lines


def copies(lines: Iterable[tuple[str, str]]) -> list[str]:
    return [text for what, line in lines for text in (f"{what}:", f"  {line}")]


def table(view: View) -> list[str]:
    """Return the table with columns as wide as needed; of many miners only the first."""
    shown = (HEADINGS, *view.rows[:MOST_ROWS])
    grid = [[getattr(row, one.name) for one in fields(Row)] for row in shown]
    widths = [max(map(len, column)) for column in zip(*grid, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in _paired(row, widths)) for row in grid]
    hidden = len(view.rows) - MOST_ROWS
    more = [f"… and {hidden} more"] if hidden > 0 else []
    return [*(line.rstrip() for line in lines), *more, view.total, view.steering]


def events(entries: Iterable[Entry]) -> list[str]:
    return [f"{one.at:%H:%M:%S}  {one.miner_id}  {one.text}" for one in entries]


def _paired(row: Sequence[str], widths: Sequence[int]) -> Iterable[tuple[str, int]]:
    return zip(row, widths, strict=True)
