"""From a message on `/set` to its first byte at the miner, while all miners are polled.

python -m tests.benchmarks.command_latency --miners 200 --interval 1
"""

import argparse
import random
import socket
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import yaml
from paho.mqtt.enums import CallbackAPIVersion

from minerbridge.simulator import Fleet
from tests.benchmarks.load import run
from tests.mosquitto import brokers
from tests.wiretap import Wiretap


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--miners", type=int, default=200)
    parser.add_argument("--interval", type=float, default=1.0)
    parser.add_argument("--commands", type=int, default=300)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        brokers() as broker,
        Fleet(first_address="127.77.60.1") as fleet,
    ):
        devices = fleet.add("s19", options.miners)
        port = broker().port
        settings = {
            "mqtt": {"host": "127.0.0.1", "port": port},
            "files": {"state": f"{folder}/state"},
            "poll_interval_s": options.interval,
            "log": {"level": "error"},
            "miners": [
                {"id": d.id, "host": d.address, "family": "antminer", "ports": dict(d.ports)}
                for d in devices
            ],
        }
        Path(folder, "config.yaml").write_text(yaml.safe_dump(settings))
        bridge = run("run", "-c", f"{folder}/config.yaml")
        try:
            report(measure(options, port, devices))
        finally:
            bridge.terminate()
            bridge.wait(20)


def timed(device):
    """Note when the web page of *device* is asked for anything; polls use its RPC."""
    answer, device.asked_s = device.http, []

    def http(*arguments):
        device.asked_s.append(time.monotonic())
        return answer(*arguments)

    device.http = http


def no_delay(_: Any, __: Any, wire: Any) -> None:
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def measure(options, port, devices):
    for device in devices:
        timed(device)
    tap = Wiretap(port)
    topics = [f"minerbridge/miner/{device.id}/availability" for device in devices]
    tap.wait(lambda: all(tap.latest.get(t) == "online" for t in topics), "all online", 120)
    tap.close()
    heard = {}
    arrived = threading.Event()

    def hear(_, __, message):
        heard[message.topic] = time.monotonic()
        arrived.set()

    echo = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    echo.on_message = hear
    echo.on_socket_open = no_delay
    echo.connect("127.0.0.1", port)
    echo.subscribe("homeassistant/switch/+/led/set", 1)
    echo.loop_start()
    time.sleep(1)
    found = []
    for number in range(options.commands):
        device = random.choice(devices)
        topic = f"homeassistant/switch/{device.id}/led/set"
        before, asked = len(device.journal), len(device.asked_s)
        arrived.clear()
        echo.publish(topic, "ON" if number % 2 else "OFF", 1)
        assert arrived.wait(5)
        deadline_s = time.monotonic() + 5
        while len(device.journal) == before and time.monotonic() < deadline_s:
            time.sleep(0.0005)
        # The broker hands it to this client and to the bridge at about the same time.
        found.append((device.asked_s[asked] - heard[topic]) * 1000)
        time.sleep(0.05)
    return found


def report(latencies_ms):
    ordered = sorted(latencies_ms)
    p99 = ordered[int(len(ordered) * 0.99) - 1]
    print(f"{len(ordered)} commands, from receipt to the first byte at the miner:")
    print(f"median {statistics.median(ordered):.2f}, p99 {p99:.2f}, worst {ordered[-1]:.2f} ms")


if __name__ == "__main__":
    main()
