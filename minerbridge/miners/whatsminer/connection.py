"""TCP with a WhatsMiner: replies end with their JSON, and more may follow on the connection."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

from minerbridge.errors import BadReply, MinerUnreachable
from minerbridge.miners.tcp_transport import ReplyLost, TcpTransport

_MAX_OBJECT = 1_048_576
_CHUNK = 65_536
_PIECES = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}]|"', re.DOTALL)


def end_of_object(text: bytes) -> int | None:
    """Return where the first JSON object in *text* ends, even if it is not quite JSON."""
    depth = 0
    for piece in _PIECES.finditer(text):
        mark = piece[0]
        if mark == b"{":
            depth += 1
        elif mark == b"}":
            depth -= 1
            if depth == 0:
                return piece.end()
        elif mark == b'"':
            return None
    return None


class MinerConnection(TcpTransport):
    """One connection at a time. Owned by one thread; only `interrupt` may be called from another.

    Nothing is half-closed after sending: that ends the binary flows.
    """

    def __init__(self, host: str, port: int, timeout_s: float = 3.0) -> None:
        super().__init__(host, port, timeout_s)
        self._rest = b""
        self._within_s = timeout_s
        #: Whether the peer ended the last connection by a reset instead of a close.
        self.was_reset = False

    def ask(self, request: bytes, within_s: float | None = None) -> bytes:
        """Send on a connection of its own; return the reply, as far as it came before the end."""
        with self.opened():
            self.send(request)
            return self.receive_object(within_s)

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Open a connection; raise `MinerUnreachable`, possibly only when something is sent."""
        with self._lock:
            self._busy, self._cut = True, False
        self._rest, self.was_reset = b"", False
        try:
            with self._open():
                yield
        finally:
            with self._lock:
                self._busy, self._running = False, None

    def send(self, payload: bytes, within_s: float | None = None) -> None:
        assert self._running is not None
        self._within_s = within_s or self.timeout_s
        self._send(self._running, payload, time.monotonic() + self._within_s)

    def receive_object(self, within_s: float | None = None) -> bytes:
        """Return the next JSON object, or all there was when the peer closed before its end.

        What follows it is kept for `receive`. Raises `ReplyLost`.
        """
        deadline_s = self._deadline_s(within_s)
        text = self._rest
        while True:
            if b"}" in text[-3:] or text.count(b"}"):
                end = end_of_object(text)
                if end is not None:
                    self._rest = text[end:]
                    return text[:end]
            if len(text) > _MAX_OBJECT:
                raise BadReply(f"reply exceeds {_MAX_OBJECT} bytes", text[:500].decode("latin-1"))
            chunk = self._chunk(deadline_s, len(text))
            if not chunk:
                self._rest = b""
                return text
            text += chunk

    def receive(self, within_s: float | None = None) -> bytes:
        """Return the bytes that come next; none when the peer has closed."""
        if self._rest:
            rest, self._rest = self._rest, b""
            return rest
        return self._chunk(self._deadline_s(within_s), 0)

    def _deadline_s(self, within_s: float | None) -> float:
        self._within_s = within_s or self.timeout_s
        return time.monotonic() + self._within_s

    def _chunk(self, deadline_s: float, received: int) -> bytes:
        connection = self._running
        assert connection is not None
        try:
            connection.settimeout(max(0.001, deadline_s - time.monotonic()))
            chunk = connection.recv(_CHUNK)
        except ConnectionResetError as error:
            if self._cut:
                raise self._lost(error, received) from error
            self.was_reset = True
            return b""
        except OSError as error:
            raise self._lost(error, received) from error
        if not chunk and self._cut:
            raise ReplyLost("interrupted", received)
        return chunk

    def _unreachable(self, error: OSError) -> MinerUnreachable:
        if isinstance(error, TimeoutError) and error.errno is None and not self._cut:
            return MinerUnreachable(f"no answer within {self._within_s:g} s")
        return super()._unreachable(error)
