"""The picture of the demo, laid out for the terminal's size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from minerbridge.demo import advice
from minerbridge.demo.journal import Entry
from minerbridge.demo.rows import CONNECTING, OFFLINE, Row
from minerbridge.demo.view import View

GAP = 2  # a space and the invisible line of the box
TABLE_HEAD = 2
FEWEST_EVENTS = 2
#: Lines to copy give way before so many miners do.
MOST_ROWS_KEPT = 10
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
    Column("miner_id", "Miner", 12, 0),
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
    """Return what fits into *width* and *height*: rows first, then lines to copy, then events."""
    below, gap = _fitting(view, width, height)
    head = [Text(view.title, "bold"), *gap]
    sums = [Text(view.total, "bold"), _cut(Text(view.steering, "bold magenta")), *gap]
    fixed = len(head) + TABLE_HEAD + len(sums) + len(below)
    room = height - fixed - FEWEST_EVENTS
    rows = view.rows if len(view.rows) <= room else view.rows[: max(1, room - 1)]
    hidden = len(view.rows) - len(rows)
    parts: list[RenderableType] = [*head, _table(rows, last, columns_for(width))]
    if hidden:
        parts.append(Text(f"… and {hidden} more", "dim"))
    parts += [*sums, *below]
    left = max(0, height - fixed - len(rows) - bool(hidden))
    parts += [_event(entry) for entry in events[max(0, len(events) - left) :]]
    return Group(*parts)


def _fitting(view: View, width: int, height: int) -> tuple[list[Text], list[Text]]:
    """Return the lines below the table and the gap between parts, as much as there is room for."""
    rows = min(len(view.rows), MOST_ROWS_KEPT)
    for number in range(len(view.copies), 0, -1):
        for gap in ([Text()], []):
            below = _below(view, view.copies[:number], width, gap)
            fixed = 1 + len(gap) + TABLE_HEAD + 2 + len(gap) + len(below)
            if fixed + rows + FEWEST_EVENTS <= height:
                return below, gap
    return _below(view, view.copies[:1], width, []), []


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


def _below(
    view: View, copies: Iterable[tuple[str, str]], width: int, gap: Sequence[Text]
) -> list[Text]:
    lines = [_cut(Text.assemble(("MQTT  ", "bold"), view.address))]
    if view.remark:
        lines.append(_cut(Text(view.remark, "yellow")))
    for what, line in copies:
        lines.append(_cut(Text(what, "dim")))
        lines += [
            Text(f"  {one}", "cyan", overflow="fold") for one in advice.wrapped(line, width - 2)
        ]
    return [*lines, _cut(Text(view.advice, "dim")), *gap]


def _cut(text: Text) -> Text:
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def _event(entry: Entry) -> Text:
    clock = entry.at.strftime("%H:%M:%S")
    text = Text.assemble((clock, "dim"), f"  {entry.miner_id}  ")
    return _cut(text.append(entry.text, TONE_STYLES[entry.tone]))
