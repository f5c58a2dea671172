"""Two houses for all tests of the folder: each a broker, miners, the bridge and a listener."""

import json
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from minerbridge.__main__ import main
from minerbridge.bridge import Bridge
from minerbridge.settings import Settings
from minerbridge.simulator import Fleet
from tests.mosquitto import PROGRAM, brokers
from tests.node_red.harness import NodeRed, missing
from tests.waiting import until
from tests.wiretap import Wiretap

PORTS = {"rpc": 0, "http": 0}


class House:
    """Miners of one kind; the first is the `miner_1` of the flows."""

    def __init__(self, broker, directory, kind, number_of, **options):
        self.broker, self.directory = broker, directory
        self.tap = Wiretap(broker.port)
        self.miners = Fleet(ports=PORTS, speed=60)
        self.miners.add(kind, number_of, **options)
        self.miners.start()
        self.bridge = Bridge(self._settings())
        self.bridge.start()

    def _settings(self):
        entries = []
        for number, device in enumerate(self.miners.devices, 1):
            username, password = device.credentials or (None, None)
            place = {"host": device.address, "ports": dict(device.ports)}
            login = {"username": username, "password": password}
            entries.append({"id": f"miner_{number}", "family": device.family, **place, **login})
        return Settings(
            mqtt={"host": "127.0.0.1", "port": self.broker.port},
            files={"state": self.directory / "state"},
            poll_interval_s=0.5,
            offline_after_s=2,
            miners=entries,
            fleet={"power_control_mode": "frequency", "min_off_s": 0, "wave_interval_s": 0.5},
            ems={"status_interval_s": 1},
        )

    @property
    def miner_1(self):
        return self.miners.devices[0]

    def heard(self, topic):
        return json.loads(self.tap.latest.get(topic, "null"))

    def dispatch(self):
        return self.heard("minerbridge/ems/dispatch") or {}

    def wait_for_power(self, kw, seconds=25):
        """Wait until the fleet was ordered *kw* and draws it; asleep it draws 0.2 kW."""

        def is_drawn():
            now = self.dispatch()
            drawn_kw = now.get("activePowerInKw")
            ordered_kw = now.get("targetPowerInKw")
            if drawn_kw is None or ordered_kw is None:
                return None
            return abs(ordered_kw - kw) < 0.3 and abs(drawn_kw - ordered_kw) < 0.25 and now

        def what():
            return f"{kw} kW ordered and drawn; it is {self.dispatch()}"

        return until(is_drawn, seconds, what)

    def stop(self):
        self.bridge.stop()
        self.miners.stop()
        self.tap.close()


@contextmanager
def inhabited(directory, *miners, **options):
    if reason := missing():
        pytest.skip(reason)
    if not PROGRAM:
        pytest.skip("mosquitto is not installed")
    with brokers() as start:
        house = House(start(), directory, *miners, **options)
        try:
            house.tap.until("minerbridge/miner/miner_1/availability", "online", 20)
            yield house
        finally:
            house.stop()


@pytest.fixture(scope="package")
def house(tmp_path_factory):
    """Four S9 of about 1.4 kW, which follow orders finely."""
    with inhabited(tmp_path_factory.mktemp("house"), "vnish_s9", 4) as house:
        yield house


@pytest.fixture(scope="package")
def workshop(tmp_path_factory):
    """One WhatsMiner, which takes every command of the buttons and can report errors."""
    with inhabited(tmp_path_factory.mktemp("shop"), "whatsminer", 1, generation=3) as workshop:
        yield workshop


@pytest.fixture
def imported(tmp_path, capsys):
    """Print a flow, change the broker's address and nothing else, run it in a fresh Node-RED."""
    running = []

    def start(name, house, changed=lambda node: None):
        assert main(["node-red", name]) == 0
        flow = json.loads(capsys.readouterr().out)
        (broker,) = [node for node in flow if node["type"] == "mqtt-broker"]
        broker["broker"], broker["port"] = "127.0.0.1", str(house.broker.port)
        for node in flow:
            changed(node)
        running.append(NodeRed(tmp_path / name, flow, noon()))
        return running[-1].start()

    yield start
    for one in running:
        print(one.log.read_text()[-3000:])  # shown with a failure
        one.stop()


def noon():
    """A time zone in which it is between 12 and 13 o'clock. POSIX counts them westwards."""
    return f"Etc/GMT{datetime.now(UTC).hour - 12:+d}"
