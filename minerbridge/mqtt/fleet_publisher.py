"""Keeps the broker's picture of the fleet true: the EMS's topics, and Home Assistant's device."""

from __future__ import annotations

import dataclasses
import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from minerbridge.model_fleet import FleetStatus
from minerbridge.mqtt import fleet_documents
from minerbridge.mqtt.discovery import fleet_payload
from minerbridge.mqtt.fleet_entities import FLEET_ENTITIES, FleetRow, fleet_rows
from minerbridge.mqtt.outbox import Outgoing
from minerbridge.mqtt.topics import Topics
from minerbridge.mqtt.wire import to_json

#: Without a newer one so many intervals on, an EMS of MQTT 5 finds no status any more.
EXPIRES_AFTER_INTERVALS = 3


@dataclass(slots=True)
class _Document:
    """One retained document, and what stands on the broker of it.

    *restless*: keys that move by themselves, and alone are no reason to send.
    """

    topic: str
    content: Callable[[FleetStatus], dict[str, Any]]
    qos: int = 1
    restless: frozenset[str] = frozenset()
    expires: bool = False
    sent: Mapping[str, Any] = field(default_factory=dict)
    sent_s: float = -math.inf

    def differs(self, content: Mapping[str, Any]) -> bool:
        return any(self.sent.get(k) != v for k, v in content.items() if k not in self.restless)


class FleetPublisher:
    """Called by any thread; `publish` by the fleet's, each step. *send* never blocks.

    Every document is sent when it differs and at least every *status_interval_s*, if `publish`
    is called that often; states when their rounded text differs.
    """

    def __init__(
        self,
        topics: Topics,
        send: Callable[[Outgoing], None],
        *,
        status_interval_s: float = 5.0,
        discovery: bool = True,
        read_only: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._topics = topics
        self._send = send
        self._interval_s = status_interval_s
        self._discovery = discovery
        self._rows = fleet_rows(read_only=read_only)
        self._clock = clock
        self._device_id = topics.own_id("fleet")
        self._lock = threading.Lock()
        self._documents = _documents(topics)
        self._states: dict[str, str] = {}
        self._status: FleetStatus | None = None
        self._override_power_w: float | None = None
        self._max_kw = 0
        self._called_s = -math.inf
        self._is_over = False

    @property
    def override_power_w(self) -> float | None:
        """The power of the last override, or the one set for the next; None: never any."""
        return self._override_power_w

    def remember_override_power(self, power_w: float) -> None:
        """Keep the power for the next override, and show it."""
        with self._lock:
            self._override_power_w = power_w
            if self._status is not None and not self._is_over:
                self._publish_states(self._status)

    def publish(self, status: FleetStatus) -> None:
        """Send what differs from what was sent, and what is due."""
        with self._lock:
            if self._is_over:
                return
            self._status = status
            if status.override_active and status.override_power_w is not None:
                self._override_power_w = status.override_power_w
            self._announce_growth(status)
            now_s = self._clock()
            # As much time as since the last call may pass until the next, which would be too late.
            soon_s = now_s + min(now_s - self._called_s, self._interval_s / 2)
            self._called_s = now_s
            for document in self._documents:
                content = document.content(status)
                if document.differs(content) or soon_s - document.sent_s > self._interval_s:
                    self._send_document(document, content, now_s)
            self._publish_states(status)

    def announce(self) -> None:
        """Send the discovery message again; before the first status its ranges are not known."""
        with self._lock:
            self._announce()

    def republish(self) -> None:
        """Send everything anew: after a connection, Home Assistant's birth, from time to time."""
        with self._lock:
            if self._is_over or self._status is None:
                return
            self._announce()
            self._states.clear()
            for document in self._documents:
                self._send_document(document, document.content(self._status), self._clock())
            self._publish_states(self._status)

    def goodbye(self) -> None:
        """Say that no order is taken any more; nothing is published after this.

        Unlike a status this does not expire: it stays true until the bridge is back.
        """
        with self._lock:
            if self._is_over:
                return
            self._is_over = True
            content = fleet_documents.ems_status(self._status)
            content["isAvailableForDispatch"] = False
            self._send(Outgoing(self._topics.ems("status"), to_json(content), 1, True))

    def withdraw(self) -> None:
        """Take the fleet off the broker: for a bridge that no longer controls one."""
        with self._lock:
            self._is_over = True
            states = [self._state_topic(row) for row in FLEET_ENTITIES if row.text is not None]
            documents = [document.topic for document in self._documents]
            for topic in (self._topics.discovery(self._device_id), *documents, *states):
                self._send(Outgoing(topic, b"", 1, True))

    # -- inside, under the lock --------------------------------------------------------------

    def _announce_growth(self, status: FleetStatus) -> None:
        """Announce at first, and when the fleet has outgrown the range of its numbers."""
        rated_kw = status.rated_power_w / 1000.0
        # Up only: miners that are away for a while shall not move the range to and fro.
        max_kw = max(1, self._max_kw, math.ceil(rated_kw) if math.isfinite(rated_kw) else 1)
        if max_kw != self._max_kw:
            self._max_kw = max_kw
            self._announce()

    def _announce(self) -> None:
        if self._is_over or not self._max_kw:
            return
        payload = b""  # takes out of Home Assistant what an earlier run announced
        if self._discovery:
            payload = fleet_payload(self._topics, self._rows, self._max_kw)
        self._send(Outgoing(self._topics.discovery(self._device_id), payload, 1, True))

    def _send_document(self, document: _Document, content: dict[str, Any], now_s: float) -> None:
        document.sent, document.sent_s = content, now_s
        expires_s = None
        if document.expires:
            expires_s = now_s + EXPIRES_AFTER_INTERVALS * self._interval_s
        body = to_json(content)
        self._send(Outgoing(document.topic, body, document.qos, True, expires_s=expires_s))

    def _publish_states(self, status: FleetStatus) -> None:
        shown = dataclasses.replace(status, override_power_w=self._override_power_w)
        for row in self._rows:
            if row.text is None:
                continue
            text = row.text(shown)
            if self._states.get(row.component) != text:
                self._states[row.component] = text
                self._send(Outgoing(self._state_topic(row), text.encode(errors="replace"), 0, True))

    def _state_topic(self, row: FleetRow) -> str:
        return self._topics.state(row.platform, self._device_id, row.key)


def _documents(topics: Topics) -> tuple[_Document, ...]:
    of = fleet_documents
    restless = frozenset({"oldestReadingS"})
    return (
        _Document(topics.ems("status"), of.ems_status, expires=True),
        _Document(topics.ems("dispatch"), of.dispatch, restless=restless),
        _Document(topics.ems("capability"), of.capability),
        _Document(topics.fleet("status"), of.seed_status, 0, frozenset({"last_update"})),
    )
