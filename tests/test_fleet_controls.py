"""What Home Assistant sets on the fleet device: one request, one result."""

from typing import Any

import pytest

from minerbridge.errors import CommandRejected
from minerbridge.model_fleet import FleetConfig, OrderAnswer, OrderRequest, OverrideRequest
from minerbridge.mqtt.fleet_controls import FleetControls
from minerbridge.mqtt.fleet_entities import SOURCE
from minerbridge.mqtt.fleet_publisher import FleetPublisher
from minerbridge.mqtt.router import SetCommand
from minerbridge.mqtt.topics import Topics
from tests.ems_office import Fleet, fleet_status


class Office:
    def __init__(self, *, status=None, answers_at_once=True, **options):
        self.fleet = Fleet(answers_at_once=answers_at_once)
        self.status = status
        self.results: list[Any] = []
        self.publisher = FleetPublisher(Topics(), lambda _: None)
        self.controls = FleetControls(
            self.fleet.submit, lambda: self.status, self.results.append, self.publisher, **options
        )

    def sets(self, row, value):
        platform, key = row.split("/")
        command = SetCommand("fleet", platform, key, value, "7", ("my/answers", b"\x01"))
        self.controls.take(command)
        return self.fleet.orders[-1] if self.fleet.orders else None


@pytest.fixture
def office():
    return Office(status=fleet_status())


@pytest.mark.parametrize(
    ("row", "value", "request_"),
    [
        ("number/target_power", "2.0", OrderRequest("activate", "7", 2000, source=SOURCE)),
        ("number/target_power", " 0 ", OrderRequest("activate", "7", 0, source=SOURCE)),
        ("button/stop", "PRESS", OrderRequest("deactivate", "7", source=SOURCE)),
        ("switch/override", "off", OverrideRequest(False, None, SOURCE, "7")),
        ("switch/override", "ON", OverrideRequest(True, 2450, SOURCE, "7")),
        (
            "select/power_mode",
            "frequency",
            FleetConfig(
                power_control_mode="frequency", changed=frozenset({"power_control_mode"}),
                source=SOURCE, id="7",
            ),
        ),
        (
            "select/strategy",
            "equal",
            FleetConfig(
                power_distribution_strategy="equal",
                changed=frozenset({"power_distribution_strategy"}),
                source=SOURCE, id="7",
            ),
        ),
    ],
)  # fmt: skip
def test_a_value_becomes_a_request_to_the_fleet(office, row, value, request_):
    assert office.sets(row, value) == request_
    (result,) = office.results
    assert (result.id, result.miner_id, result.key) == ("7", "fleet", row.split("/")[1])
    assert (result.status, result.code, result.message) == ("confirmed", None, "so be it")
    assert (result.value, result.answer_to) == (value, ("my/answers", b"\x01"))


def test_the_result_comes_when_the_fleet_has_answered():
    office = Office(status=fleet_status(), answers_at_once=False)
    office.sets("number/target_power", "9")
    assert office.results == []

    office.fleet.code = "INVALID_POWER"
    office.fleet.answer()

    (result,) = office.results
    assert (result.status, result.code) == ("rejected", "INVALID_POWER")


@pytest.mark.parametrize(
    ("row", "value", "code"),
    [
        ("number/target_power", "much", "INVALID_VALUE"),
        ("number/target_power", "", "INVALID_VALUE"),
        ("number/target_power", "-1", "INVALID_VALUE"),
        ("number/target_power", "nan", "INVALID_VALUE"),
        ("number/target_power", "inf", "INVALID_VALUE"),
        ("number/target_power", "1e308", "INVALID_VALUE"),
        ("number/override_power", "-1", "INVALID_VALUE"),
        ("switch/override", "maybe", "INVALID_VALUE"),
        ("button/stop", "ON", "INVALID_VALUE"),
        ("select/power_mode", "sleep", "INVALID_VALUE"),
        ("select/strategy", "random", "INVALID_VALUE"),
        ("sensor/active_power", "1", "UNSUPPORTED"),
        ("number/banana", "1", "UNSUPPORTED"),
    ],
)
def test_what_means_nothing_is_rejected_and_asks_nothing_of_the_fleet(office, row, value, code):
    with pytest.raises(CommandRejected) as refusal:
        office.sets(row, value)
    assert refusal.value.code == code
    assert office.fleet.orders == []


def test_read_only_rejects_every_write():
    office = Office(status=fleet_status(), read_only=True)
    with pytest.raises(CommandRejected) as refusal:
        office.sets("button/stop", "PRESS")
    assert refusal.value.code == "NOT_ALLOWED"
    assert office.fleet.orders == []


def test_a_power_set_before_the_override_is_kept_for_it(office):
    assert office.sets("number/override_power", "1.5") is None
    (result,) = office.results
    assert (result.status, result.value) == ("confirmed", "1.5")

    assert office.sets("switch/override", "ON").power_w == 1500


def test_a_power_set_during_the_override_applies_and_is_not_kept_unless_taken(office):
    office.status = fleet_status(override_active=True, override_power_w=1000.0)
    assert office.sets("number/override_power", "99") == OverrideRequest(True, 99_000, SOURCE, "7")
    assert office.publisher.override_power_w is None


def test_on_again_keeps_the_power_in_force(office):
    office.publisher.remember_override_power(500.0)
    office.status = fleet_status(override_active=True, override_power_w=None)
    assert office.sets("switch/override", "ON").power_w is None


@pytest.mark.parametrize("status", [None, fleet_status(active_power_w=None)])
def test_the_override_is_not_switched_on_blindly(office, status):
    office.status = status
    with pytest.raises(CommandRejected, match="set the override power first") as refusal:
        office.sets("switch/override", "ON")
    assert refusal.value.code == "INVALID_POWER"


def test_an_override_of_a_fleet_that_draws_nothing_keeps_it_so(office):
    office.status = fleet_status(active_power_w=0.0)
    assert office.sets("switch/override", "ON").power_w == 0


def test_the_answers_of_the_fleet_carry_their_time():
    times = iter([10.0, 10.25])
    office = Office(status=fleet_status(), answers_at_once=False, clock=lambda: next(times))
    office.sets("button/stop", "PRESS")
    _, reply = office.fleet.open[0]
    reply(OrderAnswer("7", "stopping"))
    assert office.results[0].duration_s == 0.25


def test_a_power_set_right_after_the_override_ended_does_not_switch_it_on_again(office):
    office.status = fleet_status(override_active=True, override_power_w=1000.0)
    office.sets("switch/override", "OFF")

    # The status that shows it has not come yet.
    office.sets("number/override_power", "1.5")

    assert [order.enabled for order in office.fleet.orders] == [False]


def test_a_power_set_right_after_the_override_began_applies(office):
    office.sets("switch/override", "ON")

    assert office.sets("number/override_power", "1.5") == OverrideRequest(True, 1500, SOURCE, "7")
