"""A simulated Antminer with its driver, on a clock of its own."""

from __future__ import annotations

import time

import pytest

from minerbridge.errors import MinerUnreachable
from minerbridge.miners.antminer import AntminerDriver
from minerbridge.miners.driver import PoolLogin, Target
from minerbridge.model import MinerCommand
from minerbridge.simulator.server import Fleet

PROFILES = {
    "spare": (PoolLogin("stratum+tcp://spare.example.com:3333", "me.1", "secret"),),
    "spoiled": (PoolLogin("stratum+tcp://spare.example.com:3333", "me ~1"),),
}


class Clock:
    now_s = 1000.0

    def __call__(self):
        return self.now_s


class Bench:
    """One simulated miner, fast enough that 30 s pass in 30 ms, and its driver."""

    def __init__(self, kind, **options):
        speed = options.pop("speed", 1000.0)
        self.fleet = Fleet(ports={"rpc": 0, "http": 0}, speed=speed)
        (self.device,) = self.fleet.add(kind, uptime_s=90_000.0, **options)
        self.fleet.start()
        self.clock = Clock()

    def driver(self, **changes):
        settings = {
            "miner_id": "m1",
            "host": self.device.address,
            "ports": self.device.ports,
            "pool_profiles": PROFILES,
            "timeout_s": 0.5,
        }
        return AntminerDriver(Target(**{**settings, **changes}), clock=self.clock)

    @property
    def asked(self):
        return self.device.requests

    @property
    def writes(self):
        return [what for _, what in self.device.journal]


@pytest.fixture
def bench():
    made = []

    def make(kind, **options):
        made.append(Bench(kind, **options))
        return made[-1]

    yield make
    for one in made:
        one.fleet.stop()


def read(driver):
    steps = driver.read()
    while True:
        try:
            next(steps)
        except StopIteration as end:
            (reading,) = end.value
            return reading


def order(driver, name, **parameters):
    return driver.execute(MinerCommand("m1", name, "1", name, parameters))


def seen(driver, confirmation, within_s=4.0):
    """Read until the confirmation shows; return the reading."""
    end_s = time.monotonic() + within_s
    while time.monotonic() < end_s:
        try:
            reading = read(driver)
        except MinerUnreachable:
            continue
        if confirmation.seen(reading):
            return reading
    raise AssertionError(confirmation.message)
