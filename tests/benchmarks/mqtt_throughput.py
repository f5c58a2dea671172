"""What a state costs on its way to the broker, beside a bare paho loop in the same run.

    python -m tests.benchmarks.mqtt_throughput --topics 1000 --rounds 50

QoS 0, retained, to a real mosquitto that nobody listens to. "thread" is the CPU of the thread that
owns the connection, "process" that of the whole process, the one that makes the messages included.
"""

import argparse
import threading
import time
from contextlib import contextmanager

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from minerbridge.mqtt.client import Login, MqttClient
from minerbridge.mqtt.outbox import Outgoing
from tests.mosquitto import brokers

STATE = b"3321.4"
#: States in one reading of a miner.
READING = 30


def main():
    options = arguments()
    topics = [
        f"homeassistant/sensor/miner_{n // 30}/value_{n % 30}/state" for n in range(options.topics)
    ]
    with brokers() as broker:
        port = broker(extra="log_type none").port
        for _ in range(options.repeat):
            for protocol in ("5", "3.1.1"):
                bare_loop(port, protocol, topics, options.rounds)
                bare_thread(port, protocol, topics, options.rounds)
                bare_paced(port, protocol, topics, options)
                bursts(port, protocol, topics, options.rounds)
                steady(port, protocol, topics, options)


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--topics", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--rate", type=int, default=3000, help="messages a second, steady")
    parser.add_argument("--seconds", type=float, default=5.0, help="of the steady part")
    parser.add_argument("--repeat", type=int, default=1)
    return parser.parse_args()


@contextmanager
def measured(name, protocol, count, thread=None):
    clock = time.pthread_getcpuclockid((thread or threading.current_thread()).ident or 0)
    began = time.monotonic(), time.process_time(), time.clock_gettime(clock)
    yield
    passed, process, own = (
        now - then
        for now, then in zip(
            (time.monotonic(), time.process_time(), time.clock_gettime(clock)), began, strict=True
        )
    )
    print(
        f"{name:34} MQTT {protocol:5} {count / passed:8.0f} messages/s, CPU a message: "
        f"thread {own / count * 1e6:5.1f} us, process {process / count * 1e6:5.1f} us",
        flush=True,
    )


def bare(protocol):
    version = paho.MQTTv5 if protocol == "5" else paho.MQTTv311
    return paho.Client(CallbackAPIVersion.VERSION2, protocol=version)


def bare_loop(port, protocol, topics, rounds):
    """One thread that publishes; paho writes at once."""
    client = bare(protocol)
    client.connect("127.0.0.1", port)
    while not client.is_connected():
        client.loop(0.1)
    with measured("bare paho, one thread", protocol, len(topics) * rounds):
        for _ in range(rounds):
            for topic in topics:
                client.publish(topic, STATE, 0, True)
            client.loop(0)
    client.disconnect()


def bare_thread(port, protocol, topics, rounds):
    """As most programs do it: loop_start(), publish from another thread, hear of each."""
    client = bare(protocol)
    client.on_publish = lambda *_: None
    client.connect("127.0.0.1", port)
    before = set(threading.enumerate())
    client.loop_start()
    (thread,) = set(threading.enumerate()) - before
    while not client.is_connected():
        time.sleep(0.01)
    with measured("bare paho, loop_start, on_publish", protocol, len(topics) * rounds, thread):
        for _ in range(rounds):
            for topic in topics:
                sent = client.publish(topic, STATE, 0, True)
            sent.wait_for_publish(10)
    client.disconnect()
    client.loop_stop()


def bare_paced(port, protocol, topics, options):
    """As `steady`, in one thread: what it costs to come back to cold caches."""
    client = bare(protocol)
    client.connect("127.0.0.1", port)
    while not client.is_connected():
        client.loop(0.1)
    with measured(f"bare paho, {options.rate} a second", protocol, messages_of(options)):
        for number in paced(options):
            client.publish(topics[number % len(topics)], STATE, 0, True)
    client.disconnect()


def messages_of(options):
    return int(options.rate * options.seconds) // READING * READING


def paced(options):
    """Count messages in the rhythm of readings, each of which makes many at once."""
    began = time.monotonic()
    for number in range(messages_of(options)):
        if number % READING == 0:
            time.sleep(max(0.0, began + number / options.rate - time.monotonic()))
        yield number


@contextmanager
def connected(port, protocol):
    login = Login("127.0.0.1", port, "bench", protocol)
    client = MqttClient(login, Outgoing("bench", b"offline", 1, True), lambda: None, lambda _: None)
    client.start(print)
    assert client.connected.wait(5)
    (thread,) = (one for one in threading.enumerate() if one.name == client.name)
    yield client, thread
    client.stop()
    client.join(5)


def bursts(port, protocol, topics, rounds):
    """Rounds of all topics, each waited for."""
    with (
        connected(port, protocol) as (client, thread),
        measured("MqttClient, bursts", protocol, len(topics) * rounds, thread),
    ):
        for _ in range(rounds):
            for topic in topics:
                client.publish(Outgoing(topic, STATE, 0, True))
            assert client.flush(10)


def steady(port, protocol, topics, options):
    """As many at a time as one reading of a miner makes."""
    name = f"MqttClient, {options.rate} a second"
    with (
        connected(port, protocol) as (client, thread),
        measured(name, protocol, messages_of(options), thread),
    ):
        for number in paced(options):
            client.publish(Outgoing(topics[number % len(topics)], STATE, 0, True))
        assert client.flush(10)


if __name__ == "__main__":
    main()
