"""IceRivers for tests: a simulated one with its driver, and one that answers from a recording."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from minerbridge.errors import MinerUnreachable
from minerbridge.miners.driver import PoolLogin, Target, finished
from minerbridge.miners.iceriver import IceRiverDriver
from minerbridge.miners.recorder_pages import Recording, Request
from minerbridge.miners.replay import Replay
from minerbridge.model import MinerCommand
from minerbridge.simulator import Fleet
from minerbridge.simulator.iceriver_pbfarmer import TOKEN

RECORDINGS = Path(__file__).parent / "recordings/iceriver"
PROFILES = {
    "spare": (PoolLogin("stratum+tcp://spare.example.com:3333", "me.1", "secret"),),
    "quoted": (PoolLogin("stratum+tcp://spare.example.com:3333", 'me"1'),),
    "long": (PoolLogin("stratum+tcp://spare.example.com:3333", "m" * 1800),),
}


class Clock:
    now_s = 1000.0

    def __call__(self):
        return self.now_s


class Bench:
    """One simulated miner, fast enough that a minute passes in a tenth of a second."""

    def __init__(self, kind="iceriver", **options):
        self.fleet = Fleet(ports={"rpc": 0, "http": 0}, speed=options.pop("speed", 600.0))
        (self.device,) = self.fleet.add(kind, uptime_s=90_000.0, **options)
        self.fleet.start()
        self.clock = Clock()

    def driver(self, **changes):
        login = TOKEN if self.device.kind == "iceriver_pbfarmer" else None
        settings = {
            "miner_id": "m1",
            "host": self.device.address,
            "ports": self.device.ports,
            "password": login,
            "pool_profiles": PROFILES,
            "timeout_s": 0.5,
        }
        return IceRiverDriver(Target(**{**settings, **changes}), clock=self.clock)

    def met(self, **changes):
        driver = self.driver(**changes)
        driver.contact()
        return driver

    @property
    def writes(self):
        return [what for _, what in self.device.journal]


@pytest.fixture
def bench():
    made = []

    def make(kind="iceriver", **options):
        made.append(Bench(kind, **options))
        return made[-1]

    yield make
    for one in made:
        one.fleet.stop()


def recorded(name):
    """Return the whole document of a recording under tests/recordings/iceriver."""
    return json.loads((RECORDINGS / name).read_text())


def replay(panel, configuration=None):
    """Return a server whose pages answer with these documents."""
    pages = {"userpanel": (4, panel), "machineconfig": (1, configuration)}
    replies = {
        Request("http", f"/user/{page}", f"post={post}"): json.dumps(document).encode()
        for page, (post, document) in pages.items()
        if document is not None
    }
    return Replay(Recording(replies=replies))


def read_of(panel, configuration=None):
    """Return the reading that the whole driver makes of these documents."""
    with replay(panel, configuration) as server:
        ports = {"http": server.ports["http"], "rpc": 1}
        driver = IceRiverDriver(Target("m1", "127.0.0.1", ports=ports))
        driver.contact()
        reading = read(driver)
        driver.close()
    return reading


def read(driver):
    (reading,) = finished(driver.read())
    return reading


def order(driver, name, **parameters):
    return driver.execute(MinerCommand("m1", name, "1", name, parameters))


def seen(driver, confirmation, within_s=6.0):
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
