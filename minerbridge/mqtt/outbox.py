"""What waits to be sent: the newest value per retained topic, everything else in order."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

#: Results and events kept while the broker is away; beyond that the oldest go.
MAX_WAITING = 10_000


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to the broker. QoS 0 means: worthless unless sent now."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    correlation: bytes | None = None
    expiry_s: int | None = None
    attempts: int = 0


class Outbox:
    """Filled by any thread, emptied by the MQTT thread. Bounded by topics and `MAX_WAITING`."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._lock = threading.Lock()
        self._retained: dict[str, Outgoing] = {}
        self._others: dict[int, Outgoing] = {}
        self._next = 0
        self._is_open = False
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._retained) + len(self._others)

    def open(self) -> None:
        """Take everything from now on: there is a connection."""
        self._is_open = True

    def shut(self) -> None:
        """Keep only what must still arrive: states are sent anew after the next connection."""
        with self._lock:
            self._is_open = False
            self._retained = {t: m for t, m in self._retained.items() if m.qos}
            self._others = {k: m for k, m in self._others.items() if m.qos}

    def put(self, message: Outgoing) -> None:
        with self._lock:
            if not self._is_open and not message.qos:
                return
            if message.retain:
                self._retained[message.topic] = message
            else:
                self._others[self._next] = message
                self._next += 1
                if len(self._others) > MAX_WAITING:
                    del self._others[next(iter(self._others))]
                    self.dropped += 1
        self._wake()

    def put_back(self, message: Outgoing) -> None:
        """Keep an unacknowledged message for the next connection unless a newer one waits."""
        with self._lock:
            if not message.retain:
                self._others[-message.attempts - self._next] = message
                self._next += 1
            elif message.topic not in self._retained:
                self._retained[message.topic] = message

    def take(self) -> Outgoing | None:
        """Return the next message: answers and events before states."""
        with self._lock:
            if self._others:
                return self._others.pop(next(iter(self._others)))
            if self._retained:
                return self._retained.pop(next(iter(self._retained)))
            return None
