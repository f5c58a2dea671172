"""What a broker refuses never stalls the rest; what it limits is kept to."""

import json
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from minerbridge.mqtt import delivery
from minerbridge.mqtt.outbox import Outgoing
from tests.mosquitto import readable_directory
from tests.mqtt_rig import resident_mib
from tests.scripted_broker import ACCEPT_5
from tests.waiting import until

DYNAMIC_SECURITY = Path("/usr/lib/x86_64-linux-gnu/mosquitto_dynamic_security.so")


@contextmanager
def stopped(broker):
    """The broker's process stands still."""
    broker.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        broker.process.send_signal(signal.SIGCONT)


# -- messages that a broker hangs up over --------------------------------------------------------

POISONS = {
    "refused in MQTT 5": ("5", "message_size_limit 2000", 1),
    "hung up over in MQTT 3.1.1": ("3.1.1", "max_packet_size 2000", 1),
    "hung up over at QoS 0": ("3.1.1", "max_packet_size 2000", 0),
}


@pytest.mark.parametrize(("protocol", "limit", "qos"), POISONS.values(), ids=POISONS)
def test_a_message_over_which_the_broker_hangs_up_does_not_stall_the_rest(
    tapped, rig, logged, protocol, limit, qos
):
    broker, tap = tapped(extra=limit)

    def publish_all(one):
        one.state("poison", "x" * 5000, qos)
        for number in range(30):
            one.state(f"rest/{number}", "r" * 20 * number, qos)

    one = rig(broker.port, protocol=protocol, on_connected=publish_all)
    for number in range(50):
        one.result("results", str(number))

    tap.wait(lambda: all(f"rest/{n}" in tap.latest for n in range(30)), "the rest")
    tap.wait(lambda: ("results", "49") in tap.heard, "the results")
    until(lambda: logged("mqtt_message_given_up"), 10, "that it is given up")
    assert [line["topic"] for line in logged("mqtt_message_given_up")] == ["poison"]
    results = list(dict.fromkeys(p for t, p in tap.heard if t == "results"))
    assert results == [str(number) for number in range(50)]

    until(lambda: one.client.connected.is_set() and one.client.is_idle, 5, "quiet")
    connections = one.client.connections
    one.state("poison", "y" * 6000, qos)
    one.state("fellow", "z" * 9000, qos)
    one.state("poison", "small", qos)
    one.result("results", "the end")
    tap.until("poison", "small")
    tap.until("results", "the end")
    assert one.client.connections == connections
    assert len(logged("mqtt_message_given_up")) == 1
    assert [line["topic"] for line in logged("mqtt_message_withheld")] == ["fellow"]


def test_an_ordinary_loss_makes_no_message_suspect_for_long(tapped, faults, rig, logged):
    broker, tap = tapped()
    proxy = faults(broker.port)
    one = rig(proxy.port)
    with stopped(broker):
        for number in range(50):
            one.result("results", str(number))
            one.state(f"states/{number}", "1", 1)
        proxy.reset()

    tap.wait(lambda: ("results", "49") in tap.heard, "the results")
    assert one.client.flush(5)
    results = list(dict.fromkeys(p for t, p in tap.heard if t == "results"))
    assert results == [str(number) for number in range(50)]
    assert not one.client._lasting.suspicion._ends
    assert not logged("mqtt_message_given_up")


def test_the_size_a_broker_of_mqtt_5_announces_is_kept_to(tapped, rig, logged):
    broker, tap = tapped(extra="max_packet_size 2000")
    one = rig(broker.port)
    overhead = len("fits") + 10

    one.state("large", "x" * 2000)
    one.state("large", "y" * 3000, 1)
    one.state("fits", "z" * (2000 - overhead), 1)

    tap.until("fits", "z" * (2000 - overhead))
    assert one.client.connections == 1
    assert [line["topic"] for line in logged("mqtt_message_too_large")] == ["large"]
    one.state("large", "now small")
    tap.until("large", "now small")


def test_no_message_is_larger_than_set(tapped, rig, logged):
    broker, tap = tapped()
    one = rig(broker.port, max_message_bytes=1024)

    one.result("answers", "x" * 1025)
    one.client.publish(Outgoing("answers", b"x" * 1024, 1, correlation=b"c" * 100))

    tap.until("answers", "x" * 1024)
    assert [line["bytes"] for line in logged("mqtt_message_too_large")] == [1025]


def test_filters_keep_to_the_size_too(tapped, rig):
    broker, tap = tapped(extra="max_packet_size 300")
    filters = [f"homeassistant/+/miner_{number}/+/set" for number in range(100)]
    one = rig(broker.port, filters=filters)

    tap.publish("homeassistant/switch/miner_99/power/set", "ON")

    until(lambda: one.heard, 5, "the command")
    assert one.client.connections == 1


# -- messages that a broker answers with no ------------------------------------------------------


def test_that_nobody_listens_is_no_refusal(mosquitto, rig, logged):
    broker = mosquitto()
    one = rig(broker.port)

    one.result("nobody/listens", "1")

    assert one.client.flush(5)
    assert "Sending PUBACK to rig (m1, rc16)" in broker.log.read_text()
    assert not logged("mqtt_publish_refused")


def test_what_the_acl_forbids_is_said_once_a_topic(mosquitto, rig, logged):
    acl = "user bridge\ntopic readwrite allowed/#\n"
    broker = mosquitto(users={"bridge": "secret"}, acl=acl)
    one = rig(broker.port, username="bridge", password="secret", filters=["allowed/#"])

    for _ in range(3):
        one.result("forbidden/a", "1")
        one.result("forbidden/b", "1")
    one.result("allowed/a", "1")

    until(lambda: one.heard, 5, "what is allowed")
    refused = logged("mqtt_publish_refused")
    assert [line["topic"] for line in refused] == ["forbidden/a", "forbidden/b"]
    assert {line["reason"] for line in refused} == {"Not authorized"}
    assert one.client.connections == 1


@pytest.mark.skipif(not DYNAMIC_SECURITY.exists(), reason="the plugin is not installed")
def test_filters_that_are_refused_are_said(mosquitto, rig, logged, tmp_path):
    rules = tmp_path / "rules.json"
    init = ["mosquitto_ctrl", "dynsec", "init", rules, "admin", "secret"]
    subprocess.run(init, check=True, capture_output=True)
    document = json.loads(rules.read_text())
    (role,) = document["roles"]
    role["acls"] = [acl for acl in role["acls"] if acl["topic"] != "#"]
    with readable_directory() as directory:
        readable = directory / "rules.json"
        readable.write_text(json.dumps(document))
        plugin = f"plugin {DYNAMIC_SECURITY}\nplugin_opt_config_file {readable}"
        broker = mosquitto(extra=f"{plugin}\nallow_anonymous false")
        filters = ["$SYS/#", "secret/1", "secret/2"]
        rig(broker.port, username="admin", password="secret", filters=filters)

        (line,) = until(lambda: logged("mqtt_subscribe_refused"), 5, "the log line")
        assert (line["filter"], line["of"], line["reason"]) == ("secret/1", 2, "Not authorized")


# -- what a broker of MQTT 5 lacks ---------------------------------------------------------------


def test_a_broker_that_retains_nothing_is_given_nothing_to_retain(tapped, rig, logged):
    broker, tap = tapped(extra="retain_available false")
    one = rig(broker.port)

    one.state("states/1", "1", 1)

    tap.until("states/1", "1")
    assert len(logged("mqtt_broker_retains_nothing")) == 1
    assert one.client.connections == 1


def test_a_broker_without_acknowledgements_gets_messages_without(mosquitto, rig):
    broker = mosquitto(extra="max_qos 0")
    one = rig(broker.port, filters=["echo"])

    one.result("echo", "1")

    until(lambda: one.heard, 5, "the echo")
    assert one.client.flush(5)
    assert one.client.connections == 1


def test_no_more_is_under_way_than_the_broker_takes(tapped, rig, monkeypatch):
    most = []
    publish = delivery.Delivery._publish

    def watched(self, message, qos):
        publish(self, message, qos)
        most.append(len(self._under_way))

    monkeypatch.setattr(delivery.Delivery, "_publish", watched)
    broker, tap = tapped(extra="max_inflight_messages 3")
    one = rig(broker.port)
    for number in range(100):
        one.result("results", str(number))

    tap.until("results", "99")
    assert max(most) == 3
    assert [p for t, p in tap.heard if t == "results"] == [str(n) for n in range(100)]


# -- a broker that stands still ------------------------------------------------------------------


@pytest.mark.slow
def test_while_the_broker_stands_still_nothing_grows_but_the_number_of_topics(tapped, rig):
    broker, tap = tapped()
    one = rig(broker.port)
    topics = [f"states/{number}" for number in range(10_000)]
    with stopped(broker):
        for topic in topics:
            one.state(topic, "0" * 100)
        before = resident_mib()
        for value in range(1, 10):
            for topic in topics:
                one.state(topic, str(value) * 100)
        grown = resident_mib() - before
        assert len(one.client.outbox) <= len(topics)
        assert grown < 8

    tap.wait(lambda: all(tap.latest.get(t) == "9" * 100 for t in topics), "the newest values")


def test_stopping_does_not_wait_for_a_broker_that_stands_still(tapped, rig):
    broker, tap = tapped()
    one = rig(broker.port)
    with stopped(broker):
        one.state("bridge/state", "offline", 1)
        one.stop(within_s=2.0)

    # It was not told goodbye: it says the will.
    tap.wait(lambda: ("bridge/state", "dead") in tap.heard, "the will")


def test_messages_that_are_never_acknowledged_do_not_block_for_ever(
    scripted_broker, rig, logged, monkeypatch
):
    monkeypatch.setattr(delivery, "ACKNOWLEDGED_WITHIN_S", 0.3)
    broker = scripted_broker(lambda _: ACCEPT_5)
    one = rig(broker.port)

    one.result("results", "1")

    until(lambda: one.client.connections > 1, 5, "another connection")
    assert "not acknowledged" in logged("mqtt_disconnected")[0]["reason"]


@pytest.mark.slow
def test_numbers_of_messages_come_round_past_one_that_is_under_way(scripted_broker, rig):
    broker = scripted_broker(lambda _: ACCEPT_5)
    one = rig(broker.port)
    one.result("results", "the first")
    for number in range(1, 66_000):
        # These ask for the numbers around the one that is taken.
        qos = 1 if 65_530 < number < 65_540 else 0
        one.client.publish(Outgoing("s", b"<%d>" % number, qos))
        if number % 5000 == 0:
            until(lambda n=number: b"<%d>" % n in broker.heard, 10, "what was sent so far")

    until(lambda: b"<65999>" in broker.heard, 10, "the last")
    assert all(b"<%d>" % number in broker.heard for number in range(65_530, 65_540))
    assert one.client.connections == 1
