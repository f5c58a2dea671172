"""The broker connection through a network that delays, cuts and swallows."""

import random
import signal
import socket
import ssl
import threading
import time
from contextlib import contextmanager
from operator import le
from pathlib import Path

import pytest

from minerbridge.mqtt import client as client_module
from tests.mosquitto import free_port
from tests.mqtt_rig import resident_mib
from tests.test_dial import deaf
from tests.waiting import until
from tests.wiretap import Wiretap

pytestmark = pytest.mark.slow
RECOVERED_WITHIN_S = 5.0


@pytest.fixture
def broker(mosquitto):
    return mosquitto()


@contextmanager
def quickly(within_s):
    began = time.monotonic()
    yield
    passed = time.monotonic() - began
    print(f"took {passed:.2f} s")
    assert passed < within_s


def test_a_blackhole_is_noticed_by_the_keepalive_and_left_soon_after_it_ends(
    broker, tap, faults, rig, logged
):
    proxy = faults(broker.port)
    one = rig(proxy.port, keepalive_s=2, on_connected=lambda r: r.state("up", "1", 1))
    tap.until("up", "1")

    proxy.mode = "blackhole"
    with quickly(8):
        until(lambda: logged("mqtt_disconnected"), 10, "that it is noticed")
    assert logged("mqtt_disconnected")[0]["reason"] == "no answer within the keepalive"
    one.result("results", "kept")
    time.sleep(3)
    proxy.mode = "ok"

    with quickly(RECOVERED_WITHIN_S):
        tap.until("results", "kept")


def test_a_broker_that_is_back_is_found_soon(broker, tap, faults, rig):
    proxy = faults(broker.port)
    one = rig(proxy.port)
    for outage_s in (1, 4, 9):
        proxy.deafen()
        proxy.reset()
        time.sleep(outage_s)
        one.result("results", str(outage_s))
        proxy.listen()
        with quickly(RECOVERED_WITHIN_S):
            tap.until("results", str(outage_s))


def test_a_server_that_accepts_and_says_nothing_is_tried_again(broker, tap, faults, rig):
    proxy = faults(broker.port)
    proxy.mode = "hang"
    one = rig(proxy.port, connected=False)
    until(lambda: proxy.accepted == 1, 5, "the first attempt")
    proxy.mode = "ok"

    with quickly(client_module.ANSWER_TO_A_GUESS_WITHIN_S + 2):
        assert one.client.connected.wait(10)


def test_results_arrive_in_order_through_a_connection_that_is_reset_again_and_again(
    broker, tap, faults, rig, monkeypatch
):
    proxy = faults(broker.port)
    proxy.latency_s, proxy.jitter_s = 0.005, 0.01
    monkeypatch.setattr(client_module, "LONGEST_PAUSE_S", 0.2)
    one = rig(proxy.port)
    for number in range(1000):
        one.result("results", str(number))
        if number % 50 == 49:
            assert one.client.connected.wait(5)
            time.sleep(random.uniform(0, 0.3))
            proxy.reset()

    tap.wait(lambda: ("results", "999") in tap.heard, "the last", timeout_s=60)
    until(lambda: one.client.is_idle, 30, "the acknowledgements")
    once = list(dict.fromkeys(p for t, p in tap.heard if t == "results"))
    assert once == [str(number) for number in range(1000)]
    assert one.client.connections > 5


def test_a_slow_and_broken_up_stream_is_understood(broker, tap, faults, rig):
    proxy = faults(broker.port)
    proxy.chunk_bytes, proxy.latency_s = 7, 0.01
    one = rig(proxy.port, filters=["in"])
    tap.publish("in", "x" * 3000)
    one.state("out", "y" * 3000, 1)

    tap.until("out", "y" * 3000)
    until(lambda: one.heard, 10, "the message")
    assert one.heard[0].payload == b"x" * 3000
    assert one.client.connections == 1


def test_a_broker_that_stands_still_for_seconds_is_waited_for(broker, tap, rig):
    one = rig(broker.port)
    topics = [f"states/{number}" for number in range(10_000)]
    broker.process.send_signal(signal.SIGSTOP)
    try:
        for topic in topics:
            one.state(topic, "0" * 100)
        before = resident_mib()
        until_s = time.monotonic() + 6
        value = 0
        while time.monotonic() < until_s:
            value += 1
            for topic in topics:
                one.state(topic, f"{value:0100}")
            assert one.client.is_alive(time.monotonic())
        grown = resident_mib() - before
    finally:
        broker.process.send_signal(signal.SIGCONT)

    print(f"{value} values of {len(topics)} topics: grown by {grown:.1f} MiB")
    assert grown < 8
    last = f"{value:0100}"
    tap.wait(lambda: all(tap.latest.get(t) == last for t in topics), "the newest values")
    assert one.client.connections == 1


def test_a_thousand_oversized_states_cost_few_connections(mosquitto, rig, logged):
    broker = mosquitto(extra="max_packet_size 2000")
    tap = Wiretap(broker.port)
    states = [(f"miner/{n}/reading", "x" * random.randrange(1000, 9000)) for n in range(1000)]

    def publish_all(one):
        for topic, payload in states:
            one.state(topic, payload)

    one = rig(broker.port, protocol="3.1.1", on_connected=publish_all)
    fitting = [topic for topic, payload in states if len(payload) < 1950]
    with quickly(60):
        tap.wait(lambda: all(topic in tap.latest for topic in fitting), "those that fit", 60)
    until(lambda: one.client.connected.is_set() and one.client.is_idle, 60, "quiet")

    print(f"{one.client.connections} connections")
    assert one.client.connections < 60
    assert len(logged("mqtt_message_given_up")) < 20
    tap.close()


def test_the_watchdog_hears_the_thread_through_the_longest_pause(rig, monkeypatch):
    monkeypatch.setattr(client_module, "LONGEST_PAUSE_S", 60.0)
    monkeypatch.setattr(client_module, "FIRST_PAUSE_S", 60.0)
    one = rig(free_port(), connected=False)
    until(lambda: one.client._failures, 5, "the first failure")
    beats = [one.client.last_beat_s]
    for _ in range(3):
        until(lambda: one.client.last_beat_s > beats[-1], 2, "a beat")
        beats.append(one.client.last_beat_s)
    assert one.client._failures == 1


# -- stopping ------------------------------------------------------------------------------------


def test_stopping_in_a_blackhole_is_quick(broker, faults, rig):
    proxy = faults(broker.port)
    one = rig(proxy.port)
    proxy.mode = "blackhole"
    one.state("bridge/state", "offline", 1)
    assert not one.client.flush(0.5)

    with quickly(2):
        one.stop()


def test_stopping_while_nobody_answers_the_connection_attempt_is_quick(rig):
    with deaf() as port:
        one = rig(port, connected=False)
        time.sleep(0.5)
        with quickly(1):
            one.stop()


def test_stopping_during_a_tls_handshake_takes_less_than_five_seconds(faults, broker, rig):
    proxy = faults(broker.port)
    proxy.mode = "hang"
    one = rig(proxy.port, connected=False, tls=ssl.create_default_context())
    until(lambda: proxy.accepted, 5, "the attempt")
    with quickly(5):
        one.stop()


def test_stopping_while_waiting_for_connack_is_quick(faults, broker, rig):
    proxy = faults(broker.port)
    proxy.mode = "hang"
    one = rig(proxy.port, connected=False)
    until(lambda: proxy.accepted, 5, "the attempt")
    with quickly(1):
        one.stop()


def test_stopping_between_attempts_is_quick(rig, monkeypatch):
    monkeypatch.setattr(client_module, "LONGEST_PAUSE_S", 60.0)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    one = rig(port, connected=False)
    until(lambda: one.client._failures > 5, 10, "long pauses")
    with quickly(0.5):
        one.stop()


# -- leaks ---------------------------------------------------------------------------------------


def descriptors():
    return sorted(
        str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()
    )


def test_connections_that_come_and_go_leave_nothing_behind(
    broker, faults, rig, monkeypatch, certificates
):
    monkeypatch.setattr(client_module, "LONGEST_PAUSE_S", 0.01)
    proxy = faults(broker.port)
    one = rig(proxy.port, filters=["in"], on_connected=lambda r: r.state("up", "1", 1))
    context = ssl.create_default_context(cafile=str(certificates["ca"]))
    rig(broker.port, connected=False, tls=context)

    def connect_again(times):
        for _ in range(times):
            proxy.reset()
            connections = one.client.connections
            until(lambda n=connections: one.client.connections > n, 5, "a connection")

    connect_again(10)
    before = len(descriptors()), threading.active_count()
    connect_again(50)

    after = lambda: (len(descriptors()), threading.active_count())  # noqa: E731
    until(lambda: all(map(le, after(), before)), 5, descriptors)
