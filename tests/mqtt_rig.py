"""An MqttClient under test: what it heard, how it ended, what it logged."""

import resource
from contextlib import contextmanager
from pathlib import Path

import pytest

from minerbridge.mqtt import client as client_module
from minerbridge.mqtt import delivery, filters, paho_client
from minerbridge.mqtt.client import Login, MqttClient, Subscription
from minerbridge.mqtt.outbox import Outgoing
from tests.log_lines import LogLines
from tests.mosquitto import PROGRAM, brokers
from tests.waiting import until
from tests.wiretap import Wiretap

WILL = Outgoing("bridge/state", b"dead", 1, True)


class MqttRig:
    """A started client; `heard` holds what came in."""

    def __init__(
        self, port, *, host="127.0.0.1", filters=(), on_connected=None, on_message=None, **login
    ):
        self.heard = []
        self.ended = []
        self._on_connected = on_connected or (lambda _: None)
        self._on_message = on_message or (lambda *_: None)
        client_id = login.pop("client_id", "rig")
        self.client = MqttClient(
            Login(host, port, client_id, **login),
            WILL,
            lambda: self._on_connected(self),
            self._hear,
        )
        self.client.subscribe(Subscription(one) for one in filters)

    def _hear(self, message):
        self.heard.append(message)
        self._on_message(self, message)

    def start(self):
        self.client.start(self.ended.append)
        return self

    def state(self, topic, payload, qos=0):
        self.client.publish(Outgoing(topic, payload.encode(), qos, True))

    def result(self, topic, payload):
        self.client.publish(Outgoing(topic, payload.encode(), 1))

    def is_subscribed(self):
        filters = self.client._lasting.filters
        return not filters.have_changed and not filters._asked

    def stop(self, within_s=5.0):
        self.client.stop()
        assert self.client.join(within_s)
        assert self.ended == []


def resident_mib():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


@pytest.fixture
def rig(monkeypatch):
    """Start clients, who lose no time: `rig(broker.port, filters=["a/#"], username="bridge")`."""
    monkeypatch.setattr(client_module, "FIRST_PAUSE_S", 0.05)
    started = []

    def start(port, *, connected=True, **options):
        started.append(MqttRig(port, **options).start())
        if connected:
            assert started[-1].client.connected.wait(5)
            until(started[-1].is_subscribed, 5, "the subscriptions")
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.fixture
def logged(monkeypatch):
    """What was logged: `logged("mqtt_connected")` returns the facts of each such line."""
    lines = LogLines()
    for module in (client_module, delivery, filters, paho_client):
        monkeypatch.setattr(module, "log", lines)
    return lambda event: [facts for _, name, facts in list(lines.lines) if name == event]


@pytest.fixture
def tapped(mosquitto):
    """Start a broker with a wiretap on it: `broker, tap = tapped(extra="max_packet_size 2000")`."""
    taps = []

    def start(**options):
        broker = mosquitto(**options)
        taps.append(Wiretap(broker.port))
        return broker, taps[-1]

    yield start
    for tap in taps:
        tap.close()


@contextmanager
def shared_brokers():
    """As the fixture `mosquitto`, for a whole module."""
    if not PROGRAM:
        pytest.skip("mosquitto is not installed")
    with brokers() as start:
        yield start


@pytest.fixture(scope="module")
def broker():
    """One for all tests of a module that leave nothing behind in it."""
    with shared_brokers() as start:
        yield start()


@pytest.fixture
def tap(broker):
    one = Wiretap(broker.port)
    yield one
    one.close()
