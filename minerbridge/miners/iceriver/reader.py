"""Asks one miner by the way it answers, and makes a reading of what it tells."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any, Protocol

from minerbridge.errors import BadReply, MinerLocked, MinerRefused
from minerbridge.miners.driver import Target
from minerbridge.miners.iceriver import panel, status
from minerbridge.miners.iceriver.boards import board_faults, sensor_faults
from minerbridge.miners.iceriver.pbfarmer import PbfarmerWeb
from minerbridge.miners.iceriver.values import between
from minerbridge.miners.rpc_decode import integer
from minerbridge.model import Fault, MinerReading

Fields = dict[str, Any]
_MOST_MHZ = 10_000


class Source(Protocol):
    """One way to ask a miner."""

    def panel(self) -> Generator[None, None, Fields]:
        """Ask for everything at once, or in steps; return it in the form of the panel."""

    def configuration(self) -> Fields:
        """Ask for `mode` and fan `ratio`, or `clock`, as far as the firmware tells them."""


class IceRiverReader:
    """What is known of one miner, and how to learn it anew. *clock* is monotonic."""

    def __init__(self, target: Target, clock: Callable[[], float]) -> None:
        self._target = target
        self._clock = clock
        self.last: MinerReading | None = None
        self.configuration: Mapping[str, Any] = {}
        self._fan_count = 0
        self._idle_since_s: float | None = None
        self._asleep_at_s = -1e9

    def steps(self, source: Source) -> Generator[None, None, MinerReading]:
        """Read once; a request lies between two steps."""
        document = yield from source.panel()
        self.configuration = self._configured(source)
        power_w = None
        if isinstance(source, PbfarmerWeb):
            yield
            power_w = source.power_w()
        self.last = self._reading(document, power_w)
        return self.last

    @property
    def mode(self) -> str | None:
        return status.mode_name(self.configuration.get("mode"))

    @property
    def fan_percent(self) -> int | None:
        """What stock firmware tells; it does not tell whether its fans are held there."""
        found = between(self.configuration.get("ratio"), 0, 100)
        return None if found is None else round(found)

    @property
    def clock_mhz(self) -> tuple[float | None, int | None]:
        """Base and offset of the clock; only pbfarmer's firmware tells."""
        clock = self.configuration.get("clock")
        told = clock if isinstance(clock, dict) else {}
        offset = between(told.get("offset"), -_MOST_MHZ, _MOST_MHZ)
        return between(told.get("base"), 1, _MOST_MHZ), integer(offset)

    def _configured(self, source: Source) -> Mapping[str, Any]:
        try:
            return source.configuration()
        except MinerLocked:
            raise
        except (MinerRefused, BadReply):
            return {}  # builds that cannot sleep do not tell

    def _reading(self, document: Mapping[str, Any], power_w: float | None) -> MinerReading:
        found = panel.parse(document)
        state, is_mining = status.decide(found.get("hashrate_hs"), self.mode, self._idle_s(found))
        faults = sensor_faults(document)
        if state != "sleeping":
            faults += board_faults(document)
            has_begun = state == "starting" or self._has_just_begun(found)
            faults += tuple(
                # A mean of five minutes is low after every start.
                fault for fault in panel.health_faults(document)
                if not has_begun or fault.code != "POWSTATE"
            )  # fmt: skip
        return MinerReading(**{
            **found,
            "miner_id": self._target.miner_id,
            "at": datetime.now(UTC),
            "family": "iceriver",
            "ip_address": found.get("ip_address") or _address(self._target.host),
            "algorithm": found.get("algorithm") or self._target.algorithm,
            "status": state,
            "is_mining": is_mining,
            "power_w": power_w,
            "power_mode": self.mode,
            "fan_speeds_rpm": self._fans(document),
            "errors": _distinct(faults),
            "details": {**found.get("details", {}), **self._details()},
        })  # fmt: skip

    def _fans(self, document: Mapping[str, Any]) -> tuple[int | None, ...]:
        """Return the speeds up to the last fan that ever turned: a KS0 has none, or two of four."""
        speeds_rpm = panel.fans_rpm(document)
        turning = [place for place, rpm in enumerate(speeds_rpm, 1) if rpm]
        self._fan_count = max([self._fan_count, *turning])
        return speeds_rpm[: self._fan_count]

    def _idle_s(self, found: Fields) -> float:
        """Return how long it has been awake without hashing; at first sight, since it is up."""
        now_s = self._clock()
        if self.mode == "sleep":
            self._asleep_at_s = now_s
        if found.get("hashrate_hs") or self.mode == "sleep":
            self._idle_since_s = now_s
        elif self._idle_since_s is None:
            self._idle_since_s = now_s - float(found.get("uptime_s") or 0.0)
        return now_s - self._idle_since_s

    def _has_just_begun(self, found: Fields) -> bool:
        """Whether it started, or woke up, less than a start ago."""
        up_s: float = found.get("uptime_s", status.STARTING_S)
        return min(up_s, self._clock() - self._asleep_at_s) < status.STARTING_S

    def _details(self) -> Fields:
        base_mhz, offset_mhz = self.clock_mhz
        found = {
            "fan_percent": self.fan_percent,
            "clock_base_mhz": base_mhz,
            "clock_offset_mhz": offset_mhz,
        }
        return {name: value for name, value in found.items() if value is not None}


def _distinct(faults: tuple[Fault, ...]) -> tuple[Fault, ...]:
    return tuple({fault.code: fault for fault in faults}.values())


def _address(host: str) -> str | None:
    try:
        return str(ip_address(host))
    except ValueError:
        return None
