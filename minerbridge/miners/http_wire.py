"""Sockets under one deadline per exchange, which another thread can cut."""

from __future__ import annotations

import errno
import os
import select
import socket
import ssl
import threading
import time
from contextlib import suppress
from typing import Any

_IN_PROGRESS = {0, errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EINTR}
_KEPT = 500


class Wire:
    """The socket operations of one client: every one ends at the deadline of its exchange.

    *sent*, *received* and *is_reused* speak of the last request written and the connection it took:
    they tell whether it may be made again. *total* counts what the whole exchange received.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._is_running = False
        self._deadline_s = 0.0
        self.is_cut = False
        self.is_late = False
        self.is_reused = False
        self.sent = 0
        self.received = 0
        self.total = 0
        self.beginning = b""

    @property
    def is_too_long(self) -> bool:
        return self.total > self._limit

    def begin(self, deadline_s: float) -> None:
        with self._lock:
            self._is_running = True
            self.is_cut = False
        self.is_late = False
        self._deadline_s = deadline_s
        self.total = 0
        self.new_request(is_reused=False)

    def new_request(self, *, is_reused: bool) -> None:
        self.is_reused = is_reused
        self.sent = 0
        self.received = 0
        self.beginning = b""

    def end(self) -> None:
        with self._lock:
            self._is_running = False
            self._socket = None

    def interrupt(self) -> None:
        with self._lock:
            if not self._is_running:
                return
            self.is_cut = True
            if self._socket is not None:
                # The plain shutdown: that of a TLS socket would drop its state under the reader.
                with suppress(OSError):
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def may_repeat(self, *, write: bool) -> bool:
        """Whether a kept-alive connection let us down, and asking again does nothing twice.

        It was closed meanwhile, or still held the rest of a reply longer than it had said.
        """
        if self.is_cut or self.is_late or self.is_too_long or not self.is_reused:
            return False
        return not (write and self.sent)

    def connect_tcp(self, host: str, port: int, *_: Any, **__: Any) -> WireStream:
        failure = OSError(errno.EHOSTUNREACH, "no address")
        for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            connection = socket.socket(found[0], found[1])
            try:
                self._connect(connection, found[4])
            except OSError as error:
                connection.close()
                if self.is_cut or self.is_late:
                    raise
                failure = error
            else:
                return WireStream(self, connection)
        raise failure

    def _connect(self, connection: socket.socket, address: object) -> None:
        connection.setblocking(False)
        with self._lock:  # from here on `interrupt` finds a socket to cut
            if self.is_cut:
                raise InterruptedError
            self._socket = connection
            outcome = connection.connect_ex(address)  # type: ignore[arg-type]  # of getaddrinfo
        if outcome not in _IN_PROGRESS:
            raise OSError(outcome, os.strerror(outcome))
        ready = select.poll()
        ready.register(connection, select.POLLOUT)
        if not ready.poll(self._remaining_s() * 1000):
            self.is_late = True
            raise TimeoutError
        outcome = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if outcome or self.is_cut:
            raise OSError(outcome, os.strerror(outcome))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.new_request(is_reused=False)

    def prepare(self, connection: socket.socket) -> None:
        """Give *connection* what is left of the time; raise when it is over or was cut."""
        with self._lock:
            self._socket = connection
            if self.is_cut:
                raise InterruptedError
        connection.settimeout(self._remaining_s())

    def receive(self, connection: socket.socket, max_bytes: int) -> bytes:
        self.prepare(connection)
        try:
            chunk = connection.recv(max_bytes)
        except TimeoutError:
            self.is_late = True
            raise
        self.received += len(chunk)
        self.total += len(chunk)
        if len(self.beginning) < _KEPT:
            self.beginning += chunk[:_KEPT]
        if self.is_too_long:
            raise OSError(errno.EMSGSIZE, "the reply is too long")
        return chunk

    def send(self, connection: socket.socket, content: bytes) -> None:
        view = memoryview(content)
        while view:
            self.prepare(connection)
            try:
                count = connection.send(view)
            except TimeoutError:
                self.is_late = True
                raise
            self.sent += count
            view = view[count:]

    def _remaining_s(self) -> float:
        remaining_s = self._deadline_s - time.monotonic()
        if remaining_s <= 0:
            self.is_late = True
            raise TimeoutError
        return remaining_s


class WireStream:
    """One connection, in the form in which httpcore uses it."""

    def __init__(self, wire: Wire, connection: socket.socket) -> None:
        self._wire = wire
        self._socket = connection
        self._has_answered = False

    def read(self, max_bytes: int, _timeout: float | None = None, **_: Any) -> bytes:
        chunk = self._wire.receive(self._socket, max_bytes)
        self._has_answered = True
        return chunk

    def write(self, content: bytes, _timeout: float | None = None, **_: Any) -> None:
        if self._has_answered:
            self._has_answered = False
            self._wire.new_request(is_reused=True)
        self._wire.send(self._socket, content)

    def close(self) -> None:
        self._socket.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, **_: Any
    ) -> WireStream:
        wrapped = ssl_context.wrap_socket(
            self._socket, server_hostname=server_hostname, do_handshake_on_connect=False
        )
        self._wire.prepare(wrapped)
        try:
            wrapped.do_handshake()
        except TimeoutError:
            self._wire.is_late = True
            raise
        return WireStream(self._wire, wrapped)

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            return _has_input(self._socket)
        if info == "ssl_object":
            return self._socket if isinstance(self._socket, ssl.SSLSocket) else None
        return None


def _has_input(connection: socket.socket) -> bool:
    """Whether bytes or the end of the stream wait to be read."""
    if connection.fileno() < 0:
        return True
    waiting = select.poll()
    waiting.register(connection, select.POLLIN)
    return bool(waiting.poll(0))
