"""The picture of the demo, laid out for the terminal's size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from minerbridge.demo.journal import Entry
from minerbridge.demo.rows import CONNECTING, OFFLINE, Row
from minerbridge.demo.view import View

GAP = 2  # a space and the invisible line of the box
FEWEST_EVENTS = 3
STATUS_STYLES = {
    "mining": "green", "starting": "yellow", "tuning": "yellow", "sleeping": "blue",
    "stopped": "blue", "error": "bold red", OFFLINE: "bold red", CONNECTING: "dim",
}  # fmt: skip
TONE_STYLES = {"good": "green", "bad": "red", "plain": ""}


@dataclass(frozen=True, slots=True)
class Column:
    """One column; narrow terminals leave out those of high *rank*."""

    key: str
    heading: str
    width: int
    rank: int
    is_number: bool = False


LAST = Column("last", "Last event", 16, 0)
COLUMNS = (
    Column("miner_id", "Miner", 10, 0),
    Column("model", "Model", 17, 2),
    Column("status", "Status", 10, 0),
    Column("hashrate", "Hashrate", 12, 0, True),
    Column("power", "Power", 7, 0, True),
    Column("temperature", "Temp", 6, 1, True),
    Column("fans", "Fans rpm", 15, 4),
    Column("shares", "Shares (bad)", 13, 3, True),
    LAST,
)


def columns_for(width: int) -> list[Column]:
    """Return the columns that fit, the important ones first to be taken."""
    taken: set[str] = set()
    left = width + GAP
    for column in sorted(COLUMNS, key=lambda one: one.rank):
        if column.rank == 0 or column.width + GAP <= left:
            taken.add(column.key)
            left -= column.width + GAP
    return [column for column in COLUMNS if column.key in taken]


def frame(
    view: View, last: Mapping[str, Entry], events: Sequence[Entry], width: int, height: int
) -> RenderableType:
    """Return what fits into *width* and *height*."""
    below = _below(view)
    fixed = 1 + 1 + 2 + 1 + 1 + len(below) + 1  # title, gap, head, total, gap, lines, gap
    room = height - fixed - FEWEST_EVENTS
    rows = view.rows if len(view.rows) <= room else view.rows[: max(1, room - 1)]
    hidden = len(view.rows) - len(rows)
    parts: list[RenderableType] = [Text(view.title, "bold"), Text()]
    parts.append(_table(rows, last, columns_for(width)))
    if hidden:
        parts.append(Text(f"… and {hidden} more", "dim"))
    parts += [Text(view.total, "bold"), Text(), *below, Text()]
    left = height - fixed - len(rows) - bool(hidden)
    parts += [_event(entry) for entry in list(events)[-max(0, left) :]]
    return Group(*parts)


def _table(rows: Sequence[Row], last: Mapping[str, Entry], columns: Sequence[Column]) -> Table:
    table = Table(
        box=SIMPLE_HEAD, show_edge=False, pad_edge=False, expand=True, padding=(0, 1, 0, 0)
    )
    for column in columns:
        is_last = column is LAST
        table.add_column(
            column.heading,
            justify="right" if column.is_number else "left",
            width=None if is_last else column.width,
            ratio=1 if is_last else None,
            no_wrap=True,
            overflow="ellipsis",
        )
    for row in rows:
        table.add_row(*(_cell(row, last.get(row.miner_id), column) for column in columns))
    return table


def _cell(row: Row, entry: Entry | None, column: Column) -> Text:
    if column is LAST:
        return Text(entry.text, TONE_STYLES[entry.tone]) if entry else Text()
    text: str = getattr(row, column.key)
    return Text(text, STATUS_STYLES.get(text, "") if column.key == "status" else "")


def _below(view: View) -> list[Text]:
    lines = [Text.assemble(("MQTT  ", "bold"), view.address)]
    if view.remark:
        lines.append(Text(view.remark, "yellow", no_wrap=True, overflow="ellipsis"))
    for what, line in view.copies:
        lines += [Text(what, "dim"), Text(f"  {line}", "cyan", overflow="fold")]
    lines.append(Text(view.advice, "dim", no_wrap=True, overflow="ellipsis"))
    return lines


def _event(entry: Entry) -> Text:
    clock = entry.at.strftime("%H:%M:%S")
    text = Text.assemble((clock, "dim"), f"  {entry.miner_id}  ")
    text.append(entry.text, TONE_STYLES[entry.tone])
    text.no_wrap, text.overflow = True, "ellipsis"
    return text
