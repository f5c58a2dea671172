"""Hands messages over to one connection and follows those that are acknowledged."""

from __future__ import annotations

import math
import time

import structlog

from minerbridge.mqtt.broker import Ended, Limits
from minerbridge.mqtt.once import Once
from minerbridge.mqtt.outbox import Outbox, Outgoing
from minerbridge.mqtt.paho_client import PahoClient
from minerbridge.mqtt.suspicion import Suspicion, Verdict, weight_of

log = structlog.get_logger(__name__)

UNDER_WAY = 20
ACKNOWLEDGED_WITHIN_S = 30.0
#: One round of sending: enough to fill segments, little enough to hear commands in between.
BATCH = 256
BATCH_BYTES = 128 * 1024


class Delivery:
    """The way from the outbox to one connection."""

    def __init__(
        self,
        client: PahoClient,
        outbox: Outbox,
        suspicion: Suspicion,
        told: Once,
        max_message_bytes: int,
    ) -> None:
        self._client = client
        self._outbox = outbox
        self._suspicion = suspicion
        self._told = told
        self._max_message_bytes = max_message_bytes
        self._under_way: dict[int, tuple[Outgoing, float]] = {}
        self._held: Outgoing | None = None
        self._is_alone = False
        self._seen = -1
        self.limit(Limits())

    def limit(self, limits: Limits) -> None:
        self._limits = limits
        self._window = max(1, min(UNDER_WAY, limits.under_way))
        # Four bytes a character at most: whatever weighs less needs no exact count.
        most = min(limits.packet_bytes, self._max_message_bytes)
        self._surely_fits = most // 4 - 64

    @property
    def has_news(self) -> bool:
        """Whether something was put into the outbox since the last `send`."""
        return self._outbox.given != self._seen

    @property
    def is_done(self) -> bool:
        """Whether all that was taken from the outbox is sent and acknowledged."""
        return not self._under_way and self._held is None and not self._client.wants_write

    def send(self) -> bool:
        """Send what waits, up to a batch; return whether there may be more to send at once."""
        if self._client.wants_write:
            return False
        self._seen = self._outbox.given
        count = size = 0
        while count < BATCH and size < BATCH_BYTES and self._is_free():
            message = self._held or self._next()
            self._held = message
            if message is None or not self._give(message):
                break
            self._held = None
            count += 1
            size += len(message.payload)
        if self._client.wants_write:
            self._client.write(corked=count > 1)
        return count == BATCH or size >= BATCH_BYTES

    def acknowledged(self, mid: int, refusal: str | None) -> None:
        message, _ = self._under_way.pop(mid, (None, 0.0))
        if message is None:
            return
        if self._suspicion.acquit(message):
            self._outbox.release()
        if refusal is None:
            self._told.forget(message.topic)
        elif self._told.first(message.topic):
            log.error("mqtt_publish_refused", topic=message.topic, reason=refusal)

    def check(self, now_s: float) -> None:
        """Raise `Ended` when the broker answers but keeps an acknowledgement for itself."""
        _, oldest_s = next(iter(self._under_way.values()), (None, now_s))
        if now_s - oldest_s > ACKNOWLEDGED_WITHIN_S:
            reason = f"a message is not acknowledged within {ACKNOWLEDGED_WITHIN_S:.0f} s"
            raise Ended("lost", reason, blames_message=True)

    def lost(self, *, blames_message: bool) -> bool:
        """Put back what is not acknowledged, but for a message that the broker hangs up over.

        Return whether the search for one has come on by this end.
        """
        under_way = [message for message, _ in self._under_way.values()]
        guilty = self._suspicion.blame(under_way) if blames_message else None
        if guilty is not None:
            self._told.first(guilty.topic)
            log.error("mqtt_message_given_up", topic=guilty.topic, bytes=len(guilty.payload))
        self._outbox.put_back(
            one for one in (*under_way, self._held) if one is not None and one is not guilty
        )
        self._outbox.release()
        return blames_message and len(under_way) == 1

    # -- one message -------------------------------------------------------------------------

    def _is_free(self) -> bool:
        """Whether nothing under way wants to be alone."""
        if self._under_way:
            return not self._is_alone
        self._is_alone = False
        return True

    def _next(self) -> Outgoing | None:
        message = self._outbox.take(states_first=self._suspicion.wants_witness)
        if message is None and not self._under_way:
            message = self._outbox.take_last()
            self._is_alone = message is not None
        return message

    def _give(self, message: Outgoing) -> bool:
        """Send *message*, or drop it with a word; False: it has to wait for acknowledgements."""
        qos = message.qos
        if self._suspicion.is_active and not self._is_alone:
            verdict = self._suspicion.verdict(message)
            if verdict is Verdict.NEVER:
                self._drop(message, "mqtt_message_withheld", reason="the broker hung up over such")
                return True
            if verdict is Verdict.LAST:
                self._outbox.put_last(message)
                return True
            if verdict is Verdict.ALONE:
                if self._under_way:
                    return False
                self._is_alone = True
        if self._is_alone:
            qos = 1
        if qos > self._limits.qos:
            qos = self._limits.qos
        if qos and len(self._under_way) >= self._window:
            return False
        self._publish(message, qos)
        return True

    def _publish(self, message: Outgoing, qos: int) -> None:
        if message.expires_s is not None:
            left_s = message.expires_s - time.monotonic()
            if left_s <= 0:
                log.debug("mqtt_message_expired", topic=message.topic)
                return
            message = message._replace(expiry_s=math.ceil(left_s))
        try:
            if weight_of(message) > self._surely_fits or message.correlation is not None:
                size = packet_bytes(message)
                most = self._max_message_bytes
                if size > self._limits.packet_bytes or len(message.payload) > most:
                    self._drop(message, "mqtt_message_too_large", packet_bytes=size)
                    return
            mid = self._client.publish(message, qos, message.retain and self._limits.retain)
        except ValueError as error:
            self._drop(message, "mqtt_message_impossible", reason=str(error))
            return
        if qos:
            self._under_way[mid] = (message, time.monotonic())

    def _drop(self, message: Outgoing, event: str, **facts: object) -> None:
        if self._told.first(message.topic):
            log.error(event, topic=message.topic[:200], bytes=len(message.payload), **facts)


def packet_bytes(message: Outgoing) -> int:
    """Return the most bytes a PUBLISH with this content takes."""
    properties = 0
    if message.correlation is not None:
        properties += 3 + len(message.correlation)
    if message.expiry_s is not None:
        properties += 5
    content = 2 + len(message.topic.encode()) + 2 + len(message.payload)
    content += _length_bytes(properties) + properties
    return 1 + _length_bytes(content) + content


def _length_bytes(length: int) -> int:
    return 1 if length < 128 else 2 if length < 16_384 else 3 if length < 2_097_152 else 4
