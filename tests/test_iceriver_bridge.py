"""IceRivers through the whole bridge: a real broker, a recorded device and a simulated one."""

from __future__ import annotations

import json

import pytest

from minerbridge.bridge import Bridge
from minerbridge.settings import Settings
from minerbridge.simulator import Fleet
from minerbridge.simulator.iceriver_pbfarmer import TOKEN
from tests.iceriver_rig import recorded, replay
from tests.mosquitto import free_port
from tests.wiretap import Wiretap

SENSOR = "homeassistant/sensor/ks5l/{}/state"
#: The values that this recording is to give.
TOLD = {
    "hashrate": "11258.00", "hashrate_average": "10945.00", "reject_rate": "0.01",
    "shares_accepted": "3", "shares_rejected": "33", "pool_status": "Connected",
    "pool_url": "stratum+tcp://asia1.kaspa-pool.org:4444", "status": "mining",
    "frequency": "875", "fan_1_speed": "5900", "fan_2_speed": "5855", "fan_3_speed": "5901",
    "fan_4_speed": "5856", "temperature": "31.0",
    "board_1_temperature": "10.0", "board_1_chip_temperature": "11.0", "board_1_hashrate": "1.50",
    "board_2_temperature": "20.0", "board_2_chip_temperature": "21.0", "board_2_hashrate": "2.60",
    "board_3_temperature": "30.0", "board_3_chip_temperature": "31.0", "board_3_hashrate": "3.70",
}  # fmt: skip


@pytest.fixture
def house(mosquitto, tmp_path):
    """Start bridges of given miners; yield how, and what listens to them."""
    broker, started = mosquitto(), []
    tap = Wiretap(broker.port)

    def start(*miners):
        bridge = Bridge(
            Settings(
                mqtt={"host": "127.0.0.1", "port": broker.port},
                files={"state": tmp_path / "state"},
                poll_interval_s=0.5,
                offline_after_s=1.0,
                miners=miners,
            )
        )
        bridge.start()
        started.append(bridge)

    yield start, tap
    for bridge in started:
        bridge.stop()
    tap.close()


def test_a_recorded_ks5l_becomes_a_device(house):
    start, tap = house
    panel = recorded("KS5L__ICM168_3_2_10/userpanel_post4_edited_values.json")
    with replay(panel) as server:
        ports = {"http": server.ports["http"], "rpc": free_port()}
        start({"id": "ks5l", "host": "127.0.0.1", "family": "iceriver", "ports": ports})
        tap.until(SENSOR.format("status"), "mining")
        for key, value in TOLD.items():
            tap.until(SENSOR.format(key), value)
    document = json.loads(tap.latest["homeassistant/device/ks5l/config"])
    components = document["components"]

    assert components["sensor_hashrate"]["unit_of_measurement"] == "GH/s"
    assert "sensor_power" not in components
    reading = json.loads(tap.latest["minerbridge/miner/ks5l/reading"])
    assert (reading["power_w"], reading["power_estimated_w"]) == (None, None)
    assert reading["uptime_s"] == 5_408_256
    assert [pool["status"] for pool in reading["pools"]] == [
        "Connected", "Unconnected", "Unconnected",
    ]  # fmt: skip


def test_simulated_ones_are_stopped_and_their_clock_is_set(house):
    start, tap = house
    with Fleet(ports={"rpc": 0, "http": 0}, speed=100) as fleet:
        fleet.add("iceriver")
        fleet.add("iceriver_pbfarmer")
        start(*(
            {"id": one.id, "host": one.address, "family": "iceriver", "ports": dict(one.ports),
             "password": TOKEN} for one in fleet.devices
        ))  # fmt: skip
        for device in fleet.devices:
            power = f"homeassistant/switch/{device.id}/power"
            tap.until(f"{power}/state", "ON")
            assert tap.command(f"{power}/set", "OFF")["status"] == "confirmed"
            assert device.state == "sleeping"
        clock = "homeassistant/number/pbfarmer_1/clock_offset"
        tap.until(f"{clock}/state", "0")
        assert tap.command(f"{clock}/set", "-50")["status"] == "confirmed"
        tap.until(f"{clock}/state", "-50")
        assert tap.command(f"{clock}/set", "9000")["status"] == "rejected"

    assert not [payload for _, payload in tap.heard if TOKEN in payload]
