"""One connection from CONNECT to its end: polls, reads, sends, watches the clock."""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from minerbridge.mqtt.broker import Ended, Incoming, Limits, Login
from minerbridge.mqtt.delivery import Delivery
from minerbridge.mqtt.filters import Filters
from minerbridge.mqtt.once import Once
from minerbridge.mqtt.outbox import Outbox, Outgoing
from minerbridge.mqtt.paho_client import PahoClient
from minerbridge.mqtt.suspicion import Suspicion
from minerbridge.mqtt.waker import Waker

GOODBYE_WITHIN_S = 0.5
TICK_S = 0.5


@dataclass(slots=True)
class Lasting:
    """What outlives connections. The callbacks run in the MQTT thread."""

    login: Login
    outbox: Outbox
    waker: Waker
    stopping: threading.Event
    on_accepted: Callable[[Limits], None]
    on_message: Callable[[Incoming], None]
    #: Hears the outbox's `given` at a moment when all of it is sent and acknowledged.
    on_settled: Callable[[int], None]
    beat: Callable[[], None]
    filters: Filters = field(default_factory=Filters)
    suspicion: Suspicion = field(default_factory=Suspicion)
    told: Once = field(default_factory=Once)


class Connection:
    """One connection. `run` returns by raising `Ended`."""

    def __init__(
        self,
        lasting: Lasting,
        will: Outgoing,
        is_v5: bool,
        answer_within_s: float,
        dial: Callable[[], socket.socket],
    ) -> None:
        self._lasting = lasting
        self._answer_within_s = answer_within_s
        self._client = PahoClient(lasting.login, will, is_v5, dial, self)
        self.delivery = Delivery(
            self._client,
            lasting.outbox,
            lasting.suspicion,
            lasting.told,
            lasting.login.max_message_bytes,
        )
        self.accepted_s: float | None = None
        self._packet_bytes = Limits().packet_bytes
        self._has_more = False
        self._began_s = time.monotonic()
        self._next_check_s = 0.0
        self._leave_by_s: float | None = None

    def run(self) -> None:
        """Connect and serve until the end."""
        try:
            self._client.open()
            self._serve()
        finally:
            self._client.close()

    # -- what the broker says (Listener) -----------------------------------------------------

    def accepted(self, limits: Limits) -> None:
        self.accepted_s = time.monotonic()
        self._packet_bytes = limits.packet_bytes
        self.delivery.limit(limits)
        self._lasting.filters.begin()
        self._lasting.suspicion.begin()
        self._lasting.on_accepted(limits)

    def received(self, message: Incoming) -> None:
        self._lasting.on_message(message)

    def acknowledged(self, mid: int, refusal: str | None) -> None:
        self.delivery.acknowledged(mid, refusal)

    def granted(self, mid: int, refusals: list[str | None]) -> None:
        self._lasting.filters.granted(mid, refusals)

    # -- the loop ----------------------------------------------------------------------------

    def _serve(self) -> None:
        poller = select.poll()
        wire = self._client.fileno()
        poller.register(wire, select.POLLIN)
        poller.register(self._lasting.waker, select.POLLIN)
        while not self._may_leave():
            self._lasting.beat()
            wants_write = self._client.wants_write
            poller.modify(wire, select.POLLIN | (select.POLLOUT if wants_write else 0))
            for ready, what in self._sleep(poller, wants_write):
                if ready != wire:
                    self._lasting.waker.clear()
                    continue
                # Reading first: why the broker closed is heard before writing fails for it.
                if what & ~select.POLLOUT:
                    self._client.read()
                if what & select.POLLOUT:
                    self._client.write()
            if self._client.has_unread:
                self._client.read()
            now_s = time.monotonic()
            if now_s >= self._next_check_s:
                self._check(now_s)
            if self.accepted_s is not None:
                self._send()
        if self.delivery.is_done and not len(self._lasting.outbox):
            self._client.say_goodbye(GOODBYE_WITHIN_S)
        raise Ended("stopped", "stopped")

    def _sleep(self, poller: select.poll, wants_write: bool) -> list[tuple[int, int]]:
        waker = self._lasting.waker
        waker.asleep = True
        if self._client.has_unread or (self._has_work() and not wants_write):
            timeout_ms = 0.0
        else:
            timeout_ms = TICK_S * 1000 if self._leave_by_s is None else 20.0
        events = poller.poll(timeout_ms)
        waker.asleep = False
        return events

    def _has_work(self) -> bool:
        if self._lasting.stopping.is_set() and self._leave_by_s is None:
            return True
        if self.accepted_s is None:
            return False
        return self._has_more or self.delivery.has_news or self._lasting.filters.have_changed

    def _send(self) -> None:
        if self._lasting.filters.have_changed:
            self._lasting.filters.update(self._client, self._packet_bytes)
        self._has_more = self.delivery.send()
        if self.delivery.is_done:
            given = self._lasting.outbox.given_if_empty()
            if given is not None:
                self._lasting.on_settled(given)

    def _check(self, now_s: float) -> None:
        self._next_check_s = now_s + TICK_S
        self._client.keep_alive()
        self.delivery.check(now_s)
        if self.accepted_s is None and now_s - self._began_s > self._answer_within_s:
            raise self._client.mute(f"no answer to CONNECT within {self._answer_within_s:g} s")

    def _may_leave(self) -> bool:
        """Whether to stop: after a stop, once all is sent or it has taken long enough."""
        if not self._lasting.stopping.is_set():
            return False
        now_s = time.monotonic()
        if self._leave_by_s is None:
            self._leave_by_s = now_s + GOODBYE_WITHIN_S
        if self.accepted_s is None or now_s > self._leave_by_s:
            return True
        return self.delivery.is_done and not len(self._lasting.outbox)
