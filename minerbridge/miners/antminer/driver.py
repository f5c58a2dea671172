"""One Antminer with stock firmware."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from minerbridge.errors import (
    BadReply,
    MinerError,
    MinerRefused,
    MinerUnreachable,
    UnknownDevice,
    Unsupported,
)
from minerbridge.miners.antminer import models
from minerbridge.miners.antminer.commands import offered
from minerbridge.miners.antminer.control import AntminerControl
from minerbridge.miners.antminer.reader import AntminerReader
from minerbridge.miners.antminer.web import REALM, AntminerWeb
from minerbridge.miners.driver import ReadSteps, Target
from minerbridge.miners.rpc import RpcClient
from minerbridge.miners.rpc_fields import mac_address, text
from minerbridge.model import CommandSpec, Confirmation, Identity, MinerCommand, MinerProfile

_RPC_QUERIES = ("stats", "summary", "pools", "devs", "version")
_WEB_QUERIES = (
    "get_system_info", "get_network_info", "get_blink_status", "miner_type", "get_miner_status"
)  # fmt: skip
_TEXT_QUERIES = ("log", "get_kernel_log")


class AntminerDriver:
    """Reads over the RPC and the web, whichever answers; commands go over the web."""

    def __init__(self, target: Target, clock: Callable[[], float] = time.monotonic) -> None:
        self._target = target
        self._rpc = RpcClient(target.host, target.ports.get("rpc", 4028), target.timeout_s)
        self._web = AntminerWeb(target)
        self._reader = AntminerReader(target, self._rpc, self._web, clock)
        self._control = AntminerControl(self._web, target.pool_profiles, lambda: self._reader.last)

    def contact(self) -> Sequence[MinerProfile]:
        self._reader.is_cut = False
        reading = self._reader.meet()
        if not self._is_antminer(reading.model):
            raise UnknownDevice(f"{self._target.host} is no Antminer, but {reading.model}")
        return [
            MinerProfile(
                miner_id=self._target.miner_id,
                family="antminer",
                evidence=self._evidence(),
                manufacturer="Bitmain",
                model=reading.model,
                firmware=reading.firmware,
                mac_address=reading.mac_address,
                serial_number=reading.serial_number,
                hostname=reading.hostname,
                ip_address=reading.ip_address,
                algorithm=reading.algorithm,
                commands=self._commands(),
                board_slots=tuple(board.slot for board in reading.boards),
                fan_count=len(reading.fan_speeds_rpm),
            )
        ]

    def identity(self) -> Identity:
        """Over the RPC alone there is no telling one miner from another of its model."""
        self._reader.is_cut = False
        try:
            told = self._web.ask("get_system_info")
        except MinerUnreachable:
            if self._reader.is_cut:
                raise
            self._rpc.ask("version")
            return Identity()
        except (MinerRefused, BadReply):
            return Identity()
        return Identity(mac_address(told.get("macaddr")), text(told.get("serinum")))

    def read(self) -> ReadSteps:
        self._reader.is_cut = False
        return [(yield from self._reader.steps())]

    def execute(self, command: MinerCommand) -> Confirmation:
        self._reader.is_cut = False
        confirmation = self._control.execute(command)
        self._reader.watch(confirmation.within_s)
        return confirmation

    def query(self, name: str, parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return what the miner answers to a read command; pool passwords are left out."""
        self._reader.is_cut = False
        if parameters:
            raise Unsupported(f"{name} takes no parameters")
        if name == "get_miner_conf":
            return self._web.configuration().blanked()
        if name in _TEXT_QUERIES:
            return {"text": self._web.page(name).text}
        if name in _WEB_QUERIES:
            return self._web.ask(name)
        if name not in _RPC_QUERIES:
            raise Unsupported(f"stock Antminer firmware has no query {name}")
        try:
            return self._rpc.ask(name)
        except MinerUnreachable:
            if self._reader.is_cut or name in ("devs", "version"):
                raise
            return self._web.ask(name)

    def interrupt(self) -> None:
        self._reader.is_cut = True
        self._rpc.interrupt()
        self._web.interrupt()

    def close(self) -> None:
        self._rpc.close()
        self._web.close()

    def _is_antminer(self, model: str | None) -> bool:
        return models.is_antminer(model) or (self._web.realm or "").startswith(REALM)

    def _commands(self) -> Mapping[str, CommandSpec]:
        configuration = self._reader.configuration
        if configuration is None:
            return {}
        profiles = tuple(sorted(self._target.pool_profiles))
        has_led = self._reader.led_on is not None
        return offered(configuration, has_led=has_led, profiles=profiles)

    def _evidence(self) -> str:
        reader = self._reader
        generation = {True: "JSON CGI", False: "form CGI", None: "web interface"}[reader.is_new]
        rpc = _told("RPC", reader.rpc_problem)
        web = _told(generation, reader.web_problem)
        if reader.configuration is None:
            web += "; no commands without it"
        return f"{rpc}, {web}"


def _told(what: str, problem: MinerError | None) -> str:
    return f"{what} answers" if problem is None else f"{what} does not answer ({problem})"
