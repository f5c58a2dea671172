"""The EMS's desk: status from memory, orders to the fleet, one answer each."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minerbridge.mqtt import ems
from minerbridge.mqtt.broker import Incoming
from minerbridge.mqtt.topics import Topics
from tests.ems_office import RESPONSE, Fleet, Office, fleet_status
from tests.log_lines import keep


@pytest.fixture(autouse=True)
def logged(monkeypatch):
    return keep(monkeypatch, ems)


@pytest.fixture
def office():
    return Office(status=fleet_status())


def test_status_has_exactly_the_four_keys_of_the_protocol(office):
    assert office.hears("status") == [
        {
            "isAvailableForDispatch": True,
            "runningStatus": 2,
            "ratedPowerInKw": 2.92,
            "activePowerInKw": 2.45,
        }
    ]
    assert office.fleet.orders == []


@pytest.mark.parametrize(
    ("status", "running", "active_kw"),
    [
        (None, 1, None),
        (fleet_status(active_power_w=None), 2, None),
        (fleet_status(active_power_w=None, is_running=False), 1, None),
        (fleet_status(active_power_w=None, is_running=False, total_miners=0), 1, 0.0),
        (fleet_status(active_power_w=0.0, is_running=False), 1, 0.0),
        (fleet_status(active_power_w=1234.5), 2, 1.23),
    ],
)
def test_a_power_that_nobody_knows_is_null_and_never_zero(office, status, running, active_kw):
    office.status = status
    (answer,) = office.hears("status", "{}")
    assert (answer["runningStatus"], answer["activePowerInKw"]) == (running, active_kw)


def test_nothing_is_available_before_it_is_known(office):
    office.status = None
    (answer,) = office.hears("status")
    assert (answer["isAvailableForDispatch"], answer["ratedPowerInKw"]) == (False, 0.0)


def test_an_order_is_answered_when_the_fleet_has_answered():
    office = Office(fleet=Fleet(answers_at_once=False))
    assert office.hears("activate", {"activationPowerInKw": 2.0, "id": "7"}) == []
    (order,) = office.fleet.orders
    assert (order.kind, order.power_w, order.id, order.is_retained) == (
        "activate", 2000.0, "7", False,
    )  # fmt: skip

    office.fleet.answer()

    assert office.answers() == [{"accepted": True, "message": "so be it", "id": "7"}]


@pytest.mark.parametrize("payload", ["", "{}", " \n"])
def test_a_deactivation_needs_no_words(office, payload):
    (answer,) = office.hears("deactivate", payload)
    assert answer["accepted"] is True
    assert answer["id"] == office.fleet.orders[0].id


@pytest.mark.parametrize(("given_id", "known_as"), [("7", "7"), (7, "7"), (0, "0"), (1.5, "1.5")])
def test_an_id_comes_back_as_it_was_given(office, given_id, known_as):
    (answer,) = office.hears("deactivate", {"id": given_id})
    assert (answer["id"], office.fleet.orders[0].id) == (given_id, known_as)


def test_ids_that_are_made_differ(office):
    for _ in range(3):
        office.hears("deactivate")
    assert len({order.id for order in office.fleet.orders}) == 3


def test_a_heartbeat_goes_to_the_fleet_and_is_answered_with_the_time(office):
    (answer,) = office.hears("heartbeat", {"id": "7"})
    assert (answer.keys(), answer["ok"]) == ({"ok", "at"}, True)
    assert office.fleet.orders[0].kind == "heartbeat"


@pytest.mark.parametrize("name", ["activate", "deactivate", "heartbeat"])
def test_the_fleets_refusal_is_passed_on(office, name):
    office.fleet.code = "MANUAL_OVERRIDE"
    (answer,) = office.hears(name, {"activationPowerInKw": 2, "id": "7"})
    assert answer == {
        "accepted": False, "message": "so be it", "id": "7",
        "errorCode": "MANUAL_OVERRIDE", "statusCode": 409,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["activate", "deactivate", "heartbeat"])
def test_what_the_broker_kept_reaches_the_fleet_as_such(office, name):
    office.hears(name, {"activationPowerInKw": 2}, retain=True)
    assert office.fleet.orders[0].is_retained is True


@pytest.mark.parametrize(
    ("name", "payload", "retain", "code", "status_code"),
    [
        ("activate", "", False, "INVALID_POWER", 400),
        ("activate", '{"activationPowerInKw": -1}', False, "INVALID_POWER", 400),
        ("activate", "nonsense", False, "INVALID_REQUEST", 400),
        ("activate", b"\0" * 2**20, False, "INVALID_REQUEST", 400),
        ("deactivate", "[]", False, "INVALID_REQUEST", 400),
        ("deactivate", '{"at": "noon"}', False, "INVALID_REQUEST", 400),
        ("heartbeat", "[" * 3000, False, "INVALID_REQUEST", 400),
        ("status", "nonsense", False, "INVALID_REQUEST", 400),
        ("status", '{"id": {}}', False, "INVALID_REQUEST", 400),
        ("status", "", True, "STALE", 409),
        ("launch", "{}", False, "NOT_FOUND", 404),
        ("", "{}", False, "NOT_FOUND", 404),
        ("activate/now", "{}", False, "NOT_FOUND", 404),
    ],
)
def test_what_is_no_request_is_refused_with_one_answer(
    office, logged, name, payload, retain, code, status_code
):
    (answer,) = office.hears(name, payload, retain=retain)
    assert answer.keys() == {"accepted", "message", "id", "errorCode", "statusCode"}
    assert (answer["accepted"], answer["errorCode"], answer["statusCode"]) == (
        False, code, status_code,
    )  # fmt: skip
    assert answer["id"]
    assert answer["message"]
    assert office.fleet.orders == []
    assert logged.events() == ["ems_request_refused"]


def test_a_request_of_no_name_keeps_its_id_too(office):
    (answer,) = office.hears("launch", {"id": "mine"})
    assert (answer["id"], answer["statusCode"]) == ("mine", 404)


def test_a_refused_order_keeps_its_id(office):
    (answer,) = office.hears("activate", {"id": 7, "activationPowerInKw": "two"})
    assert answer["id"] == 7
    assert '"two"' in answer["message"]


def test_unknown_keys_are_ignored_and_told_at_debug_level(office, logged):
    (answer,) = office.hears("deactivate", {"reason": "peak", "mode": "limit"})
    assert answer["accepted"] is True
    assert logged.lines == [
        ("debug", "ems_keys_ignored", {"request": "deactivate", "keys": ["mode", "reason"]})
    ]


def test_answers_are_for_now_and_acknowledged(office):
    office.desk.take(Incoming("minerbridge/ems/request/deactivate", b""))
    (message,) = office.sent
    assert (message.topic, message.qos, message.retain) == (RESPONSE + "deactivate", 1, False)


def test_a_requesters_topic_gets_the_answer_too(office):
    facts: dict[str, Any] = {"response_topic": "ems/answers", "correlation": b"\x01"}
    office.desk.take(Incoming("minerbridge/ems/request/status", b"", **facts))
    assert [(one.topic, one.correlation) for one in office.sent] == [
        (RESPONSE + "status", b"\x01"),
        ("ems/answers", b"\x01"),
    ]


@pytest.mark.parametrize(
    "topic", ["minerbridge/ems/request/activate", "homeassistant/switch/m/power/set", "a/#", ""]
)
def test_an_answer_goes_nowhere_it_would_be_taken_for_an_order(office, topic):
    assert len(office.hears("status", response_topic=topic)) == 1


def test_a_site_has_its_own_topics():
    office = Office(topics=Topics(site="north"))
    office.desk.take(Incoming("minerbridge/north/ems/request/deactivate", b""))
    assert office.sent[0].topic == "minerbridge/north/ems/response/deactivate"


def test_a_defect_fails_one_request_and_is_logged(office, logged):
    office.desk._submit = lambda *_: 1 / 0
    (answer,) = office.hears("deactivate", {"id": "7"})
    assert (answer["id"], answer["errorCode"], answer["statusCode"]) == ("7", "INTERNAL_ERROR", 500)
    assert logged.events() == ["ems_request_failed"]


NAMES = st.sampled_from(["activate", "deactivate", "status", "heartbeat"]) | st.text(max_size=5)
SENTENCES = st.fixed_dictionaries(
    {"activationPowerInKw": st.integers() | st.floats() | st.text()},
    optional={"id": st.text() | st.integers() | st.floats(), "at": st.text() | st.floats()},
).map(lambda one: json.dumps(one).encode())


@given(st.lists(st.tuples(NAMES, st.binary(max_size=50) | SENTENCES, st.booleans()), max_size=30))
def test_every_message_is_answered_once_or_counted(messages):
    office = Office(rate=10.0, status=fleet_status())
    answered = 0
    for name, payload, retain in messages:
        answered += len(office.hears(name, payload, retain=retain))
    told = 1 if office.desk.rate_limited else 0
    assert answered == len(messages) - office.desk.rate_limited + told
