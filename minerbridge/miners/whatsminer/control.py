"""Carries out commands: checks them against the table, sends them, says how they show."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from minerbridge.errors import CommandRejected, OutcomeUnknown, Unsupported
from minerbridge.miners.commands import check_parameters
from minerbridge.miners.driver import Target
from minerbridge.miners.rpc_decode import number
from minerbridge.miners.whatsminer.limits import Limits
from minerbridge.miners.whatsminer.names import rows
from minerbridge.miners.whatsminer.pace import RESTART_INTERVAL_S, Hold, Pace
from minerbridge.miners.whatsminer.row import Given, Row
from minerbridge.miners.whatsminer.table import ROWS
from minerbridge.model import CommandSpec, Confirmation, MinerCommand, MinerReading

_SLACK_S = 10.0


class Writer(Protocol):
    """Sends rows over one of the APIs."""

    def offers(self, row: Row) -> bool: ...

    def write(self, row: Row, given: Given) -> Confirmation | None: ...

    def query(self, row: Row, given: Given) -> Mapping[str, Any]: ...


class Reader(Protocol):
    """What is known of the miner."""

    default_limit_w: float | None
    last: MinerReading | None

    def watch(self, commands: tuple[str, ...], for_s: float) -> None: ...


class Control:
    """One miner's commands."""

    def __init__(
        self, target: Target, writer: Writer, reader: Reader, clock: Callable[[], float]
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._limits = Limits.of(target.options)
        interval_s = number(target.options.get("restart_interval_s"))
        self._pace = Pace(clock, RESTART_INTERVAL_S if interval_s is None else interval_s)
        self.hold = Hold(clock)
        self._rows = rows(target.pool_profiles)
        self._unknown: set[tuple[str, str | None]] = set()

    def specs(self) -> dict[str, CommandSpec]:
        """Return what this miner takes, with the ranges that hold for it."""
        return {
            name: self._spec(row)
            for name, row in self._rows.items()
            if self._offers(row) and not self._is_unknown(name)
        }

    def execute(self, command: MinerCommand) -> Confirmation:
        row = self._row(command.name)
        given = check_parameters(self._spec(row), command.parameters)
        if row.becomes is not None:
            name, told = row.becomes(given)
            row = ROWS[name]
            given = check_parameters(self._spec(row), told)
        self._check(row, given)
        confirmation = row.readback(given, self._reader.last)
        try:
            confirmation = self._send(row, given) or confirmation
        except OutcomeUnknown as error:
            error.confirmation = confirmation
            self._after(row, confirmation)
            raise
        self._after(row, confirmation)
        return confirmation

    def query(self, name: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        row = self._row(name)
        if not row.is_read:
            raise Unsupported(f"{name} changes something: it is no query")
        return self._writer.query(row, check_parameters(row.spec(), parameters))

    def switch_off_again(self) -> None:
        """Send power_off once more: the miner did not stay off."""
        self.hold.repeated()
        self._writer.write(ROWS["power_off"], {})

    def _row(self, name: str) -> Row:
        row = self._rows.get(name)
        if row is None or not self._offers(row):
            raise Unsupported(f"this WhatsMiner has no command {name}")
        if self._is_unknown(name):
            raise Unsupported(f"this firmware has said that it does not know {name}")
        return row

    def _offers(self, row: Row) -> bool:
        if row.becomes is None:
            return self._writer.offers(row)
        return True

    def _spec(self, row: Row) -> CommandSpec:
        return row.spec(self._limits.parameters(row, self._reader.default_limit_w))

    def _check(self, row: Row, given: Given) -> None:
        if self._is_unknown(row.name):
            raise Unsupported(f"this firmware has said that it does not know {row.name}")
        row.check(given)
        self._limits.check(row.name, given, self._reader.default_limit_w)
        last = self._reader.last
        if row.needs_tuning and last is not None and last.details.get("is_tuned") is False:
            raise CommandRejected(
                f"{row.name} is a share of the power once it is stable, and it still tunes"
                f" (status {last.status})",
                code="NOT_TUNED",
            )
        self._pace.check(row)

    def _send(self, row: Row, given: Given) -> Confirmation | None:
        try:
            return self._writer.write(row, given)
        except Unsupported:
            self._unknown.add((row.name, self._firmware()))
            raise

    def _after(self, row: Row, confirmation: Confirmation) -> None:
        self._pace.note(row)
        if row.name == "power_off":
            self.hold.begin()
        elif row.restarts in ("mining", "board") or row.topic_key == "power":
            self.hold.end()
        if row.watches:
            self._reader.watch(row.watches, confirmation.within_s + _SLACK_S)

    def _is_unknown(self, name: str) -> bool:
        return (name, self._firmware()) in self._unknown

    def _firmware(self) -> str | None:
        return self._reader.last.firmware if self._reader.last is not None else None
