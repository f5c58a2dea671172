"""Orders: which are refused and why, slots and their rank, expiry, failsafe. No miners."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from minerbridge.fleet.order_rules import Standing
from minerbridge.fleet.orders import Order, Orders
from minerbridge.model_fleet import Moment, OrderRequest
from minerbridge.settings_fleet import Ems, Fleet

EPOCH = datetime(2026, 1, 20, 12, 0, tzinfo=UTC)
KW = 1000.0


def at(seconds, clock_offset_s=0.0):
    return Moment(seconds, EPOCH + timedelta(seconds=seconds + clock_offset_s))


def standing(**changes):
    facts: dict[str, Any] = {
        "enabled": True, "published_rated_w": 3 * KW, "rated_w": 3 * KW, "power_w": 0.0,
        "reachable": 2, "controllable": 2, "tolerance_w": lambda power_w: 0.02 * power_w,
        "achievable_w": lambda power_w: power_w,
    }  # fmt: skip
    return Standing(**facts | changes)


class Slots:
    def __init__(self, now_s=100.0, kept=None, fleet=None, ems=None):
        self.changes: list[Order] = []
        self.now_s = now_s
        self.orders = Orders(fleet or Fleet(), ems or Ems(), at(now_s), self.changes.append, kept)

    def take(self, kind="activate", power_kw=0.0, number=[0], how=None, **facts):  # noqa: B006  a counter
        number[0] += 1
        request_id = facts.pop("id", f"r{number[0]}")
        request = OrderRequest(kind, request_id, power_kw * KW, **facts)
        return self.orders.take(request, how or standing(), at(self.now_s))

    def tick(self, now_s):
        self.now_s = now_s
        return self.orders.tick(at(now_s))

    @property
    def power_w(self):
        return self.orders.demand().power_w


@pytest.mark.parametrize(
    ("facts", "how", "code", "says"),
    [
        ({"power_kw": 3.1}, {}, "INVALID_POWER", "exceeds rated limits"),
        ({"power_kw": 2, "is_retained": True}, {}, "STALE", "retained"),
        ({"power_kw": 2, "at": at(60).at}, {}, "STALE", "40 s old"),
        ({"power_kw": 2, "at": at(140).at}, {}, "STALE", "40 s in the future"),
        ({"power_kw": 2}, {"enabled": False}, "NOT_ALLOWED", "fleet.enabled"),
        ({"power_kw": 2}, {"controllable": 0}, "FAULT_STATE", "can be controlled"),
        ({"power_kw": 2}, {"controllable": 0, "reachable": 0}, "FLEET_OFFLINE", "no miner answers"),
    ],
)
def test_refusals_name_their_reason_and_change_nothing(facts, how, code, says):
    slots = Slots()

    answer = slots.take(**facts, how=standing(**how))

    assert (answer.code, answer.accepted) == (code, False)
    assert says in answer.message
    assert slots.orders.demand().power_w is None
    assert slots.changes == []


def test_a_stale_message_tells_both_clocks():
    answer = Slots().take(power_kw=2, at=at(0).at)

    assert "12:00:00" in answer.message
    assert "12:01:40" in answer.message


@pytest.mark.parametrize("power_kw", [3.0, 3.0049])
def test_a_target_read_from_the_published_rating_is_never_too_much(power_kw):
    how = standing(published_rated_w=3000.0, rated_w=1500.0)

    assert Slots().take(power_kw=power_kw, how=how).accepted


def test_an_offline_fleet_takes_reductions_and_deactivation():
    slots = Slots()
    slots.take(power_kw=2)
    dead = standing(controllable=0, reachable=0)

    assert slots.take(power_kw=1, how=dead).accepted
    assert slots.power_w == 1 * KW
    assert slots.take("deactivate", how=dead).accepted
    assert slots.power_w == 0


def test_the_same_id_gets_the_same_answer_and_does_nothing():
    slots = Slots()
    first = slots.take(power_kw=2, id="once")
    slots.take(power_kw=1)

    again = slots.take(power_kw=2, id="once")

    assert again == first
    assert slots.power_w == 1 * KW


def test_an_order_said_before_the_newest_one_is_stale():
    slots = Slots()
    slots.take(power_kw=2, at=at(95).at)

    answer = slots.take(power_kw=1, at=at(90).at)

    assert answer.code == "STALE"
    assert slots.power_w == 2 * KW


def test_the_same_target_renews_its_validity_without_a_new_order():
    slots = Slots()
    slots.take(power_kw=2, valid_for_s=60)
    first = slots.orders.target
    assert first is not None
    slots.now_s = 150

    answer = slots.take(power_kw=2.02, valid_for_s=60)
    slots.tick(200)

    assert answer.accepted
    assert slots.orders.target is not None
    assert slots.orders.target.id == first.id
    assert slots.power_w == 2.02 * KW
    assert [change.state for change in slots.changes] == ["accepted"]


def test_a_newer_target_supersedes_the_older():
    slots = Slots()
    slots.take(power_kw=2, id="old")
    slots.take(power_kw=1, id="new")

    assert [(change.id, change.state) for change in slots.changes] == [
        ("old", "accepted"), ("old", "superseded"), ("new", "accepted"),
    ]  # fmt: skip


def test_override_refuses_targets_both_ways_but_no_limit():
    slots = Slots()
    slots.take(power_kw=2)
    slots.orders.take_over(1.5 * KW, "dashboard", at(100))

    assert slots.take(power_kw=1).code == "MANUAL_OVERRIDE"
    assert slots.take("deactivate").code == "MANUAL_OVERRIDE"
    assert slots.take(power_kw=1.2, mode="limit").accepted
    assert slots.power_w == 1.2 * KW


def test_releasing_the_override_brings_back_the_last_valid_order():
    slots = Slots()
    slots.take(power_kw=2)
    slots.orders.take_over(0, "dashboard", at(100))
    assert slots.power_w == 0

    slots.orders.give_back()

    assert slots.power_w == 2 * KW


def test_a_limit_caps_a_target_and_is_lifted_at_its_end():
    slots = Slots()
    slots.take(power_kw=2)
    slots.take(power_kw=1, mode="limit", valid_for_s=30)

    assert (slots.power_w, slots.orders.demand().mode) == (1 * KW, "limit")
    slots.tick(131)
    assert (slots.power_w, slots.orders.demand().mode) == (2 * KW, "target")


def test_a_limit_above_the_target_changes_nothing_and_may_be_any_number():
    slots = Slots()
    slots.take(power_kw=2)

    assert slots.take(power_kw=500, mode="limit").accepted
    assert slots.orders.demand().mode == "target"


@pytest.mark.parametrize(
    ("after", "power_w"), [("hold", 2 * KW), ("release", None), (0.5, 0.5 * KW)]
)
def test_an_expired_target_ends_as_the_settings_say(after, power_w):
    slots = Slots(fleet=Fleet(after_expiry=after))
    slots.take(power_kw=2, valid_for_s=60)

    slots.tick(161)

    assert slots.power_w == power_w
    assert ("expired") in [change.state for change in slots.changes]


@pytest.mark.parametrize(("mode", "power_w"), [("target", 0.5 * KW), ("limit", 0.5 * KW)])
def test_a_lost_heartbeat_puts_the_failsafe_in_the_place_of_the_order(mode, power_w):
    slots = Slots(fleet=Fleet(failsafe_power_kw=0.5), ems=Ems(heartbeat_timeout_s=30))
    slots.take(power_kw=2, mode=mode)

    slots.tick(129.9)
    assert slots.power_w == 2 * KW
    slots.tick(130)

    assert slots.power_w == power_w
    assert slots.orders.demand().mode == mode
    lost = next(change for change in slots.changes if change.state == "aborted")
    assert lost.reason == "HEARTBEAT_LOST"


def test_a_heartbeat_keeps_the_order():
    slots = Slots(fleet=Fleet(failsafe_power_kw=0.5), ems=Ems(heartbeat_timeout_s=30))
    slots.take(power_kw=2)
    slots.now_s = 125
    slots.take("heartbeat")

    slots.tick(150)

    assert slots.power_w == 2 * KW


def test_without_a_failsafe_the_order_holds():
    slots = Slots(ems=Ems(heartbeat_timeout_s=30))
    slots.take(power_kw=2)

    slots.tick(1000)

    assert slots.power_w == 2 * KW


def test_a_lost_broker_fails_safe_after_the_hold_and_an_order_ends_it():
    slots = Slots(fleet=Fleet(failsafe_power_kw=0, broker_loss_hold_s=120))
    slots.take(power_kw=2)
    slots.orders.broker(connected=False, now=at(200))

    slots.tick(319)
    assert slots.power_w == 2 * KW
    slots.tick(320)
    assert slots.power_w == 0
    slots.orders.broker(connected=True, now=at(400))
    slots.tick(400)
    assert slots.power_w == 0
    slots.take(power_kw=2)
    assert slots.power_w == 2 * KW


def test_orders_survive_a_restart_and_end_by_the_wall_clock():
    slots = Slots(now_s=100)
    slots.take(power_kw=2, valid_for_s=60, id="kept")
    kept = slots.orders.kept()

    # The monotonic clock begins anew; 30 s have passed on the wall.
    again = Orders(Fleet(after_expiry="release"), Ems(), at(5, 125), lambda _: None, kept)

    assert again.demand().power_w == 2 * KW
    assert again.take(OrderRequest("activate", "kept", 1), standing(), at(5, 125)).accepted
    again.tick(at(34, 125))
    assert again.demand().power_w == 2 * KW
    again.tick(at(35.5, 125))
    assert again.demand().power_w is None


def test_deactivation_is_idempotent():
    slots = Slots()
    slots.take("deactivate")

    answer = slots.take("deactivate")

    assert answer.accepted
    assert "already in standby" in answer.message
