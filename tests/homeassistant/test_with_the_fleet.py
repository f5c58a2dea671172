"""Home Assistant as the energy management system: it orders a power of the fleet.

Last in the house: its order remains in force.
"""

import pytest

from tests.waiting import until

TARGET, ACTIVE = "number.fleet_target_power", "sensor.fleet_active_power"
S9 = "vnish_1"
DISPATCH, POWER = f"switch.{S9}_dispatch", f"switch.{S9}_power"
#: About what an S9 draws: so much less can be had of this house.
STEP_KW = 1.3
pytestmark = pytest.mark.slow


@pytest.fixture
def orders(house, home):
    """Order powers by the number; at the end everyone runs again."""

    def order(power_kw):
        home.call(TARGET, "set_value", value=round(power_kw, 2))

    yield order
    order(home.states()[TARGET]["attributes"]["max"])
    until(lambda: home.state(POWER) == "on", 90, "the S9 is awake again")


def active_kw(home):
    return float(home.state(ACTIVE))


def test_a_target_set_there_is_followed_and_shown(house, home, orders):
    power = f"sensor.{S9}_power"
    until(lambda: home.state(power).isdigit() and int(home.state(power)) > 500, 60, "the S9 mines")
    before_kw = active_kw(home)

    orders(before_kw - STEP_KW)

    wanted = round(before_kw - STEP_KW, 2)
    until(lambda: home.state(TARGET) == str(wanted), 10, lambda: f"it shows {home.state(TARGET)}")
    until(lambda: active_kw(home) <= wanted * 1.02, 90, lambda: f"{active_kw(home)} of {wanted} kW")
    assert home.state("sensor.fleet_state") in {"active", "activating", "deactivating", "standby"}


def test_a_person_takes_a_miner_out_by_its_own_switch(house, home, orders):
    orders(home.states()[TARGET]["attributes"]["max"])
    until(lambda: home.state(DISPATCH) == "on", 20, "the S9 takes part")
    until(lambda: home.state(POWER) == "on", 90, "the S9 is awake")
    home.call(POWER, "turn_off")

    until(lambda: home.state(DISPATCH) == "off", 20, "the S9 has left the orders")
    until(lambda: home.state(POWER) == "off", 20, "the S9 sleeps, whatever is ordered")
    home.call(POWER, "turn_on")
    until(lambda: home.state(POWER) == "on", 90, "the S9 is awake again")
    home.call(DISPATCH, "turn_on")
    until(lambda: home.state(DISPATCH) == "on", 20, "the S9 takes part again")
