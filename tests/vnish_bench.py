"""A simulated S9 with Vnish and its driver, on clocks of their own."""

from __future__ import annotations

import pytest

from minerbridge.miners.driver import PoolLogin, Target
from minerbridge.miners.vnish import VnishDriver, web
from minerbridge.model import MinerCommand
from minerbridge.simulator.server import Fleet
from minerbridge.simulator.vnish_s9 import VnishS9
from tests.antminer_bench import Clock, read, seen

__all__ = ["Bench", "bench", "order", "read", "seen"]

PROFILES = {
    "spare": (PoolLogin("stratum+tcp://spare.example.com:3333", "me.1", "secret"),),
    "backup": (PoolLogin("stratum+tcp://backup.example.com:3333", "worker.1"),),
    "spoiled": (PoolLogin("stratum+tcp://spare.example.com:3333", "me 1"),),
}
#: Fast enough that a boot of two minutes passes in a tenth of a second.
SPEED = 1000.0


class Bench:
    """One device; its driver's clock stands still unless it is moved."""

    def __init__(self, *, asleep=False, **options):
        self.clock = Clock()
        self.fleet = Fleet(ports={"rpc": 0, "http": 0}, speed=options.pop("speed", SPEED))
        (device,) = self.fleet.add("vnish", uptime_s=90_000.0, **options)
        assert isinstance(device, VnishS9)
        self.device = device
        self.fleet.start()
        if asleep:  # only now: a port that never opened has no number yet
            self.device.fall_asleep()

    def target(self, **changes):
        settings = {
            "miner_id": "m1",
            "host": self.device.address,
            "ports": self.device.ports,
            "pool_profiles": PROFILES,
            "timeout_s": 0.5,
        }
        return Target(**{**settings, **changes})

    def driver(self, **changes):
        driver = VnishDriver(self.target(**changes), clock=self.clock)
        driver.contact()
        return driver

    @property
    def writes(self):
        return [what.split(" ")[0] for _, what in self.device.journal]


def order(driver, command, **parameters):
    return driver.execute(MinerCommand("m1", command, "1", command, parameters))


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.setattr(web, "_UNANSWERED_S", 0.2)  # it never answers
    made = []

    def make(**options):
        made.append(Bench(**options))
        return made[-1]

    yield make
    for one in made:
        one.fleet.stop()
