"""Opens the TCP connection to the broker: in bounded time, and given up at once on a stop."""

from __future__ import annotations

import errno
import os
import queue
import select
import socket
import threading
import time
from typing import Any

RESOLVE_WITHIN_S = 5.0
CONNECT_WITHIN_S = 3.0
_GLANCE_S = 0.2


class Dialer:
    """Connects to one host and port, again and again."""

    def __init__(self, host: str, port: int, keepalive_s: int, stopping: threading.Event) -> None:
        self._host = host
        self._port = port
        self._silence_ms = keepalive_s * 1000
        self._stopping = stopping
        self._resolving: queue.SimpleQueue[Any] | None = None

    def __call__(self) -> socket.socket:
        """Return a connected socket; raise `OSError`."""
        problem: OSError = OSError(f"{self._host} has no address")
        for family, kind, protocol, _, address in self._addresses():
            try:
                return self._connect(family, kind, protocol, address)
            except OSError as error:
                problem = error
        raise problem

    def _addresses(self) -> list[Any]:
        try:
            return socket.getaddrinfo(
                self._host, self._port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
            )
        except (socket.gaierror, UnicodeError):
            return self._resolved()

    def _resolved(self) -> list[Any]:
        """Ask the resolver, which may hang for a minute, in a thread of its own; one at most."""
        if self._resolving is None:
            answer: queue.SimpleQueue[Any] = queue.SimpleQueue()
            asked = (self._host, self._port, answer)
            threading.Thread(target=_resolve, args=asked, name="mqtt-resolve", daemon=True).start()
            self._resolving = answer
        deadline_s = time.monotonic() + RESOLVE_WITHIN_S
        while time.monotonic() < deadline_s and not self._stopping.is_set():
            try:
                found = self._resolving.get(timeout=_GLANCE_S)
            except queue.Empty:
                continue
            self._resolving = None
            if isinstance(found, OSError):
                raise found
            return list(found)
        raise TimeoutError(f"the name {self._host} is not resolved")

    def _connect(
        self, family: int, kind: int, protocol: int, address: tuple[Any, ...]
    ) -> socket.socket:
        wire = socket.socket(family, kind, protocol)
        try:
            # Nagle and delayed acknowledgements would cost 40 ms a message.
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # What is sent into a dead network shall not outlast the keepalive.
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, self._silence_ms)
            wire.setblocking(False)
            error = wire.connect_ex(address)
            if error not in (0, errno.EINPROGRESS):
                raise OSError(error, os.strerror(error))
            self._await_connection(wire)
        except BaseException:
            wire.close()
            raise
        return wire

    def _await_connection(self, wire: socket.socket) -> None:
        poller = select.poll()
        poller.register(wire, select.POLLOUT)
        deadline_s = time.monotonic() + CONNECT_WITHIN_S
        while not poller.poll(_GLANCE_S * 1000):
            if time.monotonic() > deadline_s or self._stopping.is_set():
                raise TimeoutError("no answer to the connection attempt")
        error = wire.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, os.strerror(error))


def _resolve(host: str, port: int, answer: queue.SimpleQueue[Any]) -> None:
    try:
        answer.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except OSError as error:
        answer.put(error)
    except UnicodeError:
        answer.put(OSError(f"{host!r} is no host name"))
