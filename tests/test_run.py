"""`minerbridge run` as a process: signals, supervision, and stopping in time whatever hangs."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
import yaml

from minerbridge.cli.run import Main
from minerbridge.simulator import Fleet
from tests.mosquitto import free_port
from tests.waiting import until
from tests.wiretap import Wiretap


class Daemon:
    """The bridge in a process of its own, with its settings file and log."""

    def __init__(self, folder, settings):
        self.file, self.log = folder / "config.yaml", folder / "log"
        self.settings = {
            "files": {"state": str(folder / "state")},
            "poll_interval_s": 0.5,
            "offline_after_s": 1,
            **settings,
        }
        self.write()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "minerbridge", "run", "-c", str(self.file)],
            stderr=self.log.open("wb"),
        )

    def write(self, **changes):
        self.settings.update(changes)
        self.file.write_text(yaml.safe_dump(self.settings))

    def said(self, words):
        return words in self.log.read_text()

    def tell(self, number):
        self.process.send_signal(number)

    def stop(self):
        """Return the exit code and how many seconds it took."""
        began_s = time.monotonic()
        self.tell(signal.SIGTERM)
        return self.process.wait(15), time.monotonic() - began_s


@pytest.fixture
def daemon(tmp_path):
    started = []

    def begin(**settings):
        started.append(Daemon(tmp_path, settings))
        return started[0]

    yield begin
    for one in started:
        one.process.kill()
        one.process.wait()


@pytest.fixture
def fleet():
    with Fleet(ports={"rpc": 0, "http": 0}, speed=50) as running:
        running.add("antminer_s19")
        running.add("cgminer")
        yield running


def entries(fleet):
    return [
        {"id": d.id, "host": d.address, "family": d.family, "ports": dict(d.ports)}
        for d in fleet.devices
    ]


def test_broker_and_miners_may_be_away_at_the_start(daemon):
    running = daemon(
        mqtt={"host": "127.0.0.1", "port": free_port()},
        miners=[{"id": "m", "host": "127.0.0.1", "ports": {"rpc": 1, "http": 1}}],
    )
    until(lambda: running.said("bridge_started"), 10, running.log.read_text)
    until(lambda: running.said("mqtt_unreachable"), 10, running.log.read_text)

    code, took_s = running.stop()

    assert (code, took_s < 5) == (0, True)


@pytest.mark.slow
def test_it_stops_in_time_with_a_hanging_miner_and_a_hanging_broker(daemon, fleet):
    for device in fleet.devices:
        device.faults.hang = True
    with socket.create_server(("127.0.0.1", 0)) as silent_broker:
        running = daemon(
            mqtt={"host": "127.0.0.1", "port": silent_broker.getsockname()[1]},
            miners=entries(fleet),
        )
        until(lambda: running.said("bridge_started"), 10, running.log.read_text)
        until(lambda: fleet["s19_1"].requests["rpc connections"], 10, "a poll")

        code, took_s = running.stop()

    assert (code, took_s < 5) == (0, True)


@pytest.mark.slow
def test_sighup_takes_over_miners_and_survives_a_wrong_file(daemon, fleet, mosquitto):
    broker = mosquitto()
    tap = Wiretap(broker.port)
    both = entries(fleet)
    running = daemon(mqtt={"host": "127.0.0.1", "port": broker.port}, miners=both[:1])
    tap.until("minerbridge/miner/s19_1/availability", "online")

    running.write(miners=both)
    running.tell(signal.SIGHUP)
    tap.until("minerbridge/miner/miner_1/availability", "online")

    running.write(miners=both[1:])
    running.tell(signal.SIGHUP)
    tap.until("homeassistant/device/s19_1/config", "")

    running.write(poll_interval_s="often")
    running.tell(signal.SIGHUP)
    until(lambda: running.said("settings_rejected"), 10, running.log.read_text)
    assert tap.ask("miners")["data"]["total"] == 1
    tap.close()


def test_a_killed_bridge_is_offline_by_its_will(daemon, fleet, mosquitto):
    broker = mosquitto()
    tap = Wiretap(broker.port)
    running = daemon(mqtt={"host": "127.0.0.1", "port": broker.port}, miners=entries(fleet))
    tap.until("minerbridge/bridge/state", "online")

    running.process.kill()

    tap.until("minerbridge/bridge/state", "offline")
    tap.close()


class DeadThreadBridge:
    """A bridge one of whose threads has just ended."""

    class Settings:
        miners = ()

    settings = Settings()
    stopped = False
    ended: Callable[[str], None]

    def services(self):
        return []

    def start(self):
        self.ended("miner-a")

    def stop(self):
        self.stopped = True


def test_a_thread_that_ends_ends_the_process_with_code_1():
    handlers = {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    bridge = DeadThreadBridge()
    try:
        assert Main(bridge, None).run() == 1  # type: ignore[arg-type]
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)

    assert bridge.stopped
