"""What two public clients read of the same simulated WhatsMiner, beside what the bridge reads.

They run under the interpreter that MINERBRIDGE_PEERS names (`pip install pyasic pyasic_rs`), and
ask the ports that real miners have.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from minerbridge.cli.probe import read_once
from minerbridge.miners.driver import Target
from minerbridge.miners.families import driver_for
from minerbridge.simulator import Fleet
from tests.whatsminer_rig import simulated

SCRIPT = Path(__file__).with_name("whatsminer_peers.py")
PYTHON = os.environ.get("MINERBRIDGE_PEERS", sys.executable)
#: Values move between two reads, and each firmware averages over several windows.
TOLERANCES = {
    "hashrate_ths": 0.05, "power_w": 0.02, "board_hashrates_ths": 0.05, "fan_speeds_rpm": 0.05,
    "ambient_temperature_c": 0.02, "uptime_s": 0.001, "board_temperatures_c": 0.02,
    "shares_accepted": 0.001,
}  # fmt: skip
NO_SERIAL = "pyasic_rs asks for no minersn"
#: client, generation, what it reads otherwise than the bridge, and why
DIFFERENCES = [
    ("pyasic_rs", 1, "serial_number", NO_SERIAL),
    ("pyasic_rs", 1, "hostname", "pyasic_rs asks old firmware for no get_miner_info"),
    ("pyasic_rs", 2, "serial_number", NO_SERIAL),
    ("pyasic_rs", 2, "ambient_temperature_c", "this firmware writes a string, which it skips"),
    ("pyasic_rs", 3, "serial_number", NO_SERIAL),
    ("pyasic_rs", 4, "serial_number", NO_SERIAL),
    ("pyasic_rs", 4, "shares_accepted", "it asks API v3, whose pools count no shares"),
    ("pyasic", 4, "pool_urls", "it asks API v3 and leaves its pools out of the reading"),
    ("pyasic", 4, "shares_accepted", "it asks API v3, whose pools count no shares"),
]


@pytest.fixture
def device(request):
    with Fleet(first_address=f"127.77.28.{request.param}") as fleet:
        found = simulated(fleet, generation=request.param, web=True)
        found.raise_error(111)
        if found.ports["rpc"] != 4028 or found.ports["http"] != 80:
            pytest.skip("only root can listen where real miners do")
        yield found


@pytest.fixture(scope="module", autouse=True)
def installed():
    """Skip where the clients are not there."""
    if subprocess.run([PYTHON, "-c", "import pyasic, pyasic_rs"], capture_output=True).returncode:
        pytest.skip("MINERBRIDGE_PEERS names no Python with pyasic and pyasic_rs")


@pytest.mark.slow
@pytest.mark.parametrize("device", [1, 2, 3, 4], indirect=True)
def test_the_clients_know_the_miner_and_read_the_same_but_for_what_is_explained(device):
    """A difference that is gone fails, too: the table is no place for what once was."""
    asked = subprocess.run([PYTHON, SCRIPT, device.address], capture_output=True, timeout=60)
    theirs = json.loads(asked.stdout)
    own = ours(device)

    found = {(client, key) for client in theirs for key in differing(own, theirs[client])}
    number = device.generation.number
    assert found == {(client, key) for client, of, key, _ in DIFFERENCES if of == number}
    assert own["errors"] == ["111"]


def ours(device):
    driver = driver_for("auto", Target("m1", device.address, ports=device.ports))
    driver.contact()
    reading: Any = read_once(driver)
    driver.close()
    return {
        "model": reading.model.replace("+", "Plus").replace("_", ""),
        "firmware": reading.firmware,
        "mac_address": reading.mac_address,
        "serial_number": reading.serial_number,
        "hostname": reading.hostname,
        "hashrate_ths": reading.hashrate_hs / 1e12,
        "power_w": reading.power_w,
        "power_limit_w": reading.power_limit_w,
        "ambient_temperature_c": reading.ambient_temperature_c,
        "board_hashrates_ths": [board.hashrate_hs / 1e12 for board in reading.boards],
        "board_temperatures_c": [board.board_temperature_c for board in reading.boards],
        "board_chips": [board.chips for board in reading.boards],
        "fan_speeds_rpm": list(reading.fan_speeds_rpm),
        "pool_urls": [pool.url for pool in reading.pools],
        "shares_accepted": [pool.accepted for pool in reading.pools],
        "is_mining": reading.is_mining,
        "uptime_s": reading.uptime_s,
        "errors": [fault.code for fault in reading.errors],
    }


def differing(own, theirs):
    """Name what the two do not agree on."""
    return {key for key in own if not agree(own[key], theirs[key], TOLERANCES.get(key, 0))}


def agree(own, theirs, tolerance):
    if isinstance(own, list) and isinstance(theirs, list):
        pairs = zip(own, theirs, strict=False)
        return len(own) == len(theirs) and all(agree(*pair, tolerance) for pair in pairs)
    if isinstance(own, int | float) and isinstance(theirs, int | float):
        return theirs == pytest.approx(own, rel=tolerance)
    return own == theirs
