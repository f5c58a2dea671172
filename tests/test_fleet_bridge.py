"""A fleet under an EMS, whole: a real broker, the bridge, simulated miners that boot and sleep."""

import json

import pytest

from tests.fleet_house import CURVE_SETTING, TRUE_CURVE, FleetHouse, house
from tests.waiting import until

__all__ = ["house"]

HASHRATE = "homeassistant/sensor/fleet/hashrate/state"


def pair(house: FleetHouse, **options):
    """Two S9 that draw what the settings say of them."""
    devices = house.add("vnish_s9", 2, curve=TRUE_CURVE, **options)
    for device in devices:
        house.facts[device.id] = {"curve": CURVE_SETTING, "rated_power_w": 1460}
    return devices


def test_two_kilowatts_are_two_s9_at_500_mhz(house):
    devices = pair(house)
    house.start(fleet={"power_control_mode": "frequency"})

    calculated = house.tap.ask("power/calculate", {"target_power_kw": 2.0})["data"]
    answer = house.activate(2.0)
    order = house.until_order("achieved", answer["id"])

    assert answer["accepted"]
    assert "the set-points come to 2.00 kW" in answer["message"]
    assert [device.running_mhz for device in devices] == [500, 500]
    assert sum(device.power_w for device in devices) == pytest.approx(2000, rel=0.02)
    assert order["targetPowerInKw"] == 2.0
    assert order["activePowerInKw"] == pytest.approx(2.0, rel=0.02)
    house.tap.wait(
        lambda: float(house.tap.latest[HASHRATE]) == pytest.approx(21.4, rel=0.03), "21.4 TH/s"
    )
    assert [
        (row["action"], row["frequency"], row["estimated_power"])
        for row in calculated["allocation"]
    ] == [("swing", 500, 1000), ("swing", 500, 1000)]
    assert calculated["summary"] == {
        "full_miners": 0,
        "swing_miners": 2,
        "idle_miners": 0,
        "estimated_power_watts": 2000,
        "estimated_power_kw": 2.0,
    }


# -- a person among orders -------------------------------------------------------------------


def three_of_which_two_run(house):
    """Start three S9, two of them ordered to run; return those two and the third."""
    devices = house.add("vnish_s9", 3, asleep=True)
    house.start()
    house.activate(2.97)
    house.until_order("achieved", timeout_s=40)
    running = [device for device in devices if device.state == "mining"]
    assert len(running) == 2
    return running, next(device for device in devices if device.state == "sleeping")


def switched_off(house, device):
    house.tap.publish(f"homeassistant/switch/{device.id}/power/set", "OFF")


def controlled_off(house, device):
    house.tap.ask("miner/control", {"miner_id": device.id, "action": "stop"})


@pytest.mark.slow
@pytest.mark.parametrize("by", [switched_off, controlled_off])
def test_a_person_takes_a_miner_out_and_gives_it_back(house, by):
    (mine, other), third = three_of_which_two_run(house)
    dispatch = f"homeassistant/switch/{mine.id}/dispatch"
    mark = house.tap.mark()

    by(house, mine)

    house.tap.until(f"{dispatch}/state", "OFF")
    house.tap.wait(lambda: third.state == "mining" and mine.state == "sleeping", "the third", 40)
    house.until_order("achieved", timeout_s=20)
    assert [event["miner_id"] for event in house.events("dispatch_off", mark)] == [mine.id]
    assert other.state == "mining"
    sent = len(mine.journal)

    house.tap.publish(f"{dispatch}/set", "ON")

    house.tap.until(f"{dispatch}/state", "ON")
    house.activate(4.38)  # it takes all three
    house.tap.wait(lambda: mine.state == "mining", "its return", 40)
    assert house.journal(mine.id)[sent:] == ["do_sleep_mode 0"]


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_retained_order_on_a_restarted_broker_does_nothing(house, protocol):
    (device,) = house.add("vnish_s9", 1, asleep=True)
    order = json.dumps({"activationPowerInKw": 1.46, "id": "an-hour-old"})
    mqtt = {"host": "127.0.0.1", "port": house.broker.port, "protocol": protocol}
    house.start(mqtt=mqtt)
    house.stop()
    house.tap.publish("minerbridge/ems/request/activate", order, retain=True)
    house.start(mqtt=mqtt)
    connections = house.bridge.client.connections

    house.broker.restart()

    until(lambda: house.bridge.client.connections > connections, 10, "the bridge again")
    until(house.tap._client.is_connected, 10, "the EMS again")
    answer = house.activate(1.4, id="fresh", mode="limit")
    assert answer["accepted"]  # whatever was retained was heard before it
    assert house.bridge.fleet.service.controller.orders.target is None
    assert device.journal == []
    answers = [p for t, p in house.tap.heard if t.endswith("response/activate")]
    refusals = [json.loads(p) for p in answers if "an-hour-old" in p]
    assert {one["errorCode"] for one in refusals} <= {"STALE"}
