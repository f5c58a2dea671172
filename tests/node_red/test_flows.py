"""Every flow as a person gets it: printed, imported into a real Node-RED, used."""

import json
import threading

import pytest

from minerbridge.miners.whatsminer import reader
from tests.waiting import until

pytestmark = pytest.mark.slow

SETTINGS = "EDIT ME: settings"


def test_the_schedule_moves_the_fleet_and_reads_how_far_it_is(house, imported):
    red = imported("ems-schedule", house)

    house.wait_for_power(4.0)
    red.wait_for("Order", "green", "4 kW accepted")
    red.wait_for("Dispatch", "green", "achieved: 4 kW ordered")
    red.wait_for("Power by the table", "blue", "4 kW since 10:00")
    red.wait_for("Fleet", "green", "available")
    order = house.dispatch()
    assert (order["id"][:9], bool(order["validUntil"])) == ("schedule-", True)
    assert "minerbridge/ems/response/heartbeat" in house.tap.latest

    red.press("1.5 kW now")
    house.wait_for_power(1.5)
    red.press("0 kW now")
    house.wait_for_power(0)
    red.press("Back to the schedule")
    house.wait_for_power(4.0)
    red.wait_for("Dispatch", "green", "achieved: 4 kW ordered")
    assert not red.trouble()


def test_a_refused_order_is_shown_with_its_reason(house, imported):
    red = imported("ems-schedule", house)
    red.wait_for("Order", "green", "accepted")
    house.tap.ask("fleet/override", {"enabled": True, "target_power_kw": 2})
    try:
        red.press("1.5 kW now")

        red.wait_for("Order", "red", "MANUAL_OVERRIDE")
        until(lambda: "MANUAL_OVERRIDE" in str(red.shown("Answers")), 5, "the answer is shown")
        answer = json.loads(red.shown("Answers")[-1]["msg"])
        assert (answer["accepted"], answer["statusCode"]) == (False, 409)
    finally:
        house.tap.ask("fleet/override", {"enabled": False})
    red.press("0 kW now")
    red.wait_for("Order", "green", "0 kW accepted")


def test_what_was_ordered_is_ordered_anew_of_a_bridge_that_was_away(house, imported):
    red = imported("ems-schedule", house)
    red.wait_for("Order", "green", "accepted")
    house.tap.publish("minerbridge/bridge/state", "offline", retain=True)
    red.wait_for("Order", "grey", "the bridge is offline")
    mark = house.tap.mark()

    house.tap.publish("minerbridge/bridge/state", "online", retain=True)

    assert house.tap.after(mark, "minerbridge/ems/response/activate")["accepted"]


class Roof:
    """A meter at the grid of a house with a sun and the fleet; speaks twice a second."""

    def __init__(self, house):
        self._house, self.sun_kw = house, 0.0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._speak)

    def _speak(self):
        while not self._is_over.wait(0.5):
            fleet = self._house.heard("minerbridge/ems/status") or {}
            grid_kw = (fleet.get("activePowerInKw") or 0.0) - self.sun_kw
            self._house.tap.publish("meter/grid/power", str(round(1000 * grid_kw)))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._is_over.set()
        self._thread.join()


def in_a_hurry(node):
    """Wait seconds where the printed flow waits a minute."""
    if node.get("name") == SETTINGS:
        (rule,) = node["rules"]
        hurry = {"raise_after_s": 2, "mean_over_s": 2, "valid_for_s": 6, "meter_timeout_s": 4}
        rule["to"] = json.dumps(json.loads(rule["to"]) | hurry)


def test_the_sun_is_followed_up_and_down_and_the_order_ends_with_node_red(house, imported):
    red = imported("solar-surplus", house, in_a_hurry)
    with Roof(house) as roof:
        roof.sun_kw = 2.5
        house.wait_for_power(2.4)
        red.wait_for("Surplus", "green", "kW of sun")
        roof.sun_kw = 4.5
        house.wait_for_power(4.4)
        roof.sun_kw = 2.0
        order = house.wait_for_power(1.9)
        house.tap.wait(  # renewed beyond its first validity
            lambda: house.dispatch()["validUntil"] > order["validUntil"], "a renewal"
        )
        assert order["id"].startswith("solar-")
        assert not red.trouble()

        red.kill()

        house.tap.wait(lambda: house.dispatch()["state"] == "expired", "the order's end", 15)


def test_a_silent_meter_stops_the_fleet(house, imported):
    red = imported("solar-surplus", house, in_a_hurry)
    with Roof(house) as roof:
        roof.sun_kw = 2.5
        house.wait_for_power(2.4)

    house.wait_for_power(0)
    red.wait_for("Surplus", "grey", "the meter is silent")


@pytest.fixture
def errors_at_once(monkeypatch):
    """Read a WhatsMiner's errors at every poll, not every minute."""
    monkeypatch.setitem(reader._AGES_S, "get_error_code", 0.0)


def test_one_alert_for_one_error_and_one_all_clear(workshop, imported, errors_at_once):
    red = imported("miner-alerts", workshop)
    red.wait_for("One per miner and cause", "green", "nothing is wrong")

    workshop.miner_1.raise_error(530)
    red.wait_for("One per miner and cause", "red", "1 open: miner_1 530")
    workshop.tap.until("homeassistant/binary_sensor/miner_1/problem/state", "ON")
    workshop.miner_1.clear_errors()
    red.wait_for("One per miner and cause", "green", "nothing is wrong")

    until(lambda: len(red.shown("Alerts")) == 2, 5, lambda: red.shown("Alerts"))
    alerts = [json.loads(one["msg"]) for one in red.shown("Alerts")]
    assert [one["topic"] for one in alerts] == ["miner_1 530", "miner_1 530"]
    assert [one["alert"]["is_cleared"] for one in alerts] == [False, True]
    assert not red.trouble()


def test_commands_are_confirmed_below_their_node(workshop, imported):
    red = imported("miner-commands", workshop)
    red.press("LED on")
    red.wait_for("Command", "green", "led confirmed")
    red.press("Limit the power")
    red.wait_for("Command", "green", "power_limit confirmed", 60)
    assert workshop.heard("minerbridge/miner/miner_1/reading")["power_limit_w"] == 3000

    red.press("Stop")
    red.wait_for("Command", "green", "power confirmed", 30)
    workshop.tap.until("homeassistant/switch/miner_1/power/state", "OFF")
    red.press("Start")
    until(lambda: len(red.shown("Result")) == 4, 30, lambda: red.status("Command"))

    results = [json.loads(one["msg"]) for one in red.shown("Result")]
    assert [one["value"] for one in results] == ["ON", "3000", "OFF", "ON"]
    assert all(one["id"].startswith("nodered-") for one in results)
    assert not red.trouble()
