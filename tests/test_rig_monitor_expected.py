"""When a miner is told to follow the monitor, and when not; by a clock the test holds."""

import pytest

from minerbridge.rig_monitor.expected import (
    LEAST_CONFIRMATION_S,
    Conformer,
    Expectation,
    OnOff,
    parsed,
)
from tests.miners import COMMANDS, reading

ON, OFF = Expectation("on"), Expectation("off")


class Follower:
    def __init__(self, commands=COMMANDS):
        self.conformer = Conformer()
        self.commands = commands

    def steps(self, expected, now_s=0.0, **values):
        found = self.conformer.steps(expected, reading(**values), self.commands, now_s)
        return [(step.command, dict(step.parameters)) for step in found]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"name": "x", "asic_expected_status": "on", "light_expected_status": "off"},
         Expectation("on", "off")),
        ({"asic_expected_status": "off"}, Expectation("off", None)),
        ({"asic_expected_status": "ON", "light_expected_status": True}, Expectation()),
        (None, Expectation()), ([], Expectation()), ("on", Expectation()),
    ],
)  # fmt: skip
def test_only_on_and_off_are_understood(entry, expected):
    assert parsed(entry) == expected


@pytest.mark.parametrize("status", ["mining", "starting", "tuning", "error"])
def test_a_miner_that_runs_is_stopped_when_it_should_be_off(status):
    assert Follower().steps(OFF, status=status) == [("stop", {})]
    assert Follower().steps(ON, status=status) == []


@pytest.mark.parametrize("status", ["sleeping", "stopped"])
def test_a_miner_that_rests_is_started_when_it_should_be_on(status):
    assert Follower().steps(ON, status=status) == [("start", {})]
    assert Follower().steps(OFF, status=status) == []


def test_a_miner_that_does_not_say_is_left_alone():
    follower = Follower()
    assert follower.steps(OFF, status="unknown") == follower.steps(ON, status="unknown") == []


def test_without_an_expectation_nothing_is_sent():
    assert Follower().steps(Expectation(), status="mining", led_on=True) == []


def test_a_command_is_repeated_only_after_its_confirmation_time_and_ever_later():
    follower = Follower()
    sent_at_s = [s for s in range(400) if follower.steps(OFF, float(s), status="mining")]
    least_s = LEAST_CONFIRMATION_S
    assert sent_at_s == [0, least_s, 3 * least_s, 7 * least_s, 15 * least_s]


def test_a_command_that_takes_long_is_given_its_time():
    slow = {name: spec.__class__(name, expected_s=120.0) for name, spec in COMMANDS.items()}
    follower = Follower(slow)
    assert [s for s in range(300) if follower.steps(OFF, float(s), status="mining")] == [0, 120]


def test_a_changed_mind_waits_for_nothing():
    follower = Follower()
    assert follower.steps(OFF, 0.0, status="mining") == [("stop", {})]
    assert follower.steps(ON, 1.0, status="stopped") == [("start", {})]


def test_a_miner_that_a_person_switched_is_brought_back():
    follower = Follower()
    assert follower.steps(ON, 0.0, status="mining") == []
    assert follower.steps(ON, 60.0, status="stopped") == [("start", {})]


@pytest.mark.parametrize(
    ("light", "led_on", "sent"),
    [
        ("on", False, [("led", {"enabled": True})]), ("off", True, [("led", {"enabled": False})]),
        ("on", True, []), ("off", False, []),
        ("on", None, [("led", {"enabled": True})]), ("off", None, []),
    ],
)  # fmt: skip
def test_the_light_follows(light, led_on, sent):
    assert Follower().steps(Expectation(None, light), led_on=led_on) == sent


def test_a_light_that_cannot_be_read_is_ordered_once_per_change():
    follower = Follower()
    wishes: list[OnOff] = ["off", "on", "on", "on", "off", "off"]
    sent = [
        follower.steps(Expectation(None, wish), 100.0 * number, led_on=None)
        for number, wish in enumerate(wishes)
    ]
    assert [bool(one) for one in sent] == [False, True, False, False, True, False]


def test_a_command_the_miner_lacks_is_said_until_it_needs_it_no_more():
    follower = Follower({})
    assert follower.steps(Expectation("off", "on"), status="mining", led_on=False) == []
    assert follower.conformer.problem == (
        "the miner offers no command stop; the miner offers no command led"
    )
    assert follower.steps(Expectation("off", "on"), 1.0, status="stopped", led_on=True) == []
    assert follower.conformer.problem == ""


def test_a_refusal_is_said_until_the_miner_follows():
    follower = Follower()
    follower.steps(OFF, status="mining")
    follower.conformer.failed("stop", "m is read-only by the settings")
    assert follower.conformer.problem == "stop: m is read-only by the settings"
    follower.steps(OFF, 5.0, status="stopped")
    assert follower.conformer.problem == ""
