"""Getting in: protocol versions, passwords, certificates, and what is said when it fails."""

import ssl
import subprocess

import pytest

from minerbridge.mqtt import client as client_module
from minerbridge.mqtt.broker import Ended
from minerbridge.mqtt.protocol_choice import PATIENCE, ProtocolChoice
from tests.embedded_amqtt import amqtt
from tests.mosquitto import free_port
from tests.mqtt_rig import MqttRig, shared_brokers
from tests.scripted_broker import ACCEPT_3, ACCEPT_5, HANG_UP, SILENCE, publish_5
from tests.waiting import until
from tests.wiretap import Wiretap

#: How brokers that speak MQTT 3 answer an MQTT 5 CONNECT.
REFUSALS = {
    "in MQTT 3": b"\x20\x02\x00\x01",
    "in MQTT 5": b"\x20\x03\x00\x84\x00",
    "as a bad client id": b"\x20\x02\x00\x02",
    "nonsense": b"\xf0\x00",
    "by hanging up": HANG_UP,
}


def pauses_of(one):
    """Let a client rest no more; return how long it would have."""
    pauses: list[float] = []
    one.client._rest = pauses.append
    return pauses


# -- protocol versions ---------------------------------------------------------------------------


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_a_broker_without_mqtt_5_is_spoken_to_in_3_and_that_is_remembered(
    scripted_broker, rig, refusal
):
    broker = scripted_broker(lambda level: ACCEPT_3 if level == 4 else refusal)
    one = rig(broker.port)
    broker.hang_up()

    until(lambda: one.client.connections == 2, 5, "the second connection")
    assert broker.levels == [5, 4, 4]


def test_a_real_broker_without_mqtt_5_works(rig, logged, monkeypatch):
    # It waits for more when it reads a CONNECT of MQTT 5 that has a will.
    monkeypatch.setattr(client_module, "ANSWER_TO_A_GUESS_WITHIN_S", 0.3)
    with amqtt() as port:
        one = rig(port, filters=["echo"])
        one.result("echo", "1")
        until(lambda: one.heard, 5, "the echo")
        one.stop()

    assert [line["protocol"] for line in logged("mqtt_connected")] == ["3.1.1"]
    assert not logged("mqtt_unreachable")


def test_a_broker_that_is_down_changes_no_protocol(rig):
    one = rig(free_port(), connected=False)
    pauses = pauses_of(one)

    until(lambda: len(pauses) > PATIENCE + 2, 5, "attempts")
    assert one.client._protocol.is_v5


def test_a_broker_that_once_took_mqtt_5_may_hang_up_without_being_doubted(
    scripted_broker, rig, monkeypatch
):
    monkeypatch.setattr(client_module, "LONGEST_PAUSE_S", 0.02)
    answers = iter([ACCEPT_5, HANG_UP, HANG_UP, HANG_UP, ACCEPT_5])
    broker = scripted_broker(lambda _: next(answers))
    one = rig(broker.port)
    broker.hang_up()

    until(lambda: one.client.connections == 2, 5, "the second connection")
    assert broker.levels == [5] * 5


@pytest.mark.parametrize(("wanted", "level"), [("5", 5), ("3.1.1", 4)])
def test_a_protocol_that_is_set_is_never_changed(scripted_broker, rig, monkeypatch, wanted, level):
    monkeypatch.setattr(client_module, "LONGEST_PAUSE_S", 0.02)
    broker = scripted_broker(lambda _: HANG_UP)
    rig(broker.port, connected=False, protocol=wanted)

    until(lambda: len(broker.levels) > PATIENCE + 2, 5, "many attempts")
    assert set(broker.levels) == {level}


@pytest.mark.slow
def test_silence_is_waited_for_and_said(scripted_broker, rig, logged, monkeypatch):
    monkeypatch.setattr(client_module, "ANSWER_WITHIN_S", 0.2)
    monkeypatch.setattr(client_module, "ANSWER_TO_A_GUESS_WITHIN_S", 0.1)
    broker = scripted_broker(lambda _: SILENCE)
    rig(broker.port, connected=False)

    until(lambda: logged("mqtt_unreachable"), 5, "the log line")
    (line,) = logged("mqtt_unreachable")
    assert line["reason"] == "no answer to CONNECT within 0.2 s: is it a TLS port?"
    assert broker.levels[:2] == [5, 4]


def test_what_once_worked_is_doubted_after_many_failures_only():
    choice = ProtocolChoice("auto")
    choice.accepted()
    assert [choice.unanswered() for _ in range(PATIENCE)] == [False] * (PATIENCE - 1) + [True]
    assert not choice.is_v5

    choice.accepted()
    choice.unanswered()
    assert not choice.is_v5


def test_a_broker_that_takes_neither_is_asked_for_both_without_haste():
    choice = ProtocolChoice("auto")

    # At once for 3.1.1 after 5; back to 5 only after a pause.
    assert [choice.refused() for _ in range(4)] == [True, False, True, False]
    assert choice.is_v5


# -- user and password ---------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", ["auto", "3.1.1"])
def test_a_wrong_password_is_said_once_and_tried_again_until_it_is_right(
    mosquitto, rig, logged, protocol
):
    broker = mosquitto(users={"bridge": "right"})
    one = rig(broker.port, connected=False, username="bridge", password="fixed", protocol=protocol)
    attempts = "New connection from 127.0.0.1"
    until(lambda: broker.log.read_text().count(attempts) > 2, 5, "attempts")
    assert not one.client.connected.is_set()

    passwords = broker.directory / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", passwords, "bridge", "fixed"], check=True)
    passwords.chmod(0o644)
    broker.reload()

    assert one.client.connected.wait(5)
    lines = logged("mqtt_login_refused")
    assert [line["reason"] for line in lines] == ["Not authorized"]
    assert not logged("mqtt_unreachable")
    assert "fixed" not in str(lines)
    assert "fixed" not in repr(one.client._lasting.login)


@pytest.fixture
def pauses():
    """How long a client rests after each of a dozen ends of one kind."""

    def of(kind, code=None):
        client = MqttRig(1).client
        return [client._pause_s(Ended(kind, "no", code), has_learned=False) for _ in range(12)]

    return of


def test_refused_logins_are_repeated_more_and_more_slowly(pauses):
    rests = pauses("refused", 0x86)

    assert rests[0] <= 0.5
    assert rests[1] > rests[0]
    assert all(24 <= rest <= 30 for rest in rests[7:])


@pytest.mark.parametrize(
    ("kind", "code"), [("unreachable", None), ("lost", None), ("mute", None), ("refused", 0x88)]
)
def test_a_broker_that_is_away_or_busy_is_tried_every_few_seconds(pauses, kind, code):
    rests = pauses(kind, code)

    assert rests[0] <= 0.5
    assert all(2.4 <= rest <= 3.0 for rest in rests[4:])


# -- certificates --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tls_broker(certificates):
    with shared_brokers() as start:
        yield start(tls=certificates)


@pytest.fixture(scope="module")
def strict_broker(certificates):
    """It wants a client certificate."""
    with shared_brokers() as start:
        yield start(tls=certificates, mtls=True)


def trusting(certificates, *, client=False):
    context = ssl.create_default_context(cafile=str(certificates["ca"]))
    if client:
        context.load_cert_chain(certificates["client_certificate"], certificates["client_key"])
    return context


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_tls_with_the_broker_s_authority_works(tls_broker, certificates, rig, host):
    tap = Wiretap(tls_broker.port)
    one = rig(tls_broker.tls_port, host=host, tls=trusting(certificates), filters=["in/#"])
    for number in range(500):
        one.result("out", "x" * number)
    tap.until("out", "x" * 499)

    for number in range(5):
        tap.publish(f"in/{number}", "y" * 60_000)
    until(lambda: len(one.heard) == 5, 5, "all messages")
    assert {len(message.payload) for message in one.heard} == {60_000}
    tap.close()


def test_messages_that_come_in_one_tls_record_are_all_heard(scripted_broker, certificates, rig):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates["certificate"], certificates["key"])
    together = b"".join(publish_5("in", b"%d" % number) for number in range(20))
    broker = scripted_broker(lambda _: ACCEPT_5 + together, tls=context)

    one = rig(broker.port, tls=trusting(certificates))

    # Bytes that TLS has decrypted already are not seen by poll(2).
    until(lambda: len(one.heard) == 20, 1, "all messages")


def test_a_broker_of_an_unknown_authority_is_not_trusted(tls_broker, rig, logged):
    rig(tls_broker.tls_port, connected=False, tls=ssl.create_default_context())

    until(lambda: logged("mqtt_unreachable"), 5, "the log line")
    assert "CERTIFICATE_VERIFY_FAILED" in logged("mqtt_unreachable")[0]["reason"]


def test_a_client_certificate_lets_in(strict_broker, certificates, rig):
    rig(strict_broker.tls_port, tls=trusting(certificates, client=True))


def test_a_missing_client_certificate_is_said(strict_broker, certificates, rig, logged):
    one = rig(strict_broker.tls_port, connected=False, tls=trusting(certificates))

    until(lambda: logged("mqtt_unreachable"), 15, "the log line")
    assert "certificate" in logged("mqtt_unreachable")[0]["reason"]
    assert not one.client.connected.is_set()


def test_a_plain_connection_to_a_tls_port_is_said(tls_broker, rig, logged, monkeypatch):
    monkeypatch.setattr(client_module, "ANSWER_WITHIN_S", 0.3)
    monkeypatch.setattr(client_module, "ANSWER_TO_A_GUESS_WITHIN_S", 0.3)
    rig(tls_broker.tls_port, connected=False)

    until(lambda: logged("mqtt_unreachable"), 5, "the log line")
    assert "is it a TLS port?" in logged("mqtt_unreachable")[0]["reason"]


def test_tls_to_a_plain_port_is_said(tls_broker, certificates, rig, logged):
    rig(tls_broker.port, connected=False, tls=trusting(certificates))

    until(lambda: logged("mqtt_unreachable"), 5, "the log line")
    assert logged("mqtt_unreachable")[0]["reason"].startswith("TLS: ")
