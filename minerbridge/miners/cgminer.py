"""Miners that speak the RPC of cgminer: cgminer, bfgminer and whatever descends from them."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Generator, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from minerbridge.errors import BadReply, MinerRefused, Unsupported
from minerbridge.miners.cgminer_commands import CgminerCommands
from minerbridge.miners.cgminer_reading import reading_fields
from minerbridge.miners.commands import check_parameters
from minerbridge.miners.driver import ReadSteps, Target
from minerbridge.miners.rpc import RpcClient
from minerbridge.miners.rpc_commands import QUERIES, parameter_text
from minerbridge.miners.rpc_dialects import Dialect, dialect_of
from minerbridge.miners.rpc_identity import IDENTITY_SOURCES, describe, identity_in, rate_scale
from minerbridge.model import (
    Board,
    Confirmation,
    Identity,
    MinerCommand,
    MinerProfile,
    MinerReading,
)

FAMILY = "cgminer"
_ALWAYS = ("summary", "devs", "pools")
_AT_CONTACT = ("version", "config", "coin", "devdetails", "stats")
_SECRETS = {"pass", "password"}  # Avalon Q shows the password of its pools
_NOT_REPORTS = {"miner_id", "at", "family", "details"}


class CgminerDriver:
    """One RPC server. Owned by one thread; only `interrupt` may be called from another."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._client = RpcClient(target.host, target.ports.get("rpc", 4028), target.timeout_s)
        self._commands = CgminerCommands(target, self._client)
        self._dialect: Dialect | None = None
        self._polled: tuple[str, ...] = _ALWAYS
        self._described: dict[str, str | None] = {}
        self._at_contact: dict[str, dict[str, Any]] = {}
        self._uptime_s = 0.0

    def contact(self) -> Sequence[MinerProfile]:
        dialect = self._learn()
        replies: dict[str, dict[str, Any]] = {}
        deque(self._ask_stepwise(replies), maxlen=0)
        reading = self._reading(replies)
        boards = reading.boards
        return [
            MinerProfile(
                miner_id=self._target.miner_id,
                family=FAMILY,
                evidence=f"RPC of {dialect.name}: {self._described['firmware'] or 'no version'}",
                ip_address=self._target.host,
                commands=self._commands.available(),
                reports=_reported(reading) - _NOT_REPORTS,
                board_slots=tuple(board.slot for board in boards),
                board_reports=frozenset(name for board in boards for name in _reported(board))
                - {"slot"},
                fan_count=len(reading.fan_speeds_rpm),
                **self._described,  # type: ignore[arg-type]
            )
        ]

    def identity(self) -> Identity:
        if not self._at_contact:
            self._learn()
        for command, section in IDENTITY_SOURCES.items():
            told = {command: self._at_contact.get(command, {})}
            if section in told[command] and identity_in(told) != Identity():
                return identity_in({command: self._client.ask(command)})
        return Identity()

    def read(self) -> ReadSteps:
        if self._dialect is None:
            self._learn()
            yield
        replies: dict[str, dict[str, Any]] = {}
        yield from self._ask_stepwise(replies)
        return [self._reading(replies)]

    def execute(self, command: MinerCommand) -> Confirmation:
        return self._commands.execute(command)

    def query(self, name: str, parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the reply to read-only command *name* as the device gave it, without passwords."""
        spec = QUERIES.get(name)
        if spec is None:
            raise Unsupported(f"{name} is no read-only command of the cgminer RPC")
        checked = check_parameters(spec, parameters or {})
        found: dict[str, Any] = _clean(self._client.ask(name, parameter_text(name, checked)))
        return found

    def interrupt(self) -> None:
        self._client.interrupt()

    def close(self) -> None:
        self._client.close()

    def _learn(self) -> Dialect:
        """Ask what changes slowly, once per contact and after every restart of the miner."""
        replies = self._client.ask_many(*_AT_CONTACT)
        if not replies:
            replies = {"summary": self._client.ask("summary")}
        dialect = dialect_of(replies)
        self._at_contact = replies
        self._described = describe(replies, dialect.name, self._target.algorithm)
        self._polled = (*_ALWAYS, *dialect.commands, *self._statistics(dialect, replies))
        self._dialect = dialect
        self._uptime_s = 0.0
        return dialect

    def _statistics(
        self, dialect: Dialect, replies: Mapping[str, Mapping[str, Any]]
    ) -> tuple[str, ...]:
        for command in dialect.statistics:
            reply = replies.get(command) or self._client.ask_many(command).get(command)
            if reply and dialect.read({command: reply}):
                return (command,)
        return ()

    def _ask_stepwise(self, replies: dict[str, dict[str, Any]]) -> Generator[None, None, None]:
        if self._client.joins:
            replies.update(self._client.ask_many(*self._polled))
            return
        for command in self._polled:
            if command != self._polled[0]:
                yield
            try:
                replies[command] = self._client.ask(command)
            except MinerRefused:
                if command not in _ALWAYS:
                    self._polled = tuple(name for name in self._polled if name != command)
            except BadReply:
                if command == "summary":
                    raise
                replies[command] = {}

    def _reading(self, replies: dict[str, dict[str, Any]]) -> MinerReading:
        if not replies:
            raise MinerRefused("the miner refuses summary, devs and pools")
        assert self._dialect is not None
        known = {"config": self._at_contact.get("config", {}), **replies}
        scale = rate_scale(self._described["model"])
        values = reading_fields(known, self._dialect.read(known), scale)
        unreadable = sorted(name for name, reply in replies.items() if not reply)
        if unreadable:
            values["details"] = {"unreadable": unreadable}
        described = {key: value for key, value in self._described.items() if key != "manufacturer"}
        uptime_s = values["uptime_s"]
        if uptime_s is not None:
            if uptime_s < self._uptime_s:
                self._dialect = None  # it restarted, perhaps with other firmware
            self._uptime_s = uptime_s
        return MinerReading(
            miner_id=self._target.miner_id,
            at=datetime.now(UTC),
            family=FAMILY,
            ip_address=self._target.host,
            **described,  # type: ignore[arg-type]
            **values,
        )


def _reported(record: MinerReading | Board) -> frozenset[str]:
    """Return the names of the fields that *record* has a value for."""
    return frozenset(
        field.name for field in fields(record) if getattr(record, field.name) not in (None, (), {})
    )


def _clean(part: Any) -> Any:
    """Return *part* without passwords and without numbers that JSON cannot carry."""
    if isinstance(part, dict):
        return {key: _clean(value) for key, value in part.items() if key.lower() not in _SECRETS}
    if isinstance(part, list):
        return [_clean(item) for item in part]
    return None if isinstance(part, float) and not math.isfinite(part) else part
