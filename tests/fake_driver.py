"""A driver that says what a test tells it to, and waits where the test wants it to."""

import queue
import threading
from datetime import UTC, datetime

from minerbridge.errors import MinerUnreachable, Unsupported
from minerbridge.miners.plan import Listener
from minerbridge.model import (
    CommandResult,
    CommandSpec,
    Confirmation,
    Identity,
    MinerProfile,
    MinerReading,
    Parameter,
)

MAC = "02:00:00:00:00:01"
COMMANDS = {
    "start": CommandSpec("start", topic_key="power"),
    "stop": CommandSpec("stop", topic_key="power"),
    "led": CommandSpec("led", (Parameter("enabled", "boolean"),)),
    "reset": CommandSpec("reset", access="guarded"),
    "addpool": CommandSpec("addpool", (Parameter("url", "text"),), access="secret"),
    "power_limit": CommandSpec(
        "power_limit", (Parameter("power_limit_w", "number", 1000, 3000, unit="W"),)
    ),
}


class FakeDriver:
    """A miner with a switch and an LED. Set `failure` to let everything raise it."""

    def __init__(self):
        self.mac_address = MAC
        self.failure = None
        self.write_failure = None
        self.asleep = False
        self.led_on = False
        self.power_w = None
        self.obeys = True
        self.executed = []
        self.reads = 0
        self.contacts = 0
        self.extra = {}
        self.confirm_within_s = 5.0
        self.step_gate = None
        self.in_step = threading.Event()
        self.interrupted = threading.Event()
        self.closed = threading.Event()

    def contact(self):
        self._fail()
        self.contacts += 1
        return [
            MinerProfile("m", "fake", model="Fake", mac_address=self.mac_address, commands=COMMANDS)
        ]

    def identity(self):
        self._fail()
        return Identity(self.mac_address)

    def read(self):
        self._fail()
        self.reads += 1
        if self.step_gate is not None:
            self.in_step.set()
            while not self.step_gate.wait(0.01):
                if self.interrupted.is_set():
                    raise MinerUnreachable("interrupted")
        yield
        self._fail()
        return [
            MinerReading(
                "m",
                datetime.now(UTC),
                "fake",
                mac_address=self.mac_address,
                status="sleeping" if self.asleep else "mining",
                is_mining=not self.asleep,
                hashrate_hs=0.0 if self.asleep else 1e14,
                led_on=self.led_on,
                power_w=self.power_w,
                **self.extra,
            )
        ]

    def execute(self, command):
        if self.write_failure is not None:
            raise self.write_failure
        self.executed.append((command.name, dict(command.parameters)))
        if command.name in ("start", "stop"):
            target = command.name == "stop"
            if self.obeys:
                self.asleep = target
            status = "sleeping" if target else "mining"
            return Confirmation(
                lambda r: r.status == status, self.confirm_within_s, f"the miner is {status}", 0.01
            )
        if command.name == "led":
            if self.obeys:
                self.led_on = command.enabled
            return Confirmation(lambda r: r.led_on is command.enabled, 1.0, "the LED follows", 0.01)
        return Confirmation(None, 0, "the effect")

    def query(self, name, parameters):
        if name != "version":
            raise Unsupported(f"{name} is not supported")
        return {"version": "1", "password": "secret"}

    def interrupt(self):
        self.interrupted.set()

    def close(self):
        self.closed.set()

    def _fail(self):
        if self.failure is not None:
            raise self.failure


class Ear(Listener):
    """Hears a worker; each kind of news in a queue of its own."""

    def __init__(self):
        self.profiles: queue.Queue[MinerProfile] = queue.Queue()
        self.readings: queue.Queue[MinerReading] = queue.Queue()
        self.availabilities: queue.Queue[tuple[str, bool, str, str]] = queue.Queue()
        self.results: queue.Queue[CommandResult] = queue.Queue()

    def profile(self, profile):
        self.profiles.put(profile)

    def reading(self, reading):
        self.readings.put(reading)

    def availability(self, miner_id, online, code, reason):
        self.availabilities.put((miner_id, online, code, reason))

    def result(self, result):
        self.results.put(result)
