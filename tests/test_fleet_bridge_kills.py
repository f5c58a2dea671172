"""kill -9 in the middle of an activation: the order is reached, and nothing is done twice."""

import json
import random

import pytest

from tests.fleet_house import FleetHouse, house, now_s
from tests.test_run import Daemon
from tests.waiting import until

pytestmark = pytest.mark.slow

__all__ = ["house"]

MINERS, ORDERED = 4, 2
#: Two of four at full power, the rest asleep.
POWER_KW = ORDERED * 1.46 + (MINERS - ORDERED) * 0.051
#: From the message until the miners hash, at the speed of these.
ACTIVATION_S = 6.0
SEED = 20260120


@pytest.fixture
def slow_house(mosquitto, tmp_path):
    """Boots of four to seven seconds: time enough to be killed in."""
    home = FleetHouse(mosquitto(persistence=True), tmp_path, speed=20.0)
    yield home
    home.close()


def begin(house, folder, **settings):
    mark = house.tap.mark()
    daemon = Daemon(folder, house.document(**settings))
    house.tap.wait(
        lambda: "online" in [p for t, p in house.tap.heard[mark:] if t.endswith("bridge/state")],
        "a bridge", 20,
    )  # fmt: skip
    return daemon


def kill(daemon):
    daemon.process.kill()
    daemon.process.wait()


def accepted(house, order_id):
    """Order as an EMS does that repeats itself until it is answered."""
    return house.activate(POWER_KW, id=order_id, timeout_s=15)


def is_in(house, order_id, state):
    order = house.latest("ems/dispatch")
    return order is not None and (order["id"], order["state"]) == (order_id, state)


def told(house, order_id):
    """Return what the history has of an order: its state, and whether it succeeded."""
    rows = house.tap.ask("history")["data"]["commands"]
    return [(row["state"], row["success"]) for row in rows if row["id"] == order_id]


@pytest.mark.timeout(400)
def test_ten_kills_in_the_middle_of_activations(slow_house, tmp_path):
    dice = random.Random(SEED)
    slow_house.add("vnish_s9", MINERS, asleep=True)
    for number in range(10):
        one_kill(slow_house, tmp_path, number, dice.uniform(0.0, ACTIVATION_S))


def one_kill(house, folder, number, after_s):
    """Order, kill, start anew: the order is reached with one start a miner; then all go to rest."""
    order_id = f"order-{number}"
    daemon = begin(house, folder)
    house.until_fleet(lambda status: status["online_miners"] == MINERS, "miners that were met")
    began_s = now_s()
    document = {"id": order_id, "activationPowerInKw": POWER_KW}
    house.tap.publish("minerbridge/ems/request/activate", json.dumps(document))
    until(lambda: now_s() - began_s >= after_s, 10, "the moment")
    kill(daemon)

    daemon = begin(house, folder)
    answer = accepted(house, order_id)
    assert answer["accepted"], answer
    house.tap.wait(lambda: is_in(house, order_id, "achieved"), order_id, 90)

    writes = {d.id: house.journal(d.id, began_s) for d in house.miners.devices}
    print(f"{order_id}: killed after {after_s:.2f} s, achieved {now_s() - began_s:.1f} s; {writes}")
    assert sorted(map(len, writes.values())) == [0] * (MINERS - ORDERED) + [1] * ORDERED
    assert {what for one in writes.values() for what in one} == {"do_sleep_mode 0"}
    until(
        lambda: told(house, order_id) == [("achieved", True)], 5, lambda: told(house, order_id)
    )  # once, with its real outcome
    assert house.ems("deactivate", id=f"down-{number}")["accepted"]
    house.tap.wait(lambda: is_in(house, f"down-{number}", "achieved"), "rest", 60)
    kill(daemon)


def test_a_killed_bridges_status_does_not_outlive_it(house, tmp_path):
    house.add("vnish_s9", 1)
    daemon = begin(house, tmp_path, ems={"status_interval_s": 1})
    house.tap.wait(lambda: house.latest("ems/status"), "a status")
    kill(daemon)
    killed_s = now_s()

    until(lambda: now_s() - killed_s > 3.5, 10, "three intervals")

    late = type(house.tap)(house.broker.port)
    try:
        late.until("minerbridge/bridge/state", "offline")
        late.publish("marker", "1")
        late.until("marker", "1")
        assert "minerbridge/ems/dispatch" in late.latest
        assert "minerbridge/ems/status" not in late.latest
    finally:
        late.close()
