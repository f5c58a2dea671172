"""What the broker is told of each miner, and when."""

import dataclasses
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from minerbridge.model import CommandResult
from tests.miners import AT, board, profile, reading
from tests.publishing import CONFIG, READING, STATE, Desk
from tests.publishing import desk as desk


def test_the_first_reading_announces_and_publishes_everything(desk):
    desk.publisher.profile(profile())
    assert desk.broker.news() == []

    desk.publisher.reading(reading())

    config, whole, *rest = desk.broker.topics()
    assert (config, whole) == (CONFIG, READING)
    assert set(rest) == {
        one["state_topic"]
        for one in desk.broker.discovered("m")["components"].values()
        if one["platform"] != "button"
    }
    assert desk.marked == ["m"]


def test_states_are_retained_and_worthless_unless_sent_now(desk):
    desk.publisher.profile(profile())
    desk.publisher.reading(reading())
    qos = {message.topic: message.qos for message in desk.broker.sent if message.retain}

    assert len(qos) == len(desk.broker.sent)
    assert qos.pop(CONFIG) == 1
    assert set(qos.values()) == {0}


def test_only_what_changed_is_sent(desk):
    desk.meets()
    desk.publisher.reading(reading())
    assert desk.broker.topics() == [READING]

    desk.publisher.reading(reading(power_w=3249.9))
    assert desk.broker.topics() == [READING]

    desk.publisher.reading(reading(power_w=3240.0))
    assert desk.broker.news()[1:] == [(STATE.format("power"), "3240")]


def test_a_value_that_is_gone_is_unknown_once(desk):
    desk.meets()
    desk.publisher.reading(reading(power_w=None))
    assert desk.broker.news()[1:] == [(STATE.format("power"), "None")]

    desk.publisher.reading(reading(power_w=None))
    assert desk.broker.topics() == [READING]


def test_a_start_time_moves_only_by_more_than_a_minute(desk):
    def told(after_s, uptime_s):
        at = AT + timedelta(seconds=after_s)
        desk.publisher.reading(reading(uptime_s=uptime_s).replace(at=at))
        return [text for topic, text in desk.broker.news() if topic == STATE.format("uptime")]

    desk.publisher.profile(profile())
    assert told(0, 100.0) == ["2026-01-20T11:58:20+00:00"]
    assert told(10, 140.0) == []
    assert told(20, 60.0) == []
    assert told(30, 10.0) == ["2026-01-20T12:00:20+00:00"]
    assert told(40, None) == ["None"]
    assert told(50, 30.0) == ["2026-01-20T12:00:20+00:00"]


def test_refreshing_sends_everything_anew(desk):
    desk.meets()
    desk.publisher.availability("m", True)
    desk.publisher.reading(reading(power_w=5.0))
    before = dict(desk.broker.retained)
    desk.broker.retained.clear()

    desk.publisher.republish("m")

    assert desk.broker.retained == before
    assert STATE.format("power") in before


def test_availability_is_kept_and_must_arrive(desk):
    for online, text in ((True, "online"), (False, "offline")):
        desk.publisher.availability("m", online)
        (message,) = desk.broker.sent
        assert (message.topic, message.qos) == ("minerbridge/miner/m/availability", 1)
        assert desk.broker.retained == {message.topic: text}
        desk.broker.news()


def test_a_reading_of_a_miner_nobody_introduced_is_dropped(desk):
    desk.publisher.reading(reading())
    assert desk.broker.news() == []


@pytest.mark.parametrize("shown", [False, True])
def test_pool_users_leave_the_bridge_only_when_allowed(shown):
    desk = Desk(with_pool_users=shown).meets()
    pools = json.loads(desk.broker.retained[READING])["pools"]
    assert [pool.get("user") for pool in pools] == ["wallet.worker" if shown else None] * 2
    assert ("wallet.worker" in "".join(desk.broker.retained.values())) is shown


def test_half_characters_of_a_device_do_not_stop_its_reading(desk):
    desk.meets(shown=reading(model="S19 \ud800", boards=(board(0, status="\udfff"),)))
    assert json.loads(desk.broker.retained[READING])["model"] == "S19 ?"


RESULT = CommandResult("7", "m", "power", "OFF", "confirmed", None, "asleep", AT, 1.5)


def test_a_result_is_published_once_and_not_kept(desk):
    desk.publisher.result(RESULT)
    (message,) = desk.broker.sent

    assert (message.topic, message.qos, message.retain) == ("minerbridge/miner/m/result", 1, False)
    assert json.loads(message.payload) == {
        "id": "7", "miner_id": "m", "key": "power", "value": "OFF", "status": "confirmed",
        "code": None, "message": "asleep", "at": "2026-01-20T12:00:00+00:00", "duration_s": 1.5,
    }  # fmt: skip


def test_a_requesters_own_topic_gets_the_result_too(desk):
    desk.publisher.result(dataclasses.replace(RESULT, answer_to=("my/answers", b"\x01\xff")))
    first, second = desk.broker.sent
    assert (second.topic, second.correlation, second.payload) == (
        "my/answers", b"\x01\xff", first.payload,
    )  # fmt: skip


def test_events_are_not_kept(desk):
    desk.publisher.event("miner_online", "m", code="X")
    (message,) = desk.broker.sent
    assert (message.topic, message.retain) == ("minerbridge/bridge/event", False)
    event = json.loads(message.payload)
    assert datetime.fromisoformat(event.pop("at")).tzinfo is UTC
    assert event == {"type": "miner_online", "miner_id": "m", "code": "X"}


def test_the_bridges_own_values_are_sent_when_they_change_or_anew(desk):
    topic = "homeassistant/sensor/bridge/version/state"
    for anew in (False, False, True):
        desk.publisher.bridge_state("version", "1", anew=anew)
    assert desk.broker.news() == [(topic, "1")] * 2


def test_many_threads_may_publish_at_once(desk):
    def work(number):
        for turn in range(30):
            miner_id = f"m{(number + turn) % 4}"
            desk.publisher.profile(profile(miner_id, fans=turn % 3))
            desk.publisher.reading(reading(miner_id, power_w=float(turn)))
            desk.publisher.republish(miner_id)
            if turn % 10 == 9:
                desk.publisher.withdraw(miner_id)

    with ThreadPoolExecutor(6) as pool:
        ends = [pool.submit(work, number) for number in range(6)]
        assert [end.result(20) for end in ends] == [None] * 6
