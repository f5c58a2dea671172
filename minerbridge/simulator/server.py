"""Runs any number of devices on one thread with its own event loop."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import resource
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from itertools import count
from types import TracebackType
from typing import Any, Self

from minerbridge.simulator.addresses import Addresses, bound
from minerbridge.simulator.connection import Connection
from minerbridge.simulator.device import Device
from minerbridge.simulator.http_server import HttpConnection
from minerbridge.simulator.iceriver_daemon import DaemonConnection
from minerbridge.simulator.iceriver_tls import HttpsConnection
from minerbridge.simulator.kinds import kind_named
from minerbridge.simulator.mining_platform_socket import PlatformConnection
from minerbridge.simulator.physics import Clock
from minerbridge.simulator.rpc_server import RpcConnection
from minerbridge.simulator.whatsminer_connection import WhatsminerConnection
from minerbridge.simulator.whatsminer_framed import FramedConnection

TICK_S = 0.01  # a test's clock can only be watched, not waited for
BACKLOG = 100
PROTOCOLS: dict[str, type[Connection]] = {
    "rpc": RpcConnection,
    "http": HttpConnection,
    "https": HttpsConnection,
    "iceriver_daemon": DaemonConnection,
    "mining_platform": PlatformConnection,
    "whatsminer_v2": WhatsminerConnection,
    "whatsminer_v3": FramedConnection,
}


class Fleet:
    """Simulated devices; add some, ``start``, and they answer until ``stop``.

    *ports* overrides the kinds' ports by name; 0 means ephemeral ones on 127.0.0.1.
    """

    def __init__(
        self,
        *,
        first_address: str = "127.77.0.1",
        ports: Mapping[str, int] | None = None,
        speed: float = 1.0,
        clock: Clock = time.monotonic,
        seed: int = 1,
    ) -> None:
        self.devices: list[Device] = []
        self._by_id: dict[str, Device] = {}
        self._count: Counter[str] = Counter()
        self._addresses = Addresses(first_address, ports)
        self._speed, self._clock, self._seed = speed, clock, seed
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._servers: dict[tuple[str, str], asyncio.Server] = {}
        self._reserved: dict[tuple[str, str], socket.socket] = {}  # closed ports stay ours
        self._connections: dict[str, set[Connection]] = {}
        self._alarms: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        self._is_ticking = False
        self._opening = asyncio.Lock()
        self._syncing: set[asyncio.Task[None]] = set()

    def add(self, kind: str, number_of: int = 1, **options: Any) -> list[Device]:
        """More devices of *kind*, at once when running; *options* go to the kind."""
        added: list[Device] = []
        device_class = kind_named(kind)
        for _ in range(number_of):
            number = self._count[device_class.id_prefix] = self._count[device_class.id_prefix] + 1
            shared = {"clock": self._clock, "speed": self._speed, "seed": self._seed}
            settings: dict[str, Any] = shared | options
            device = device_class(number, **settings)
            device.address, device.ports = self._addresses.place(device.default_ports)
            self._connections[device.id] = set()
            self.devices.append(device)
            self._by_id[device.id] = device
            added.append(device)
            if self._loop is not None:
                device.host = self
                self.sync(device)
        return added

    def __getitem__(self, device_id: str) -> Device:
        return self._by_id[device_id]

    # Start and stop

    def start(self) -> None:
        """Listen on every port; raises OSError when one cannot be bound."""
        self._opening = asyncio.Lock()
        _allow_open_files(len(self.devices) * 2 + 1_000)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="simulator")
        self._thread.start()
        try:
            self._call(self._open_all())
        except OSError:
            self.stop()
            raise

    def stop(self) -> None:
        """Close everything; a stopped fleet may be started again."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        self._call(self._close_all())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        self._loop = self._thread = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.stop()

    def settle(self) -> None:
        """Open and close what the clock says by now, without waiting for the next tick."""
        self._call(self._run_due())

    # What devices call (Host)

    def sync(self, device: Device) -> None:
        if threading.current_thread() is self._thread:
            task = asyncio.get_running_loop().create_task(self._sync(device))
            self._syncing.add(task)  # the loop itself holds tasks only weakly
            task.add_done_callback(self._syncing.discard)
        else:
            self._call(self._sync(device))

    def call_at(self, clock_s: float, action: Callable[[], None]) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._remember, clock_s, action)

    # On the serving thread

    async def _open_all(self) -> None:
        for device in self.devices:
            device.host = self
            await self._sync(device)

    async def _close_all(self) -> None:
        self._alarms.clear()
        for device in self.devices:
            device.host = None
        for server in self._servers.values():
            server.close()
        self._servers.clear()
        for reserved in self._reserved.values():
            reserved.close()
        self._reserved.clear()
        for connections in self._connections.values():
            for connection in list(connections):
                connection.abort()
        await asyncio.sleep(0)

    async def _sync(self, device: Device) -> None:
        """Make the listening sockets those of ``open_ports``."""
        async with self._opening:
            for port in device.ports:
                key, is_open = (device.id, port), port in device.open_ports()
                if is_open and key not in self._servers:
                    self._servers[key] = await self._listen(device, port)
                elif not is_open and key in self._servers:
                    self._servers.pop(key).close()
                    self._reserved[key] = bound(device.address, device.ports[port])
                    self._hang_up(device, port)

    def _hang_up(self, device: Device, port: str) -> None:
        for connection in list(self._connections[device.id]):
            if connection.port == port and not connection.is_answering:
                connection.hang_up()

    async def _listen(self, device: Device, port: str) -> asyncio.Server:
        protocol = PROTOCOLS[device.protocols.get(port, port)]
        connections = self._connections[device.id]
        reserved = self._reserved.pop((device.id, port), None)
        if reserved is not None:
            reserved.close()
        listener = bound(device.address, device.ports[port])
        device.ports[port] = listener.getsockname()[1]
        loop = asyncio.get_running_loop()
        return await loop.create_server(
            lambda: protocol(device, self, connections),
            sock=listener,
            backlog=BACKLOG,
            ssl=protocol.tls(),
        )

    def _remember(self, clock_s: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._alarms, (clock_s, next(self._numbers), action))
        if not self._is_ticking:
            self._is_ticking = True
            self._tick()

    def _tick(self) -> None:
        self._run_alarms()
        self._is_ticking = bool(self._alarms)
        if self._is_ticking:
            asyncio.get_running_loop().call_later(TICK_S, self._tick)

    def _run_alarms(self) -> None:
        while self._alarms and self._alarms[0][0] <= self._clock():
            heapq.heappop(self._alarms)[2]()

    async def _run_due(self) -> None:
        self._run_alarms()
        for device in self.devices:
            await self._sync(device)

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(work, self._loop).result()


def _allow_open_files(needed: int) -> None:
    """Two listeners a device pass the usual soft limit at a few hundred devices."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        with contextlib.suppress(OSError, ValueError):  # only root may
            resource.setrlimit(resource.RLIMIT_NOFILE, (needed, needed))
            return
    if soft != resource.RLIM_INFINITY and soft < needed:
        allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
