"""One accepted TCP connection, with the device's faults between the answer and the wire."""

from __future__ import annotations

import asyncio
import ssl
from typing import ClassVar, cast

from minerbridge.simulator.device import NEVER_S, Device, Host, Reply

GARBAGE = bytes((37 * n + 11) % 256 for n in range(180))


class Connection(asyncio.Protocol):
    """The base of the protocols; a protocol turns bytes into a Reply and calls ``deliver``."""

    port: ClassVar[str]
    is_answering = False

    def __init__(self, device: Device, host: Host, open_connections: set[Connection]) -> None:
        self.device, self.host = device, host
        self._open = open_connections
        self.transport: asyncio.Transport | None = None

    @classmethod
    def tls(cls) -> ssl.SSLContext | None:
        """Return what encrypts the port; None for a plain one."""
        return None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._open.add(self)
        self.device.requests[f"{self.port} connections"] += 1
        faults = self.device.faults
        if faults.close and faults.afflicts(self.port):
            self.transport.abort()

    def connection_lost(self, _exc: Exception | None) -> None:
        self._open.discard(self)
        self.transport = None

    def hang_up(self) -> None:
        if self.transport is not None:
            self.transport.close()

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def deliver(self, reply: Reply, head: bytes, body: bytes, *, keep: bool) -> None:
        """Send *head* and *body* as the faults allow; *keep* the connection for another request."""
        faults = self.device.faults
        if faults.hang and faults.afflicts(self.port):
            return
        if reply.after_s == NEVER_S:
            return
        if reply.after_s > 0:
            plant = self.device.plant
            due_clock_s = plant.clock_at(plant.now_s + reply.after_s)
            self.host.call_at(due_clock_s, lambda: self._slowly(reply, head, body, keep))
            return
        self._slowly(reply, head, body, keep)

    def _slowly(self, reply: Reply, head: bytes, body: bytes, keep: bool) -> None:
        faults = self.device.faults
        if faults.delay_s > 0 and faults.afflicts(self.port):
            loop = asyncio.get_running_loop()
            loop.call_later(faults.delay_s, self._send, reply, head, body, keep)
            return
        self._send(reply, head, body, keep)

    def _send(self, reply: Reply, head: bytes, body: bytes, keep: bool) -> None:
        transport, faults = self.transport, self.device.faults
        if transport is None:
            return
        if faults.afflicts(self.port):
            cut = faults.truncate_after_bytes
            if faults.lose_reply and reply.is_write:
                head, body, keep = b"", b"", False
            elif faults.garbage:
                head, body, keep = b"", GARBAGE, False
            elif cut is not None and cut < len(body):
                body, keep = body[:cut], False
        transport.write(head + body)
        self.is_answering = False
        if not keep or self.port not in self.device.open_ports():
            transport.close()
        self.sent()

    def sent(self) -> None:
        """Go on with further requests, in protocols that have them."""
