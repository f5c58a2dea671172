"""WhatsMiner's v2 connection: one request, one reply, and the file that may follow."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from typing import ClassVar

from minerbridge.simulator import whatsminer_v2 as v2
from minerbridge.simulator.connection import Connection
from minerbridge.simulator.device import NEVER_S, Device, Host, Reply
from minerbridge.simulator.whatsminer import Whatsminer

REQUEST_BYTES, LENGTH_BYTES, SPLIT_AT = 65_536, 4, 20
FILE_DELAY_S = 0.01  # real; the miner waits so long between the reply and a file


class WhatsminerConnection(Connection):
    """Without data for *idle_s* real seconds it is closed."""

    port = "rpc"
    idle_s: ClassVar[float] = 10.0

    def __init__(self, device: Device, host: Host, open_connections: set[Connection]) -> None:
        super().__init__(device, host, open_connections)
        assert isinstance(device, Whatsminer)
        self.miner = device
        self._buffer = bytearray()
        self._is_asked = False
        self._upload: Callable[[bytes], Reply] | None = None
        self._download = b""
        self._idle: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._idle = asyncio.get_running_loop().call_later(self.idle_s, self.hang_up)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._idle is not None:
            self._idle.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._buffer += data
        if self._upload is not None:
            self._take_file(self._upload)
        elif not self._is_asked:
            self._take_request()

    def sent(self) -> None:
        if self._download:
            asyncio.get_running_loop().call_later(FILE_DELAY_S, self._send_file)
        elif self._upload is not None and self._buffer:
            self._take_file(self._upload)

    def _take_request(self) -> None:
        end = request_end(self._buffer)
        if end is None and len(self._buffer) < REQUEST_BYTES:
            return
        self._is_asked = self.is_answering = True
        text = self._buffer[:end].decode("utf-8", "replace")
        del self._buffer[:end]
        exchange = v2.answer(self.miner, text)
        body, self._upload, self._download = (
            exchange.reply.body, exchange.upload, exchange.download,
        )  # fmt: skip
        if self._download:
            body = self._first_part(body)
        keep = self._upload is not None or bool(self._download)
        self.deliver(exchange.reply, b"", body, keep=keep)
        if exchange.reply.after_s == NEVER_S:
            self.is_answering = False  # ends with the port, as a silent reboot does

    def _first_part(self, body: bytes) -> bytes:
        """Return what goes out at once; the rest waits with the file."""
        if self.miner.log_delivery == "joined":
            body, self._download = body + self._cut(self._download), b""
        elif self.miner.log_delivery == "split":
            body, self._download = body[:SPLIT_AT], body[SPLIT_AT:] + self._cut(self._download)
        return body

    def _send_file(self) -> None:
        transport, file = self.transport, self._cut(self._download)
        if transport is None or transport.is_closing():
            return
        if self.miner.log_delivery == "stalled":
            transport.write(file[: len(file) // 2])
            return
        transport.write(file)
        transport.close()

    def _cut(self, file: bytes) -> bytes:
        limit = self.device.faults.cut_file_after_bytes
        return file if limit is None else file[:limit]

    def _take_file(self, finish: Callable[[bytes], Reply]) -> None:
        limit = self.device.faults.cut_file_after_bytes
        if limit is not None and len(self._buffer) >= limit:
            self.abort()
            return
        if len(self._buffer) < LENGTH_BYTES:
            return
        (size,) = struct.unpack_from("<I", self._buffer)
        if len(self._buffer) < LENGTH_BYTES + size:
            return
        self._upload, self.is_answering = None, True
        reply = finish(bytes(self._buffer[LENGTH_BYTES : LENGTH_BYTES + size]))
        self.deliver(reply, b"", reply.body, keep=False)


def request_end(buffer: bytes | bytearray) -> int | None:
    """Where the request ends: a JSON object at its last brace, other text at once."""
    depth, is_text, is_escaped = 0, False, False
    if not buffer.lstrip().startswith(b"{"):
        return len(buffer) if buffer.strip() else None
    for index, byte in enumerate(buffer):
        if is_text:
            is_text = is_escaped or byte != ord('"')
            is_escaped = not is_escaped and byte == ord("\\")
        elif byte == ord('"'):
            is_text = True
        elif byte in b"{}":
            depth += 1 if byte == ord("{") else -1
            if depth == 0:
                return index + 1
    return None
