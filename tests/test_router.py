"""What arrives from the broker, and where it goes."""

import dataclasses
import json
from typing import Any

import pytest

from minerbridge.errors import CommandRejected
from minerbridge.mqtt import meters, router
from minerbridge.mqtt.client import Incoming, Subscription
from minerbridge.mqtt.discovery import rows_of
from minerbridge.mqtt.meters import Meter
from minerbridge.mqtt.requests import RequestDesk
from minerbridge.mqtt.router import Destinations, Router, SetCommand
from minerbridge.mqtt.topics import Topics
from tests.log_lines import keep
from tests.miners import profile

ROWS = {(row.platform, row.key): row for row in rows_of(profile(), "TH/s")}
POWER = "homeassistant/switch/m/power/set"
LIMIT = "homeassistant/number/m/power_limit/set"
REQUEST = "minerbridge/bridge/request/miners"


class Office:
    """A router with everything around it that keeps what it was handed."""

    def __init__(self, topics):
        self.commands: list[Any] = []
        self.results: list[Any] = []
        self.births: list[Any] = []
        self.nonces: list[Any] = []
        self.sent: list[Any] = []
        self.refusal: Exception | None = None
        desk = RequestDesk(topics, self.sent.append, {"miners": lambda document: {}})
        self.desk = desk
        destinations = Destinations(
            lambda miner_id, platform, key: ROWS.get((platform, key)),
            self._submit,
            self.results.append,
            lambda: self.births.append(1),
            self.nonces.append,
        )
        self.router = Router(topics, desk, destinations)
        self.router.subscriptions(["m"], [])

    def _submit(self, command):
        if self.refusal is not None:
            raise self.refusal
        self.commands.append(command)

    def hears(self, topic, payload, **facts):
        body = payload if isinstance(payload, bytes) else payload.encode()
        self.router(Incoming(topic, body, **facts))


@pytest.fixture
def office():
    return Office(Topics())


@pytest.fixture
def logged(monkeypatch):
    return keep(monkeypatch, router)


def test_the_filters_are_those_of_the_miners_and_meters_there_are(office):
    plug = Meter("plug/power")
    assert office.router.subscriptions(["n", "m"], [plug, Meter("plug/power", "b")]) == [
        Subscription("minerbridge/bridge/request/#"),
        Subscription("homeassistant/status", retained=True),
        Subscription("plug/power", retained=True),
        Subscription("homeassistant/+/m/+/set"),
        Subscription("homeassistant/+/n/+/set"),
    ]


@pytest.mark.parametrize(
    ("topic", "payload", "name", "parameters"),
    [
        (POWER, "ON", "start", {}),
        (POWER, "off", "stop", {}),
        (POWER, '{"value": "ON"}', "start", {}),
        (POWER, ' {"value": true} ', "start", {}),
        (POWER, '{"value": false}', "stop", {}),
        (LIMIT, "2500", "power_limit", {"power_limit_w": "2500"}),
        (LIMIT, '{"value": 2500}', "power_limit", {"power_limit_w": "2500"}),
        ("homeassistant/select/m/power_mode/set", "sleep", "power_mode", {"mode": "sleep"}),
        ("homeassistant/button/m/reboot/set", "PRESS", "reboot", {}),
    ],
)
def test_a_payload_becomes_a_command(office, topic, payload, name, parameters):
    office.hears(topic, payload)

    (command,) = office.commands
    assert (command.miner_id, command.name, command.parameters) == ("m", name, parameters)
    assert command.key == topic.split("/")[3]
    assert command.id
    assert office.results == []


@pytest.mark.parametrize(
    ("payload", "command_id"), [('"abc"', "abc"), ("7", "7"), ("0", "0"), ('""', "")]
)
def test_an_id_is_echoed(office, payload, command_id):
    office.hears(POWER, f'{{"value": "ON", "id": {payload}}}')
    assert office.commands[0].id == command_id


def test_an_id_is_made_where_there_is_none(office):
    for payload in ("ON", '{"value": "ON"}', '{"value": "ON", "id": null}'):
        office.hears(POWER, payload)
    assert len({command.id for command in office.commands}) == 3


@pytest.mark.parametrize(
    ("topic", "payload", "code"),
    [
        (POWER, "banana", "INVALID_VALUE"),
        (POWER, "", "INVALID_VALUE"),
        (POWER, b"\xff\xfe", "INVALID_VALUE"),
        (POWER, "x" * 4097, "INVALID_VALUE"),
        (POWER, "{", "INVALID_VALUE"),
        (POWER, "{}", "INVALID_VALUE"),
        (POWER, '{"value": {"value": "ON"}}', "INVALID_VALUE"),
        (POWER, '{"value": ["ON"]}', "INVALID_VALUE"),
        (POWER, '{"value": null}', "INVALID_VALUE"),
        (POWER, '{"value": "ON", "id": {}}', "INVALID_VALUE"),
        (POWER, '{"value": "ON", "id": true}', "INVALID_VALUE"),
        (POWER, '{"value": "ON", "id": 1.5}', "INVALID_VALUE"),
        (POWER, f'{{"value": "ON", "id": "{"x" * 129}"}}', "INVALID_VALUE"),
        (POWER, '{"a":' * 600 + "1" + "}" * 600, "INVALID_VALUE"),
        ("homeassistant/switch/m/banana/set", "ON", "UNSUPPORTED"),
        ("homeassistant/light/m/power/set", "ON", "UNSUPPORTED"),
        ("homeassistant/sensor/m/power/set", "ON", "UNSUPPORTED"),
    ],
)
def test_what_is_no_command_is_rejected_with_one_result(office, logged, topic, payload, code):
    office.hears(topic, payload)

    (result,) = office.results
    assert (result.status, result.code, result.miner_id) == ("rejected", code, "m")
    assert result.key == topic.split("/")[3]
    assert result.message
    assert office.commands == []
    assert logged.events() == []  # whoever takes the result says so, once


def test_a_refused_command_is_answered_with_its_own_id(office, logged):
    office.refusal = CommandRejected("m has not answered yet", code="OFFLINE")
    office.hears(POWER, '{"value": "ON", "id": "7"}')
    (result,) = office.results
    assert (result.id, result.code, result.value) == ("7", "OFFLINE", "ON")


@pytest.mark.parametrize(
    "topic",
    [
        "homeassistant/switch/other/power/set",
        "homeassistant/switch/m/power/set/more",
        "homeassistant/switch/m/power",
        "homeassistant/switch/m/set",
        "elsewhere/switch/m/power/set",
        "minerbridge/bridge/response/miners",
    ],
)
def test_what_is_not_ours_gets_no_answer(office, topic):
    office.hears(topic, "ON")
    assert (office.commands, office.results, office.sent) == ([], [], [])


def test_a_prefix_of_several_levels_is_one_prefix():
    office = Office(Topics(prefix="home/assistant"))
    office.hears("home/assistant/switch/m/power/set", "ON")
    assert len(office.commands) == 1


@pytest.mark.parametrize("topic", [POWER, REQUEST])
def test_a_kept_command_is_ignored_with_one_line_per_topic_and_connection(office, logged, topic):
    for _ in range(3):
        office.hears(topic, "ON", retain=True)
    assert logged.lines == [("warning", "retained_command_ignored", {"topic": topic})]

    office.router.connected()
    office.hears(topic, "ON", retain=True)

    assert len(logged.lines) == 2
    assert (office.commands, office.results) == ([], [])
    assert office.desk._queues[False].empty()


def test_a_response_topic_goes_with_the_command_and_with_its_rejection(office, logged):
    facts = {"response_topic": "my/answers", "correlation": b"\x01"}
    office.hears(POWER, "ON", **facts)
    office.hears(POWER, "banana", **facts)
    assert office.commands[0].answer_to == ("my/answers", b"\x01")
    assert office.results[0].answer_to == ("my/answers", b"\x01")


@pytest.mark.parametrize(
    "topic",
    [
        POWER,
        REQUEST,
        "homeassistant/status",
        "minerbridge/bridge/state",
        "my/+/answers",
        "my/#",
        "$SYS/x",
        "my/\0",
        "x" * 2000,
        "",
        None,
    ],
)
def test_an_answer_goes_nowhere_it_would_be_taken_for_a_command(office, topic):
    office.hears(POWER, "ON", response_topic=topic)
    assert office.commands[0].answer_to is None


def test_home_assistants_birth_is_heard_also_when_kept(office):
    office.hears("homeassistant/status", "online")
    office.hears("homeassistant/status", "online", retain=True)
    office.hears("homeassistant/status", "offline")
    assert len(office.births) == 2


def test_a_meters_message_goes_to_all_its_meters_also_when_kept(office, monkeypatch):
    keep(monkeypatch, meters)
    watts, kilowatts = Meter("plug"), Meter("plug", "kw", "kW")
    office.router.subscriptions([], [watts, kilowatts])

    office.hears("plug", '{"kw": 1.5}', retain=True)
    office.hears("plug", "100")

    assert (watts.power_w(), kilowatts.power_w()) == (100, 1500)


def test_a_meter_that_is_gone_is_not_heard(office):
    meter = Meter("plug")
    office.router.subscriptions([], [meter])
    office.router.subscriptions([], [])
    office.hears("plug", "100")
    assert meter.power_w() is None


def test_the_nonce_comes_back_and_is_not_answered(office):
    office.hears("minerbridge/bridge/request/selftest", "abc")
    assert office.nonces == [b"abc"]
    assert office.desk._queues[False].empty()


def test_a_request_goes_to_the_desk(office):
    office.hears(REQUEST, '{"id": "7"}', response_topic="my/answers", correlation=b"\x01")
    office.desk.serve(office.desk.next(slow=False))
    assert [message.topic for message in office.sent] == [
        "minerbridge/bridge/response/miners",
        "my/answers",
    ]
    assert json.loads(office.sent[0].payload)["id"] == "7"


# -- the fleet ---------------------------------------------------------------------------------

TARGET = "homeassistant/number/fleet/target_power/set"
ACTIVATE = "minerbridge/ems/request/activate"


class FleetOffice(Office):
    """With a fleet behind it."""

    def __init__(self, topics=None):
        super().__init__(topics or Topics())
        self.sets: list[Any] = []
        self.ems: list[Any] = []
        self.router._to = dataclasses.replace(
            self.router._to, fleet_set=self._set, ems=self.ems.append
        )
        self.router.subscriptions(["m"], [])

    def _set(self, command):
        if self.refusal is not None:
            raise self.refusal
        self.sets.append(command)


@pytest.fixture
def fleet_office():
    return FleetOffice()


@pytest.mark.parametrize(
    ("site", "filters"),
    [
        (None, ["minerbridge/ems/request/#", "homeassistant/+/fleet/+/set"]),
        ("north", ["minerbridge/north/ems/request/#", "homeassistant/+/north_fleet/+/set"]),
    ],
)
def test_with_a_fleet_its_topics_are_heard_but_nothing_that_was_kept(site, filters):
    office = FleetOffice(Topics(site=site))
    listened = office.router.subscriptions([], [])
    assert [one for one in listened if "fleet" in one.filter or "ems" in one.filter] == [
        Subscription(one) for one in filters
    ]


def test_a_value_for_the_fleet_goes_to_the_fleet(fleet_office):
    fleet_office.hears(TARGET, '{"value": 2, "id": "7"}', response_topic="my/answers")
    assert fleet_office.sets == [
        SetCommand("fleet", "number", "target_power", "2", "7", ("my/answers", None))
    ]
    assert fleet_office.commands == []


def test_what_the_fleet_rejects_has_one_result(fleet_office):
    fleet_office.refusal = CommandRejected("no", code="NOT_ALLOWED")
    fleet_office.hears(TARGET, "2")
    (result,) = fleet_office.results
    assert (result.miner_id, result.key, result.status, result.code) == (
        "fleet", "target_power", "rejected", "NOT_ALLOWED",
    )  # fmt: skip


def test_a_request_of_the_ems_goes_to_its_desk_also_when_kept(fleet_office, logged):
    fleet_office.hears(ACTIVATE, "{}")
    fleet_office.hears(ACTIVATE, "{}", retain=True)
    assert [message.retain for message in fleet_office.ems] == [False, True]
    fleet_office.hears(TARGET, "2", retain=True)
    assert (fleet_office.sets, logged.events()) == ([], ["retained_command_ignored"])


def test_without_a_fleet_nothing_is_heard_of_it(office):
    office.hears(TARGET, "2")
    office.hears(ACTIVATE, "{}")
    assert (office.results, office.sent, office.commands) == ([], [], [])
