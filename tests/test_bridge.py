"""The whole bridge in this process: a real broker, simulated miners, a listener beside it."""

import json
from pathlib import Path

import pytest

from minerbridge.bridge import Bridge
from minerbridge.settings import Settings
from minerbridge.simulator import Fleet
from tests.wiretap import Wiretap

SWITCH = "homeassistant/switch/s19_1/power/set"
POWER = "homeassistant/switch/s19_1/power/state"


class House:
    """A broker, a fleet and a bridge that a test can stop and start."""

    def __init__(self, broker, fleet, state):
        self.broker = broker
        self.fleet = fleet
        self.state = Path(state)
        self.tap = Wiretap(broker.port)
        self.bridge = None

    def settings(self, **more):
        miners = more.pop("miners", None) or [self.entry(device) for device in self.fleet.devices]
        return Settings(
            mqtt={"host": "127.0.0.1", "port": self.broker.port},
            files={"state": self.state},
            poll_interval_s=0.5,
            offline_after_s=1.0,
            miners=miners,
            **more,
        )

    def entry(self, device, **more):
        return {"id": device.id, "host": device.address, "ports": dict(device.ports), **more}

    def start(self, **more):
        self.bridge = Bridge(self.settings(**more))
        self.bridge.start()
        return self.bridge

    def stop(self):
        if self.bridge is not None:
            self.bridge.stop()
            self.bridge = None


@pytest.fixture
def house(mosquitto, tmp_path):
    broker = mosquitto(persistence=True)
    with Fleet(ports={"rpc": 0, "http": 0}, speed=50) as fleet:
        fleet.add("antminer_s19")
        fleet.add("cgminer")
        home = House(broker, fleet, tmp_path / "state")
        yield home
        home.stop()
        home.tap.close()


@pytest.fixture
def running(house):
    house.start()
    house.tap.until(POWER, "ON")
    house.tap.until("minerbridge/miner/miner_1/availability", "online")
    return house


def test_a_miner_becomes_a_device_with_values(running):
    tap = running.tap
    document = json.loads(tap.latest["homeassistant/device/s19_1/config"])

    for name, component in document["components"].items():
        if component["platform"] != "button":
            topic = component["state_topic"]
            tap.wait(lambda topic=topic: topic in tap.latest, name)
    assert 80 < float(tap.latest["homeassistant/sensor/s19_1/hashrate/state"]) < 140
    reading = json.loads(tap.latest["minerbridge/miner/s19_1/reading"])
    assert (reading["status"], reading["power_w"]) == ("mining", None)
    assert "homeassistant/sensor/s19_1/power/state" not in tap.latest
    assert "homeassistant/sensor/s19_1/energy/state" not in tap.latest


def test_off_stops_the_miner_and_is_confirmed(running):
    result = running.tap.command(SWITCH, "OFF")

    assert (result["status"], result["key"], result["value"]) == ("confirmed", "power", "OFF")
    assert running.fleet["s19_1"].state == "sleeping"
    running.tap.until(POWER, "OFF")
    running.tap.until("homeassistant/sensor/s19_1/status/state", "sleeping")


def test_a_banana_is_rejected_with_a_reason_and_changes_nothing(running):
    journal = list(running.fleet["s19_1"].journal)

    result = running.tap.command(SWITCH, "banana")

    assert (result["status"], result["code"]) == ("rejected", "INVALID_VALUE")
    assert "ON or OFF" in result["message"]
    assert running.fleet["s19_1"].journal == journal


@pytest.mark.slow
def test_a_miner_that_says_ok_and_does_nothing_is_not_confirmed(running):
    running.fleet["s19_1"].faults.drop_writes = True
    mark = running.tap.mark()

    result = running.tap.command("homeassistant/switch/s19_1/led/set", "ON", timeout_s=40)

    assert result["status"] == "unconfirmed"
    states = [p for t, p in running.tap.heard[mark:] if t.endswith("s19_1/led/state")]
    assert "ON" not in states


def test_a_reply_lost_after_the_write_is_read_back_not_repeated(running):
    device = running.fleet["s19_1"]
    device.faults.lose_reply = True

    result = running.tap.command(SWITCH, "OFF", timeout_s=40)

    assert result["status"] == "confirmed"
    writes = [what for _, what in device.journal if "set_miner_conf" in what]
    assert len(writes) == 1


def test_an_answer_goes_to_the_response_topic_of_mqtt_5(running):
    tap = running.tap
    tap.publish(SWITCH, "banana", properties=tap.respond_to("flows/answers", b"42"))

    answer = json.loads(tap.wait(lambda: tap.latest.get("flows/answers"), "the answer"))

    assert answer["status"] == "rejected"


def test_a_retained_command_does_nothing(house):
    house.tap.publish(SWITCH, "OFF", retain=True)
    house.start()
    house.tap.until(POWER, "ON")
    house.tap.ask("miners")

    assert house.fleet["s19_1"].state != "sleeping"


@pytest.mark.slow
def test_a_miner_that_goes_costs_only_itself_and_comes_back(running):
    device = running.fleet["s19_1"]
    device.faults.refuse = True
    running.tap.until("minerbridge/miner/s19_1/availability", "offline")
    result = running.tap.command(SWITCH, "OFF")
    assert (result["status"], result["code"]) == ("rejected", "OFFLINE")
    assert running.tap.latest["minerbridge/miner/miner_1/availability"] == "online"

    device.faults.refuse = False

    running.tap.until("minerbridge/miner/s19_1/availability", "online")


def test_another_device_at_the_address_is_named_and_left_alone(running):
    device = running.fleet["s19_1"]
    writes = len(device.journal)
    mark = running.tap.mark()
    device.faults.mac_address = "02:00:00:00:00:99"

    result = running.tap.command(SWITCH, "OFF")

    assert (result["status"], result["code"]) == ("rejected", "WRONG_DEVICE")
    assert len(device.journal) == writes

    def told():
        events = [json.loads(p) for t, p in running.tap.heard[mark:] if t.endswith("/event")]
        return any(event["type"] == "wrong_device" for event in events)

    running.tap.wait(told, "the event wrong_device")


def test_stopping_says_offline_and_starting_brings_everything_back(running):
    running.stop()
    running.tap.until("minerbridge/bridge/state", "offline")
    before = json.loads(running.tap.latest["homeassistant/device/s19_1/config"])
    mark = running.tap.mark()

    running.start()

    running.tap.until("minerbridge/bridge/state", "online")
    again = running.tap.after(mark, "homeassistant/device/s19_1/config")
    assert again == before


@pytest.mark.slow
def test_a_broker_that_restarts_gets_everything_anew(running):
    running.broker.restart()
    mark = running.tap.mark()

    again = running.tap.after(mark, "homeassistant/device/s19_1/config", timeout_s=30)

    assert again["components"]
    assert running.tap.command(SWITCH, "OFF", timeout_s=20)["status"] == "confirmed"


@pytest.mark.slow
def test_home_assistants_birth_brings_everything_anew(running):
    mark = running.tap.mark()

    running.tap.publish("homeassistant/status", "online")

    assert running.tap.after(mark, "homeassistant/device/s19_1/config", timeout_s=40)


def test_a_miner_taken_out_of_the_settings_is_withdrawn(running):
    kept = [running.entry(running.fleet["miner_1"])]

    running.bridge.apply(running.settings(miners=kept))

    topics = [t for t in running.tap.latest if "/s19_1/" in t and t.endswith(("state", "config"))]
    tap = running.tap
    assert len(topics) > 20
    tap.wait(lambda: all(tap.latest[t] == "" for t in topics), "emptied topics")
    assert tap.latest["minerbridge/miner/miner_1/availability"] == "online"


def test_a_miner_taken_out_while_the_bridge_was_down_is_withdrawn_too(running):
    running.stop()

    running.start(miners=[running.entry(running.fleet["miner_1"])])

    running.tap.until("homeassistant/device/s19_1/config", "")
    running.tap.until(POWER, "")


def test_requests_are_answered(running):
    answer = running.tap.ask("miners")
    assert answer["data"]["total"] == 2
    assert {row["miner_id"] for row in answer["data"]["miners"]} == {"s19_1", "miner_1"}

    details = running.tap.ask("miner/details", {"miner_id": "s19_1"})["data"]
    assert details["system"]["minertype"] == "Antminer S19 Pro"
    assert details["pools"][0]["worker"] is None

    assert running.tap.ask("nonsense")["error"]["code"] == "NOT_FOUND"
    assert running.tap.ask("miner", {"miner_id": "nobody"})["error"]["code"] == "NOT_FOUND"


def test_control_answers_at_once_and_the_result_follows(running):
    answer = running.tap.ask("miner/control", {"miner_id": "s19_1", "action": "stop"})

    assert answer["data"]["success"] is None
    result = running.tap.result("s19_1", answer["data"]["id"])
    assert result["status"] == "confirmed"


def test_a_plug_that_measures_gives_power_energy_and_efficiency(house):
    plug = {"topic": "plugs/1", "value_path": "apower", "max_age_s": 30}
    house.start(miners=[house.entry(house.fleet["s19_1"], power_topic=plug)])
    house.tap.until(POWER, "ON")

    house.tap.publish("plugs/1", '{"apower": 3321.4}', retain=True)

    house.tap.until("homeassistant/sensor/s19_1/power/state", "3321")
    tap = house.tap
    tap.wait(lambda: tap.latest.get("homeassistant/sensor/s19_1/energy/state"), "energy")
    topic = "homeassistant/sensor/s19_1/efficiency/state"
    efficiency = float(tap.wait(lambda: tap.latest.get(topic), "efficiency"))
    assert 20 < efficiency < 45


def test_a_rated_power_is_shown_as_the_estimate_it_is(house):
    house.start(miners=[house.entry(house.fleet["s19_1"], rated_power_w=3250)])

    house.tap.until("homeassistant/sensor/s19_1/power/state", "3250")

    config = json.loads(house.tap.latest["homeassistant/device/s19_1/config"])
    assert "estimated" in config["components"]["sensor_power"]["name"]
    assert "sensor_energy" not in config["components"]


def test_read_only_announces_no_controls_and_rejects_writes(house):
    house.start(read_only=True)
    house.tap.until("minerbridge/miner/s19_1/availability", "online")

    result = house.tap.command(SWITCH, "OFF")

    assert (result["status"], result["code"]) == ("rejected", "READ_ONLY")
    config = json.loads(house.tap.latest["homeassistant/device/s19_1/config"])
    platforms = {component["platform"] for component in config["components"].values()}
    assert platforms == {"sensor", "binary_sensor"}


@pytest.mark.slow
def test_energy_survives_a_restart_and_never_goes_back(house):
    plug = {"topic": "plugs/1", "max_age_s": 30}
    miners = [house.entry(house.fleet["s19_1"], power_topic=plug)]
    topic = "homeassistant/sensor/s19_1/energy/state"
    house.start(miners=miners)
    house.tap.publish("plugs/1", "3600000", retain=True)
    house.tap.wait(lambda: (house.bridge.workers["s19_1"].energy_kwh or 0) > 0.5, "energy", 20)
    house.stop()
    stored = json.loads((house.state / "energy.json").read_text())
    mark = house.tap.mark()

    house.start(miners=miners)

    published = house.tap.wait(
        lambda: [p for t, p in house.tap.heard[mark:] if t == topic and p not in ("", "None")],
        "energy",
    )
    assert float(published[0]) == pytest.approx(stored["content"]["s19_1"], abs=0.01)
