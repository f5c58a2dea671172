"""HTTP that can turn into a WebSocket (RFC 6455), as the platform's event hub does."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any

from minerbridge.simulator.device import HttpRequest
from minerbridge.simulator.http_server import HttpConnection

if TYPE_CHECKING:
    from minerbridge.simulator.mining_platform import MiningPlatform

_MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TEXT, _CLOSE, _PING, _PONG = 0x1, 0x8, 0x9, 0xA
_READ_LIMIT = 512


class PlatformConnection(HttpConnection):
    """Requests until one asks for an upgrade, then frames."""

    device: MiningPlatform
    is_socket = False

    def data_received(self, data: bytes) -> None:
        if self.is_socket:
            self._buffer += data
            self._take_frames()
        else:
            super().data_received(data)

    def _answer(self, start: list[str], headers: dict[str, str], body: bytes) -> None:
        path, _, query = start[1].partition("?")
        wants_socket = headers.get("upgrade", "").lower() == "websocket"
        request = HttpRequest(start[0], path, query, headers, body)
        if not wants_socket or not self.device.opens_socket(request):
            super()._answer(start, headers, body)
            return
        self.device.requests[f"ws {path}"] += 1
        proof = hashlib.sha1(  # noqa: S324 - as the protocol has it
            (headers.get("sec-websocket-key", "") + _MAGIC).encode()
        ).digest()
        self._write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + base64.b64encode(proof) + b"\r\n\r\n"
        )
        self.is_socket = True
        self.device.socket_opened(self)

    def tell(self, event: dict[str, Any]) -> None:
        self._frame(_TEXT, json.dumps(event).encode())

    def connection_lost(self, error: Exception | None) -> None:
        if self.is_socket:
            self.device.sockets.discard(self)
        super().connection_lost(error)

    def _take_frames(self) -> None:
        while len(self._buffer) >= 2:
            length, start = self._buffer[1] & 0x7F, 2
            if length == 126:
                length, start = int.from_bytes(self._buffer[2:4], "big"), 4
            if length > _READ_LIMIT:
                self.hang_up()
                return
            end = start + 4 + length
            if len(self._buffer) < end:
                return
            mask, masked = self._buffer[start : start + 4], self._buffer[start + 4 : end]
            content = bytes(byte ^ mask[index % 4] for index, byte in enumerate(masked))
            code = self._buffer[0] & 0x0F
            del self._buffer[:end]
            self._took(code, content)

    def _took(self, code: int, content: bytes) -> None:
        if code == _CLOSE:
            self._frame(_CLOSE, content)
            self.hang_up()
        elif code == _PING:
            self._frame(_PONG, content)
        elif code == _TEXT and b'"ping"' in content:
            self.tell({"type": "pong", "timestamp": self.device.timestamp()})

    def _frame(self, code: int, content: bytes) -> None:
        length = len(content)
        if length < 126:
            head = bytes((0x80 | code, length))
        else:
            head = bytes((0x80 | code, 126)) + length.to_bytes(2, "big")
        self._write(head + content)

    def _write(self, content: bytes) -> None:
        if self.transport is not None:
            self.transport.write(content)
