"""Ends the MQTT thread's sleep from other threads."""

from __future__ import annotations

import contextlib
import socket


class Waker:
    """To be polled beside a socket. Waking costs a system call only while `asleep` is set.

    The sleeper sets `asleep`, then looks for work, then sleeps; who brings work wakes after
    bringing it. So whichever comes second sees the other.
    """

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self.asleep = False

    def fileno(self) -> int:
        return self._reader.fileno()

    def wake(self) -> None:
        if self.asleep:
            self.asleep = False
            # Full: it wakes anyway. Closed: nobody sleeps any more.
            with contextlib.suppress(OSError):
                self._writer.send(b"\0")

    def clear(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._reader.recv(4096)

    def close(self) -> None:
        self._reader.close()
        self._writer.close()
