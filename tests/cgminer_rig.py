"""The cgminer driver at a replayed server."""

from __future__ import annotations

import json
from pathlib import Path

from minerbridge.miners.cgminer import CgminerDriver
from minerbridge.miners.driver import Target
from tests.rpc_replay import serving

RECORDINGS = Path(__file__).parent / "recordings/cgminer"


def driver_at(port, **target):
    target = {"timeout_s": 5, "ports": {"rpc": port}, **target}
    return CgminerDriver(Target("rig", "127.0.0.1", **target))


def contact_and_read(server, **target):
    with serving(server) as port:
        driver = driver_at(port, **target)
        (profile,) = driver.contact()
        asked_at_contact = len(server.asked)
        reading, _ = finish(driver.read())
        return profile, reading, server.asked[asked_at_contact:]


def finish(steps):
    """Run a read to its end; return its one reading and how often it paused."""
    pauses = 0
    while True:
        try:
            next(steps)
            pauses += 1
        except StopIteration as stop:
            (reading,) = stop.value
            return reading, pauses


def summary(**fields):
    return json.dumps({"STATUS": [{"STATUS": "S"}], "SUMMARY": [fields]}).encode()


def devs(*devices):
    return json.dumps({"STATUS": [{"STATUS": "S"}], "DEVS": devices}).encode()
