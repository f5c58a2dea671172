"""Keeps what is subscribed equal to what is wanted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import structlog

from minerbridge.mqtt.broker import Subscription
from minerbridge.mqtt.once import Once

if TYPE_CHECKING:
    from minerbridge.mqtt.paho_client import PahoClient

log = structlog.get_logger(__name__)

#: Filters in one SUBSCRIBE: brokers limit their number and the size of the packet.
CHUNK = 100
CHUNK_BYTES = 8192


class Filters:
    """Told by any thread what is wanted; tells the broker, in the MQTT thread, what changed."""

    def __init__(self) -> None:
        self._wanted: dict[str, Subscription] = {}
        self._sent: dict[str, Subscription] = {}
        self._asked: dict[int, list[str]] = {}
        self._told = Once()

    def want(self, subscriptions: Iterable[Subscription]) -> None:
        self._wanted = {one.filter: one for one in subscriptions}

    @property
    def have_changed(self) -> bool:
        # By identity: comparing ten thousand filters in every round would cost a millisecond.
        return self._wanted is not self._sent

    def begin(self) -> None:
        """Hear of a new connection, which has no subscriptions."""
        self._sent = {}
        self._asked.clear()
        self._told.clear()

    def update(self, client: PahoClient, most_bytes: int) -> None:
        """Send what is new and what is no longer wanted."""
        wanted, sent = self._wanted, self._sent
        new = [one for name, one in wanted.items() if sent.get(name) != one]
        gone = [one for name, one in sent.items() if name not in wanted]
        most_bytes = min(most_bytes, CHUNK_BYTES)
        for chunk in _chunks(new, most_bytes):
            self._subscribe(client, chunk)
        for chunk in _chunks(gone, most_bytes):
            client.unsubscribe([one.filter for one in chunk])
        self._sent = wanted

    def _subscribe(self, client: PahoClient, chunk: list[Subscription]) -> None:
        try:
            self._asked[client.subscribe(chunk)] = [one.filter for one in chunk]
        except ValueError as error:
            if len(chunk) > 1:
                for one in chunk:
                    self._subscribe(client, [one])
            else:
                log.error("mqtt_filter_impossible", filter=chunk[0].filter, reason=str(error))

    def granted(self, mid: int, refusals: list[str | None]) -> None:
        """Hear the broker's answer to one SUBSCRIBE: per filter None, or why not."""
        asked = self._asked.pop(mid, [])
        refused = [pair for pair in zip(asked, refusals, strict=False) if pair[1]]
        for name, reason in refused:
            if self._told.first(reason):
                log.error("mqtt_subscribe_refused", filter=name, reason=reason, of=len(refused))


def _chunks(subscriptions: list[Subscription], most_bytes: int) -> Iterator[list[Subscription]]:
    chunk: list[Subscription] = []
    size = 0
    for one in subscriptions:
        needed = len(one.filter.encode()) + 3
        if chunk and (len(chunk) == CHUNK or size + needed > most_bytes - 16):
            yield chunk
            chunk, size = [], 0
        chunk.append(one)
        size += needed
    if chunk:
        yield chunk
