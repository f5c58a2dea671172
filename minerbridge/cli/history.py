"""`minerbridge history`: the minutes of orders, commands or snapshots as CSV."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from minerbridge.cli.run import arguments as run_arguments
from minerbridge.cli.run import settings_path
from minerbridge.fleet.history_read import HistoryReader
from minerbridge.settings_load import load
from minerbridge.state import state_directory

MINUTES = ("at", "order_id", "target_kw", "allocated_kw", "active_kw")
COMMANDS = ("at", "id", "source", "command", "parameters", "success", "state", "message")
FLEET = (
    "at", "state", "rated_w", "target_w", "limit_w", "allocated_w", "active_w", "hashrate_hs",
    "total", "online", "mining", "override",
)  # fmt: skip
MINER = (
    "at", "online", "status", "power_w", "power_estimated_w", "hashrate_hs", "chip_temperature_c",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """What part of the history is asked for; None is all of it. *until* is not included."""

    of: str | None
    since: datetime | None
    until: datetime | None


def arguments(parser: argparse.ArgumentParser) -> None:
    run_arguments(parser)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--commands", action="store_true", help="the commands, newest first")
    what.add_argument("--snapshots", metavar="ID", help="the snapshots of a miner, or of 'fleet'")
    parser.add_argument("--order", metavar="ID", help="only this order")
    parser.add_argument(
        "--since", type=_time, metavar="ISO", help="from this time on (UTC where it names no zone)"
    )
    parser.add_argument("--until", type=_time, metavar="ISO", help="before this time")


def run(options: argparse.Namespace) -> int:
    if options.order and options.snapshots:
        print("minerbridge: --order is for minutes and commands", file=sys.stderr)
        return 2
    wanted = Wanted(options.snapshots or options.order, options.since, options.until)
    if wanted.since is not None and wanted.until is not None and wanted.since >= wanted.until:
        print("minerbridge: --since is not before --until", file=sys.stderr)
        return 2
    settings = load(settings_path(options.config))
    reader = HistoryReader(state_directory(settings.files.state) / "history.db")
    if options.commands:
        return _print(COMMANDS, _commands(reader, wanted))
    if options.snapshots == "fleet":
        return _print(FLEET, _fleet(reader, wanted))
    if options.snapshots:
        return _print(MINER, _miner(reader, wanted))
    return _print(MINUTES, _minutes(reader, wanted))


def _print(header: tuple[str, ...], rows: Iterator[list[str]]) -> int:
    """Print all rows; return 1 where there is none."""
    first = next(rows, None)  # what cannot be read fails before anything is printed
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow(header)
    if first is None:
        print("minerbridge: nothing in the history matches", file=sys.stderr)
        return 1
    table.writerow(first)
    table.writerows(rows)
    return 0


def _minutes(reader: HistoryReader, wanted: Wanted) -> Iterator[list[str]]:
    for one in reader.minutes(wanted.of, wanted.since, wanted.until):
        powers = (one.target_w, one.allocated_w, one.active_w)
        yield [_zulu(one.at), one.order_id, *map(_kilowatts, powers)]


def _commands(reader: HistoryReader, wanted: Wanted) -> Iterator[list[str]]:
    for one in reader.commands_between(wanted.of, wanted.since, wanted.until):
        yield [
            _zulu(one.at), one.id, one.source, one.command, json.dumps(one.parameters),
            "" if one.success is None else str(one.success).lower(), one.state or "", one.message,
        ]  # fmt: skip


def _fleet(reader: HistoryReader, wanted: Wanted) -> Iterator[list[str]]:
    for at, state, *numbers in reader.fleet(wanted.since, wanted.until):
        yield [_zulu(at), state, *map(_number, numbers)]


def _miner(reader: HistoryReader, wanted: Wanted) -> Iterator[list[str]]:
    for at, online, status, *numbers in reader.miner(wanted.of or "", wanted.since, wanted.until):
        yield [_zulu(at), _number(online), status, *map(_number, numbers)]


def _time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a time such as 2026-01-20T14:25:00Z"
        ) from None


def _zulu(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _kilowatts(power_w: float | None) -> str:
    return "" if power_w is None else f"{power_w / 1000:.3f}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.15g}"
