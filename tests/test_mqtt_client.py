"""The broker connection against a real mosquitto: what goes out, what comes in, how fast."""

import os
import re
import resource
import statistics
import threading
import time

import paho.mqtt.client as paho
import pytest

from minerbridge.mqtt.client import Subscription
from minerbridge.mqtt.outbox import Outgoing
from tests.waiting import until


@pytest.mark.parametrize(("protocol", "level"), [("5", "p5"), ("auto", "p5"), ("3.1.1", "p2")])
def test_it_speaks_the_wanted_protocol_both_ways(broker, tap, rig, protocol, level):
    one = rig(broker.port, protocol=protocol, client_id=f"speaks-{protocol}", filters=["in/#"])
    one.result("out", "from us")
    tap.until("out", "from us")

    tap.publish("in/1", "to us")

    until(lambda: one.heard, 5, "the message")
    assert (one.heard[0].topic, one.heard[0].payload) == ("in/1", b"to us")
    assert re.search(rf"as speaks-{protocol} \({level}, c1, k30\)", broker.log.read_text())


def test_request_and_response_properties_pass(broker, tap, rig):
    one = rig(broker.port, filters=["in/#", "answers/#"])
    tap.publish("in/1", "?", properties=tap.respond_to("answers/1", b"42"))
    until(lambda: one.heard, 5, "the request")
    request = one.heard[0]
    assert (request.response_topic, request.correlation) == ("answers/1", b"42")

    one.client.publish(Outgoing("answers/1", b"!", 1, correlation=request.correlation, expiry_s=60))

    until(lambda: len(one.heard) == 2, 5, "the answer")
    assert (one.heard[1].payload, one.heard[1].correlation) == (b"!", b"42")


def test_mqtt_3_leaves_out_what_it_lacks(broker, tap, rig):
    one = rig(broker.port, protocol="3.1.1")

    one.client.publish(Outgoing("answers/1", b"!", 1, correlation=b"42", expiry_s=60))

    tap.until("answers/1", "!")
    assert one.client.connections == 1


def test_an_exception_while_a_message_is_heard_harms_only_that_message(broker, tap, rig, logged):
    def fail(_, message):
        if message.payload == b"bad":
            raise RuntimeError("bad message")

    one = rig(broker.port, filters=["in"], on_message=fail)
    tap.publish("in", "bad")
    tap.publish("in", "good")

    until(lambda: len(one.heard) == 2, 5, "both messages")
    assert one.client.connections == 1
    assert len(logged("mqtt_message_failed")) == 1


def test_an_exception_when_connected_does_not_end_the_connection(broker, tap, rig, logged):
    def fail(one):
        one.state("up", "1", 1)
        raise RuntimeError("no")

    one = rig(broker.port, on_connected=fail)

    tap.until("up", "1")
    assert one.client.connections == 1
    assert len(logged("mqtt_on_connected_failed")) == 1


def test_descriptors_beyond_select_s_reach_work(broker, tap, rig):
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit < 1300:
        pytest.skip("too few descriptors allowed")
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    try:
        one = rig(broker.port)
        one.result("out", "1")
        tap.until("out", "1")
        one.stop()
    finally:
        for descriptor in held:
            os.close(descriptor)


def test_only_its_own_thread_touches_paho(broker, tap, rig, monkeypatch):
    calls = set()

    def watched(name):
        method = getattr(paho.Client, name)

        def call(client, *arguments, **more):
            if client._client_id == b"rig":
                calls.add((name, threading.current_thread().name))
            return method(client, *arguments, **more)

        monkeypatch.setattr(paho.Client, name, call)

    names = ("connect", "publish", "subscribe", "loop_write", "loop_read", "loop_misc")
    for name in names:
        watched(name)
    one = rig(broker.port)
    workers = [
        threading.Thread(target=lambda n=n: [one.result("r", f"{n}/{m}") for m in range(50)])
        for n in range(4)
    ]
    for worker in workers:
        worker.start()
    one.client.subscribe([Subscription("in")])
    for worker in workers:
        worker.join()
    assert one.client.flush(5)
    until(one.is_subscribed, 5, "the subscription")

    assert calls == {(name, "mqtt") for name in names}
    tap.wait(lambda: sum(topic == "r" for topic, _ in tap.heard) == 200, "all from four threads")


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_retained_messages_come_only_where_they_are_wanted(broker, tap, rig, protocol):
    tap.publish("commands/1", "old", retain=True)
    tap.publish("meters/1", "old", retain=True)
    one = rig(broker.port, protocol=protocol)

    one.client.subscribe([Subscription("commands/#"), Subscription("meters/#", retained=True)])

    until(lambda: [m for m in one.heard if m.topic == "meters/1"], 5, "the meter")
    tap.publish("commands/1", "new")
    until(lambda: [m for m in one.heard if m.payload == b"new"], 5, "the command")
    retained = {m.topic for m in one.heard if m.retain}
    # MQTT 3.1.1 cannot ask to be spared them; they bear the flag.
    assert retained == {"meters/1"} | ({"commands/1"} if protocol == "3.1.1" else set())


def test_ten_thousand_filters_are_subscribed_and_left_again(tapped, rig):
    broker, tap = tapped()
    one = rig(broker.port)
    wanted = [Subscription(f"homeassistant/+/miner_{n}/+/set") for n in range(10_000)]
    one.client.subscribe(wanted)
    for number in (0, 9_999):
        until(
            lambda n=number: (
                tap.publish(f"homeassistant/switch/miner_{n}/power/set", "ON")
                or [m for m in one.heard if f"miner_{n}/" in m.topic]
            ),
            10,
            f"a command for miner {number}",
        )
    assert broker.log.read_text().count("Received SUBSCRIBE from rig") == 100

    one.client.subscribe(wanted[1:])
    until(
        lambda: "Received UNSUBSCRIBE from rig" in broker.log.read_text(), 5, "the unsubscription"
    )
    heard = len(one.heard)
    tap.publish("homeassistant/switch/miner_0/power/set", "OFF")
    tap.publish("homeassistant/switch/miner_1/power/set", "OFF")
    until(lambda: len(one.heard) > heard, 5, "the other command")
    assert "miner_1/" in one.heard[heard].topic
    assert broker.log.read_text().count("Received SUBSCRIBE from rig") == 100


@pytest.mark.parametrize("topic", ["answers/#", "answers/+/x", "", "nul\0", "\ud800", "x" * 70_000])
def test_a_topic_that_is_none_harms_only_its_message(broker, tap, rig, logged, topic):
    one = rig(broker.port)

    one.client.publish(Outgoing(topic, b"1", 1, correlation=b"42"))
    one.result(topic, "1")
    one.result("out", "2")

    tap.until("out", "2")
    assert one.client.connections == 1
    assert len(logged("mqtt_message_impossible")) + len(logged("mqtt_message_too_large")) == 1


def test_a_filter_that_is_none_harms_only_itself(broker, tap, rig, logged):
    one = rig(broker.port, filters=["in/1", "in/#/x", "in/2"])

    tap.publish("in/1", "1")
    tap.publish("in/2", "2")

    until(lambda: len(one.heard) == 2, 5, "both messages")
    assert [line["filter"] for line in logged("mqtt_filter_impossible")] == ["in/#/x"]
    assert one.client.connections == 1


def test_a_command_is_answered_within_milliseconds(broker, rig):
    """Both sides answer a message with a message, where Nagle's algorithm costs 44 ms."""
    arrived = threading.Event()
    asker = rig(
        broker.port, client_id="asker", filters=["answer"], on_message=lambda *_: arrived.set()
    )
    answer = Outgoing("answer", b"done", 1)
    rig(broker.port, filters=["ask"], on_message=lambda one, _: one.client.publish(answer))
    took = []
    for _ in range(50):
        arrived.clear()
        began = time.monotonic()
        asker.result("ask", "?")
        assert arrived.wait(5)
        took.append((time.monotonic() - began) * 1000)

    print(f"command to answer: p50 {statistics.median(took):.2f} ms, max {max(took):.1f} ms")
    assert statistics.median(took) < 30


@pytest.mark.parametrize("qos", [0, 1])
def test_a_state_arrives_within_milliseconds(broker, rig, qos):
    arrived = threading.Event()
    one = rig(broker.port, filters=["echo"], on_message=lambda *_: arrived.set())
    took = []
    for _ in range(50):
        arrived.clear()
        began = time.monotonic()
        one.client.publish(Outgoing("echo", b"1", qos))
        assert arrived.wait(5)
        took.append((time.monotonic() - began) * 1000)

    print(f"QoS {qos}, publish to receive: p50 {statistics.median(took):.2f} ms")
    assert statistics.median(took) < 40
