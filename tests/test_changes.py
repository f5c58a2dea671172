"""What happened between two readings, as events."""

import pytest

from minerbridge.changes import changes
from minerbridge.model import Pool
from tests.miners import fault, reading

URL = "stratum+tcp://pool.example.com:3333"
ALIVE = (Pool(0, URL, status="Alive", is_active=True),)
DEAD = (Pool(0, URL, status="Dead", is_active=True),)
LEFT = (Pool(0, URL, status="Alive", is_active=False),)
LOST = ("pool_lost", {"pool_url": URL})


def test_equal_readings_are_no_event():
    assert list(changes(reading(), reading())) == []


def test_errors_are_raised_and_cleared_in_the_devices_order():
    before = reading(errors=(fault("A"), fault("B")))
    now = reading(errors=(fault("Z"), fault("B"), fault("Y", "hot")))
    assert [(kind, facts["code"]) for kind, facts in changes(before, now)] == [
        ("error_raised", "Z"), ("error_raised", "Y"), ("error_cleared", "A"),
    ]  # fmt: skip


def test_an_error_says_its_message():
    raised = {"code": "E1", "message": "a fan stands still"}
    assert list(changes(reading(), reading(errors=(fault(),)))) == [("error_raised", raised)]
    assert list(changes(reading(errors=(fault(),)), reading())) == [("error_cleared", raised)]


def test_the_first_reading_raises_what_it_finds_and_loses_nothing():
    found = list(changes(None, reading(errors=(fault(),), pools=DEAD)))
    assert [kind for kind, _ in found] == ["error_raised"]


@pytest.mark.parametrize(
    ("before", "now", "status", "events"),
    [
        (ALIVE, DEAD, "mining", [LOST]),
        (ALIVE, LEFT, "mining", [LOST]),
        (ALIVE, DEAD, "error", [LOST]),
        (ALIVE, DEAD, "sleeping", []),
        (ALIVE, DEAD, "starting", []),
        (ALIVE, (), "mining", []),
        (ALIVE, ALIVE, "mining", []),
        (DEAD, DEAD, "mining", []),
        (DEAD, ALIVE, "mining", []),
    ],
)
def test_a_pool_is_lost_when_a_miner_that_should_have_one_has_none(before, now, status, events):
    assert list(changes(reading(pools=before), reading(pools=now, status=status))) == events
