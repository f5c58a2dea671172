"""One HTTP exchange: bounded in time and size, cut from outside, never a write sent twice."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager

import pytest

from minerbridge.errors import BadReply, MinerLocked, MinerUnreachable, OutcomeUnknown
from minerbridge.miners.http_transport import (
    MAX_REPLY,
    HttpRefused,
    HttpTransport,
    shared_ssl_context,
)
from tests.http_script import OK, ScriptedServer, challenge

LIMIT_S = 0.3


@contextmanager
def served(handler, **options):
    with ScriptedServer(handler) as server:
        transport = HttpTransport("127.0.0.1", server.port, **{"timeout_s": LIMIT_S, **options})
        yield transport, server
        transport.close()


def answering(*answers):
    """A handler that gives *answers* in turn, over all connections, and keeps the requests."""
    left, asked = list(answers), []

    def handle(talk):
        while request := talk.request():
            asked.append(request)
            talk.send(left.pop(0) if left else OK)

    vars(handle)["asked"] = asked
    return handle


def test_one_connection_carries_many_requests():
    with served(answering()) as (transport, server):
        assert [transport.get("/a").text for _ in range(5)] == ["ok"] * 5
        assert server.connections == 1


def test_requests_leave_without_delay_and_without_compression():
    handler = answering()
    with served(handler) as (transport, _):
        transport.get("/cgi-bin/stats.cgi", day="1 2")
    head = handler.asked[0].lower()
    assert head.startswith(b"get /cgi-bin/stats.cgi?day=1%202 http/1.1\r\n")
    assert b"accept-encoding: identity" in head


def test_environment_proxies_are_ignored(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with served(answering()) as (transport, _):
        assert transport.get("/").text == "ok"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ncontent-length:2\r\n\r\nokGARBAGE",
    ],
    ids=["chunked", "http 1.0", "more than its length"],
)
def test_unusual_answers_are_understood_again_and_again(answer):
    with served(answering(answer, answer)) as (transport, _):
        assert transport.get("/").text == "ok"
        assert transport.get("/").text == "ok"


def test_an_answer_without_length_ends_with_the_connection():
    def handle(talk):
        talk.request()
        talk.send(b"HTTP/1.1 200 OK\r\n\r\nall of it")

    with served(handle) as (transport, _):
        assert transport.get("/").text == "all of it"


def test_json_is_mended():
    body = b'{"bitmain-fan-ctrl" : ,"a":1}'
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    with served(answering(answer)) as (transport, _):
        assert transport.get("/").json() == {"bitmain-fan-ctrl": None, "a": 1}


def test_redirects_are_returned_and_not_followed():
    away = b"HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n"
    with served(answering(away)) as (transport, server):
        reply = transport.get("/")
        assert (reply.status, reply.headers["location"]) == (302, "http://192.0.2.1/")
        assert server.connections == 1


def _drip(talk):
    talk.request()
    talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while not talk.closing.wait(0.02):
        talk.send(b"x")


def _drip_headers(talk):
    talk.request()
    talk.send(b"HTTP/1.1 200 OK\r\n")
    while not talk.closing.wait(0.02):
        talk.send(b"a: b\r\n")


def _hang(talk):
    talk.request()
    talk.hang()


def _half_headers(talk):
    talk.request()
    talk.send(b"HTTP/1.1 200 OK\r\nContent-Le")
    talk.hang()


def _half_body(talk):
    talk.request()
    talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
    talk.hang()


@pytest.mark.parametrize("handler", [_drip, _drip_headers, _hang, _half_headers, _half_body])
def test_the_time_limit_bounds_the_whole_exchange(handler):
    with served(handler) as (transport, _):
        began_s = time.monotonic()
        with pytest.raises(MinerUnreachable, match=r"no answer within 0\.3 s"):
            transport.get("/")
        assert LIMIT_S * 0.9 < time.monotonic() - began_s < LIMIT_S + 0.3


@pytest.mark.parametrize("handler", [_drip, _hang, _half_body])
def test_a_write_without_its_reply_has_an_unknown_outcome(handler):
    with served(handler) as (transport, _), pytest.raises(OutcomeUnknown):
        transport.post_form("/set", [("a", "b")])


def test_a_connection_that_never_opens_ends_in_time():
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    address = listener.getsockname()
    fillers = [socket.socket() for _ in range(3)]
    for filler in fillers:
        filler.setblocking(False)
        filler.connect_ex(address)
    transport = HttpTransport(*address, timeout_s=LIMIT_S)
    began_s = time.monotonic()
    with pytest.raises(MinerUnreachable, match="no answer within"):
        transport.post_json("/", {})  # nothing was sent: not an unknown outcome
    assert time.monotonic() - began_s < LIMIT_S + 0.3
    cutter = threading.Timer(0.1, transport.interrupt)
    cutter.start()
    with pytest.raises(MinerUnreachable, match="interrupted"):
        transport.request("GET", "/", timeout_s=5)
    cutter.join()
    for one in (*fillers, listener):
        one.close()


def test_nobody_listening_is_said_clearly():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(MinerUnreachable, match=f"port {port}: connection refused"):
        HttpTransport("127.0.0.1", port).get("/")
    with pytest.raises(MinerUnreachable):
        HttpTransport("no such host.invalid").get("/")


def test_garbage_and_halves_are_bad_replies():
    for answer in (b"\x00\x01garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"):

        def handle(talk, answer=answer):
            talk.request()
            talk.send(answer)

        with served(handle) as (transport, _), pytest.raises(BadReply) as caught:
            transport.get("/")
        assert caught.value.text


def test_a_reply_without_end_stops_at_the_limit():
    def handle(talk):
        talk.request()
        talk.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while not talk.closing.is_set():
            talk.send(b"x" * 65_536)

    with (
        served(handle, timeout_s=5) as (transport, _),
        pytest.raises(BadReply, match=str(MAX_REPLY)),
    ):
        transport.get("/")


def test_a_login_page_without_end_stops_too():
    def handle(talk):
        talk.request()
        head, _, _ = challenge().partition(b"Content-Length")
        talk.send(head + b"\r\n")
        while not talk.closing.is_set():
            talk.send(b"x" * 65_536)

    login = {"username": "root", "password": "x", "timeout_s": 5}
    with served(handle, **login) as (transport, _), pytest.raises(BadReply, match="exceeds"):
        transport.get("/")


def test_a_closed_kept_alive_connection_costs_a_read_nothing():
    def handle(talk):
        talk.request()
        talk.send(OK)
        if talk.number == 0:
            talk.request()  # read the second request, answer nothing
            return
        while talk.request():
            talk.send(OK)

    with served(handle) as (transport, server):
        transport.get("/")
        assert transport.get("/").text == "ok"
        assert server.connections == 2


def test_a_write_is_never_sent_twice():
    writes = []

    def handle(talk):
        talk.request()
        talk.send(OK)
        while request := talk.request():
            writes.append(request)
            return

    with served(handle) as (transport, _):
        transport.get("/")
        with pytest.raises(OutcomeUnknown):
            transport.post_form("/set", [("a", "b")])
        assert len(writes) == 1


def test_an_interrupt_ends_the_running_request_at_once():
    with served(_hang, timeout_s=10) as (transport, _):
        cutter = threading.Timer(0.1, transport.interrupt)
        cutter.start()
        began_s = time.monotonic()
        with pytest.raises(MinerUnreachable, match="interrupted"):
            transport.get("/")
        assert time.monotonic() - began_s < 1
        cutter.join()


def test_an_interrupt_without_a_request_does_nothing():
    with served(answering()) as (transport, _):
        transport.interrupt()
        assert transport.get("/").text == "ok"
        transport.interrupt()
        assert transport.get("/").text == "ok"


def test_a_closed_transport_may_be_used_again():
    with served(answering()) as (transport, server):
        transport.get("/")
        transport.close()
        assert transport.get("/").text == "ok"
        assert server.connections == 2


# -- login -------------------------------------------------------------------------------------


def _needs_login(handler_log, realm="antMiner Configuration"):
    def handle(talk):
        while request := talk.request():
            handler_log.append(request)
            talk.send(OK if b"\r\nauthorization: digest" in request.lower() else challenge(realm))

    return handle


def test_the_challenge_is_remembered_so_that_later_requests_are_one():
    log: list[bytes] = []
    with served(_needs_login(log), username="root", password="secret") as (transport, server):
        for _ in range(3):
            assert transport.get("/").text == "ok"
    assert len(log) == 4
    assert b"authorization" not in log[0].lower()
    assert not any(b"secret" in request for request in log)
    assert server.connections == 1
    assert transport.realm == "antMiner Configuration"


def test_a_password_for_one_realm_is_kept_from_others():
    log: list[bytes] = []
    login = {"username": "root", "password": "root", "realm": "antMiner"}
    with (
        served(_needs_login(log, "Somebody else"), **login) as (transport, _),
        pytest.raises(MinerLocked, match="Somebody else"),
    ):
        transport.get("/")
    assert len(log) == 1


def test_no_password_goes_to_a_server_that_wants_it_in_the_clear():
    basic = b'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n'
    handler = answering(basic, basic)
    with (
        served(handler, username="root", password="secret") as (transport, _),
        pytest.raises(MinerLocked, match="not answered"),
    ):
        transport.get("/")
    assert not any(b"authorization" in request.lower() for request in handler.asked)


def test_a_wrong_password_is_tried_once():
    log: list[bytes] = []

    def handle(talk):
        while request := talk.request():
            log.append(request)
            talk.send(challenge(nonce=str(len(log))))

    with (
        served(handle, username="root", password="wrong") as (transport, _),
        pytest.raises(MinerLocked, match="wrong user or password"),
    ):
        transport.get("/")
    assert len(log) == 2


@pytest.mark.parametrize(
    "login",
    [b"Digest nonsense", b'Digest realm="a", nonce="b", algorithm=QUANTUM', b'Digest realm="a"'],
)
def test_a_login_that_makes_no_sense_is_a_bad_reply(login):
    answer = b"HTTP/1.1 401 No\r\nWWW-Authenticate: " + login + b"\r\nContent-Length: 0\r\n\r\n"
    with (
        served(answering(answer), username="a", password="b") as (transport, _),
        pytest.raises(BadReply),
    ):
        transport.get("/")


@pytest.mark.parametrize(
    ("status", "error"), [(403, MinerLocked), (404, HttpRefused), (500, HttpRefused)]
)
def test_error_statuses_are_raised(status, error):
    answer = b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % status
    with served(answering(answer)) as (transport, _), pytest.raises(error):
        transport.get("/page")


# -- bodies ------------------------------------------------------------------------------------


def test_forms_keep_their_order_and_use_upper_case_escapes():
    handler = answering()
    with served(handler) as (transport, _):
        fields = [
            ("_ant_pool1url", "stratum+tcp://a:1"),
            ("_ant_pool1pw", ""),
            ("_ant_freq", "5/7"),
        ]
        transport.post_form("/set", fields)
    head, _, body = handler.asked[0].partition(b"\r\n\r\n")
    assert body == b"_ant_pool1url=stratum%2Btcp%3A%2F%2Fa%3A1&_ant_pool1pw=&_ant_freq=5%2F7"
    assert b"application/x-www-form-urlencoded" in head


def test_json_is_posted_in_one_line():
    handler = answering()
    with served(handler) as (transport, _):
        transport.post_json("/set", {"blink": True, "name": "é"})
    assert handler.asked[0].endswith('\r\n\r\n{"blink":true,"name":"é"}'.encode())


def test_all_miners_share_one_tls_context():
    assert shared_ssl_context() is shared_ssl_context()
