"""What waits to be sent: the newest value per retained topic, everything else in order."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from typing import NamedTuple

#: Results and events kept while the broker is away or slow; beyond either the oldest go.
MAX_WAITING = 10_000
MAX_WAITING_BYTES = 32 * 2**20


class Outgoing(NamedTuple):
    """One message to the broker. QoS 0 means: worthless unless sent now.

    *expires_s* (monotonic): from then on it would mislead. It is not sent later, and the broker
    of MQTT 5 is told what is left; *expiry_s* counts from whenever it is sent.
    """

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    correlation: bytes | None = None
    expiry_s: int | None = None
    expires_s: float | None = None


class Outbox:
    """Filled by any thread, emptied by the MQTT thread; bounded by topics, number and bytes."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._lock = threading.Lock()
        # An OrderedDict gives up its first item in constant time; a dict that shrinks does not.
        self._retained: OrderedDict[str, Outgoing] = OrderedDict()
        self._others: deque[Outgoing] = deque()
        self._others_bytes = 0
        self._last: dict[str, Outgoing] = {}
        self._is_open = False
        #: Counts what was taken in; equal counts mean that nothing came in between.
        self.given = 0
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._retained) + len(self._others) + len(self._last)

    def open(self) -> None:
        """Take everything from now on: there is a connection."""
        self._is_open = True

    def shut(self) -> None:
        """Keep only what must still arrive: states are sent anew after the next connection."""
        with self._lock:
            self._is_open = False
            kept = [(topic, one) for topic, one in self._retained.items() if one.qos]
            self._retained = OrderedDict(kept)
            self._others = deque(one for one in self._others if one.qos)
            self._others_bytes = sum(len(one.payload) for one in self._others)
            self._last = {topic: one for topic, one in self._last.items() if one.qos}

    def put(self, message: Outgoing) -> None:
        with self._lock:
            if not self._is_open and not message.qos:
                return
            self.given += 1
            if message.retain:
                self._retained[message.topic] = message
            else:
                self._others.append(message)
                self._others_bytes += len(message.payload)
                self._drop_oldest()
        self._wake()

    def put_back(self, messages: Iterable[Outgoing]) -> None:
        """Let unsent or unacknowledged messages, oldest first, go before all others again."""
        with self._lock:
            for message in reversed(list(messages)):
                if not message.retain:
                    self._others.appendleft(message)
                    self._others_bytes += len(message.payload)
                elif message.topic not in self._retained:
                    self._retained[message.topic] = message
                    self._retained.move_to_end(message.topic, last=False)
            self._drop_oldest()

    def put_last(self, message: Outgoing) -> None:
        """Let a retained message wait until nothing else does."""
        with self._lock:
            if message.topic not in self._retained:
                self._last[message.topic] = message

    def release(self) -> None:
        """Let what was put last go with the rest again."""
        with self._lock:
            for topic, message in self._last.items():
                self._retained.setdefault(topic, message)
            self._last.clear()

    def take(self, *, states_first: bool = False) -> Outgoing | None:
        """Return the next message: answers and events before states, or after."""
        with self._lock:
            if self._retained and (states_first or not self._others):
                return self._retained.popitem(last=False)[1]
            if self._others:
                message = self._others.popleft()
                self._others_bytes -= len(message.payload)
                return message
            return None

    def take_last(self) -> Outgoing | None:
        """Return the lightest of what was put last, once nothing else waits."""
        with self._lock:
            if self._others or self._retained or not self._last:
                return None
            topic = min(self._last, key=lambda one: len(one) + len(self._last[one].payload))
            return self._last.pop(topic)

    def given_if_empty(self) -> int | None:
        """Return `given` at a moment when nothing waits; None when something does."""
        with self._lock:
            return None if len(self) else self.given

    def _drop_oldest(self) -> None:
        while len(self._others) > MAX_WAITING or self._others_bytes > MAX_WAITING_BYTES:
            self._others_bytes -= len(self._others.popleft().payload)
            self.dropped += 1
