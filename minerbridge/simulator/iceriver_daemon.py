"""Port 4111 of an IceRiver: lines of JSON, on a connection that stays open."""

from __future__ import annotations

from minerbridge.simulator.connection import Connection
from minerbridge.simulator.device import Device, Host
from minerbridge.simulator.iceriver import IceRiver

LONGEST = 8_192


class DaemonConnection(Connection):
    """Lines on one connection are answered in turn."""

    port = "rpc"

    def __init__(self, device: Device, host: Host, open_connections: set[Connection]) -> None:
        super().__init__(device, host, open_connections)
        assert isinstance(device, IceRiver)
        self.miner = device
        self._buffer = bytearray()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > LONGEST:
            self.abort()
            return
        self._next()

    def sent(self) -> None:
        self._next()

    def _next(self) -> None:
        end = self._buffer.find(b"\n")
        if self.is_answering or end < 0 or self.transport is None or self.transport.is_closing():
            return
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        self.is_answering = True
        reply = self.miner.daemon(line)
        self.deliver(reply, b"", reply.body, keep=True)
