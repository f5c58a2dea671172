"""Home Assistant as the energy management system: it orders a power of the fleet."""

import pytest

from tests.waiting import until

MINER = "vnish_1"
TARGET, RATED, STATE = "number.fleet_target_power", "sensor.fleet_rated_power", "sensor.fleet_state"
pytestmark = pytest.mark.slow


def dispatch_of(miner_id):
    return f"switch.{miner_id}_dispatch"


@pytest.fixture
def only_the_s9(house, home):
    """Leave all others out of the fleet's orders while Home Assistant orders, as a person would."""
    others = [
        dispatch_of(miner_id)
        for miner_id in house.miner_ids
        if miner_id != MINER and dispatch_of(miner_id) in home.states()
    ]
    for entity_id in others:
        home.call(entity_id, "turn_off")
    for entity_id in others:
        until(
            lambda entity_id=entity_id: home.state(entity_id) == "off", 10, f"{entity_id} is off"
        )
    yield
    home.call(TARGET, "set_value", value=max_of(home))
    for entity_id in others:
        home.call(entity_id, "turn_on")


def max_of(home):
    return home.states()[TARGET]["attributes"]["max"]


def power_kw(home, entity_id="sensor.fleet_active_power"):
    return float(home.state(entity_id))


def test_a_target_set_there_is_followed_and_shown(house, home, only_the_s9):
    until(lambda: home.state(f"switch.{MINER}_power") == "on", 30, "the S9 mines")
    until(lambda: power_kw(home, f"sensor.{MINER}_power") > 500, 60, "the S9 draws power")
    with_it_kw = power_kw(home)

    least_kw = max(0.01, with_it_kw - 1.35)
    home.call(TARGET, "set_value", value=round(least_kw, 2))

    until(lambda: home.state(f"switch.{MINER}_power") == "off", 60, "the S9 sleeps")
    until(lambda: float(home.state(TARGET)) == round(least_kw, 2), 10, "the target is shown")
    assert home.state(STATE) in {"active", "activating", "deactivating", "standby"}

    home.call(TARGET, "set_value", value=round(with_it_kw, 2))
    until(lambda: home.state(f"switch.{MINER}_power") == "on", 90, "the S9 is awake again")


def test_a_person_takes_a_miner_out_by_its_own_switch(house, home, only_the_s9):
    home.call(TARGET, "set_value", value=max_of(home))
    until(lambda: home.state(dispatch_of(MINER)) == "on", 20, "the S9 takes part")
    home.call(f"switch.{MINER}_power", "turn_off")

    until(lambda: home.state(dispatch_of(MINER)) == "off", 20, "the S9 has left the orders")
    home.call(f"switch.{MINER}_power", "turn_on")
    until(lambda: home.state(f"switch.{MINER}_power") == "on", 90, "the S9 is awake again")
    home.call(dispatch_of(MINER), "turn_on")
    until(lambda: home.state(dispatch_of(MINER)) == "on", 20, "the S9 takes part again")
