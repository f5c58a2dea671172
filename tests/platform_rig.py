"""A simulated Mining Platform with its driver, and with a worker where a test wants one."""

from __future__ import annotations

import time

from minerbridge.miners.driver import PoolLogin, Target, finished
from minerbridge.miners.mining_platform import MiningPlatformDriver
from minerbridge.miners.plan import Plan
from minerbridge.miners.worker import MinerWorker
from minerbridge.model import MinerCommand
from minerbridge.simulator.mining_platform import MiningPlatform
from minerbridge.simulator.server import Fleet
from tests.fake_driver import Ear

RX, KAWPOW = "rig1_xmrig_rx", "rig1_xmrig_kawpow"
XMR, RVN = "XMR - SupportXMR", "RVN - GPU"
WALLET = "48SimulatedWalletAddressOfNobody"
POOLS = {"home": (PoolLogin("stratum+tcp://home.example.com:3333", "wallet-of-home", "secret"),)}


class Rig:
    """One platform with two miners, whose processes start in no time."""

    def __init__(self, **options):
        self.fleet = Fleet(ports={"http": 0}, speed=options.pop("speed", 1000.0))
        (added,) = self.fleet.add("mining_platform", **options)
        assert isinstance(added, MiningPlatform)
        self.device = added
        self.device.limits_rate = False
        self.fleet.start()
        self.workers = []

    def target(self, **changes):
        facts = {"host": self.device.address, "ports": self.device.ports, "timeout_s": 0.5}
        return Target("rig1", **{**facts, "pool_profiles": POOLS, **changes})

    def driver(self, clock=time.monotonic, met=True, **changes):
        driver = MiningPlatformDriver(self.target(**changes), clock)
        if met:
            driver.contact()
        return driver

    def worker(self, known=(), **plan):
        ear = Ear()
        timing = {"poll_interval_s": 0.1, "offline_after_s": 1.0}
        settings = Plan("rig1", self.device.address, **{**timing, **plan})
        worker = MinerWorker(settings, self.driver(met=False), ear, known)
        worker.start(lambda name: None)
        self.workers.append(worker)
        assert ear.availabilities.get(timeout=10)[1] is True
        return worker, ear

    @property
    def writes(self):
        return [what for _, what in self.device.journal]

    def stop(self):
        for worker in self.workers:
            worker.stop()
            assert worker.join(2.0)
        self.fleet.stop()


def read(driver):
    """Return the readings of one read by device."""
    return {reading.miner_id: reading for reading in finished(driver.read())}


def order(driver, miner_id, name, /, source="mqtt", **parameters):
    return driver.execute(MinerCommand(miner_id, name, "1", name, parameters, source=source))


def seen(driver, miner_id, confirmation, within_s=4.0):
    """Read until the confirmation shows; return the reading."""
    end_s = time.monotonic() + within_s
    while time.monotonic() < end_s:
        reading = read(driver)[miner_id]
        if confirmation.seen(reading):
            return reading
    raise AssertionError(confirmation.message)
