"""One IceRiver miner, whichever of three ways it answers."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from minerbridge.errors import (
    BadReply,
    MinerError,
    MinerLocked,
    MinerUnreachable,
    UnknownDevice,
    Unsupported,
)
from minerbridge.miners.driver import ReadSteps, Target, finished
from minerbridge.miners.http_transport import HttpRefused
from minerbridge.miners.iceriver import commands, daemon, pbfarmer, queries, web
from minerbridge.miners.iceriver.codes import ProgramGone
from minerbridge.miners.iceriver.control import StockControl
from minerbridge.miners.iceriver.daemon import Daemon
from minerbridge.miners.iceriver.pbfarmer import PbfarmerWeb
from minerbridge.miners.iceriver.pbfarmer_control import PbfarmerControl
from minerbridge.miners.iceriver.queries import Way
from minerbridge.miners.iceriver.reader import IceRiverReader
from minerbridge.miners.iceriver.web import StockWeb
from minerbridge.miners.rpc_fields import mac_address
from minerbridge.model import (
    CommandSpec,
    Confirmation,
    Identity,
    MinerCommand,
    MinerProfile,
    MinerReading,
)

_LOOK_S = 10.0
_WAYS = ("stock web server", "pbfarmer's firmware", "mining program alone, which is only read")


class IceRiverDriver:
    """Ports: `http` (80, or pbfarmer's 443) and `rpc` (the mining program's 4111)."""

    def __init__(self, target: Target, clock: Callable[[], float] = time.monotonic) -> None:
        self._target = target
        self._stock = StockWeb(target)
        self._pbfarmer = PbfarmerWeb(target)
        self._daemon = Daemon(target)
        self._reader = IceRiverReader(target, clock)
        self._source: Way | None = None
        self._is_cut = False
        profiles = target.pool_profiles
        self._stock_control = StockControl(self._stock, profiles, lambda: self._reader.last)
        self._pbfarmer_control = PbfarmerControl(self._pbfarmer, lambda: self._reader.last)

    def contact(self) -> Sequence[MinerProfile]:
        """Find out anew by which way it answers: other firmware may have been installed."""
        self._is_cut = False
        self._pbfarmer.met_anew()
        reading = self._meet()
        return [
            MinerProfile(
                miner_id=self._target.miner_id,
                family="iceriver",
                evidence=f"IceRiver, {_WAYS[self._ways.index(self._ready())]}",
                manufacturer="IceRiver",
                model=reading.model,
                firmware=reading.firmware,
                mac_address=reading.mac_address,
                hostname=reading.hostname,
                ip_address=reading.ip_address,
                algorithm=reading.algorithm,
                commands=self._commands(),
                board_slots=tuple(board.slot for board in reading.boards),
                fan_count=len(reading.fan_speeds_rpm),
            )
        ]

    def identity(self) -> Identity:
        self._is_cut = False
        source = self._ready()
        try:
            told = source.network()
        except MinerLocked:
            raise
        except (HttpRefused, BadReply):
            told = finished(source.panel())  # says the same and takes longer
        return Identity(mac_address(told.get("mac")))

    def read(self) -> ReadSteps:
        self._is_cut = False
        return [(yield from self._reader.steps(self._ready()))]

    def execute(self, command: MinerCommand) -> Confirmation:
        self._is_cut = False
        source = self._ready()
        if source is self._stock:
            return self._stock_control.execute(command)
        if source is self._pbfarmer:
            return self._pbfarmer_control.execute(command)
        raise Unsupported("over port 4111 an IceRiver is only read: its web server does not answer")

    def query(self, name: str, parameters: Mapping[str, Any] | None = None) -> Any:
        """Return the miner's own answer; pool passwords are left out."""
        self._is_cut = False
        if parameters:
            raise Unsupported(f"{name} takes no parameters")
        return queries.answer(self._ready(), name)

    def interrupt(self) -> None:
        self._is_cut = True
        for source in self._ways:
            source.interrupt()

    def close(self) -> None:
        for source in self._ways:
            source.close()

    @property
    def _ways(self) -> tuple[Way, ...]:
        return self._stock, self._pbfarmer, self._daemon

    def _ready(self) -> Way:
        if self._source is None:
            self.contact()
        assert self._source is not None
        return self._source

    def _meet(self) -> MinerReading:
        """Read it by the first way it answers, beginning with the one known."""
        problems: list[MinerError] = []
        ways = sorted(self._ways, key=lambda way: way is not self._source)
        for way in ways:
            try:
                self._look(way)
                reading = finished(self._reader.steps(way))
            except ProgramGone:
                self._source = way
                raise
            except (MinerUnreachable, BadReply, HttpRefused, UnknownDevice) as error:
                problems.append(error)
                if self._is_cut:
                    break
                continue
            if reading.firmware is None and not reading.boards:
                raise UnknownDevice(f"{self._target.host} answers like no IceRiver")
            self._source = way
            return reading
        raise _most_telling(problems)

    def _look(self, way: Way) -> None:
        """Raise unless *way* may be asked: quickly, and before any token goes out."""
        target = self._target
        host, ports = target.host, target.ports
        rpc_port = daemon.port_of(target)
        usual = web.PORT if way is self._stock else pbfarmer.PORT
        port = rpc_port if way is self._daemon else ports.get("http", usual)
        _connect(host, port, target.timeout_s)
        within_s = max(_LOOK_S, target.timeout_s)
        if way is self._pbfarmer and not pbfarmer.is_pbfarmer(host, port, within_s):
            raise MinerUnreachable(f"port {port}: not pbfarmer's firmware")
        if port == rpc_port:  # one port may have been named for both
            is_daemon = daemon.is_daemon(host, port, target.timeout_s)
            if is_daemon is not (way is self._daemon):
                what = "is not" if way is self._daemon else "is"
                raise MinerUnreachable(f"port {port} {what} that of an IceRiver's mining program")

    def _commands(self) -> Mapping[str, CommandSpec]:
        reader = self._reader
        if self._source is self._stock:
            return commands.stock(
                has_hardware=reader.mode is not None and reader.fan_percent is not None,
                profiles=tuple(sorted(self._target.pool_profiles)),
            )
        if self._source is self._pbfarmer:
            return commands.pbfarmer(reader.clock_mhz[0])
        return {}


def _connect(host: str, port: int, within_s: float) -> None:
    """Raise `MinerUnreachable` where nobody listens: a panel is waited for much longer."""
    try:
        connection = socket.create_connection((host, port), within_s)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error) or "no answer"
        raise MinerUnreachable(f"port {port}: {str(reason).lower()}") from error
    with suppress(OSError):
        connection.close()


def _most_telling(problems: Sequence[MinerError]) -> MinerError:
    """Return the first that is more than silence."""
    for problem in problems:
        if not isinstance(problem, MinerUnreachable):
            return problem
    return MinerUnreachable("; ".join(dict.fromkeys(str(problem) for problem in problems)))
