"""Too many requests: refused cheaply and told once a second; a reduction is never lost."""

import random
import time

import pytest

from minerbridge.mqtt import ems, ems_rate
from minerbridge.mqtt.broker import Incoming
from minerbridge.mqtt.ems_rate import Flood, TokenBucket
from tests.ems_office import Fleet, Office, ThreadedFleet, fleet_status
from tests.log_lines import keep
from tests.waiting import until


@pytest.fixture(autouse=True)
def logged(monkeypatch):
    keep(monkeypatch, ems)
    return keep(monkeypatch, ems_rate)


@pytest.fixture
def flooded():
    """A desk whose limit is reached, with a fleet that has not answered yet."""
    office = Office(fleet=Fleet(answers_at_once=False), status=fleet_status(target_power_w=2000.0))
    for _ in range(20):
        office.hears("status")
    return office


def test_a_bucket_lets_its_rate_through_and_a_seconds_worth_at_once():
    now_s = 0.0
    bucket = TokenBucket(20.0, lambda: now_s)
    passed = []
    for tick in range(300):
        now_s = tick / 100
        passed.append(bucket.take())
    assert passed[:20] == [True] * 20
    assert 20 + 55 <= sum(passed) <= 20 + 60


def test_a_slow_bucket_still_lets_one_through():
    now_s = 0.0
    bucket = TokenBucket(0.5, lambda: now_s)
    assert [bucket.take(), bucket.take()] == [True, False]
    now_s = 2.0
    assert bucket.take()


def test_a_flood_is_answered_once_a_second_and_logged_once(logged):
    now_s = 0.0
    flood = Flood(20.0, lambda: now_s)
    told = []
    for tick in range(3000):
        now_s = tick / 1000
        told.append(flood.refuse())
    assert [reason is not None for reason in told].count(True) == 3
    assert told[1000] == "more than 20 requests a second; refused since last told: 1000"
    assert logged.events() == ["ems_rate_limited"]
    assert flood.refused == 3000

    now_s += 60
    flood.refuse()
    assert logged.events() == ["ems_rate_limited"] * 2


def test_above_the_limit_a_request_is_refused_with_429(flooded):
    (answer,) = flooded.hears("activate", {"activationPowerInKw": 2.9, "id": "7"})
    assert (answer["id"], answer["errorCode"], answer["statusCode"]) == ("7", "RATE_LIMITED", 429)
    assert flooded.hears("status") == []
    assert flooded.hears("status", b"nonsense") == []
    assert flooded.desk.rate_limited == 3
    assert flooded.fleet.orders == []

    flooded.now_s += 1
    assert "errorCode" not in flooded.hears("status")[0]


@pytest.mark.parametrize(
    ("name", "power_kw", "is_served"),
    [
        ("deactivate", None, True),
        ("heartbeat", None, True),
        ("activate", 0, True),
        ("activate", 1.5, True),
        ("activate", 2.2, True),  # above the target, below what is drawn
        ("activate", 2.45, False),
        ("activate", 2.9, False),
        ("launch", None, False),
    ],
)
def test_a_reduction_passes_above_the_limit(flooded, name, power_kw, is_served):
    flooded.hears(name, {"activationPowerInKw": power_kw, "id": "7"})
    assert [order.id for order in flooded.fleet.orders] == (["7"] if is_served else [])


@pytest.mark.parametrize("status", [None, fleet_status(active_power_w=None)])
def test_where_the_draw_is_unknown_any_order_may_be_a_reduction(flooded, status):
    flooded.status = status
    flooded.hears("activate", {"activationPowerInKw": 500})
    assert len(flooded.fleet.orders) == 1


def test_a_reduction_of_what_was_ordered_a_moment_ago_passes():
    office = Office(status=fleet_status(active_power_w=0.0, target_power_w=None), rate=1)
    office.hears("activate", {"activationPowerInKw": 5})
    office.hears("activate", {"activationPowerInKw": 4})  # the status still says 0
    assert office.fleet.powers_w() == [5000, 4000]


def test_a_limit_is_lowered_above_the_limit_and_a_target_does_not_displace_it(flooded):
    flooded.hears("deactivate")
    flooded.hears("activate", {"activationPowerInKw": 1, "mode": "limit"})
    flooded.hears("activate", {"activationPowerInKw": 0.5})
    flooded.fleet.answer()
    assert [(one.mode, one.power_w) for one in flooded.fleet.orders[1:]] == [
        ("limit", 1000), ("target", 500),
    ]  # fmt: skip


def test_what_the_broker_kept_does_not_pass(flooded):
    flooded.hears("deactivate", retain=True)
    assert flooded.fleet.orders == []


def test_of_a_thousand_reductions_one_is_with_the_fleet_and_the_newest_waits(flooded):
    flooded.status = fleet_status(active_power_w=3e6)
    for number in range(1000):
        flooded.hears("activate", {"activationPowerInKw": 2000 - number, "id": number})
    assert flooded.fleet.powers_w() == [2e6]
    assert flooded.desk.rate_limited == 998

    flooded.fleet.answer()
    assert flooded.fleet.powers_w() == [2e6, 1.001e6]
    flooded.fleet.answer()
    assert [answer["id"] for answer in flooded.answers()] == [0, 999]
    assert flooded.fleet.open == []


def test_no_order_overtakes_another(flooded):
    flooded.hears("deactivate", {"id": "1"})
    flooded.hears("activate", {"activationPowerInKw": 1, "id": "2"})  # waits
    flooded.now_s += 0.06
    flooded.hears("activate", {"activationPowerInKw": 2.9, "id": "3"})  # within the limit
    assert [order.id for order in flooded.fleet.orders] == ["1", "2", "3"]


def test_a_fleet_that_answers_at_once_is_served_as_well(flooded):
    flooded.fleet.answers_at_once = True
    for number in range(10):
        assert flooded.hears("deactivate", {"id": number})[0]["id"] == number
    assert flooded.desk.rate_limited == 0


def test_a_reduction_that_cannot_be_handed_on_is_answered(flooded):
    flooded.desk._submit = lambda *_: 1 / 0
    (answer,) = flooded.hears("deactivate", {"id": "7"})
    assert (answer["id"], answer["errorCode"]) == ("7", "INTERNAL_ERROR")

    flooded.desk._submit = flooded.fleet.submit
    flooded.hears("deactivate")
    assert len(flooded.fleet.orders) == 1


@pytest.mark.parametrize("seed", range(20))
def test_the_last_reduction_always_arrives_and_orders_keep_their_order(seed):
    dice = random.Random(seed)
    office = Office(fleet=Fleet(answers_at_once=False), status=fleet_status(), rate=5)
    for number in range(300):
        office.now_s += dice.random() / 50
        power_kw = dice.choice([0, 1, 2, 3, 9])
        office.hears("activate", {"activationPowerInKw": power_kw, "id": number})
        while office.fleet.open and dice.random() < 0.3:
            office.fleet.answer()
    office.hears("deactivate", {"id": 300})
    while office.fleet.open:
        office.fleet.answer()

    numbers = [int(order.id) for order in office.fleet.orders]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == 300
    assert office.fleet.orders[-1].kind == "deactivate"


def test_a_flood_while_the_fleet_answers_in_its_own_thread_keeps_the_order():
    fleet = ThreadedFleet()
    office = Office(fleet=fleet, status=fleet_status())
    for number in range(3000):
        office.now_s += 0.001
        power_kw = 1.0 if number % 3 else 9.0
        office.hears("activate", {"activationPowerInKw": power_kw, "id": number})
    office.hears("deactivate", {"id": 3000})
    until(lambda: fleet.orders[-1].id == "3000", 5, "the last order")
    fleet.stop()

    numbers = [int(order.id) for order in fleet.orders]
    assert numbers == sorted(set(numbers))
    assert office.desk._in_flight == 0


def test_a_message_costs_the_mqtt_thread_little(flooded, record_property):
    """1,000 a second take a few percent of the thread; the figure is printed."""
    message = Incoming("minerbridge/ems/request/activate", b'{"activationPowerInKw": 1.5}')
    began_s = time.perf_counter()
    for _ in range(2000):
        flooded.desk.take(message)
    micros = (time.perf_counter() - began_s) / 2000 * 1e6
    print(f"{micros:.1f} µs per message above the limit")
    record_property("micros", micros)
    assert micros < 1000  # far above what it takes, far below what would disturb
    assert len(flooded.fleet.orders) == 1
