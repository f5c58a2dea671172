"""The EMS's desk: takes its requests in the MQTT thread, hands orders on, answers each once."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

import structlog

from minerbridge.errors import CommandRejected, NotFound
from minerbridge.model_fleet import FleetStatus, OrderAnswer, OrderKind, OrderRequest
from minerbridge.mqtt.broker import Incoming
from minerbridge.mqtt.ems_rate import Flood, TokenBucket
from minerbridge.mqtt.ems_wire import (
    KNOWN_KEYS,
    answer_document,
    heartbeat_document,
    id_of,
    parse_document,
    parse_order,
)
from minerbridge.mqtt.fleet_documents import ems_status
from minerbridge.mqtt.outbox import Outgoing
from minerbridge.mqtt.topics import Topics
from minerbridge.mqtt.wire import to_json

log = structlog.get_logger(__name__)

Reply = Callable[[OrderAnswer], None]


@dataclass(slots=True)
class _Asked:
    """Who is to be answered. *id* is as the sender wrote it, or made."""

    name: str
    id: str | int | float
    response_topic: str | None
    correlation: bytes | None


class EmsDesk:
    """Answers status from memory; orders and heartbeats go to *submit*, which answers them.

    *submit* never blocks and replies once: from the fleet's thread, holding no lock that
    *submit* takes, or from within the call.

    **Above the limit** a request is refused with RATE_LIMITED: one answer a second, the rest are
    counted. Three kinds are never lost, so that neither a flood nor a second talker keeps power
    up or brings the failsafe about: `deactivate`; `activate` with less than the fleet is
    ordered, limited to or known to draw, or while that is unknown; `heartbeat`. Of these one at
    a time is with the fleet. What comes meanwhile waits, and of each kind only the newest does
    (the one it displaces counts as refused). It is handed on with the fleet's reply to the one
    before, or ahead of the next request within the limit, so orders never overtake each other.
    """

    def __init__(
        self,
        topics: Topics,
        send: Callable[[Outgoing], None],
        submit: Callable[[OrderRequest, Reply], None],
        status: Callable[[], FleetStatus | None],
        *,
        max_requests_per_s: float = 20.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._topics = topics
        self._send = send
        self._submit = submit
        self._status = status
        self._prefix = topics.ems("request/")
        self._bucket = TokenBucket(max_requests_per_s, clock)
        self._flood = Flood(max_requests_per_s, clock)
        # Held while orders are handed on: it keeps them in order. A reply from within `submit`
        # comes in again.
        self._lock = threading.RLock()
        self._waiting: dict[str, tuple[OrderRequest, _Asked]] = {}
        self._in_flight = 0
        self._ordered_w = 0.0

    @property
    def rate_limited(self) -> int:
        """How many requests were refused for their rate, with an answer or without."""
        return self._flood.refused

    def take(self, message: Incoming) -> None:
        """Answer or hand on one request. Runs in the MQTT thread; never blocks, never raises."""
        asked = _Asked(
            message.topic.removeprefix(self._prefix),
            uuid.uuid4().hex[:12],
            message.response_topic,
            message.correlation,
        )
        try:
            if self._bucket.take():
                self._serve(asked, message)
            else:
                self._serve_above_limit(asked, message)
        except CommandRejected as error:
            log.info("ems_request_refused", request=asked.name, id=asked.id, reason=str(error))
            self._refuse(asked, error.code, str(error))
        except Exception:
            log.exception("ems_request_failed", request=asked.name)
            self._refuse(asked, "INTERNAL_ERROR", "internal error, see the bridge's log")

    # -- within the limit --------------------------------------------------------------------

    def _serve(self, asked: _Asked, message: Incoming) -> None:
        with self._lock:
            self._hand_on_waiting()
            order = self._order_of(asked, message)
            if order is not None:
                self._hand_on(order, asked, self._answered)
                return
        self._answer(asked, ems_status(self._status()))

    def _order_of(self, asked: _Asked, message: Incoming) -> OrderRequest | None:
        """Return the order that was asked; None: the status was. Raise CommandRejected."""
        document = parse_document(message.payload)
        given_id = id_of(document)
        if given_id is not None:
            asked.id = given_id
        known = KNOWN_KEYS.get(asked.name)
        if known is None:
            raise NotFound(f"no request {asked.name[:60]!r}; there are {', '.join(KNOWN_KEYS)}")
        if document.keys() - known:
            log.debug("ems_keys_ignored", request=asked.name, keys=sorted(document.keys() - known))
        if asked.name == "status":
            if message.retain:
                raise CommandRejected("a status request that the broker kept", code="STALE")
            return None
        kind = cast(OrderKind, asked.name)
        return parse_order(kind, document, str(asked.id), is_retained=message.retain)

    def _hand_on(
        self, order: OrderRequest, asked: _Asked, answered: Callable[[_Asked, OrderAnswer], None]
    ) -> None:
        if order.kind != "heartbeat" and order.mode == "target":
            self._ordered_w = order.power_w
        self._submit(order, lambda answer: answered(asked, answer))

    # -- above the limit ---------------------------------------------------------------------

    def _serve_above_limit(self, asked: _Asked, message: Incoming) -> None:
        try:
            order = self._order_of(asked, message)
        except CommandRejected:
            order = None
        if order is None or not self._may_not_be_lost(order):
            self._refuse_for_rate(asked)
            return
        slot = "heartbeat" if order.kind == "heartbeat" else order.mode
        with self._lock:
            displaced = self._waiting.pop(slot, None)
            self._waiting[slot] = order, asked
            if not self._in_flight:
                self._hand_on_waiting()
        if displaced is not None:
            self._refuse_for_rate(displaced[1])

    def _may_not_be_lost(self, order: OrderRequest) -> bool:
        if order.is_retained:
            return False
        if order.kind != "activate":
            return True
        status = self._status()
        if status is None or status.active_power_w is None:
            return True
        # The status is up to a step old: what was handed on since counts as well.
        powers = (status.active_power_w, status.target_power_w, status.limit_power_w)
        return order.power_w < max(self._ordered_w, *(power or 0.0 for power in powers))

    def _hand_on_waiting(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for order, asked in waiting.values():
            self._in_flight += 1
            try:
                self._hand_on(order, asked, self._answered_above_limit)
            except Exception:
                log.exception("ems_request_failed", request=asked.name)
                answer = OrderAnswer(order.id, "internal error, see the log", "INTERNAL_ERROR")
                self._answered_above_limit(asked, answer)

    def _answered_above_limit(self, asked: _Asked, answer: OrderAnswer) -> None:
        self._answered(asked, answer)
        with self._lock:
            self._in_flight -= 1
            if not self._in_flight:
                self._hand_on_waiting()

    def _refuse_for_rate(self, asked: _Asked) -> None:
        reason = self._flood.refuse()
        if reason is not None:
            self._refuse(asked, "RATE_LIMITED", reason)

    # -- answers -----------------------------------------------------------------------------

    def _answered(self, asked: _Asked, answer: OrderAnswer) -> None:
        """Pass the fleet's answer on; runs in its thread."""
        if asked.name == "heartbeat" and answer.accepted:
            self._answer(asked, heartbeat_document(datetime.now(UTC)))
        else:
            self._answer(asked, answer_document(answer, asked.id))

    def _refuse(self, asked: _Asked, code: str, message: str) -> None:
        self._answered(asked, OrderAnswer(str(asked.id), message, code))

    def _answer(self, asked: _Asked, document: dict[str, Any]) -> None:
        body = to_json(document)
        topics = [self._topics.ems(f"response/{asked.name}")]
        if asked.response_topic and self._topics.may_answer_to(asked.response_topic):
            topics.append(asked.response_topic)
        for topic in topics:
            self._send(Outgoing(topic, body, 1, correlation=asked.correlation))
