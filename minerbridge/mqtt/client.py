"""The broker connection: the only user of paho, and the only thread that calls it.

paho's own loops select(2) on the socket, which fails beyond descriptor 1023, and let any thread
write to it; so this loop polls with epoll and every message goes through the outbox.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

import paho.mqtt.client as paho
import structlog
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from minerbridge.mqtt.outbox import Outbox, Outgoing
from minerbridge.runtime import Service

log = structlog.get_logger(__name__)

CONNACK_WITHIN_S = 10.0
CONNECT_WITHIN_S = 3.0
LONGEST_PAUSE_S = 30.0
INFLIGHT = 20
#: A message that was under way at this many lost connections is taken for their cause.
POISON_AFTER = 3
SUBSCRIBE_CHUNK = 100
_UNSUPPORTED_PROTOCOL = (0x84, 1)


@dataclass(frozen=True, slots=True)
class Login:
    """Where the broker is and how to log in."""

    host: str
    port: int
    client_id: str
    protocol: Literal["auto", "5", "3.1.1"] = "auto"
    username: str | None = None
    password: str | None = None
    keepalive_s: int = 30
    tls: ssl.SSLContext | None = None
    max_message_bytes: int = 65_536


@dataclass(frozen=True, slots=True)
class Subscription:
    """A filter; *retained* says whether messages kept by the broker are wanted too."""

    filter: str
    retained: bool = False


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message from the broker; the last two are MQTT 5's request/response properties."""

    topic: str
    payload: bytes
    retain: bool = False
    response_topic: str | None = None
    correlation: bytes | None = None


class MqttClient(Service):
    """Stays connected for ever. *on_connected* and *on_message* run in its thread."""

    silence_s = 60.0

    def __init__(
        self,
        login: Login,
        will: Outgoing,
        on_connected: Callable[[], None],
        on_message: Callable[[Incoming], None],
    ) -> None:
        super().__init__("mqtt")
        self._login = login
        self._will = will
        self._on_connected = on_connected
        self._on_message = on_message
        self._is_v5 = login.protocol != "3.1.1"
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)
        self._signalled = False
        self.outbox = Outbox(self.wake)
        self._wanted: dict[str, Subscription] = {}
        self._subscribed: dict[str, Subscription] = {}
        self._under_way: dict[int, Outgoing] = {}
        self._poison: dict[str, bytes] = {}
        self._largest_bytes = login.max_message_bytes
        self._told: set[str] = set()
        self._idle = threading.Event()
        self._refusal: Any = None
        self.connected = threading.Event()
        self.connections = 0

    # -- any thread --------------------------------------------------------------------------

    def publish(self, message: Outgoing) -> None:
        self.outbox.put(message)

    def subscribe(self, wanted: Iterable[Subscription]) -> None:
        """Want exactly these filters; the difference is sent to the broker."""
        self._wanted = {one.filter: one for one in wanted}
        self.wake()

    @property
    def is_idle(self) -> bool:
        """Whether everything given so far is sent and acknowledged."""
        return not len(self.outbox) and not self._under_way

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything is sent and acknowledged; return whether it was."""
        if not self.connected.is_set():
            return False
        self._idle.clear()
        self.wake()
        return self._idle.wait(timeout_s)

    def wake(self) -> None:
        if not self._signalled:
            self._signalled = True
            try:
                self._wake_write.send(b"\0")
            except OSError:
                return  # full: it will wake anyway; closed: it has ended

    # -- the thread --------------------------------------------------------------------------

    def run(self) -> None:
        pause_s = 1.0
        while not self.stopping.is_set():
            began_s = time.monotonic()
            reason = self._session()
            self._after(reason)
            if time.monotonic() - began_s > LONGEST_PAUSE_S:
                pause_s = 1.0
            self.beat()
            self.stopping.wait(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            if self.connected.is_set() or self._refusal == "protocol":
                pause_s = 1.0
            self.connected.clear()

    def _session(self) -> str:
        """One connection from start to end; returns why it ended."""
        self._refusal = None
        client = self._new_paho()
        try:
            client.connect(
                self._login.host,
                self._login.port,
                self._login.keepalive_s,
                clean_start=True if self._is_v5 else paho.MQTT_CLEAN_START_FIRST_ONLY,
            )
            return self._serve(client)
        except (OSError, ValueError) as error:
            return str(error) or type(error).__name__
        except Exception:
            # paho cannot read an MQTT 3 refusal of an MQTT 5 CONNECT, among others.
            log.debug("mqtt_session_failed", exc_info=True)
            return "unexpected answer"
        finally:
            # Only the socket: a goodbye is said in _serve, and only when stopping.
            wire = client.socket()
            if wire is not None:
                wire.close()

    def _serve(self, client: paho.Client) -> str:
        wire: Any = client.socket()
        began_s = time.monotonic()
        with selectors.DefaultSelector() as selector:
            selector.register(wire, selectors.EVENT_READ)
            selector.register(self._wake_read, selectors.EVENT_READ)
            while True:
                self.beat()
                if self.stopping.is_set():
                    client.disconnect()
                    client.loop_write()
                    return "stopped"
                want_write = client.want_write()
                events = selectors.EVENT_READ | (selectors.EVENT_WRITE if want_write else 0)
                selector.modify(wire, events)
                for key, mask in selector.select(1.0):
                    if key.fileobj is self._wake_read:
                        self._drain_wake()
                        continue
                    rc = self._transfer(client, wire, mask)
                    if rc != paho.MQTT_ERR_SUCCESS:
                        return self._ended(rc)
                if client.loop_misc() != paho.MQTT_ERR_SUCCESS:
                    return "no answer within the keepalive"
                if self._refusal is not None:
                    return str(self._refusal)
                if self.connected.is_set():
                    self._send_waiting(client)
                elif time.monotonic() - began_s > CONNACK_WITHIN_S:
                    return "no answer to CONNECT (TLS on a plain port, or a client certificate?)"

    def _transfer(self, client: paho.Client, wire: Any, mask: int) -> MQTTErrorCode:
        if mask & selectors.EVENT_WRITE:
            rc = client.loop_write()
            if rc not in (paho.MQTT_ERR_SUCCESS, paho.MQTT_ERR_AGAIN):
                return rc
        if mask & selectors.EVENT_READ:
            rc = client.loop_read()
            while (
                rc == paho.MQTT_ERR_SUCCESS and isinstance(wire, ssl.SSLSocket) and wire.pending()
            ):
                rc = client.loop_read()
            return rc
        return paho.MQTT_ERR_SUCCESS

    def _drain_wake(self) -> None:
        self._signalled = False
        with contextlib.suppress(BlockingIOError):
            self._wake_read.recv(4096)

    def _send_waiting(self, client: paho.Client) -> None:
        self._update_subscriptions(client)
        # One at a time while a message is under suspicion, so that the innocent are cleared.
        window = 1 if any(m.attempts for m in self._under_way.values()) else INFLIGHT
        for _ in range(2000):
            if len(self._under_way) >= window or client.want_write():
                break
            message = self.outbox.take()
            if message is None:
                break
            if message.attempts:
                window = 1
            self._send(client, message)
            client.loop_write()
        if not len(self.outbox) and not self._under_way and not client.want_write():
            self._idle.set()
        elif len(self.outbox) and len(self._under_way) < window and not client.want_write():
            self.wake()

    def _send(self, client: paho.Client, message: Outgoing) -> None:
        size = len(message.topic.encode()) + len(message.payload) + 64
        if size > self._largest_bytes:
            self._tell_once(message.topic, "mqtt_message_too_large", bytes=size)
            return
        if self._poison.get(message.topic) == message.payload:
            return
        properties = None
        if self._is_v5 and (message.correlation is not None or message.expiry_s is not None):
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho
            if message.correlation is not None:
                properties.CorrelationData = message.correlation
            if message.expiry_s is not None:
                properties.MessageExpiryInterval = message.expiry_s
        sent = client.publish(
            message.topic, message.payload, message.qos, message.retain, properties
        )
        if message.qos:
            self._under_way[sent.mid] = message

    def _update_subscriptions(self, client: paho.Client) -> None:
        wanted = self._wanted
        if wanted == self._subscribed:
            return
        new = [s for f, s in wanted.items() if self._subscribed.get(f) != s]
        gone = [f for f in self._subscribed if f not in wanted]
        for start in range(0, len(new), SUBSCRIBE_CHUNK):
            client.subscribe([self._filter(s) for s in new[start : start + SUBSCRIBE_CHUNK]])
        for start in range(0, len(gone), SUBSCRIBE_CHUNK):
            client.unsubscribe(gone[start : start + SUBSCRIBE_CHUNK])
        self._subscribed = dict(wanted)

    def _filter(self, subscription: Subscription) -> tuple[str, Any]:
        if not self._is_v5:
            return subscription.filter, 1
        handling = 0 if subscription.retained else SubscribeOptions.RETAIN_DO_NOT_SEND
        return subscription.filter, SubscribeOptions(qos=1, retainHandling=handling)

    def _after(self, reason: str) -> None:
        """Book what the lost connection leaves behind."""
        if self.stopping.is_set():
            log.info("mqtt_disconnected", reason=reason)
        elif self.connected.is_set():
            log.warning("mqtt_disconnected", reason=reason)
            self._told.discard("connect")
        else:
            self._tell_once("connect", "mqtt_unreachable", reason=reason)
            if self._login.protocol == "auto" and self._refusal_is_about_protocol(reason):
                self._is_v5 = not self._is_v5
                self._refusal = "protocol"
        self.outbox.shut()
        for message in self._under_way.values():
            if message.attempts + 1 >= POISON_AFTER:
                self._poison[message.topic] = message.payload
                log.error("mqtt_message_given_up", topic=message.topic, bytes=len(message.payload))
            else:
                self.outbox.put_back(replace(message, attempts=message.attempts + 1))
        self._under_way.clear()
        self._subscribed = {}

    def _refusal_is_about_protocol(self, reason: str) -> bool:
        # Brokers of MQTT 3 answer an MQTT 5 CONNECT with their own refusal, nonsense, or hang up.
        return reason == "protocol" or (
            self._refusal is None and reason in ("unexpected answer", "closed by the broker")
        )

    @staticmethod
    def _ended(rc: MQTTErrorCode) -> str:
        if rc in (paho.MQTT_ERR_CONN_LOST, paho.MQTT_ERR_NO_CONN):
            return "closed by the broker"
        if rc == paho.MQTT_ERR_PROTOCOL:
            return "unexpected answer"
        return paho.error_string(rc)

    def _tell_once(self, what: str, event: str, **facts: Any) -> None:
        if what not in self._told:
            self._told.add(what)
            log.error(event, topic=what, **facts) if what != "connect" else log.error(
                event, broker=f"{self._login.host}:{self._login.port}", **facts
            )

    # -- paho's callbacks, in this thread ------------------------------------------------------

    def _new_paho(self) -> paho.Client:
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._login.client_id,
            protocol=paho.MQTTv5 if self._is_v5 else paho.MQTTv311,
            reconnect_on_failure=False,
            clean_session=None if self._is_v5 else True,
        )
        client.connect_timeout = CONNECT_WITHIN_S
        client.max_inflight_messages_set(INFLIGHT)
        client.max_queued_messages_set(INFLIGHT * 2)
        if self._login.username is not None:
            client.username_pw_set(self._login.username, self._login.password)
        if self._login.tls is not None:
            client.tls_set_context(self._login.tls)
        client.will_set(self._will.topic, self._will.payload, self._will.qos, self._will.retain)
        client.on_connect = self._connected
        client.on_message = self._received
        client.on_publish = self._acknowledged
        client.on_subscribe = self._granted
        client.on_socket_open = _no_delay
        # With it paho only queues; this loop alone writes to the socket.
        client.on_socket_register_write = lambda *_: None
        return client

    def _connected(self, _: Any, __: Any, ___: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            about_protocol = reason.value in _UNSUPPORTED_PROTOCOL
            self._refusal = "protocol" if about_protocol else str(reason)
            return
        limit = getattr(properties, "MaximumPacketSize", None)
        self._largest_bytes = min(self._login.max_message_bytes, limit or 1 << 28)
        self._told.clear()
        self.connections += 1
        self._idle.clear()
        self.outbox.open()
        self.connected.set()
        log.info(
            "mqtt_connected",
            broker=f"{self._login.host}:{self._login.port}",
            protocol="5" if self._is_v5 else "3.1.1",
        )
        try:
            self._on_connected()
        except Exception:
            log.exception("mqtt_on_connected_failed")

    def _received(self, _: Any, __: Any, message: paho.MQTTMessage) -> None:
        # An exception here would end the connection.
        try:
            properties = message.properties
            self._on_message(
                Incoming(
                    message.topic,
                    bytes(message.payload),
                    message.retain,
                    getattr(properties, "ResponseTopic", None),
                    getattr(properties, "CorrelationData", None),
                )
            )
        except Exception:
            log.exception("mqtt_message_failed", topic=message.topic[:200])

    def _acknowledged(self, _: Any, __: Any, mid: int, reason: Any, ___: Any) -> None:
        message = self._under_way.pop(mid, None)
        if message is not None and reason.is_failure:
            self._tell_once(message.topic, "mqtt_publish_refused", reason=str(reason))

    def _granted(self, _: Any, __: Any, ___: Any, reasons: Any, ____: Any) -> None:
        refused = [str(reason) for reason in reasons if reason.is_failure]
        if refused:
            self._tell_once("subscribe", "mqtt_subscribe_refused", reason=refused[0])


def _no_delay(_: Any, __: Any, wire: Any) -> None:
    """Without it, Nagle and delayed acknowledgements cost 40 ms a message."""
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
