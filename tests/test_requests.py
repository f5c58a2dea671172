"""The request desk: one envelope, one answer each, a small pool."""

import json
import threading
from typing import Any

import pytest

from minerbridge.errors import NotAllowed
from minerbridge.mqtt import requests
from minerbridge.mqtt.requests import MAX_WAITING, POOL_SIZE, Request, RequestDesk
from minerbridge.mqtt.topics import Topics
from tests.log_lines import keep

ANSWERS = {
    "echo": lambda document: document,
    "huge": lambda document: "x" * 70_000,
    "numbers": lambda document: {"nan": float("nan"), "inf": float("inf"), "text": "\ud800"},
    "miner/details": lambda document: {"deep": True},
}


@pytest.fixture
def desk():
    sent: list[Any] = []
    desk: Any = RequestDesk(Topics(), sent.append, ANSWERS)
    desk.sent = sent
    return desk


def served(desk, name, payload=b"", **facts):
    """The one answer; both its copies when there is a response topic."""
    desk.serve(Request(name, payload, **facts))
    answers = [json.loads(message.payload) for message in desk.sent]
    assert all(answer == answers[0] for answer in answers)
    return answers[0]


def failed(answer):
    assert answer.keys() == {"status", "error", "id"}
    assert answer["status"] == "error"
    assert answer["error"].keys() == {"code", "message"}
    return answer["error"]["code"], answer["id"]


@pytest.mark.parametrize(
    ("payload", "request_id"),
    [(b'{"id": "abc"}', "abc"), (b'{"id": 7}', 7), (b'{"id": 0}', 0), (b'{"id": ""}', "")],
)
def test_an_id_is_echoed(desk, payload, request_id):
    answer = served(desk, "echo", payload)
    assert answer == {"status": "ok", "data": {"id": request_id}, "id": request_id}


@pytest.mark.parametrize("payload", [b"", b"  ", b"{}", b'{"id": null}'])
def test_an_id_is_made_where_there_is_none(desk, payload):
    answer = served(desk, "echo", payload)
    assert answer["status"] == "ok"
    assert len(answer["id"]) == 12
    assert answer["data"] == {"id": answer["id"]}


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"banana", "INVALID_REQUEST"),
        (b"\xff\xfe", "INVALID_REQUEST"),
        (b"[]", "INVALID_REQUEST"),
        (b'"text"', "INVALID_REQUEST"),
        (b"5", "INVALID_REQUEST"),
        (b"null", "INVALID_REQUEST"),
        (b'{"x": NaN}', "INVALID_REQUEST"),
        (b'{"x": -Infinity}', "INVALID_REQUEST"),
        (b'{"x": ' + b"1" * 5000 + b"}", "INVALID_REQUEST"),
        (b"[" * 60_000, "INVALID_REQUEST"),
        (b'{"id": {}}', "INVALID_REQUEST"),
        (b'{"id": true}', "INVALID_REQUEST"),
        (b'{"id": 1.5}', "INVALID_REQUEST"),
        (b'{"id": "' + b"x" * 129 + b'"}', "INVALID_REQUEST"),
        (b" " * 65_537, "TOO_LARGE"),
    ],
)
def test_what_is_no_request_is_answered_with_an_error(desk, payload, code):
    assert failed(served(desk, "echo", payload)) == (code, None)


@pytest.mark.parametrize("name", ["nothing", "", "a/b/c", "echo/", "x" * 1000])
def test_an_unknown_request_is_not_found(desk, name):
    answer = served(desk, name, b'{"id": 7}')
    assert failed(answer) == ("NOT_FOUND", 7)
    assert desk.sent[0].topic == f"minerbridge/bridge/response/{name}"


def test_expected_failures_carry_their_code(desk):
    def refuse(_):
        raise NotAllowed("no")

    desk._answerers = {"refuse": refuse}
    answer = served(desk, "refuse", b'{"id": 7}')
    assert answer["error"] == {"code": "NOT_ALLOWED", "message": "no"}


def test_a_defect_fails_one_request_and_is_logged(desk, monkeypatch):
    logged = keep(monkeypatch, requests)
    desk._answerers = {"broken": lambda document: 1 / 0}
    assert failed(served(desk, "broken", b'{"id": 7}')) == ("INTERNAL_ERROR", 7)
    assert len(logged.lines) == 1


def test_an_answer_that_fits_into_no_message_is_an_error(desk):
    assert failed(served(desk, "huge", b'{"id": 7}')) == ("TOO_LARGE", 7)


def test_what_json_lacks_becomes_null_and_half_characters_a_question_mark(desk):
    assert served(desk, "numbers")["data"] == {"nan": None, "inf": None, "text": "?"}


def test_half_characters_in_an_id_do_no_harm(desk):
    assert served(desk, "echo", b'{"id": "\\ud800"}')["id"] == "?"


def test_a_requesters_topic_gets_the_answer_too(desk):
    served(desk, "miner/details", response_topic="my/answers", correlation=b"\x01\xff")
    assert [(m.topic, m.qos, m.retain, m.correlation) for m in desk.sent] == [
        ("minerbridge/bridge/response/miner/details", 1, False, b"\x01\xff"),
        ("my/answers", 1, False, b"\x01\xff"),
    ]


@pytest.mark.parametrize(
    "topic",
    ["minerbridge/bridge/request/echo", "homeassistant/switch/m/power/set", "a/#", "", "x" * 9999],
)
def test_an_answer_goes_nowhere_it_would_be_taken_for_a_request(desk, topic):
    served(desk, "echo", response_topic=topic)
    assert len(desk.sent) == 1


def test_beyond_a_thousand_waiting_requests_are_refused_at_once(desk):
    for _ in range(MAX_WAITING):
        desk.take(Request("echo", b""))
    assert desk.sent == []

    desk.take(Request("echo", b'{"id": 7}'))
    desk.take(Request("echo", b"banana"))

    assert [failed(json.loads(message.payload)) for message in desk.sent] == [
        ("RATE_LIMITED", 7),
        ("RATE_LIMITED", None),
    ]


@pytest.fixture
def pool(desk):
    ended: list[str] = []
    for clerk in desk.clerks:
        clerk.start(ended.append)
    yield desk
    for clerk in desk.clerks:
        clerk.stop()
    assert all(clerk.join(5) for clerk in desk.clerks)
    assert ended == []


def test_slow_requests_leave_a_clerk_for_the_others(pool):
    entered, go_on, done = threading.Semaphore(0), threading.Event(), threading.Semaphore(0)

    def wait(_):
        entered.release()
        assert go_on.wait(20)
        done.release()

    quick = threading.Event()
    pool._answerers = {"slow": wait, "quick": lambda _: quick.set()}
    pool._slow_names = frozenset({"slow"})
    for _ in range(POOL_SIZE + 1):
        pool.take(Request("slow", b""))

    assert all(entered.acquire(timeout=5) for _ in range(POOL_SIZE - 1))
    assert not entered.acquire(timeout=0.05)
    pool.take(Request("quick", b""))
    assert quick.wait(5)
    go_on.set()
    assert all(done.acquire(timeout=5) for _ in range(POOL_SIZE + 1))


def test_a_clerk_outlives_a_request_that_cannot_even_be_answered(desk, monkeypatch):
    logged = keep(monkeypatch, requests)
    answered = threading.Event()

    def send(message):
        if message.topic.endswith("bad"):
            raise RuntimeError("unsendable")
        answered.set()

    desk._send = send
    clerk = desk.clerks[0]
    ended: list[str] = []
    clerk.start(ended.append)
    desk.take(Request("bad", b""))
    desk.take(Request("echo", b""))

    assert answered.wait(5)
    clerk.stop()
    assert clerk.join(5)
    assert (ended, "request_unanswered" in logged.events()) == ([], True)
