"""The outbox: newest value per retained topic, everything else in order, all of it bounded."""

import threading

import pytest

from minerbridge.mqtt import outbox as module
from minerbridge.mqtt.outbox import Outbox, Outgoing


@pytest.fixture
def outbox():
    box = Outbox(lambda: None)
    box.open()
    return box


def state(topic, payload, qos=0):
    return Outgoing(topic, payload, qos, retain=True)


def result(payload, topic="result"):
    return Outgoing(topic, payload, 1)


def drain(box):
    taken = []
    while message := box.take() or box.take_last():
        taken.append(message)
    return taken


def test_the_newest_value_of_a_retained_topic_replaces_a_waiting_one(outbox):
    for payload in (b"1", b"2", b"3"):
        outbox.put(state("a", payload))

    assert drain(outbox) == [state("a", b"3")]


def test_results_keep_their_order_and_go_before_states(outbox):
    outbox.put(state("a", b"1"))
    for payload in (b"1", b"2", b"3"):
        outbox.put(result(payload))

    assert [one.payload for one in drain(outbox)] == [b"1", b"2", b"3", b"1"]


def test_while_shut_states_are_not_taken_and_results_are():
    box = Outbox(lambda: None)
    box.put(state("a", b"1"))
    box.put(state("b", b"online", qos=1))
    box.put(result(b"done"))

    assert drain(box) == [result(b"done"), state("b", b"online", qos=1)]


def test_shutting_drops_the_states_that_wait(outbox):
    messages = [state("a", b"1"), state("b", b"1", qos=1), result(b"r"), Outgoing("q0", b"x")]
    for message in messages:
        outbox.put(message)
    outbox.put_last(state("c", b"1"))
    outbox.put_last(state("d", b"1", qos=1))

    outbox.shut()

    assert drain(outbox) == [messages[2], messages[1], state("d", b"1", qos=1)]
    assert len(outbox) == 0


def test_what_is_put_back_goes_first_in_its_order(outbox):
    outbox.put(result(b"3"))
    outbox.put(state("c", b"1"))

    outbox.put_back([result(b"1"), result(b"2"), state("a", b"1"), state("b", b"1")])

    assert [one.payload for one in drain(outbox)][:3] == [b"1", b"2", b"3"]
    assert len(outbox) == 0


def test_retained_topics_are_put_back_before_those_that_wait(outbox):
    outbox.put(state("c", b"1"))

    outbox.put_back([state("a", b"1"), state("b", b"1")])

    assert [one.topic for one in drain(outbox)] == ["a", "b", "c"]


def test_what_is_put_back_does_not_displace_a_newer_value(outbox):
    outbox.put(state("a", b"new"))

    outbox.put_back([state("a", b"old")])

    assert drain(outbox) == [state("a", b"new")]


def test_what_is_put_last_waits_for_everything_else(outbox):
    outbox.put_last(state("suspect", b"1"))
    outbox.put(result(b"1"))

    assert outbox.take_last() is None
    assert outbox.take() == result(b"1")
    assert outbox.take() is None
    assert outbox.take_last() == state("suspect", b"1")


def test_what_was_put_last_comes_lightest_first(outbox):
    for size in (300, 100, 200):
        outbox.put_last(state(f"suspect/{size}", b"x" * size))

    assert [len(one.payload) for one in drain(outbox)] == [100, 200, 300]


def test_last_holds_one_value_a_topic_and_none_older_than_one_that_waits(outbox):
    outbox.put_last(state("a", b"1"))
    outbox.put_last(state("a", b"2"))
    outbox.put(state("b", b"new"))
    outbox.put_last(state("b", b"old"))

    assert drain(outbox) == [state("b", b"new"), state("a", b"2")]


def test_what_was_put_last_can_be_released(outbox):
    outbox.put_last(state("a", b"old"))
    outbox.put_last(state("b", b"1"))
    outbox.put(state("a", b"new"))

    outbox.release()

    assert outbox.take() == state("a", b"new")
    assert outbox.take() == state("b", b"1")
    assert len(outbox) == 0


def test_states_go_first_on_request(outbox):
    outbox.put(result(b"1"))
    outbox.put(state("a", b"1"))

    assert outbox.take(states_first=True) == state("a", b"1")
    assert outbox.take(states_first=True) == result(b"1")


def test_the_oldest_results_go_when_there_are_too_many(outbox, monkeypatch):
    monkeypatch.setattr(module, "MAX_WAITING", 3)

    for payload in (b"1", b"2", b"3", b"4", b"5"):
        outbox.put(result(payload))

    assert outbox.dropped == 2
    assert [one.payload for one in drain(outbox)] == [b"3", b"4", b"5"]


def test_the_oldest_results_go_when_they_are_too_large_together(outbox, monkeypatch):
    monkeypatch.setattr(module, "MAX_WAITING_BYTES", 100)

    for number in range(50):
        outbox.put(result(b"%030d" % number))

    assert [int(one.payload) for one in drain(outbox)] == [47, 48, 49]
    assert outbox.dropped == 47
    outbox.put(result(b"x" * 100))
    assert outbox.dropped == 47


def test_putting_back_keeps_to_the_bounds(outbox, monkeypatch):
    monkeypatch.setattr(module, "MAX_WAITING", 2)
    outbox.put(result(b"3"))

    outbox.put_back([result(b"1"), result(b"2")])

    assert [one.payload for one in drain(outbox)] == [b"2", b"3"]


def test_it_tells_whether_anything_came_in_between(outbox):
    assert outbox.given_if_empty() == outbox.given
    outbox.put(result(b"1"))
    given = outbox.given

    assert outbox.given_if_empty() is None
    outbox.take()
    assert outbox.given_if_empty() == given


def test_every_put_wakes_the_taker_after_the_message_is_in():
    sizes = []
    box = Outbox(lambda: sizes.append(len(box)))
    box.open()

    box.put(result(b"1"))
    box.put(state("a", b"1"))

    assert sizes == [1, 2]


def test_taking_a_long_queue_of_states_costs_no_more_per_message(outbox):
    count = 30_000
    for number in range(count):
        outbox.put(state(f"topic/{number}", b"1"))

    taken = threading.Thread(target=drain, args=(outbox,))
    taken.start()
    taken.join(2)

    assert len(outbox) == 0
