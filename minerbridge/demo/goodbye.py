"""Leaves a broker as it was found."""

from __future__ import annotations

from minerbridge.bridge import Bridge
from minerbridge.broker import login_of
from minerbridge.demo.broker import Broker
from minerbridge.mqtt.client import MqttClient
from minerbridge.mqtt.outbox import Outgoing

WITHIN_S = 1.0
OWN_DOCUMENTS = ("info", "diagnostics")
OWN_STATES = ("version", "miners_offline")


def leave(bridge: Bridge, broker: Broker) -> None:
    """Stop the bridge; take what it left on a broker that others use away."""
    if broker.is_private or not bridge.client.connected.is_set():
        bridge.stop()
        return
    bridge.housekeeping.stop()  # it would tell of every miner that goes
    bridge.housekeeping.join(WITHIN_S)
    for miner_id in list(bridge.workers):
        bridge.remove(miner_id)
    topics = bridge.topics
    own_id = topics.own_id("bridge")
    gone = [topics.discovery(own_id), *(topics.bridge(name) for name in OWN_DOCUMENTS)]
    gone += [topics.state("sensor", own_id, key) for key in OWN_STATES]
    for topic in gone:
        bridge.client.publish(_nothing(topic))
    bridge.fleet.publisher.withdraw()
    bridge.stop()
    _empty_last(bridge, topics.bridge("state"))


def _empty_last(bridge: Bridge, topic: str) -> None:
    """Empty the topic that says the bridge is offline, for which it had to be gone."""
    will = Outgoing(topic, b"offline", 1, retain=True)
    client = MqttClient(login_of(bridge.settings), will, lambda: None, lambda _: None)
    client.start(lambda _: None)
    if client.connected.wait(WITHIN_S):
        client.publish(_nothing(topic))
        client.flush(WITHIN_S)
    client.stop()
    client.join(WITHIN_S)


def _nothing(topic: str) -> Outgoing:
    return Outgoing(topic, b"", 1, retain=True)
