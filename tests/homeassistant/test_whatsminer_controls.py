"""Every control of a WhatsMiner: its range, and that it shows what the miner does, not the wish."""

import json
from typing import Any

import pytest
import yaml

from minerbridge.simulator.settings_file import config_text
from tests.waiting import until

pytestmark = pytest.mark.slow
#: This firmware tells the percentage; nominal 5500 W make a default limit of 5700 W.
FACTS = {"model": "M66S_VK30", "firmware": "20260312.16.REL3", "uptime_s": 90_000.0}
LOWEST_W, HIGHEST_W = 2850, 5700
#: entity, service, options, what the miner gets, what it then is, and how that shows
CONTROLS = [
    ("switch", "power", "turn_off", {}, {"cmd": "power_off"}, lambda m: m.mining.is_off, "off"),
    (
        "select",
        "power_mode",
        "select_option",
        {"option": "low"},
        {"cmd": "set_low_power"},
        lambda m: m.mining.orders.mode == "low",
        "low",
    ),
    (
        "number",
        "power_limit",
        "set_value",
        {"value": 4000},
        {"cmd": "adjust_power_limit", "power_limit": "4000"},
        lambda m: m.mining.limit_w == 4000,
        "4000",
    ),
    (
        "number",
        "power_percent",
        "set_value",
        {"value": 70},
        {"cmd": "set_power_pct_v2", "percent": "70"},
        lambda m: m.mining.percent == 70,
        "70",
    ),
    (
        "switch",
        "led",
        "turn_on",
        {},
        {"cmd": "set_led", "color": "red", "period": 500, "duration": 250, "start": 0},
        lambda m: m.system.led != "auto",
        "on",
    ),
]
BY_KEY: dict[str, Any] = {control[1]: control for control in CONTROLS}


class Row:
    """WhatsMiners of this test alone: restarts are minutes apart, so each control has its own."""

    def __init__(self, house):
        self.house = house
        # One that does as it is told for each control and the button, and one that only says so.
        self.devices = house.miners.add("whatsminer", 2 * len(CONTROLS) + 1, **FACTS)
        self.button, *others = self.devices
        keys = list(BY_KEY)
        self.willing = dict(zip(keys, others[: len(keys)], strict=True))
        self.deaf = dict(zip(keys, others[len(keys) :], strict=True))
        for device in self.deaf.values():
            device.faults.drop_writes = True
        self._before = house.bridge.settings["miners"]
        self._live_with([*self._before, *yaml.safe_load(config_text(self.devices))["miners"]])
        for device in self.devices:
            house.wait_until_available(device.id, 40)

    def leave(self):
        self._live_with(self._before)

    def _live_with(self, miners):
        self.house.bridge.settings["miners"] = miners
        self.house.bridge.forget("")  # which writes the settings and has them read


@pytest.fixture(scope="module")
def row(house):
    made = Row(house)
    yield made
    made.leave()


def got(device):
    """What was written to the miner, without tokens."""
    written = [json.loads(what) for _, what in device.journal]
    return [{key: value for key, value in one.items() if key != "token"} for one in written]


def entity(platform, device, key):
    return f"{platform}.{device.id}_{key}"


def test_all_controls_are_there_with_their_ranges(row, home):
    states = home.states()
    device = row.button

    def attributes(platform, key):
        return states[entity(platform, device, key)]["attributes"]

    assert attributes("select", "power_mode")["options"] == ["low", "normal", "high"]
    limit = attributes("number", "power_limit")
    assert (limit["min"], limit["max"], limit["unit_of_measurement"]) == (LOWEST_W, HIGHEST_W, "W")
    percent = attributes("number", "power_percent")
    assert (percent["min"], percent["max"], percent["unit_of_measurement"]) == (50, 100, "%")
    for control in ("switch.{}_power", "switch.{}_led", "button.{}_restart", "button.{}_reboot"):
        assert control.format(device.id) in states


@pytest.mark.parametrize("key", BY_KEY)
def test_an_order_arrives_and_shows_once_the_miner_does_it(row, home, socket, key):
    platform, _, service, options, expected, is_done, state = BY_KEY[key]
    device = row.willing[key]
    entity_id = entity(platform, device, key)
    before = home.state(entity_id)
    assert before not in (state, "unavailable")
    assert not is_done(device)
    socket.ask("subscribe_events", event_type="state_changed")
    home.call(entity_id, service, **options)

    changed = socket.event(lambda event: event["entity_id"] == entity_id, 40)

    assert is_done(device), "it showed before the miner did it"
    assert changed["old_state"]["state"] == before
    assert changed["new_state"]["state"] == state
    assert got(device) == [expected]


@pytest.mark.parametrize("key", BY_KEY)
def test_an_order_that_is_not_followed_never_shows(row, house, home, key):
    platform, _, service, options, expected, is_done, _ = BY_KEY[key]
    device = row.deaf[key]
    entity_id = entity(platform, device, key)
    before, heard = home.state(entity_id), len(house.listener.heard)
    home.call(entity_id, service, **options)
    until(lambda: got(device) == [expected], 10, "the order reaches the miner")
    topic = f"minerbridge/miner/{device.id}/reading"
    house.listener.wait(
        lambda: sum(one == topic for one, _ in house.listener.heard[heard:]) > 3, 20, "readings"
    )

    assert not is_done(device)
    assert home.state(entity_id) == before
    since = house.listener.heard[heard:]
    shown = [
        payload for one, payload in since if one.endswith(f"/{platform}/{device.id}/{key}/state")
    ]
    assert len(set(shown)) <= 1


def test_the_restart_button_restarts_the_mining(row, home):
    device = row.button
    home.call(entity("button", device, "restart"), "press")

    until(lambda: got(device) == [{"cmd": "restart_btminer"}], 10, "it is told to restart")
    home.wait_for(entity("sensor", device, "status"), "tuning", 60)


@pytest.mark.parametrize(("key", "value"), [("power_limit", 2849), ("power_percent", 101)])
def test_home_assistant_does_not_let_a_value_out_of_range_through(row, home, key, value):
    device = row.button
    before = len(device.journal)
    response = home.client.post(
        "/api/services/number/set_value",
        json={"entity_id": entity("number", device, key), "value": value},
    )

    assert response.status_code >= 400
    assert len(device.journal) == before
