"""The EMS goes silent, the broker goes away: what happens is what the settings say, in time."""

import time

import pytest

from tests.fleet_house import house, now_s

pytestmark = pytest.mark.slow

__all__ = ["house"]

HOLD_S = 3.0
#: What the settings say happens within a second of the time set.
LATE_S = 1.0
BOTH_KW, ONE_KW = 2 * 1.46, 1.46 + 0.051


@pytest.fixture
def two(house):
    house.add("vnish_s9", 2)
    return house


def lose_broker(house):
    """Let the broker be gone; return since when."""
    began_s = now_s()
    house.broker.kill()
    return began_s


def settings_for(what, failsafe_kw):
    fleet = {"failsafe_power_kw": failsafe_kw, "min_off_s": 0}
    if what == "broker":
        return {"fleet": {**fleet, "broker_loss_hold_s": HOLD_S}}
    return {"fleet": fleet, "ems": {"heartbeat_timeout_s": HOLD_S}}


def order_of(house):
    orders = house.bridge.fleet.service.controller.orders
    return orders.limit or orders.target


def until_stops(house, since_s, count, within_s):
    deadline_s = since_s + within_s
    while len(house.stops(since_s)) < count and now_s() < deadline_s:
        time.sleep(0.02)
    return house.stops(since_s)


@pytest.mark.parametrize("what", ["broker", "heartbeat"])
@pytest.mark.parametrize("mode", ["target", "limit"])
@pytest.mark.parametrize(("failsafe_kw", "stopped"), [(0.0, 2), (ONE_KW, 1), (None, 0)])
def test_the_failsafe_takes_the_place_of_the_order_that_was_lost(
    two, what, mode, failsafe_kw, stopped
):
    two.start(**settings_for(what, failsafe_kw))
    since_s = now_s()
    two.activate(BOTH_KW, mode=mode, id="lost")
    if what == "broker":
        two.until_order("achieved", "lost")
        since_s = lose_broker(two)

    stops = until_stops(two, since_s, stopped or 1, HOLD_S + 2)

    assert len(stops) == stopped
    print(f"{what}, {mode}: {stops}")
    for took_s in stops.values():
        assert HOLD_S - 0.1 <= took_s <= HOLD_S + LATE_S
    in_force = order_of(two)
    assert in_force.mode == mode
    if failsafe_kw is None:
        assert in_force.id == "lost"
    else:
        assert (in_force.is_failsafe, in_force.power_w) == (True, 1000 * failsafe_kw)


def test_a_broker_that_returns_in_time_changes_nothing(two):
    two.start(**settings_for("broker", 0.0))
    two.activate(BOTH_KW, id="kept")
    two.until_order("achieved", "kept")
    since_s = lose_broker(two)
    time.sleep(HOLD_S / 2)
    two.broker.start()

    assert until_stops(two, since_s, 1, HOLD_S + 2) == {}
    assert order_of(two).id == "kept"


def test_after_a_long_outage_the_history_tells_what_happened(two):
    two.start(**settings_for("broker", ONE_KW))
    two.activate(BOTH_KW, id="lost")
    two.until_order("achieved", "lost")
    since_s = lose_broker(two)
    assert len(until_stops(two, since_s, 1, HOLD_S + 2)) == 1
    two.broker.start()

    order = two.until_order("achieved", "lost-failsafe", 30)

    assert order["targetPowerInKw"] == ONE_KW
    rows = two.tap.ask("history")["data"]["commands"]
    assert [(row["id"], row["state"], row["success"]) for row in rows] == [
        ("lost", "aborted", False)
    ]
    assert two.activate(BOTH_KW, id="again")["accepted"]
    two.until_order("achieved", "again", 30)


def test_heartbeats_keep_an_order_alive(two):
    two.start(**settings_for("heartbeat", 0.0))
    two.activate(BOTH_KW, id="alive")
    began_s = now_s()
    while now_s() - began_s < 2 * HOLD_S:
        assert two.ems("heartbeat")["ok"]
        time.sleep(HOLD_S / 3)

    assert two.stops(began_s) == {}
    assert order_of(two).id == "alive"
    spoken_s = now_s()
    two.ems("heartbeat")
    stops = until_stops(two, spoken_s, 2, HOLD_S + 2)
    assert all(took_s <= HOLD_S + LATE_S for took_s in stops.values())
    assert len(stops) == 2


def test_without_a_failsafe_the_status_says_so(two):
    two.start(fleet={"failsafe_power_kw": None})

    status = two.tap.ask("fleet/status")["data"]

    assert any("failsafe_power_kw" in error for error in status["errors"])
