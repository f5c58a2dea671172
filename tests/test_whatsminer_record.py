"""Recordings of WhatsMiners, over both APIs: they read the same again, and tell no names."""

import json

import pytest

from minerbridge.__main__ import main
from minerbridge.cli.probe import read_once
from minerbridge.miners.driver import Target
from minerbridge.miners.families import driver_for
from minerbridge.miners.recorder_pages import Request
from minerbridge.miners.recording_files import load
from minerbridge.miners.replay import LOOPBACK, Replay
from minerbridge.mqtt.wire import reading_json
from minerbridge.simulator import Fleet
from minerbridge.simulator.pools import PoolEntry
from tests.whatsminer_rig import simulated

SERIALS = [("miner", 33), ("power", 11), ("psu", 15), ("board 0", 20), ("board 2", 20)]
WALLET = "bc1qwallet0000"


@pytest.fixture
def recorded(tmp_path):
    """Record a device: `device, folder = recorded("--family", "whatsminer", generation=2)`."""
    fleet = Fleet(ports={"rpc": 0, "v3": 0})

    def make(*words, **options):
        device = simulated(fleet, **options)
        device.pools = [PoolEntry("stratum+tcp://farm.example.org:3333", f"{WALLET}.7", "x")]
        device.system.hostname = "hall-three"
        ports = ["--port", str(device.ports.get("rpc", 1))]
        ports += ["--v3-port", str(device.ports.get("v3", 1))]
        assert main(["record", device.address, str(tmp_path), *ports, *words]) == 0
        return device, tmp_path

    with fleet:
        yield make


def replayed(folder, api="auto"):
    recording, index = load(folder)
    with Replay(recording) as replay:
        target = Target("recording", LOOPBACK, ports=replay.ports, options={"api": api})
        driver = driver_for("whatsminer", target)
        (profile,) = driver.contact()
        reading = json.loads(reading_json(read_once(driver), with_pool_users=True))
        driver.close()
    return profile, without_time(reading), without_time(index["reading"])


def without_time(reading):
    return {key: value for key, value in reading.items() if key != "at"}


@pytest.mark.parametrize("generation", [1, 2, 3, 4])
def test_a_recording_reads_as_its_device_did(recorded, generation):
    device, folder = recorded(generation=generation)
    _, found, expected = replayed(folder)

    assert found == expected
    assert expected["model"] == device.model.name
    assert expected["firmware"] == device.firmware
    assert expected["hashrate_hs"] > 1e12
    assert len(expected["boards"]) == device.model.boards
    assert expected["pools"][0]["url"].startswith("stratum+tcp://pool1")
    assert device.journal == [], "a recording only reads"
    assert not [name for name in device.requests if "token" in name]


def test_a_miner_that_is_off_is_recorded_as_it_answers(recorded):
    device, folder = recorded("--family", "whatsminer", generation=2)
    device.power_off()
    ports = ["--port", str(device.ports["rpc"]), "--family", "whatsminer"]
    assert main(["record", device.address, str(folder / "off"), *ports]) == 0
    _, found, expected = replayed(folder / "off")

    assert found == expected
    assert (found["status"], found["hashrate_hs"]) == ("stopped", 0.0)


def test_both_apis_are_recorded_where_both_answer(recorded):
    _, folder = recorded(generation=4)
    names = {path.name for path in folder.iterdir()}
    recording, index = load(folder)

    assert {"summary.json", "v3_get.device.info.json", "v3_get.fan.setting.json"} <= names
    assert "v3_get.miner.status-summary-pools-edevs.json" in names
    assert Request("v3", "get.device.info", "miner") in recording.replies
    assert Request("rpc", "devdetails") in recording.refused
    profile, over_v3, over_v2 = replayed(folder, "v3")
    assert profile.evidence == "API v3 answers"
    same = ("model", "firmware", "mac_address", "power_mode", "status")
    assert {one: over_v3[one] for one in same} == {one: over_v2[one] for one in same}
    assert index["family"] == "whatsminer"


def test_v3_alone_is_recorded_too(recorded):
    device, folder = recorded("--family", "whatsminer", apis="v3")
    profile, found, expected = replayed(folder)

    assert profile.evidence == "API v3 answers"
    assert found == expected
    assert expected["model"] == device.model.name


@pytest.mark.parametrize("generation", [1, 4])
def test_nothing_tells_the_device_or_its_owner(recorded, generation, capsys):
    device, folder = recorded(generation=generation)
    everything = b"".join(path.read_bytes() for path in folder.iterdir()).lower().decode()
    secrets = [
        device.mac_address, device.mac_address.replace(":", ""), WALLET, "farm.example.org",
        "hall-three", "192.168.1.1", device.accounts.salt,
    ]  # fmt: skip
    serials = [device.serial(*part) for part in SERIALS]

    for secret in [*secrets, *serials]:
        assert secret.lower() not in everything, secret
    assert "pool user(s)" in capsys.readouterr().out
