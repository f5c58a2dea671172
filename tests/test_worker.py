"""The worker: polls, commands, answers, and what it does when the miner misbehaves."""

import threading
import uuid

import pytest

from minerbridge.errors import (
    BadReply,
    CommandRejected,
    InvalidValue,
    MinerLocked,
    MinerRefused,
    MinerUnreachable,
    NotAllowed,
    OutcomeUnknown,
    Unsupported,
)
from minerbridge.miners.permission import Policy
from minerbridge.miners.plan import Plan
from minerbridge.miners.worker import MinerWorker
from minerbridge.model import CommandSpec, Confirmation, MinerCommand, MinerProfile, Parameter
from tests.fake_driver import COMMANDS, MAC, Ear, FakeDriver

WAIT_S = 5
FAST = {"poll_interval_s": 0.02, "offline_after_s": 0.05}


class HeardWorker(MinerWorker):
    """A worker with the ear that hears it."""

    ear: Ear


@pytest.fixture
def driver():
    return FakeDriver()


@pytest.fixture
def start(driver):
    """Start a worker; its news are in `worker.ear`."""
    started = []

    def begin(known=(), energy_kwh=None, **plan):
        ear = Ear()
        settings = Plan("m", "127.0.0.1", **{**FAST, **plan})
        worker = HeardWorker(settings, driver, ear, known, energy_kwh)
        worker.ear = ear
        worker.start(lambda name: None)
        started.append(worker)
        return worker

    yield begin
    if driver.step_gate is not None:
        driver.step_gate.set()
    for worker in started:
        worker.stop()
        assert worker.join(WAIT_S)


def command(name, key=None, **parameters):
    return MinerCommand("m", name, uuid.uuid4().hex, key or name, parameters)


def online(worker):
    assert worker.ear.availabilities.get(timeout=WAIT_S)[1] is True
    return worker


def result(worker):
    return worker.ear.results.get(timeout=WAIT_S)


def test_a_miner_that_answers_is_online_and_read(start):
    worker = online(start())

    assert worker.ear.readings.get(timeout=WAIT_S).hashrate_hs == 1e14
    assert worker.ear.profiles.get(timeout=WAIT_S).mac_address == MAC


def test_a_command_is_confirmed_only_by_a_later_reading(start, driver):
    worker = online(start())

    worker.submit(command("stop", "power"))

    answer = result(worker)
    assert (answer.status, answer.code, answer.key) == ("confirmed", None, "power")
    assert driver.executed == [("stop", {})]


def test_a_command_the_miner_ignores_is_unconfirmed(start, driver):
    driver.obeys = False
    driver.confirm_within_s = 0.1
    worker = online(start())

    worker.submit(command("stop", "power"))

    answer = result(worker)
    assert (answer.status, answer.code) == ("unconfirmed", "NOT_SEEN")


def test_what_cannot_be_read_back_is_unconfirmed_at_once(start):
    worker = online(start())

    worker.submit(command("power_limit", power_limit_w=2000))

    assert (result(worker).status, worker.ear.results.empty()) == ("unconfirmed", True)


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        (MinerRefused("no"), "failed", "REFUSED"),
        (MinerLocked("wrong password"), "failed", "ACCESS_DENIED"),
        (MinerUnreachable("refused"), "rejected", "OFFLINE"),
        (InvalidValue("odd"), "rejected", "INVALID_VALUE"),
        (BadReply("odd", "?"), "failed", "BAD_REPLY"),
        (OutcomeUnknown("lost"), "failed", "OUTCOME_UNKNOWN"),
        (RuntimeError("bug"), "failed", "INTERNAL_ERROR"),
    ],
)
def test_every_way_a_write_can_fail_is_answered_once(start, driver, failure, status, code):
    worker = online(start())
    driver.write_failure = failure

    worker.submit(command("led", enabled=True))

    answer = result(worker)
    assert (answer.status, answer.code) == (status, code)
    assert worker.ear.results.empty()


def test_a_lost_reply_is_read_back_instead_of_sent_again(start, driver):
    worker = online(start())
    driver.write_failure = OutcomeUnknown("lost")
    driver.write_failure.confirmation = Confirmation(lambda r: r.led_on is True, 2.0, "lit", 0.01)
    driver.led_on = True

    worker.submit(command("led", enabled=True))

    assert result(worker).status == "confirmed"
    assert driver.executed == []


@pytest.mark.parametrize(
    ("name", "parameters", "error"),
    [
        ("nonsense", {}, Unsupported),
        ("led", {"enabled": "maybe"}, InvalidValue),
        ("led", {}, InvalidValue),
        ("power_limit", {"power_limit_w": 99_999}, InvalidValue),
        ("power_limit", {"power_limit_w": float("nan")}, InvalidValue),
        ("reset", {}, NotAllowed),
        ("addpool", {"url": "x"}, NotAllowed),
    ],
)
def test_what_may_not_be_sent_is_refused_before_it_is_queued(
    start, driver, name, parameters, error
):
    worker = online(start())

    with pytest.raises(error):
        worker.submit(command(name, **parameters))

    assert driver.executed == []


def test_a_read_only_miner_takes_nothing(start):
    worker = online(start(policy=Policy(read_only=True)))

    with pytest.raises(NotAllowed, match="read-only"):
        worker.submit(command("stop"))


def test_an_allowed_guarded_command_goes_through(start, driver):
    worker = online(start(policy=Policy(allow=frozenset({"reset"}))))

    worker.submit(command("reset"))

    assert result(worker).status == "unconfirmed"
    assert driver.executed == [("reset", {})]


def test_secrets_stay_off_mqtt_even_if_allowed(start):
    worker = online(start(policy=Policy(allow=frozenset({"addpool"}))))

    with pytest.raises(NotAllowed, match="pool profile"):
        worker.submit(command("addpool", url="x"))


def test_a_waiting_command_is_superseded_by_a_newer_of_its_key(start, driver):
    driver.step_gate = threading.Event()
    worker = start(known=[FakeDriver().contact()[0]])
    assert driver.in_step.wait(WAIT_S)
    older, newer = command("stop", "power"), command("start", "power")

    worker.submit(older)
    worker.submit(newer)

    first = result(worker)
    assert (first.id, first.status) == (older.id, "superseded")
    driver.step_gate.set()
    assert result(worker).id == newer.id
    assert driver.executed == [("start", {})]


def test_an_unconfirmed_command_is_superseded_by_a_newer_of_its_key(start, driver):
    driver.obeys = False
    worker = online(start())
    older = command("stop", "power")
    worker.submit(older)
    while not driver.executed:
        worker.ear.readings.get(timeout=WAIT_S)

    worker.submit(command("start", "power"))

    answers = {answer.id: answer.status for answer in (result(worker), result(worker))}
    assert answers.pop(older.id) == "superseded"
    assert set(answers.values()) == {"confirmed"}


def test_what_was_sent_is_answered_though_other_firmware_has_no_such_command(start, driver):
    driver.obeys, driver.confirm_within_s = False, 0.3
    worker = online(start())
    older, newer = command("stop", "power"), command("led", enabled=True)
    worker.submit(older)
    while not driver.executed:
        worker.ear.readings.get(timeout=WAIT_S)
    driver.obeys = True

    worker.profiles["m"] = worker.profiles["m"].replace(commands={"led": COMMANDS["led"]})
    worker.submit(newer)

    answers = {answer.id: answer.status for answer in (result(worker), result(worker))}
    assert answers == {newer.id: "confirmed", older.id: "unconfirmed"}


def test_a_command_that_new_firmware_lacks_is_not_sent(start, driver):
    driver.step_gate = threading.Event()
    worker = start(known=[FakeDriver().contact()[0]])
    assert driver.in_step.wait(WAIT_S)
    waiting = command("power_limit", power_limit_w=2500)
    worker.submit(waiting)

    narrow = Parameter("power_limit_w", "number", 1000, 2000, unit="W")
    spec = CommandSpec("power_limit", (narrow,))
    worker.profiles["m"] = worker.profiles["m"].replace(commands={"power_limit": spec})
    driver.step_gate.set()

    answer = result(worker)
    assert (answer.id, answer.status, answer.code) == (waiting.id, "rejected", "INVALID_VALUE")
    assert driver.executed == []


def test_a_defect_while_asking_who_it_is_leaves_no_command_unanswered(start, driver, monkeypatch):
    worker = online(start())
    monkeypatch.setattr(driver, "identity", lambda: 1 / 0)

    worker.submit(command("stop"))

    answer = result(worker)
    assert (answer.status, answer.code) == ("failed", "INTERNAL_ERROR")
    assert "not sent" in answer.message


def test_an_effect_that_cannot_be_judged_keeps_no_other_command_waiting(start, driver, monkeypatch):
    def unjudgeable(_):
        raise ZeroDivisionError

    worker = online(start())
    monkeypatch.setattr(driver, "execute", lambda _: Confirmation(unjudgeable, 60.0, "it"))

    worker.submit(command("stop"))

    answer = result(worker)
    assert (answer.status, answer.code) == ("failed", "INTERNAL_ERROR")


def test_commands_go_between_the_steps_of_a_read_and_the_read_begins_anew(start, driver):
    driver.step_gate = threading.Event()
    worker = start(known=[FakeDriver().contact()[0]])
    assert driver.in_step.wait(WAIT_S)
    worker.submit(command("led", enabled=True))

    driver.step_gate.set()

    assert result(worker).status == "confirmed"
    assert worker.ear.readings.get(timeout=WAIT_S).led_on is True


def test_an_offline_miner_rejects_commands_as_not_sent(start, driver):
    worker = online(start())
    driver.failure = MinerUnreachable("connection refused")
    assert worker.ear.availabilities.get(timeout=WAIT_S)[1:3] == (False, "UNREACHABLE")

    worker.submit(command("stop"))

    answer = result(worker)
    assert (answer.status, answer.code) == ("rejected", "OFFLINE")
    assert "connection refused" in answer.message


def test_a_miner_never_met_rejects_at_once(start, driver):
    driver.failure = MinerUnreachable("no answer")
    worker = start()

    with pytest.raises(CommandRejected, match="not answered yet"):
        worker.submit(command("stop"))


def test_a_miner_that_returns_is_met_anew_and_online(start, driver):
    worker = online(start())
    driver.failure = MinerUnreachable("gone")
    assert worker.ear.availabilities.get(timeout=WAIT_S)[1] is False
    contacts = driver.contacts

    driver.failure = None

    assert worker.ear.availabilities.get(timeout=WAIT_S)[1] is True
    assert driver.contacts > contacts


def test_another_device_at_the_address_gets_no_command(start, driver):
    worker = online(start())
    driver.mac_address = "02:00:00:00:00:99"

    worker.submit(command("stop"))

    answer = result(worker)
    assert (answer.status, answer.code) == ("rejected", "WRONG_DEVICE")
    assert driver.executed == []
    assert worker.ear.availabilities.get(timeout=WAIT_S)[1:3] == (False, "WRONG_DEVICE")


def test_the_device_of_the_stored_profile_is_remembered(start, driver):
    known = FakeDriver().contact()[0]
    driver.mac_address = "02:00:00:00:00:99"

    worker = start(known=[known])

    assert worker.ear.availabilities.get(timeout=WAIT_S)[1:3] == (False, "WRONG_DEVICE")
    assert worker.ear.readings.empty()


def test_an_unexpected_error_costs_one_poll_and_no_thread(start, driver):
    worker = online(start())
    driver.failure = ZeroDivisionError("bug")
    assert worker.ear.availabilities.get(timeout=WAIT_S)[1:3] == (False, "INTERNAL_ERROR")

    driver.failure = None

    assert worker.ear.availabilities.get(timeout=WAIT_S)[1] is True


def test_abilities_only_grow(start, driver):
    driver.power_w = 3000.0
    worker = online(start())
    assert "power_w" in worker.profiles["m"].reports

    driver.power_w = None
    reads = driver.reads
    while driver.reads < reads + 2:
        worker.ear.readings.get(timeout=WAIT_S)

    assert "power_w" in worker.profiles["m"].reports


def test_energy_is_published_only_as_far_as_it_is_stored(start, driver):
    driver.power_w = 3600.0
    worker = online(start(energy_kwh=7.0))
    while worker.energy_kwh <= 7.0:
        reading = worker.ear.readings.get(timeout=WAIT_S)

    assert reading.energy_kwh == 7.0


def test_stopping_answers_everything_and_takes_no_time(start, driver):
    driver.step_gate = threading.Event()
    known = MinerProfile("m", "fake", commands=FakeDriver().contact()[0].commands)
    worker = start(known=[known])
    assert driver.in_step.wait(WAIT_S)
    worker.submit(command("stop"))

    worker.stop()

    assert worker.join(1.0)
    assert (result(worker).status, driver.closed.is_set()) == ("rejected", True)
    with pytest.raises(CommandRejected, match="stopping"):
        worker.submit(command("stop"))


def test_a_command_not_yet_seen_is_answered_when_stopping(start, driver):
    driver.obeys = False
    worker = online(start())
    worker.submit(command("stop"))
    while not driver.executed:
        worker.ear.readings.get(timeout=WAIT_S)

    worker.stop()

    answer = result(worker)
    assert (answer.status, answer.code) == ("unconfirmed", "STOPPING")


def test_questions_are_answered_by_the_device(start):
    worker = online(start())

    assert worker.query("version", {})["version"] == "1"
    with pytest.raises(Unsupported):
        worker.query("nonsense", {})


def test_a_device_that_hides_who_it_is_gets_no_command(start, driver):
    worker = online(start())
    driver.mac_address = None

    worker.submit(command("stop"))

    answer = result(worker)
    assert (answer.status, answer.code) == ("rejected", "WRONG_DEVICE")
    assert driver.executed == []


def test_a_reading_from_another_device_is_not_published(start, driver):
    worker = online(start(poll_interval_s=0.05))
    driver.mac_address = "02:00:00:00:00:99"

    assert worker.ear.availabilities.get(timeout=WAIT_S)[1:3] == (False, "WRONG_DEVICE")
    assert {one.mac_address for one in list(worker.ear.readings.queue)} == {MAC}


def test_an_offline_miner_is_not_asked_questions(start, driver):
    worker = online(start())
    driver.failure = MinerUnreachable("gone")
    assert worker.ear.availabilities.get(timeout=WAIT_S)[1] is False

    with pytest.raises(MinerUnreachable, match="offline"):
        worker.query("version", {})
