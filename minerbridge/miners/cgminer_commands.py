"""Carrying out commands over the cgminer RPC, and saying how their effect shows."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from minerbridge.errors import (
    BadReply,
    MinerLocked,
    MinerRefused,
    MinerUnreachable,
    OutcomeUnknown,
    Unsupported,
)
from minerbridge.miners.cgminer_reading import read_pools
from minerbridge.miners.commands import check_parameters
from minerbridge.miners.driver import PoolLogin, Target
from minerbridge.miners.rpc import RpcClient
from minerbridge.miners.rpc_commands import (
    QUERIES,
    WRITE_GROUPS,
    WRITES,
    parameter_text,
    pool_profile,
)
from minerbridge.miners.rpc_fields import first
from minerbridge.model import CommandSpec, Confirmation, MinerCommand, MinerReading, Pool

Seen = Callable[[MinerReading], bool]
# bfgminer 5.5 crashed on a second addpool within a millisecond.
_ADDPOOL_GAP_S = 0.1
_CLOCK_TOLERANCE_S = 2


class CgminerCommands:
    """The writing half of the driver."""

    def __init__(self, target: Target, client: RpcClient) -> None:
        self._profiles = target.pool_profiles
        self._client = client
        self._pool_added_at_s = 0.0

    def available(self) -> dict[str, CommandSpec]:
        """Ask what this server lets this address do; asking changes nothing."""
        found = dict(QUERIES)
        try:
            self._client.ask("privileged")
        except MinerLocked:
            return found
        except MinerRefused:
            pass  # a server without this command: `check` tells
        for name, group in WRITE_GROUPS.items():
            if self._may(name):
                found.update(group)
        if "addpool" in found and self._profiles:
            found["pool_profile"] = pool_profile(tuple(self._profiles))
        return found

    def execute(self, command: MinerCommand) -> Confirmation:
        if command.name == "pool_profile" and self._profiles:
            spec = pool_profile(tuple(self._profiles))
            checked = check_parameters(spec, command.parameters)
            return self._use_profile(spec, str(checked["profile"]))
        known = WRITES.get(command.name) or QUERIES.get(command.name)
        if known is None:
            raise Unsupported(f"the cgminer RPC has no command {command.name}")
        return self._carry_out(known, check_parameters(known, command.parameters))

    def _carry_out(self, spec: CommandSpec, checked: Mapping[str, Any]) -> Confirmation:
        text = parameter_text(spec.name, checked)
        if spec.name in QUERIES:
            self._client.ask(spec.name, text)
            return Confirmation(None, 0, "the miner answered")
        seen, message = self._expectation(spec.name, checked)
        try:
            self._write(spec.name, text)
        except OutcomeUnknown:
            # A restart may well take its answer along. What can be read back is read back.
            if seen is None or self._client.was_interrupted:
                raise
        return Confirmation(seen, spec.expected_s, message)

    def _may(self, name: str) -> bool:
        try:
            answer = first(self._client.ask("check", name), "CHECK")
        except MinerRefused:
            return False
        return answer.get("Exists") == "Y" and answer.get("Access") == "Y"

    def _write(self, name: str, text: str | None) -> None:
        if name == "addpool":
            time.sleep(max(0.0, self._pool_added_at_s + _ADDPOOL_GAP_S - time.monotonic()))
        try:
            reply = self._client.write(name, text)
        finally:
            if name == "addpool":
                self._pool_added_at_s = time.monotonic()
        status = first(reply, "STATUS")
        # A warning is how the server says that the device cannot do it ("does not support ascset").
        if status.get("STATUS") == "W":
            raise MinerRefused(str(status.get("Msg")))

    def _expectation(self, name: str, given: Mapping[str, Any]) -> tuple[Seen | None, str]:
        """Return how the effect of *name* shows; removepool counts the pools there are now."""
        match name:
            case "switchpool":
                return _pool_is(given["pool"], lambda p: bool(p.is_active)), (
                    f"pool {given['pool']} is active"
                )
            case "enablepool":
                return _pool_is(given["pool"], lambda p: p.status not in (None, "Disabled")), (
                    f"pool {given['pool']} is enabled"
                )
            case "disablepool":
                return _pool_is(given["pool"], lambda p: p.status == "Disabled"), (
                    f"pool {given['pool']} is disabled"
                )
            case "addpool":
                login = PoolLogin(given["url"], given["user"])
                return _has_pool(login, active=False), "the pool is in the list"
            case "removepool":
                before = len(self._pools())
                return lambda r: 0 < len(r.pools) < before, "the pool is gone"
            case "ascenable" | "pgaenable":
                return _board_is(given["device"], disabled=False), "the device mines"
            case "ascdisable" | "pgadisable":
                return _board_is(given["device"], disabled=True), "the device is disabled"
            case "restart":
                return _restarted_after(datetime.now(UTC)), "the mining program runs anew"
            case _:
                return None, "the miner accepted it"

    def _use_profile(self, spec: CommandSpec, name: str) -> Confirmation:
        logins = self._profiles[name]
        if not logins:
            raise Unsupported(f"pool profile {name} has no pools")
        is_sent = False
        for login in logins:
            if _slot(self._pools(), login) is None:
                given = {"url": login.url, "user": login.user, "password": login.password}
                self._write("addpool", parameter_text("addpool", given))
                is_sent = True
        seen = _has_pool(logins[0], active=True)
        confirmation = Confirmation(
            seen, spec.expected_s, f"the first pool of profile {name} is active"
        )
        try:
            slot = _slot(self._pools(), logins[0])
        except (MinerUnreachable, BadReply) as error:
            if not is_sent:
                raise
            lost = OutcomeUnknown(f"pools were added, then: {error}")
            lost.confirmation = confirmation
            raise lost from error
        if slot is None:
            raise MinerRefused(f"the miner did not take the first pool of profile {name}")
        try:
            self._write("switchpool", str(slot))
        except OutcomeUnknown:
            if self._client.was_interrupted:
                raise
        return confirmation

    def _pools(self) -> tuple[Pool, ...]:
        return read_pools(self._client.ask("pools"))


def _pool_is(slot: int, wanted: Callable[[Pool], bool]) -> Seen:
    return lambda reading: any(pool.slot == slot and wanted(pool) for pool in reading.pools)


def _has_pool(login: PoolLogin, *, active: bool) -> Seen:
    return lambda reading: any(
        _is_same(pool, login) and (pool.is_active or not active) for pool in reading.pools
    )


def _board_is(slot: int, *, disabled: bool) -> Seen:
    return lambda reading: any(
        board.slot == slot and board.status is not None and (board.status == "Disabled") == disabled
        for board in reading.boards
    )


def _restarted_after(sent_at: datetime) -> Seen:
    """Return whether a reading is of a program that started after *sent_at*."""

    def seen(reading: MinerReading) -> bool:
        since_s = (reading.at - sent_at).total_seconds()
        return reading.uptime_s is not None and reading.uptime_s <= since_s + _CLOCK_TOLERANCE_S

    return seen


def _slot(pools: Sequence[Pool], login: PoolLogin) -> int | None:
    return next((pool.slot for pool in pools if _is_same(pool, login)), None)


def _is_same(pool: Pool, login: PoolLogin) -> bool:
    """Compare without scheme: some servers show only host and port."""
    return pool.user == login.user and _address(pool.url or "") == _address(login.url)


def _address(url: str) -> str:
    return url.rpartition("://")[2].rstrip("/").lower()
