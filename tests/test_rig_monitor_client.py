"""What the client makes of every kind of answer, and that nothing holds it up."""

import socket
import ssl
import threading
import time

import pytest
from pydantic import SecretStr

from minerbridge.rig_monitor.client import (
    MAX_REPLY_BYTES,
    Answer,
    MonitorClient,
    Question,
    tls_for,
)
from minerbridge.rig_monitor.failures import (
    FieldsRefused,
    ServerAway,
    ServerTrouble,
    WrongCode,
)
from minerbridge.simulator.rig_monitor_server import RigMonitorServer
from tests.http_script import ScriptedServer
from tests.waiting import until

CODE = SecretStr("873337a5-b4a5-6821-a342-c744f32acf1e")
TLS = tls_for("http://127.0.0.1")
PING = Question("GET", "/ping")
EXPECTED = Question("GET", "/asic_miners/expected_status", CODE)
SPECS = {"model": "KS5L", "firmware_version": "1", "software_version": "2"}


REDIRECT = (
    b"HTTP/1.1 302 x\r\nLocation: http://u:p@thief.example/?code=1\r\nContent-Length: 0\r\n\r\n"
)


@pytest.fixture
def server():
    with RigMonitorServer() as running:
        running.add(CODE.get_secret_value(), name="KS5L")
        yield running


@pytest.fixture
def ask(server):
    client = MonitorClient(server.url, TLS, answer_within_s=1.0)
    yield lambda *questions: client.exchange(questions)
    client.close()


def post(body, path="/asic_miners/specs", code=CODE):
    return Question("POST", path, code, body)


def said(reply, seconds=1.0):
    """Return what comes of a server that answers with the bytes *reply*."""

    def talk(connection):
        if connection.request():
            connection.send(reply)

    with ScriptedServer(talk) as scripted:
        client = MonitorClient(f"http://127.0.0.1:{scripted.port}", TLS, answer_within_s=seconds)
        (outcome,) = client.exchange([EXPECTED])
        client.close()
    return outcome


def reply(status, body, kind="application/json"):
    head = f"HTTP/1.1 {status} x\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def test_ping_needs_no_code_and_a_post_is_answered_with_null(server, ask):
    assert ask(PING, post(SPECS)) == [Answer({"message": "pong"}), Answer(None)]
    assert server.miners[CODE.get_secret_value()].specs == [SPECS]


def test_answers_come_in_the_order_of_the_questions(ask):
    outcomes = ask(*[PING, EXPECTED] * 30)
    assert [type(one) for one in outcomes] == [Answer] * 60
    assert outcomes[59].content["name"] == "KS5L"


def test_connections_are_kept(server, ask):
    opened = len(server.connections)
    for _ in range(5):
        ask(PING)
    assert len(server.connections) == opened + 1


@pytest.mark.parametrize("code", ["unknown", "", "with blank", "tab\t", "line\r\nX: y", "ü"])
def test_a_wrong_code_is_told_apart_and_not_repeated_in_words(ask, code):
    (outcome,) = ask(post(SPECS, code=SecretStr(code)))
    assert isinstance(outcome, WrongCode)
    assert not code or code not in str(outcome)


def test_a_code_of_the_other_form_is_wrong(ask):
    (outcome,) = ask(post({}, "/cpu_gpu_miners/logs"))
    assert isinstance(outcome, WrongCode)


def test_refused_fields_are_named(ask):
    (outcome,) = ask(post({**SPECS, "model": " ", "firmware_version": 5}))
    assert isinstance(outcome, FieldsRefused)
    assert outcome.fields == {"model": ("can't be blank",), "firmware_version": ("is invalid",)}
    assert "firmware_version is invalid" in str(outcome)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (reply(500, b'{"errors":{"detail":"Internal Server Error"}}'), "HTTP 500"),
        (reply(404, b'{"errors":{"detail":"Not Found"}}'), "Not Found"),
        (reply(502, b"<html>", "text/html; charset=utf-8"), "HTTP 502 with text/html"),
        (reply(200, b"<html>", "text/html"), "HTTP 200 with text/html"),
        (reply(200, b"", "application/json"), "in place of JSON"),
        (reply(422, b"{}"), "HTTP 422"),
        (reply(200, b"[" * 100_000), "in place of JSON"),
        (reply(200, b"1" * (MAX_REPLY_BYTES + 1)), "exceeds"),
        (REDIRECT, "redirects to thief.example,"),
    ],
)  # fmt: skip
def test_trouble_of_the_server_is_told_in_words(answer, words):
    outcome = said(answer)
    assert type(outcome) is ServerTrouble
    assert words in str(outcome)


@pytest.mark.parametrize("nothing", [b"", b"\x00\xff garbage \r\n\r\n", b"HTTP/1.1 200 OK\r\n"])
def test_a_server_that_says_nothing_is_away(nothing):
    assert isinstance(said(nothing), ServerAway)


def test_a_redirect_is_not_followed(server, ask):
    with RigMonitorServer() as other:
        server.faults.redirect_to = f"{other.url}/ping"
        (outcome,) = ask(EXPECTED)
        assert isinstance(outcome, ServerTrouble)
        assert not other.requests


def test_a_closed_port_is_away():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        client = MonitorClient(f"http://127.0.0.1:{closed.getsockname()[1]}", TLS)
        (outcome,) = client.exchange([PING])
        client.close()
    assert isinstance(outcome, ServerAway)


def test_a_hanging_server_costs_one_deadline_whatever_the_number_of_questions(server):
    server.faults.silent = True
    client = MonitorClient(server.url, TLS, answer_within_s=0.3)
    began_s = time.monotonic()

    outcomes = client.exchange([PING] * 40)

    assert time.monotonic() - began_s < 2.0
    assert {type(one) for one in outcomes} == {ServerAway}
    client.close()


def test_a_server_that_drips_ends_with_the_deadline():
    def drip(connection):
        connection.request()
        while True:
            connection.send(b"H")
            time.sleep(0.02)

    with ScriptedServer(drip) as scripted:
        client = MonitorClient(f"http://127.0.0.1:{scripted.port}", TLS, answer_within_s=0.3)
        began_s = time.monotonic()
        (outcome,) = client.exchange([PING])
        assert time.monotonic() - began_s < 2.0
        client.close()
    assert isinstance(outcome, ServerAway | ServerTrouble)


def test_an_interrupt_ends_the_exchange_at_once(server):
    server.faults.silent = True
    client = MonitorClient(server.url, TLS, answer_within_s=20)
    outcomes = []
    thread = threading.Thread(target=lambda: outcomes.extend(client.exchange([PING])))
    thread.start()
    until(lambda: server.requests["silent"], 5, "the question has arrived")

    client.interrupt()
    thread.join(2)

    assert [type(one) for one in outcomes] == [ServerAway]
    assert isinstance(client.exchange([PING])[0], ServerAway)
    client.close()


def test_certificates_are_checked_where_there_are_any():
    assert tls_for("https://monitor.example.com/api/v1").verify_mode is ssl.CERT_REQUIRED
    assert tls_for("https://monitor.example.com/api/v1").check_hostname
    assert not tls_for("http://192.0.2.5").get_ca_certs()


def test_over_tls_only_a_server_with_a_good_certificate_gets_the_code(certificates):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates["certificate"], certificates["key"])
    heard = []

    def talk(connection):
        connection.connection = context.wrap_socket(connection.connection, server_side=True)
        heard.append(connection.request())
        connection.send(reply(200, b"null"))

    outcomes = []
    for tls in (
        ssl.create_default_context(),
        ssl.create_default_context(cafile=certificates["ca"]),
    ):
        with ScriptedServer(talk) as scripted:
            client = MonitorClient(f"https://127.0.0.1:{scripted.port}", tls)
            outcomes += client.exchange([EXPECTED])
            client.close()
    assert isinstance(outcomes[0], ServerAway)
    assert outcomes[1] == Answer(None)
    assert len(heard) == 1
