"""One WhatsMiner, over whichever of its APIs the settings name or answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from typing import Any, Protocol

import structlog

from minerbridge.errors import BridgeError, MinerError, MinerUnreachable, UnknownDevice
from minerbridge.miners.driver import ReadSteps, Target
from minerbridge.miners.whatsminer.control import Control, Writer
from minerbridge.miners.whatsminer.operating import operating_points, standby_power_w
from minerbridge.miners.whatsminer.reader import WhatsminerReader
from minerbridge.miners.whatsminer.v2_client import V2Client
from minerbridge.miners.whatsminer.v2_writer import V2Writer
from minerbridge.miners.whatsminer.v3_client import V3Client
from minerbridge.miners.whatsminer.v3_reader import V3Reader
from minerbridge.miners.whatsminer.v3_writer import V3Writer
from minerbridge.model import Confirmation, Identity, MinerCommand, MinerProfile, MinerReading

log = structlog.get_logger(__name__)
FAMILY = "whatsminer"


class Reader(Protocol):
    """Reads over one of the APIs."""

    default_limit_w: float | None
    last: MinerReading | None
    api: str

    def watch(self, commands: tuple[str, ...], for_s: float) -> None: ...

    def meet(self) -> MinerReading: ...

    def identity(self) -> Identity: ...

    def steps(self) -> Generator[None, None, MinerReading]: ...


class Backend:
    """One API with what is known and done over it."""

    def __init__(self, target: Target, api: str, clock: Callable[[], float]) -> None:
        self.client: V2Client | V3Client
        self.reader: Reader
        writer: Writer
        if api == "v3":
            self.client = v3 = V3Client(target)
            self.reader = V3Reader(target, v3, clock)
            writer = V3Writer(v3)
        else:
            self.client = v2 = V2Client(target, clock)
            self.reader = reader = WhatsminerReader(target, v2, clock)
            writer = V2Writer(target, v2, lambda: reader.last)
        self.control = Control(target, writer, self.reader, clock)


class WhatsminerDriver:
    """Speaks v2 (port 4028), or v3 (port 4433) where told so or where v2 does not answer."""

    def __init__(self, target: Target, clock: Callable[[], float] = time.monotonic) -> None:
        self._target = target
        self._clock = clock
        told = target.options.get("api", "auto")
        self._apis = (str(told),) if told in ("v2", "v3") else ("v2", "v3")
        self._backend = Backend(target, self._apis[0], clock)
        self._identity = Identity()
        self._basis: tuple[object, ...] = ()
        self._is_cut = False

    def attend(self, _known: Collection[str], _wake: Callable[[], None]) -> None:
        """Do nothing: this device is alone, and only reading tells of it."""

    def has_news(self) -> bool:
        """Whether limit or fast boot are others than `contact` told: the set-points hang on them.

        While the mining program is down they are unknown, which is no news.
        """
        last = self._backend.reader.last
        basis = () if last is None else self._basis_of(last)
        return None not in basis and basis not in ((), self._basis)

    def contact(self) -> Sequence[MinerProfile]:
        self._is_cut = False
        reading = self._met()
        self._identity = Identity(reading.mac_address, reading.serial_number)
        self._basis = self._basis_of(reading)
        reader, commands = self._backend.reader, self._backend.control.specs()
        percent = commands.get("power_percent") if "set_power_pct" in commands else None
        return [
            MinerProfile(
                miner_id=self._target.miner_id,
                family=FAMILY,
                evidence=f"API {reader.api} answers",
                manufacturer="MicroBT",
                model=reading.model,
                firmware=reading.firmware,
                mac_address=reading.mac_address,
                serial_number=reading.serial_number,
                hostname=reading.hostname,
                ip_address=reading.ip_address,
                algorithm=reading.algorithm,
                commands=commands,
                board_slots=tuple(board.slot for board in reading.boards),
                fan_count=len(reading.fan_speeds_rpm),
                rated_power_w=reading.power_limit_w,
                standby_power_w=standby_power_w(reading),
                operating_points=operating_points(reading, percent, reader.default_limit_w),
            )
        ]

    def identity(self) -> Identity:
        self._is_cut = False
        return self._backend.reader.identity()

    def read(self) -> ReadSteps:
        self._is_cut = False
        reading = yield from self._backend.reader.steps()
        if self._target.options.get("keeps_ready"):
            yield
            self._backend.client.keep_ready()
        hold = self._backend.control.hold
        if hold.wants_repeat(reading):
            yield
            self._switch_off_again()
        if hold.fault is not None:
            reading = reading.replace(errors=(*reading.errors, hold.fault))
        return [reading]

    def execute(self, command: MinerCommand) -> Confirmation:
        self._is_cut = False
        return self._backend.control.execute(command)

    def query(self, name: str, parameters: Mapping[str, Any] | None = None) -> Any:
        """Return what the miner answers to a read command."""
        self._is_cut = False
        return self._backend.control.query(name, parameters or {})

    def interrupt(self) -> None:
        self._is_cut = True
        self._backend.client.interrupt()

    def close(self) -> None:
        self._backend.client.close()

    def _basis_of(self, reading: MinerReading) -> tuple[object, ...]:
        told = reading.details
        return (
            reading.power_limit_w,
            self._backend.reader.default_limit_w,
            told.get("fast_boot"),
            told.get("factory_hashrate_hs"),
        )

    def _met(self) -> MinerReading:
        """Read everything over the API in use, else over the other one the settings leave open."""
        try:
            return self._asked()
        except MinerUnreachable:
            others = [api for api in self._apis if api != self._backend.reader.api]
            if self._is_cut or not others:
                raise
            first = self._backend
            self._backend = Backend(self._target, others[0], self._clock)
            try:
                return self._asked()
            except MinerError:
                self._backend = first
            raise

    def _asked(self) -> MinerReading:
        reading = self._backend.reader.meet()
        if not _is_whatsminer(reading):
            raise UnknownDevice(f"{self._target.host} does not answer like a WhatsMiner")
        return reading

    def _switch_off_again(self) -> None:
        """Only the miner that was switched off is switched off again."""
        try:
            known = self._identity
            if known != Identity() and not known.is_same_as(self._backend.reader.identity()):
                return
            self._backend.control.switch_off_again()
            log.warning("power_off_repeated", miner_id=self._target.miner_id)
        except BridgeError as error:
            if self._is_cut:
                raise
            log.warning("power_off_not_repeated", miner_id=self._target.miner_id, reason=str(error))


def _is_whatsminer(reading: MinerReading) -> bool:
    told = reading.details
    return any(
        key in told for key in ("api_version", "is_switched_off", "factory_hashrate_hs")
    ) or (reading.hashrate_hs is not None and reading.details.get("generation") is not None)
