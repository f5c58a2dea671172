"""One simulated device: identity, physics, faults, and what was asked of it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

from minerbridge.simulator.faults import Faults
from minerbridge.simulator.physics import Clock, Plant, Point, Rating

NEVER_S = float("inf")


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request; header names are lower case, *path* is without the query."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back. *after_s* are simulated seconds of work before it; inf: never."""

    body: bytes
    is_write: bool = False
    after_s: float = 0.0
    status: int = 200
    content_type: str = "text/html"
    headers: tuple[str, ...] = ()


class Host(Protocol):
    """What serves a device."""

    def sync(self, device: Device) -> None:
        """Open and close its ports as ``open_ports`` says; safe from any thread."""

    def call_at(self, clock_s: float, action: Callable[[], None]) -> None:
        """Run *action* on the serving thread when the clock reads *clock_s*."""


class Device:
    """The base of all kinds; a kind answers in ``rpc`` or ``http``, or speaks its own protocol."""

    kind: ClassVar[str]
    family: ClassVar[str]
    id_prefix: ClassVar[str]
    default_ports: ClassVar[Mapping[str, int]]
    protocols: ClassVar[Mapping[str, str]] = {}  # of ports that speak another than their name says
    credentials: ClassVar[tuple[str, str] | None] = None
    rating: ClassVar[Rating]

    def __init__(
        self,
        number: int = 1,
        *,
        clock: Clock = time.monotonic,
        speed: float = 1.0,
        seed: int = 0,
        uptime_s: float | None = None,
    ) -> None:
        self.id = f"{self.id_prefix}_{number}"
        self.number, self.speed = number, speed
        self.address = "127.0.0.1"
        self.ports: dict[str, int] = dict(self.default_ports)
        self.requests: Counter[str] = Counter()
        self.journal: list[tuple[float, str]] = []
        self.faults = Faults()
        self.faults.changed = self._faults_changed
        self.host: Host | None = None
        self.is_stopped = False
        self._clock = clock
        unique = f"{self.kind} {number} {seed}"
        self.plant = Plant(self.rating, clock, speed=speed, seed=unique, uptime_s=uptime_s)
        tail = self.plant.random.getrandbits(24)
        self._mac_address = f"02:5D:{number >> 8 & 255:02X}:" + ":".join(
            f"{tail >> shift & 255:02X}" for shift in (16, 8, 0)
        )

    # What a test sees

    @property
    def mac_address(self) -> str:
        return self.faults.mac_address or self._mac_address

    @property
    def power_w(self) -> float:
        """The true power, whatever the API reports."""
        return 0.0 if self.is_stopped else self.plant.power_w

    @property
    def state(self) -> str:
        """booting, stopped, starting, sleeping, mining or idle (up, but no board hashes)."""
        plant = self.plant
        if self.is_stopped:
            return "stopped"
        if plant.now_s < plant.system_at_s:
            return "booting"
        if plant.is_resting:
            return "sleeping"
        if plant.goal.hashrate_hs <= 0:
            return "idle"
        return "mining" if plant.is_hashing else "starting"

    def open_ports(self) -> set[str]:
        """Name the ports that listen now."""
        plant, faults = self.plant, self.faults
        if plant.now_s < plant.system_at_s:
            return set()
        listening = set(self.ports)
        if self.is_stopped or plant.now_s < plant.daemon_at_s:
            listening.discard("rpc")
        if faults.refuse:
            listening = {port for port in listening if not faults.afflicts(port)}
        return listening

    # Orders a kind carries out

    def write(self, what: str, action: Callable[[], object] | None = None) -> None:
        """Note a write received, and do it unless writes are being dropped."""
        self.journal.append((time.monotonic(), what))
        if action is not None and not self.faults.drop_writes:
            action()
            self.ports_changed()

    def restart(self, point: Point | None = None, after_s: float | None = None) -> None:
        """Restart the mining program; it heads for *point*, else for what ``normal_point`` says."""
        plant = self.plant
        self.is_stopped = False
        up_at_s = plant.now_s + (plant.restart_s if after_s is None else after_s)
        plant.run_from(up_at_s, self._startable(point or self.normal_point()))
        self.ports_changed()

    def sleep(self, after_s: float | None = None) -> None:
        """Restart the mining program into sleep."""
        plant = self.plant
        plant.rest_from(plant.now_s + (plant.restart_s if after_s is None else after_s))
        self.ports_changed()

    def reboot(self) -> None:
        """Restart the whole device; everything is closed for its boot time."""
        plant = self.plant
        self.is_stopped = False
        plant.system_at_s = plant.now_s + plant.boot_s
        self.resume(plant.system_at_s + plant.restart_s)
        self.ports_changed()

    def resume(self, up_at_s: float) -> None:
        """Start the mining program after a boot; kinds that remember sleep override it."""
        self.plant.run_from(up_at_s, self._startable(self.normal_point()))

    def stop_mining_program(self) -> None:
        """End it; nobody restarts it."""
        self.is_stopped = True
        self.ports_changed()

    def normal_point(self) -> Point:
        return self.plant.point

    def rpc(self, request: bytes) -> Reply:
        raise NotImplementedError

    def http(self, request: HttpRequest) -> Reply:
        raise NotImplementedError

    def ports_changed(self) -> None:
        """Tell the host now, and again when a closed port is due to open."""
        if self.host is None:
            return
        self.host.sync(self)
        plant = self.plant
        for due_s in (plant.system_at_s, plant.daemon_at_s):
            if due_s > plant.now_s:
                self.host.call_at(plant.clock_at(due_s), self._sync)

    def _sync(self) -> None:
        if self.host is not None:
            self.host.sync(self)

    def _startable(self, point: Point) -> Point:
        if self.faults.fails_to_start:
            return Point(0.0, self.rating.sleep_power_w)
        return point

    def _faults_changed(self) -> None:
        if self.host is None:
            return
        delay_s = self.faults.reboot_in_s
        if delay_s is not None:
            self.faults.reboot_in_s = None
            self.host.call_at(self._clock() + delay_s, self.reboot)
        self.host.sync(self)
