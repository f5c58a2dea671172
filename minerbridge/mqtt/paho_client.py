"""One connection to the broker by paho: the only module that knows it.

paho's own loops select(2) on the socket, which fails beyond descriptor 1023, and end with the
first exception in a callback; so another loop calls this, in one thread, and paho only reads,
writes and keeps the protocol.
"""

from __future__ import annotations

import contextlib
import errno
import select
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as paho
import structlog
from paho.mqtt.enums import CallbackAPIVersion, LogLevel, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from minerbridge.mqtt.broker import Ended, Incoming, Limits, Listener, Login, Subscription
from minerbridge.mqtt.outbox import Outgoing

log = structlog.get_logger(__name__)

TLS_WITHIN_S = 3.0
#: No command, request or meter is that large; a broker of MQTT 5 then keeps it from us.
LARGEST_INCOMING_BYTES = 2**20
UNSUPPORTED_PROTOCOL = 0x84
#: Reasons to disconnect that are about the broker or the session, not about a message.
_BLAMELESS = {0x00, 0x88, 0x89, 0x8B, 0x8D, 0x8E, 0x98, 0x9C, 0x9D, 0x9F, 0xA0}
_NETWORK_ERRORS = (errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH)


class _Dialled(paho.Client):
    """paho on a TCP connection that was made elsewhere."""

    dial: Callable[[], socket.socket]
    is_dialled = False

    def _create_socket_connection(self) -> socket.socket:
        wire = self.dial()
        self.is_dialled = True
        return wire


class PahoClient:
    """From CONNECT to the end, which every method may report by raising `Ended`."""

    def __init__(
        self,
        login: Login,
        will: Outgoing,
        is_v5: bool,
        dial: Callable[[], socket.socket],
        listener: Listener,
    ) -> None:
        self._login = login
        self._is_v5 = is_v5
        self._listener = listener
        self._is_accepted = False
        self._end: Ended | None = None
        self._complaint = ""
        self._client = self._new(login, is_v5, dial)
        self._client.will_set(will.topic, will.payload, will.qos, will.retain)
        self._wire: Any = None

    def _new(self, login: Login, is_v5: bool, dial: Callable[[], socket.socket]) -> _Dialled:
        client = _Dialled(
            CallbackAPIVersion.VERSION2,
            client_id=login.client_id,
            protocol=paho.MQTTv5 if is_v5 else paho.MQTTv311,
            reconnect_on_failure=False,
            clean_session=None if is_v5 else True,
        )
        client.dial = dial
        client.connect_timeout = TLS_WITHIN_S
        client.max_inflight_messages_set(0)
        if login.username is not None:
            client.username_pw_set(login.username, login.password)
        if login.tls is not None:
            client.tls_set_context(login.tls)
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_message = self._received
        client.on_subscribe = self._granted
        # With it paho only queues; `write` alone writes to the socket.
        client.on_socket_register_write = lambda *_: None
        return client

    # -- the connection ----------------------------------------------------------------------

    def open(self) -> None:
        """Connect and queue CONNECT."""
        more: dict[str, Any] = {}
        if self._is_v5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho
            properties.MaximumPacketSize = LARGEST_INCOMING_BYTES
            more = {"clean_start": True, "properties": properties}
        try:
            login = self._login
            self._client.connect(login.host, login.port, login.keepalive_s, **more)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            reason = f"TLS: {reason}" if self._client.is_dialled else reason
            raise Ended("unreachable", reason) from error
        self._wire = self._client.socket()

    def fileno(self) -> int:
        return int(self._wire.fileno())

    @property
    def wants_write(self) -> bool:
        return self._client.want_write()

    @property
    def has_unread(self) -> bool:
        """Whether TLS holds decrypted bytes, of which poll(2) knows nothing."""
        return isinstance(self._wire, ssl.SSLSocket) and self._wire.pending() > 0

    def read(self) -> None:
        """Take in what came, and tell the listener."""
        # While they are set, paho builds properties or text for every message that it sends.
        self._client.on_publish = self._acknowledged
        self._client.on_log = self._note
        try:
            code = self._client.loop_read()
        except Exception as error:
            # Some versions of paho trip over what brokers of MQTT 3 answer to MQTT 5.
            if self._is_accepted:
                log.exception("mqtt_packet_unreadable")
            raise self._broken("unexpected answer") from error
        finally:
            self._client.on_publish = None
            self._client.on_log = None
        self._check(code)

    def write(self, *, corked: bool = False) -> None:
        """Send what is queued as far as the socket takes it; *corked*: in full segments."""
        if corked:
            self._wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        code = self._client.loop_write()
        self._check(code)
        if corked:
            self._wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)

    def keep_alive(self) -> None:
        """Ping when it is time; raise `Ended` when the last ping was not answered."""
        code = self._client.loop_misc()
        if code != paho.MQTT_ERR_SUCCESS or self._client.socket() is None:
            reason = "no answer within the keepalive"
            raise Ended("lost", reason) if self._is_accepted else self.mute(reason)

    def say_goodbye(self, within_s: float) -> None:
        """Disconnect so that the will is not published. Nothing may be queued any more."""
        with contextlib.suppress(OSError):
            self._wire.send(b"\xe0\x00")
            # To close with bytes unread would reset the connection, perhaps before it is heard.
            poller = select.poll()
            poller.register(self._wire, select.POLLIN)
            deadline_s = time.monotonic() + within_s
            while (left_s := deadline_s - time.monotonic()) > 0 and poller.poll(left_s * 1000):
                with contextlib.suppress(BlockingIOError, ssl.SSLWantReadError):
                    if not self._wire.recv(65_536):
                        return

    def close(self) -> None:
        """Drop the connection without a word: the broker publishes the will."""
        wire = self._client.socket() or self._wire
        if wire is not None:
            wire.close()

    # -- what is sent ------------------------------------------------------------------------

    def publish(self, message: Outgoing, qos: int, retain: bool) -> int:
        """Queue *message*; return the number its acknowledgement will bear.

        Raise ValueError for a topic that is none.
        """
        topic = message.topic
        if not topic or "\0" in topic:
            raise ValueError("a topic is neither empty nor contains NUL")
        properties = None
        if self._is_v5 and (message.correlation is not None or message.expiry_s is not None):
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho
            if message.correlation is not None:
                properties.CorrelationData = message.correlation
            if message.expiry_s is not None:
                properties.MessageExpiryInterval = message.expiry_s
        while True:
            sent = self._client.publish(topic, message.payload, qos, retain, properties)
            # Numbers come round; one that is still under way is passed over.
            if sent.rc != paho.MQTT_ERR_QUEUE_SIZE:
                self._check(sent.rc)
                return sent.mid

    def subscribe(self, subscriptions: list[Subscription]) -> int:
        """Queue one SUBSCRIBE; return the number its answer will bear."""
        topics: list[Any] = [(one.filter, self._options(one)) for one in subscriptions]
        code, mid = self._client.subscribe(topics)
        self._check(code)
        return mid or 0

    def unsubscribe(self, filters: list[str]) -> None:
        code, _ = self._client.unsubscribe(filters)
        self._check(code)

    def _options(self, subscription: Subscription) -> Any:
        if not self._is_v5:
            return 1
        handling = 0 if subscription.retained else SubscribeOptions.RETAIN_DO_NOT_SEND
        return SubscribeOptions(qos=1, retainHandling=handling)

    # -- how it ends -------------------------------------------------------------------------

    def _check(self, code: MQTTErrorCode) -> None:
        if self._end is not None:
            raise self._end
        if code == paho.MQTT_ERR_PROTOCOL:
            raise self._broken("unexpected answer")
        if code != paho.MQTT_ERR_SUCCESS or self._client.socket() is None:
            reason = self._complaint or "closed by the broker"
            if not self._is_accepted:
                raise self.mute(reason)
            is_network = any(f"[Errno {number}]" in reason for number in _NETWORK_ERRORS)
            raise Ended("lost", reason, blames_message=not is_network)

    def mute(self, reason: str) -> Ended:
        """Return the end of a connection on which CONNECT got no answer."""
        is_tls = self._login.tls is not None
        hint = "does it want a client certificate?" if is_tls else "is it a TLS port?"
        return Ended("mute", f"{reason}: {hint}")

    def _broken(self, reason: str) -> Ended:
        # Brokers of MQTT 3 answer an MQTT 5 CONNECT in ways that are no MQTT 5.
        return Ended("lost" if self._is_accepted else "protocol", reason, blames_message=True)

    # -- paho's callbacks, from within `read` ------------------------------------------------

    def _connected(self, _: Any, __: Any, ___: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            is_about_protocol = reason.value == UNSUPPORTED_PROTOCOL
            kind: Ended.Kind = "protocol" if is_about_protocol else "refused"
            self._end = Ended(kind, str(reason), reason.value)
            return
        self._is_accepted = True
        known = Limits()
        self._listener.accepted(
            Limits(
                getattr(properties, "MaximumPacketSize", known.packet_bytes),
                getattr(properties, "MaximumQoS", known.qos),
                bool(getattr(properties, "RetainAvailable", known.retain)),
                getattr(properties, "ReceiveMaximum", known.under_way),
            )
        )

    def _disconnected(self, _: Any, __: Any, flags: Any, reason: Any, ___: Any) -> None:
        if flags.is_disconnect_packet_from_server:
            blamed = reason.value not in _BLAMELESS
            self._end = Ended("lost", str(reason), reason.value, blames_message=blamed)

    def _received(self, _: Any, __: Any, message: paho.MQTTMessage) -> None:
        # An exception here would end the connection.
        try:
            properties = message.properties
            self._listener.received(
                Incoming(
                    message.topic,
                    bytes(message.payload),
                    message.retain,
                    getattr(properties, "ResponseTopic", None),
                    getattr(properties, "CorrelationData", None),
                )
            )
        except Exception:
            log.exception("mqtt_message_failed", mid=message.mid)

    def _acknowledged(self, _: Any, __: Any, mid: int, reason: Any, ___: Any) -> None:
        self._listener.acknowledged(mid, str(reason) if reason.is_failure else None)

    def _granted(self, _: Any, __: Any, mid: int, reasons: Any, ___: Any) -> None:
        self._listener.granted(mid, [str(one) if one.is_failure else None for one in reasons])

    def _note(self, _: Any, __: Any, level: int, text: str) -> None:
        if level == LogLevel.MQTT_LOG_ERR:
            self._complaint = text.removeprefix("failed to receive on socket: ")
