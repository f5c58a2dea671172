"""The broker connection, kept up for ever. Its thread is the only one that touches the network."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

import structlog

from minerbridge.mqtt.broker import Ended, Incoming, Limits, Login, Subscription
from minerbridge.mqtt.connection import Connection, Lasting
from minerbridge.mqtt.dial import Dialer
from minerbridge.mqtt.once import Once
from minerbridge.mqtt.outbox import Outbox, Outgoing
from minerbridge.mqtt.protocol_choice import ProtocolChoice
from minerbridge.mqtt.waker import Waker
from minerbridge.runtime import Service

__all__ = ["Incoming", "Login", "MqttClient", "Subscription"]

log = structlog.get_logger(__name__)

ANSWER_WITHIN_S = 10.0
#: Some brokers of MQTT 3 wait for more when they read an MQTT 5 CONNECT.
ANSWER_TO_A_GUESS_WITHIN_S = 3.0
FIRST_PAUSE_S = 0.5
#: A broker that comes back shall not wait for us,
LONGEST_PAUSE_S = 3.0
#: but one that refuses the login needs an operator first, and may count the attempts.
LONGEST_PAUSE_REFUSED_S = 30.0
#: The search for a message that ends connections goes on without pauses so often.
QUICK_ATTEMPTS = 20
STABLE_AFTER_S = 30.0
_RETAIN_NOT_SUPPORTED, _QOS_NOT_SUPPORTED = 0x9A, 0x9B
_NOT_FOR_OPERATORS = {0x88, 0x89}  # unavailable, busy


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
        self._will = will
        self._on_connected = on_connected
        self._waker = Waker()
        self.outbox = Outbox(self._waker.wake)
        self._lasting = Lasting(
            login,
            self.outbox,
            self._waker,
            self.stopping,
            self._accepted,
            on_message,
            self._settled,
            self.beat,
        )
        self._broker = f"{login.host}:{login.port}"
        self._dial = Dialer(login.host, login.port, login.keepalive_s, self.stopping)
        self._protocol = ProtocolChoice(login.protocol)
        self._limits = Limits()
        self._told = Once()
        self._failures = 0
        self._known_dropped = 0
        self._settling = threading.Condition()
        self._settled_until = 0
        self.connected = threading.Event()
        self.connections = 0

    # -- any thread --------------------------------------------------------------------------

    def publish(self, message: Outgoing) -> None:
        self.outbox.put(message)

    def subscribe(self, wanted: Iterable[Subscription]) -> None:
        """Want exactly these filters; the difference is sent to the broker."""
        self._lasting.filters.want(wanted)
        self.wake()

    @property
    def is_idle(self) -> bool:
        """Whether everything given so far is sent and acknowledged."""
        return self._settled_until == self.outbox.given

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything given so far is sent and acknowledged; return whether it was."""
        if not self.connected.is_set():
            return False
        given = self.outbox.given
        with self._settling:
            return self._settling.wait_for(lambda: self._settled_until >= given, timeout_s)

    def wake(self) -> None:
        self._waker.wake()

    # -- the thread --------------------------------------------------------------------------

    def run(self) -> None:
        try:
            while not self.stopping.is_set():
                self.beat()
                connection = self._new_connection()
                self._rest(self._after(connection, _end_of(connection)))
        finally:
            self._waker.close()

    def _new_connection(self) -> Connection:
        protocol = self._protocol
        is_guess = protocol.is_guess and protocol.is_v5
        answer_within_s = ANSWER_TO_A_GUESS_WITHIN_S if is_guess else ANSWER_WITHIN_S
        return Connection(
            self._lasting, self._possible_will(), protocol.is_v5, answer_within_s, self._dial
        )

    def _after(self, connection: Connection, end: Ended) -> float:
        """Book what the connection leaves behind; return how long to wait for the next."""
        self.connected.clear()
        has_learned = connection.delivery.lost(blames_message=end.blames_message)
        self.outbox.shut()
        is_stable = False
        if connection.accepted_s is not None:
            is_stable = time.monotonic() - connection.accepted_s > STABLE_AFTER_S
            self._lasting.suspicion.lost(was_stable=is_stable)
        if is_stable:
            self._failures = 0
            self._told.clear()
        if end.kind == "refused":
            self._learn(end.code)
        if self._changes_protocol(end):
            return 0.0
        self._tell(end, was_connected=connection.accepted_s is not None)
        return self._pause_s(end, has_learned=has_learned)

    def _changes_protocol(self, end: Ended) -> bool:
        """Return whether another version of MQTT is worth an attempt at once."""
        is_changed = (end.kind == "protocol" and self._protocol.refused()) or (
            end.kind == "mute" and self._protocol.unanswered()
        )
        if is_changed and self._told.first(("protocol", end.reason)):
            log.info("mqtt_trying_3_1_1", broker=self._broker, reason=end.reason)
        return is_changed

    def _pause_s(self, end: Ended, *, has_learned: bool) -> float:
        is_refused = end.kind == "refused" and end.code not in _NOT_FOR_OPERATORS
        longest_s = LONGEST_PAUSE_REFUSED_S if is_refused else LONGEST_PAUSE_S
        if has_learned and self._failures < QUICK_ATTEMPTS:
            longest_s = FIRST_PAUSE_S
        pause_s = min(FIRST_PAUSE_S * (1 << min(self._failures, 10)), longest_s)
        self._failures += 1
        return pause_s * random.uniform(0.8, 1.0)

    def _rest(self, pause_s: float) -> None:
        until_s = time.monotonic() + pause_s
        while (left_s := until_s - time.monotonic()) > 0 and not self.stopping.is_set():
            self.beat()
            self.stopping.wait(min(left_s, 1.0))

    def _learn(self, code: int | None) -> None:
        """Take it that the login was refused for what the will asks."""
        if code == _RETAIN_NOT_SUPPORTED:
            self._limits = replace(self._limits, retain=False)
        if code == _QOS_NOT_SUPPORTED:
            self._limits = replace(self._limits, qos=0)

    def _possible_will(self) -> Outgoing:
        qos = min(self._will.qos, self._limits.qos)
        return self._will._replace(qos=qos, retain=self._will.retain and self._limits.retain)

    def _tell(self, end: Ended, *, was_connected: bool) -> None:
        """Say why there is no connection: each reason once until one lasts."""
        if self.stopping.is_set():
            log.info("mqtt_disconnected", broker=self._broker, reason="stopped")
        elif not self._told.first((was_connected, end.kind, end.reason)):
            log.debug("mqtt_still_away", broker=self._broker, reason=end.reason)
        elif was_connected:
            log.warning("mqtt_disconnected", broker=self._broker, reason=end.reason)
        elif end.kind == "refused":
            log.error("mqtt_login_refused", broker=self._broker, reason=end.reason,
                      client_id=self._lasting.login.client_id)  # fmt: skip
        else:
            log.error("mqtt_unreachable", broker=self._broker, reason=end.reason)

    # -- from the connection --------------------------------------------------------------------

    def _accepted(self, limits: Limits) -> None:
        self._limits = limits
        self._protocol.accepted()
        self.connections += 1
        self.outbox.open()
        self.connected.set()
        say = log.info if self._failures <= QUICK_ATTEMPTS else log.debug
        protocol = "5" if self._protocol.is_v5 else "3.1.1"
        say("mqtt_connected", broker=self._broker, protocol=protocol)
        if not limits.retain and self._told.first("retain"):
            log.error("mqtt_broker_retains_nothing", broker=self._broker)
        if self.outbox.dropped > self._known_dropped:
            log.warning("mqtt_messages_dropped", count=self.outbox.dropped - self._known_dropped)
            self._known_dropped = self.outbox.dropped
        try:
            self._on_connected()
        except Exception:
            log.exception("mqtt_on_connected_failed")

    def _settled(self, given: int) -> None:
        if given != self._settled_until:
            with self._settling:
                self._settled_until = given
                self._settling.notify_all()


def _end_of(connection: Connection) -> Ended:
    """Run a connection; whatever happens in it ends only it."""
    try:
        connection.run()
    except Ended as end:
        return end
    except OSError as error:
        return Ended("lost", str(error), blames_message=True)
    except Exception as error:
        log.exception("mqtt_connection_failed")
        return Ended("lost", type(error).__name__)
    return Ended("lost", "ended")
