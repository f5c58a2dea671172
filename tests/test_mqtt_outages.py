"""The broker connection comes and goes: starts, restarts, outages, the will and the goodbye."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time

import pytest

from minerbridge.mqtt.outbox import Outgoing
from tests.mosquitto import free_port
from tests.waiting import until
from tests.wiretap import Wiretap

pytestmark = pytest.mark.slow

DYING = """
    import os, sys
    from tests.mqtt_rig import MqttRig
    rig = MqttRig(int(sys.argv[1])).start()
    assert rig.client.connected.wait(5)
    rig.state("bridge/state", "online", 1)
    assert rig.client.flush(5)
    os.kill(os.getpid(), 9)
"""


def test_the_broker_says_the_will_when_the_process_is_killed(tapped):
    broker, tap = tapped()
    command = [sys.executable, "-c", textwrap.dedent(DYING), str(broker.port)]

    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL

    tap.until("bridge/state", "dead")
    assert [payload for topic, payload in tap.heard if topic == "bridge/state"] == [
        "online",
        "dead",
    ]


def test_stopping_says_goodbye_so_that_the_will_stays_unsaid(tapped, rig):
    broker, tap = tapped()
    one = rig(broker.port)
    one.state("bridge/state", "offline", 1)
    assert one.client.flush(5)

    one.stop()

    until(lambda: "Received DISCONNECT from rig" in broker.log.read_text(), 5, broker.log.read_text)
    one.client.publish(Outgoing("after", b"the end", 1))
    tap.publish("marker", "1")
    tap.until("marker", "1")
    assert tap.latest["bridge/state"] == "offline"
    assert "after" not in tap.latest


def test_what_waits_at_the_stop_is_sent_before_the_goodbye(broker, tap, rig):
    one = rig(broker.port, client_id="waits")
    for number in range(200):
        one.result("results", str(number))

    one.stop()

    tap.until("results", "199")
    assert "Received DISCONNECT from waits" in broker.log.read_text()


def test_a_broker_that_is_down_at_the_start_is_found_when_it_comes(mosquitto, rig, logged):
    broker = mosquitto()
    broker.stop()
    one = rig(broker.port, connected=False)
    until(lambda: one.client._failures > 2, 5, "attempts")

    broker.start()

    assert one.client.connected.wait(5)
    assert [line["reason"] for line in logged("mqtt_unreachable")] == ["Connection refused"]
    assert len(logged("mqtt_connected")) == 1


def test_a_broker_that_restarts_gets_subscriptions_again(mosquitto, rig, logged):
    broker = mosquitto()
    one = rig(broker.port, filters=["in/#"], on_connected=lambda r: r.state("up", "1", 1))

    broker.restart()

    until(lambda: one.client.connections == 2, 5, "the second connection")
    tap = Wiretap(broker.port)
    tap.until("up", "1")
    tap.publish("in/again", "x")
    until(lambda: one.heard, 5, "the message")
    tap.close()
    assert len(logged("mqtt_disconnected")) == 1


def test_results_survive_an_outage_in_order_and_states_do_not(broker, tap, faults, rig):
    proxy = faults(broker.port)
    one = rig(proxy.port)
    proxy.deafen()
    proxy.reset()
    until(lambda: not one.client.connected.is_set(), 5, "the outage")
    for number in range(300):
        one.result("results", str(number))
        one.state("states/stale", str(number))
        one.state("states/kept", str(number), qos=1)

    proxy.listen()

    tap.wait(lambda: ("results", "299") in tap.heard, "the last result")
    tap.until("states/kept", "299")
    assert [p for t, p in tap.heard if t == "results"] == [str(n) for n in range(300)]
    assert [p for t, p in tap.heard if t == "states/kept"] == ["299"]
    assert "states/stale" not in tap.latest


def test_every_connection_goes_without_nagle(broker, faults, rig):
    wires = []
    proxy = faults(broker.port)
    one = rig(proxy.port, connected=False)
    dial = one.client._dial

    def dial_and_look():
        wire = dial()
        wires.append(wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        return wire

    one.client._dial = dial_and_look
    assert one.client.connected.wait(5)
    before = len(wires)
    proxy.reset()

    until(lambda: len(wires) > before, 5, "another connection")
    assert all(wires)


def test_flush_waits_for_acknowledgements(broker, tap, rig):
    one = rig(broker.port)
    assert one.client.flush(5)
    os.kill(broker.process.pid, signal.SIGSTOP)
    try:
        one.result("out", "1")
        assert not one.client.flush(0.2)
        assert not one.client.is_idle
    finally:
        os.kill(broker.process.pid, signal.SIGCONT)

    assert one.client.flush(5)
    assert one.client.is_idle
    tap.until("out", "1")


def test_flush_without_a_connection_does_not_wait(rig):
    one = rig(free_port(), connected=False)
    one.result("out", "1")

    began = time.monotonic()
    assert not one.client.flush(5)
    assert time.monotonic() - began < 1
    assert not one.client.is_idle


def test_while_nobody_answers_the_thread_stays_alive_for_the_watchdog(rig):
    one = rig(free_port(), connected=False)
    beats = set()

    def beats_often():
        beats.add(one.client.last_beat_s)
        return len(beats) > 2

    until(beats_often, 8, "beats")
    assert one.client.is_alive(time.monotonic())
