"""Every documented example is sent to a real bridge, and answered as documented."""

import json
import time
import uuid

import pytest

from minerbridge.asyncapi import entities
from minerbridge.asyncapi.document import document
from minerbridge.mqtt.fleet_entities import FLEET_ENTITIES
from tests.asyncapi_house import DEVICES, house
from tests.asyncapi_judge import Judge
from tests.asyncapi_talk import GROUPS, ask, exchanges
from tests.demo_process import piped
from tests.mosquitto import PROGRAM, brokers, free_port
from tests.waiting import until
from tests.wiretap import Wiretap

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not PROGRAM, reason="mosquitto is not installed"),
]
RESULTS_WITHIN_S = 120
LISTENS_S = 6


@pytest.fixture(scope="module")
def judge():
    return Judge(document())


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    state = tmp_path_factory.mktemp("house") / "state"
    with (
        pytest.MonkeyPatch.context() as patch,
        brokers() as start,
        house(start(), state, patch) as one,
    ):
        yield one


def outcome(answer):
    """What the document promises of an answer, whatever the miners just do."""
    error = answer.get("error") or {}
    code = answer.get("errorCode") or error.get("code")
    return answer.get("status"), answer.get("accepted"), code, answer.get("statusCode")


def settable(home):
    """Every row of the tables that takes something: on which device, and the documented values."""
    for row in entities.miner_rows():
        if row.control is not None:
            device_id = device_with(home, row.platform, row.key)
            yield device_id, row.platform, row.key, entities.values_for(row)


def device_with(home, platform, key):
    """The first device that has this control; where no simulated miner has it, any is asked."""
    row_of = home.bridge.publisher.row
    has = [d for d in DEVICES if (row := row_of(d, platform, key)) and row.control]
    return has[0] if has else DEVICES[0]


@pytest.mark.parametrize("group", GROUPS)
def test_every_documented_request_gets_the_documented_answer(home, judge, group):
    wrong = []
    for name, one in exchanges(group):
        answer = ask(home, group, name, one["request"])
        base = "minerbridge/bridge" if group == "requests" else "minerbridge/ems"
        fault = judge.verdict(f"{base}/response/{name}", json.dumps(answer))
        if fault is not None or outcome(answer) != outcome(one["answer"]):
            wrong.append((name, one["request"], answer, fault))
    assert wrong == []


@pytest.mark.parametrize(
    ("request_topic", "response_topic"),
    [
        ("minerbridge/bridge/request/no/such", "minerbridge/bridge/response/no/such"),
        ("minerbridge/ems/request/nonsense", "minerbridge/ems/response/nonsense"),
    ],
)
def test_what_does_not_exist_is_answered_as_documented(home, judge, request_topic, response_topic):
    mark = home.tap.mark()
    home.tap.publish(request_topic, "{}")
    answer = home.tap.after(mark, response_topic)
    assert outcome(answer)[2] == "NOT_FOUND"
    assert judge.verdict(response_topic, json.dumps(answer)) is None


def test_an_empty_request_is_answered(home, judge):
    mark = home.tap.mark()
    home.tap.publish("minerbridge/bridge/request/health", "")
    answer = home.tap.after(mark, "minerbridge/bridge/response/health")
    assert judge.faults("answer_health", answer) == []


def results_of(home, judge, commands):
    """Send every value; return the one result of each, by topic."""
    waiting, mark = {}, home.tap.mark()
    for device_id, platform, key, values in commands:
        for value in values:
            command_id = uuid.uuid4().hex
            topic = f"homeassistant/{platform}/{device_id}/{key}/set"
            home.tap.publish(topic, json.dumps({"value": value, "id": command_id}))
            waiting[command_id] = topic

    def results():
        heard = [json.loads(p) for t, p in home.tap.heard[mark:] if t.endswith("/result")]
        return [one for one in heard if one["id"] in waiting]

    until(lambda: len(results()) >= len(waiting), RESULTS_WITHIN_S, lambda: [
        topic for i, topic in waiting.items() if i not in {one["id"] for one in results()}
    ])  # fmt: skip
    found = results()
    assert sorted(one["id"] for one in found) == sorted(waiting)
    for one in found:
        assert judge.verdict(f"minerbridge/miner/{one['miner_id']}/result", json.dumps(one)) is None
    return {waiting[one["id"]]: one for one in found}


def test_every_documented_value_on_a_miners_set_topic_gets_one_result(home, judge):
    found = results_of(home, judge, settable(home))
    statuses = {topic.removeprefix("homeassistant/"): one["status"] for topic, one in found.items()}
    assert statuses["switch/vnish_1/power/set"] == "confirmed"
    assert statuses["number/whatsminer_1/power_limit/set"] == "confirmed"
    assert statuses["number/vnish_1/clock_offset/set"] == "rejected"  # of API v3 alone


def test_every_documented_value_on_the_fleets_set_topics_gets_one_result(home, judge):
    # The override comes last, and ends: under one no order is taken.
    rows = [row for row in FLEET_ENTITIES if row.decode is not None]
    rows.sort(key=lambda row: row.platform == "switch")
    commands = [("fleet", row.platform, row.key, entities.values_for(row)[::-1]) for row in rows]
    found = results_of(home, judge, commands)
    assert {topic: one["status"] for topic, one in found.items()} == {
        f"homeassistant/{row.platform}/fleet/{row.key}/set": "confirmed" for row in rows
    }


def test_everything_that_was_heard_is_documented(home, judge):
    """Last in this house: requests, commands, events, states, discovery, as they came."""
    found = {one for topic, text in home.tap.heard if (one := judge.verdict(topic, text))}
    assert found == set()
    events = {json.loads(p)["type"] for t, p in home.tap.heard if t.endswith("bridge/event")}
    assert {"miner_online", "command_result", "scan_finished", "order_accepted"} <= events


def test_every_topic_of_the_demo_is_in_the_document(judge):
    port = free_port()
    with piped("--port", str(port), "--miners", "7", "--plain") as demo:
        demo.until("Ctrl-C ends")
        tap = Wiretap(port)
        try:
            listened_until_s = time.monotonic() + LISTENS_S
            tap.publish("minerbridge/ems/request/activate", '{"activationPowerInKw": 3}')
            tap.publish("minerbridge/bridge/request/miners", "")
            until(lambda: time.monotonic() > listened_until_s, LISTENS_S + 5, "time")
            heard = list(tap.heard)
        finally:
            tap.close()
    assert {t for t, _ in heard if judge.channel(t) is None} == set()
    assert {one for topic, text in heard if (one := judge.verdict(topic, text))} == set()
    channels = {judge.channel(topic) for topic, _ in heard}
    assert {"miner_reading", "state_sensor_hashrate", "ems_status", "fleet_status"} <= channels
