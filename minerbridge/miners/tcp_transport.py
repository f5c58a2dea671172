"""One request and one reply per TCP connection."""

from __future__ import annotations

import errno
import socket
import threading
import time
from contextlib import suppress
from typing import Any

from minerbridge.errors import BadReply, MinerUnreachable

_CHUNK = 65_536
_IN_PROGRESS = {0, errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EINTR}
_REASONS = {
    errno.ECONNREFUSED: "connection refused",
    errno.EHOSTUNREACH: "no route to the host",
    errno.ENETUNREACH: "network is unreachable",
    errno.EHOSTDOWN: "host is down",
    errno.ECONNRESET: "connection reset",
    errno.EPIPE: "connection reset",
    errno.ETIMEDOUT: "no answer",
    errno.EMFILE: "too many open files",
}


class ReplyLost(MinerUnreachable):
    """The request went out and no whole reply came back: a write may have been carried out.

    *received* counts the bytes that did come.
    """

    def __init__(self, message: str, received: int = 0) -> None:
        super().__init__(message)
        self.received = received


class TcpTransport:
    """Owned by one thread; only `interrupt` may be called from another."""

    def __init__(self, host: str, port: int, timeout_s: float = 3.0) -> None:
        self.host = host
        self.port = port
        self.timeout_s = timeout_s
        self._lock = threading.Lock()
        self._running: socket.socket | None = None
        self._busy = False
        self._cut = False

    @property
    def was_interrupted(self) -> bool:
        """Whether the last exchange was cut by `interrupt`."""
        return self._cut

    def exchange(self, request: bytes, *, limit: int = 1_048_576) -> bytes:
        """Connect, send *request* in one piece, return all bytes until the peer closes.

        *timeout_s* bounds the whole exchange. Raises `MinerUnreachable`, after the request went out
        `ReplyLost`; `BadReply` when the reply exceeds *limit*. A peer that closes or resets without
        a byte gives b"".
        """
        deadline_s = time.monotonic() + self.timeout_s
        with self._lock:
            self._busy, self._cut = True, False
        try:
            with self._open() as connection:
                self._send(connection, request, deadline_s)
                return self._receive(connection, limit, deadline_s)
        finally:
            with self._lock:
                self._busy, self._running = False, None

    def interrupt(self) -> None:
        """Cut the running exchange; without one, nothing happens."""
        with self._lock:
            self._cut = self._busy
            if self._running is not None:
                # This also ends a connect in progress, and wakes whoever waits on the socket.
                with suppress(OSError):
                    self._running.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Nothing stays open: one idle client blocks all others of cgminer's serial server."""

    def _open(self) -> socket.socket:
        family, address = self._resolve()
        try:
            connection = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:
            raise self._unreachable(error) from error
        try:
            connection.setblocking(False)
            with (
                self._lock
            ):  # nothing here waits, and from here on `interrupt` finds a socket to cut
                if self._cut:
                    raise OSError(errno.ECANCELED, "interrupted")
                self._running = connection
                outcome = connection.connect_ex(address)
            if outcome not in _IN_PROGRESS:
                raise OSError(outcome, "connect")
        except OSError as error:
            connection.close()
            raise self._unreachable(error) from error
        return connection

    def _resolve(self) -> tuple[int, Any]:
        for family in (socket.AF_INET, socket.AF_INET6):
            with suppress(OSError):
                socket.inet_pton(family, self.host)
                return family, (self.host, self.port)
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise MinerUnreachable(f"the name {self.host!r} cannot be resolved") from error
        return found[0][0], found[0][4]

    def _send(self, connection: socket.socket, request: bytes, deadline_s: float) -> None:
        try:
            # sendall waits for the connection. cgminer reads a request with a single recv():
            # it has to leave in one piece.
            connection.settimeout(max(0.001, deadline_s - time.monotonic()))
            connection.sendall(request)
        except OSError as error:
            raise self._unreachable(error) from error

    def _receive(self, connection: socket.socket, limit: int, deadline_s: float) -> bytes:
        chunks: list[bytes] = []
        size = 0
        try:
            while True:
                connection.settimeout(max(0.001, deadline_s - time.monotonic()))
                chunk = connection.recv(_CHUNK)
                if not chunk:
                    break
                chunks.append(chunk)
                size += len(chunk)
                if size > limit:
                    raise BadReply(
                        f"reply exceeds {limit} bytes", chunks[0].decode("utf-8", "replace")
                    )
                if time.monotonic() > deadline_s:
                    raise TimeoutError
        except OSError as error:
            reply = b"".join(chunks)
            if isinstance(error, ConnectionResetError) and not reply and not self._cut:
                return b""  # how cgminer hangs up on an address that api-allow does not name
            if self._cut or not _is_complete(reply, error):
                raise self._lost(error, size) from error
            return reply
        if self._cut:
            raise ReplyLost("interrupted", size)
        return b"".join(chunks)

    def _lost(self, error: OSError, size: int) -> ReplyLost:
        reason = str(self._unreachable(error))
        return ReplyLost(f"{reason} after {size} bytes" if size and not self._cut else reason, size)

    def _unreachable(self, error: OSError) -> MinerUnreachable:
        if self._cut:
            return MinerUnreachable("interrupted")
        if isinstance(error, TimeoutError) and error.errno is None:
            return MinerUnreachable(f"no answer within {self.timeout_s:g} s")
        reason = _REASONS.get(error.errno or 0) or error.strerror or str(error)
        return MinerUnreachable(reason)


def _is_complete(reply: bytes, error: OSError) -> bool:
    """Whether *reply* is whole although the connection did not end well."""
    ends = (b"\0",) if isinstance(error, TimeoutError) else (b"\0", b"}")
    return reply.rstrip(b"\r\n ").endswith(ends)
