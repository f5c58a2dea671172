"""An EMS's desk with a fleet that answers when it is told to, and a clock that is set."""

import json
import queue
import threading
from datetime import UTC, datetime
from typing import Any

from minerbridge.model_fleet import FleetStatus, OrderAnswer
from minerbridge.mqtt.broker import Incoming
from minerbridge.mqtt.ems import EmsDesk
from minerbridge.mqtt.topics import Topics

AT = datetime(2026, 1, 20, 14, 30, tzinfo=UTC)
REQUEST = "minerbridge/ems/request/"
RESPONSE = "minerbridge/ems/response/"


def fleet_status(**values):
    """A fleet of two S9 that mines."""
    facts: dict[str, Any] = {
        "state": "active",
        "is_available": True,
        "is_running": True,
        "rated_power_w": 2920.0,
        "active_power_w": 2450.0,
        "total_miners": 2,
    }
    return FleetStatus(AT, **facts | values)


class Fleet:
    """Keeps orders until `answer` is called; at once with *answers_at_once*."""

    def __init__(self, *, answers_at_once=True):
        self.answers_at_once = answers_at_once
        self.orders: list[Any] = []
        self.open: list[Any] = []
        self.code: str | None = None

    def submit(self, order, reply):
        self.orders.append(order)
        if self.answers_at_once:
            reply(OrderAnswer(order.id, "so be it", self.code))
        else:
            self.open.append((order, reply))

    def answer(self):
        """Answer the oldest open order, as the fleet's thread does."""
        order, reply = self.open.pop(0)
        reply(OrderAnswer(order.id, "so be it", self.code))

    def powers_w(self):
        return [order.power_w for order in self.orders]


class ThreadedFleet(Fleet):
    """Answers in a thread of its own, as the fleet does."""

    def __init__(self):
        super().__init__()
        self._asked: Any = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def submit(self, order, reply):
        self._asked.put((order, reply))

    def stop(self):
        self._asked.put(None)
        self._thread.join(5)

    def _run(self):
        while (asked := self._asked.get()) is not None:
            order, reply = asked
            self.orders.append(order)
            reply(OrderAnswer(order.id, "so be it"))


class Office:
    def __init__(self, *, fleet=None, status=None, rate=20.0, topics=None):
        self.fleet = fleet or Fleet()
        self.status = status
        self.now_s = 1000.0
        self.sent: list[Any] = []
        self.desk = EmsDesk(
            topics or Topics(), self.sent.append, self.fleet.submit, lambda: self.status,
            max_requests_per_s=rate, clock=lambda: self.now_s,
        )  # fmt: skip

    def hears(self, name, payload: Any = b"", **facts):
        """Take one message; return what has been answered since the last."""
        if isinstance(payload, dict):
            payload = json.dumps(payload)
        body = payload if isinstance(payload, bytes) else payload.encode()
        self.desk.take(Incoming(REQUEST + name, body, **facts))
        return self.answers()

    def answers(self):
        sent, self.sent[:] = list(self.sent), []
        return [json.loads(message.payload) for message in sent]
