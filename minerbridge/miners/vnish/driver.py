"""One Antminer S9 with Vnish 3."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from minerbridge.errors import (
    BadReply,
    MinerRefused,
    MinerUnreachable,
    OutcomeUnknown,
    UnknownDevice,
    Unsupported,
)
from minerbridge.miners.antminer import models
from minerbridge.miners.antminer.web import REALM
from minerbridge.miners.driver import ReadSteps, Target
from minerbridge.miners.http_reply import HttpRefused
from minerbridge.miners.rpc import RpcClient
from minerbridge.miners.rpc_fields import mac_address
from minerbridge.miners.vnish import commands
from minerbridge.miners.vnish.control import VnishControl
from minerbridge.miners.vnish.curve import curve_of
from minerbridge.miners.vnish.reader import VnishReader
from minerbridge.miners.vnish.web import VnishWeb
from minerbridge.model import (
    CommandSpec,
    Confirmation,
    Identity,
    MinerCommand,
    MinerProfile,
    MinerReading,
)

#: Its fans stand still and its boards are off: measured at the plug.
STANDBY_W = 51.0


class VnishDriver:
    """Reads over the RPC while the miner is awake; commands go over the web, which never sleeps."""

    def __init__(self, target: Target, clock: Callable[[], float] = time.monotonic) -> None:
        self._target = target
        self._rpc = RpcClient(target.host, target.ports.get("rpc", 4028), target.timeout_s)
        self._web = VnishWeb(target)
        self._curve = curve_of(target.options.get("curve"))
        self._reader = VnishReader(target, self._rpc, self._web, clock)
        self._control = VnishControl(self._web, self._reader, self._curve, target.pool_profiles)

    def contact(self) -> Sequence[MinerProfile]:
        """Return who it is, even of a miner whose mining program hangs and tells nothing."""
        self._reader.is_cut = False
        reading = self._reader.meet()
        known = self._reader.system if reading is None else _described(reading)
        model = known.get("model")
        if not models.is_antminer(model) and not (self._web.realm or "").startswith(REALM):
            raise UnknownDevice(f"{self._target.host} is no Antminer, but {model}")
        points = self._curve.operating_points() if _is_s9(model) else ()
        return [
            MinerProfile(
                miner_id=self._target.miner_id,
                family="vnish",
                evidence=self._evidence(),
                manufacturer="Bitmain",
                commands=self._commands(model),
                board_slots=tuple(board.slot for board in reading.boards) if reading else (),
                fan_count=len(reading.fan_speeds_rpm) if reading else 0,
                rated_power_w=max((point.power_w for point in points), default=None),
                standby_power_w=STANDBY_W if _is_s9(model) else None,
                operating_points=points,
                **known,
            )
        ]

    def identity(self) -> Identity:
        """Ask the web page, which answers asleep as well; `MinerLocked` when it lets nobody in."""
        self._reader.is_cut = False
        try:
            told = self._web.ask("get_system_info")
        except (HttpRefused, BadReply):
            return Identity()
        return Identity(mac_address(told.get("macaddr")))

    def read(self) -> ReadSteps:
        self._reader.is_cut = False
        return [(yield from self._reader.steps())]

    def execute(self, command: MinerCommand) -> Confirmation:
        self._reader.is_cut = False
        try:
            confirmation = self._control.execute(command)
        except OutcomeUnknown as error:
            if error.confirmation is not None:
                self._reader.watch(error.confirmation.within_s)
            raise
        self._reader.watch(confirmation.within_s)
        return confirmation

    def query(self, name: str, parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return what the miner answers to a read command; pool passwords are left out."""
        self._reader.is_cut = False
        if parameters:
            raise Unsupported(f"{name} takes no parameters")
        if name == "get_miner_conf":
            return self._web.configuration().blanked()
        if name == "get_miner_status":
            return self._web.status()
        if name == "profile_list":
            return {"profiles": self._web.profiles()}
        if name in commands.CHIP_QUERIES:
            return {"reply": self._web.chips(name)}
        if name in commands.TEXT_QUERIES:
            return {"text": self._web.page(name).text}
        if name in commands.WEB_QUERIES:
            return self._web.ask(name)
        if name not in commands.RPC_QUERIES:
            raise Unsupported(commands.refusal(name))
        return self._over_rpc(name)

    def interrupt(self) -> None:
        self._reader.is_cut = True
        self._rpc.interrupt()
        self._web.interrupt()

    def close(self) -> None:
        self._rpc.close()
        self._web.close()

    def _over_rpc(self, name: str) -> dict[str, Any]:
        try:
            return self._rpc.ask(name)
        except MinerUnreachable:
            if self._reader.is_cut or name != "summary":
                raise
            return self._web.status()

    def _commands(self, model: str | None) -> Mapping[str, CommandSpec]:
        if isinstance(self._reader.web_problem, MinerRefused):
            return {}  # wrong password
        curve = self._curve if _is_s9(model) else None
        return commands.offered(curve, tuple(sorted(self._target.pool_profiles)))

    def _evidence(self) -> str:
        told = []
        for what, problem in (("RPC", self._reader.rpc_problem), ("web", self._reader.web_problem)):
            silent = f"{what} does not answer ({problem})"
            told.append(silent if problem else f"{what} answers")
        curve = "default curve" if self._curve.is_default else "curve of the settings"
        return f"{told[0]}, {told[1]}; {curve}"


def _is_s9(model: str | None) -> bool:
    """Whether the curve is of this model: S9, S9i, S9j; not S9 SE, S9k, which are other chips."""
    name = (model or "").removeprefix("Antminer ").strip().lower()
    return name in ("s9", "s9i", "s9j")


def _described(reading: MinerReading) -> dict[str, Any]:
    names = ("model", "firmware", "mac_address", "serial_number", "hostname", "ip_address",
             "algorithm")  # fmt: skip
    return {name: getattr(reading, name) for name in names}
