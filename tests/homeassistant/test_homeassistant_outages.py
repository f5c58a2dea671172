"""Whatever goes away shows as unavailable, and comes back by itself."""

import signal

import pytest

from tests.waiting import until

S19 = "s19_1"
STATUS = "homeassistant/status"
pytestmark = pytest.mark.slow


def complaints(house):
    with house.home.socket() as socket:
        return [entry["message"] for entry in socket.complaints()]


def test_miner_that_falls_silent(house):
    miner = house.miners[S19]
    miner.faults.refuse = True
    house.wait_until_unavailable(S19)
    assert house.unavailable("miner_1") == []
    miner.faults.clear()
    house.wait_until_available(S19)


def test_bridge_that_is_killed(house):
    house.bridge.stop(signal.SIGKILL)
    for miner_id in house.miner_ids:
        house.wait_until_unavailable(miner_id)
    assert house.home.state("binary_sensor.bridge_online") == "off"
    house.bridge.start()
    house.wait_until_all_is_available()
    house.home.wait_for("binary_sensor.bridge_online", "on")


def test_bridge_that_is_stopped(house):
    assert house.bridge.stop() == 0
    for miner_id in house.miner_ids:
        house.wait_until_unavailable(miner_id)
    house.bridge.start()
    house.wait_until_all_is_available()


def test_restarted_home_assistant_finds_everything_and_gets_it_anew(house):
    assert complaints(house) == []
    house.home.stop()
    heard = len(house.listener.heard)
    house.home.start()
    house.wait_until_all_is_available()
    house.listener.wait_for(STATUS, "online", 15, heard)
    born = house.listener.heard.index((STATUS, "online"), heard)
    # A text that does not change: only the birth makes the bridge say it again.
    topic = f"homeassistant/sensor/{S19}/pool_url/state"
    said_again = (topic, house.listener.retained[topic])
    house.listener.wait_for(*said_again, seconds=35, since=born)
    assert complaints(house) == []


def test_broker_that_is_restarted(house):
    house.broker.stop()
    for miner_id in house.miner_ids:
        house.wait_until_unavailable(miner_id)
    house.broker.start()
    house.wait_until_all_is_available()


def test_miner_taken_out_of_the_settings(house, socket):
    assert "minerbridge_miner_1" in socket.devices()
    house.bridge.forget("miner_1")
    until(lambda: "minerbridge_miner_1" not in socket.devices(), 15, "the device is gone")
    of_the_miner = ("homeassistant/device/miner_1/", "minerbridge/miner/miner_1/")

    def left():
        topics = list(house.listener.retained)
        return [t for t in topics if t.startswith(of_the_miner) or "/miner_1/" in t]

    until(lambda: not left(), 15, lambda: f"its topics are empty: {left()}")
    assert house.unavailable(S19) == []
