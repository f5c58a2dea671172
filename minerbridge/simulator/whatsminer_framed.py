"""WhatsMiner's v3 connection: frames of a length and JSON, kept for further requests."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Callable
from typing import ClassVar

from minerbridge.simulator import whatsminer_v3 as v3
from minerbridge.simulator.connection import Connection
from minerbridge.simulator.device import NEVER_S, Device, Host, Reply
from minerbridge.simulator.whatsminer import Whatsminer

LENGTH_BYTES, LONGEST = 4, 1 << 20
CLIENTS = 10
CHUNK_BYTES = 10_240  # a log goes out in pieces of this


class FramedConnection(Connection):
    """Without data for *idle_s* real seconds it is closed."""

    port = "v3"
    idle_s: ClassVar[float] = 300.0

    def __init__(self, device: Device, host: Host, open_connections: set[Connection]) -> None:
        super().__init__(device, host, open_connections)
        assert isinstance(device, Whatsminer)
        self.miner = device
        self._buffer = bytearray()
        self._upload: Callable[[bytes], Reply] | None = None
        self._download = b""
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if sum(one.port == self.port for one in self._open) > CLIENTS:
            self.abort()
            return
        self._wait("idle", self.idle_s, self.hang_up)

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in self._timers.values():
            timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._wait("idle", self.idle_s, self.hang_up)
        self._buffer += data
        self._next()

    def sent(self) -> None:
        if self._download and self.transport is not None:
            limit = self.device.faults.cut_file_after_bytes
            file, self._download = self._download, b""
            for start in range(0, len(file[:limit]), CHUNK_BYTES):
                self.transport.write(file[:limit][start : start + CHUNK_BYTES])
            if limit is not None:
                self.hang_up()
        self._next()

    def _next(self) -> None:
        if self.is_answering or self.transport is None or self.transport.is_closing():
            return
        if self._upload is not None:
            limit = self.device.faults.cut_file_after_bytes
            if limit is not None and len(self._buffer) >= limit:
                self.abort()
                return
        longest = LONGEST if self._upload is None else 1 << 32
        while (frame := self._frame(longest)) is not None:
            if self._upload is not None:
                finish, self._upload = self._upload, None
                self._reply(finish(frame), keep=False)
                return
            if frame:  # an empty one is a heartbeat
                self._answer(frame)
                return

    def _frame(self, longest: int) -> bytes | None:
        if len(self._buffer) < LENGTH_BYTES:
            return None
        (length,) = struct.unpack_from("<I", self._buffer)
        if length > longest:
            self.abort()
            return None
        end = LENGTH_BYTES + length
        if len(self._buffer) < end:
            return None
        frame = bytes(self._buffer[LENGTH_BYTES:end])
        del self._buffer[:end]
        return frame

    def _answer(self, frame: bytes) -> None:
        exchange = v3.answer(self.miner, frame)
        self._upload, self._download = exchange.upload, exchange.download
        self._follow(frame, exchange.reply)
        self._reply(exchange.reply, keep=True)

    def _reply(self, reply: Reply, *, keep: bool) -> None:
        self.is_answering = True
        head = struct.pack("<I", len(reply.body))
        self.deliver(reply, head, reply.body, keep=keep)
        if reply.after_s == NEVER_S:
            self.is_answering = False  # ends with the port, as a silent reboot does

    def _follow(self, frame: bytes, reply: Reply) -> None:
        """Start or stop reporting unasked, where that was just set."""
        if not reply.is_write or b"set.miner.report" not in frame:
            return
        param = json.loads(frame).get("param")
        gap_s = int(param.get("gap", 0)) if isinstance(param, dict) else 0
        if "report" in self._timers:
            self._timers.pop("report").cancel()
        if gap_s > 0:
            self._wait("report", gap_s, lambda: self._report(gap_s))

    def _report(self, gap_s: float) -> None:
        if self.transport is not None:
            body = v3.report(self.miner)
            self.transport.write(struct.pack("<I", len(body)) + body)
            self._wait("report", gap_s, lambda: self._report(gap_s))

    def _wait(self, name: str, delay_s: float, action: Callable[[], None]) -> None:
        if name in self._timers:
            self._timers[name].cancel()
        self._timers[name] = asyncio.get_running_loop().call_later(delay_s, action)
