"""Reports to a simulated server that checks as the real one does, without the bridge."""

import threading
import time

import pytest

from minerbridge.errors import NotFound
from minerbridge.model import CommandResult
from minerbridge.rig_monitor import reporter as module
from minerbridge.rig_monitor.client import Question
from minerbridge.rig_monitor.failures import ServerAway
from minerbridge.rig_monitor.inquiry import Inquiry
from minerbridge.rig_monitor.reported import STALE_AFTER_S
from minerbridge.simulator.rig_monitor_server import MonitorFaults
from tests import log_lines
from tests.miners import AT, profile
from tests.rig_monitor_rig import ASIC, RIG, asic_reading, reporting, rig_reading
from tests.waiting import until

FORMS = {"rig": "cpu_gpu_miners"}


@pytest.fixture
def log(monkeypatch):
    return log_lines.keep(monkeypatch, module)


def many(number):
    return {f"m{n}": ASIC for n in range(number)}


def result_of(command, status, message):
    return CommandResult(command.id, command.miner_id, command.key, None, status, None, message,
                         AT, 0.1)  # fmt: skip


# -- posts -----------------------------------------------------------------------------------


def test_the_specification_goes_first_and_once_then_values_every_interval():
    with reporting() as (rig, server):
        miner = server.miners["code-m"]
        for number in range(130):
            rig.read(asic_reading(hashrate_hs=1e12 + number * 1e9))
            rig.tick(1.0)
        assert miner.is_activated
        assert len(miner.specs) == 1
        assert len(miner.logs) == 5
        assert rig.states["m"].working is True


def test_the_interval_can_be_set():
    with reporting(report_interval_s=10) as (rig, server):
        for _ in range(60):
            rig.read(asic_reading())
            rig.tick(1.0)
        assert len(server.miners["code-m"].logs) == 6


def test_the_newest_reading_is_the_one_that_is_sent():
    with reporting() as (rig, server):
        rig.read(*(asic_reading(power_w=float(watts)) for watts in range(3000, 3100)))
        rig.ticks(2)
        assert [body["power"] for body in server.miners["code-m"].logs] == [3099]


def test_a_changed_firmware_is_told_anew():
    with reporting() as (rig, server):
        rig.read(asic_reading())
        rig.ticks(3)
        rig.read(asic_reading(firmware="2.0.0"))
        rig.ticks(3, 30)
        specs = server.miners["code-m"].specs
        assert [one["firmware_version"] for one in specs] == ["1.2.3", "2.0.0"]


def test_a_rig_is_reported_in_its_own_form():
    with reporting({"rig": RIG}, forms=FORMS) as (rig, server):
        rig.read(rig_reading(), of=profile("rig"))
        rig.ticks(3)
        miner = server.miners["code-rig"]
        assert (len(miner.specs), len(miner.logs)) == (1, 1)
        assert miner.logs[0]["cpu_hashrate"] == 4520
        assert not server.requests["GET asic_miners/expected_status"]


def test_a_miner_that_is_not_set_is_not_reported():
    with reporting() as (rig, _):
        rig.read(asic_reading("stranger"))
        rig.tick()
        assert rig.reporter.miners.keys() == {"m"}
        with pytest.raises(NotFound):
            rig.reporter.miner("stranger")


def test_posts_are_spread_over_the_interval():
    with reporting(many(60)) as (rig, server):
        counts = []
        for second in range(60):
            rig.read(*(asic_reading(f"m{n}") for n in range(60)))
            before = server.requests["POST asic_miners/logs"]
            rig.tick(1.0 if second else 0.0)
            rig.tick()
            counts.append(server.requests["POST asic_miners/logs"] - before)
        assert sum(counts) >= 118
        assert max(counts) <= 4


def test_an_old_reading_never_revives_a_silent_miner():
    with reporting() as (rig, server):
        rig.read(asic_reading())
        rig.ticks(3)
        rig.ticks(10, 30)
        assert len(server.miners["code-m"].logs) == 1
        assert rig.states["m"].working is False
        assert "no reading" in rig.states["m"].reason


def test_a_miner_that_went_away_is_not_reported_and_comes_back():
    with reporting() as (rig, server):
        rig.read(asic_reading())
        rig.reporter.availability("m", False, "no route to host")
        rig.tick()
        assert not server.miners["code-m"].logs
        assert rig.states["m"].reason == "the miner does not answer: no route to host"
        rig.reporter.availability("m", True, "")
        rig.read(asic_reading())
        rig.ticks(2)
        assert rig.states["m"].working is True


# -- what goes wrong -------------------------------------------------------------------------


def test_a_missing_field_stops_everything_of_that_miner_and_is_named():
    with reporting({"m": {}, "n": ASIC}) as (rig, server):
        rig.read(asic_reading("m"), asic_reading("n"))
        rig.ticks(3, 16)
        assert not server.miners["code-m"].specs
        assert not server.miners["code-m"].logs
        assert (rig.states["m"].working, rig.states["n"].working) == (False, True)
        assert rig.states["m"].reason == (
            "coin_name is missing: the device does not report it,"
            " nor is rig_monitor.miners.m.coin_name set"
        )
        assert rig.reporter.miner("m").missing == "coin_name"


@pytest.mark.parametrize("status", ["sleeping", "stopped"])
def test_a_miner_at_rest_that_tells_less_is_no_fault(log, status):
    resting = {"status": status, "is_mining": False, "hashrate_hs": 0.0, "boards": ()}
    with reporting() as (rig, server):
        rig.read(asic_reading())
        rig.ticks(3)
        rig.read(asic_reading(**resting, chip_temperature_c=None, board_temperature_c=None))
        rig.ticks(3, 16)
        assert len(server.miners["code-m"].logs) == 1
        assert rig.states["m"].working is None
        assert rig.states["m"].reason == (
            f"{status}, it does not tell hashboard_1_temp_1:"
            " until it runs again it is not reported, and the server shows it offline"
        )
        assert "rig_monitor_fails" not in log.events()
        rig.read(asic_reading())
        rig.ticks(3, 16)
        assert rig.states["m"].working is True


def test_a_setting_that_is_missing_is_named_at_rest_as_well():
    with reporting({"m": {}}) as (rig, _):
        rig.read(asic_reading(status="sleeping", is_mining=False))
        rig.ticks(2)
        assert rig.states["m"].working is False
        assert "rig_monitor.miners.m.coin_name" in rig.states["m"].reason


def test_a_field_that_comes_later_is_enough():
    with reporting() as (rig, _):
        rig.read(asic_reading(uptime_s=None))
        rig.ticks(2)
        assert rig.states["m"].reason.startswith("uptime is missing")
        rig.read(asic_reading())
        rig.ticks(2)
        assert (rig.states["m"].working, rig.reporter.miner("m").missing) == (True, None)


def test_a_wrong_code_is_said_once_and_costs_the_others_nothing(log):
    with reporting(many(3)) as (rig, server):
        del server.miners["code-m1"]
        for _ in range(100):
            rig.read(*(asic_reading(f"m{n}") for n in range(3)))
            rig.tick(1.0)
        wrong = [facts for level, _, facts in log.lines if level == "warning"]
        assert [one["miner_id"] for one in wrong] == ["m1"]
        assert "code-m1" not in str(log.lines) + str(rig.history)
        assert rig.states["m1"].reason == "wrong api_code: API_CODE invalid."
        assert len(server.miners["code-m2"].logs) >= 3
        assert server.requests["POST asic_miners/specs"] == 3


def test_a_mended_code_is_found_out():
    with reporting() as (rig, server):
        known = server.miners.pop("code-m")
        rig.read(asic_reading())
        rig.tick()
        server.miners["code-m"] = known
        rig.now_s += module.WRONG_CODE_RETRY_S
        rig.read(asic_reading())
        rig.ticks(2)
        assert rig.states["m"].working is True


def test_refused_fields_are_named_and_the_next_interval_tries_again(log, monkeypatch):
    with reporting() as (rig, server):
        take = server._take
        monkeypatch.setattr(
            server, "_take", lambda *_: (422, {"errors": {"fan_1_speed": ["is invalid"]}})
        )
        rig.read(asic_reading())
        rig.ticks(3)
        assert rig.states["m"].reason == "the server refuses fan_1_speed is invalid"
        assert server.requests["POST asic_miners/specs"] == 1
        monkeypatch.setattr(server, "_take", take)
        rig.read(asic_reading())
        rig.ticks(2, 30)
        assert rig.states["m"].working is True
        assert log.events() == ["rig_monitor_fails", "rig_monitor_works"]


@pytest.mark.parametrize(
    ("fault", "words"),
    [({"status": 500}, "HTTP 500"), ({"html": True}, "text/html"), ({"close": True}, "broke off"),
     ({"silent": True}, "no answer within"), ({"redirect_to": "http://x/"}, "redirects")],
)  # fmt: skip
def test_trouble_is_told_and_over_when_it_is_over(fault, words):
    with reporting(answer_within_s=0.3) as (rig, server):
        for name, value in fault.items():
            setattr(server.faults, name, value)
        rig.read(asic_reading())
        rig.tick()
        assert rig.states["m"].working is False
        assert words in rig.states["m"].reason
        for name in fault:
            setattr(server.faults, name, getattr(MonitorFaults(), name))
        rig.read(asic_reading())
        rig.ticks(2, module.RETRY_S)
        assert rig.states["m"].working is True


def test_one_miner_the_server_breaks_on_does_not_stop_the_others(monkeypatch):
    with reporting(many(3)) as (rig, server):
        take = server._take
        broken = (500, {"errors": {"detail": "x"}})
        monkeypatch.setattr(
            server, "_take", lambda e, m, b: broken if m.name == "m0" else take(e, m, b)
        )
        for _ in range(40):
            rig.read(*(asic_reading(f"m{n}") for n in range(3)))
            rig.tick(1.0)
        assert [rig.states[f"m{n}"].working for n in range(3)] == [False, True, True]


def test_a_server_that_is_away_gets_the_newest_values_when_it_is_back(log):
    with reporting(many(40), report_interval_s=10) as (rig, server):
        server.__exit__(None, None, None)
        for watts in range(3000, 3060):
            rig.read(*(asic_reading(f"m{n}", power_w=float(watts)) for n in range(40)))
            rig.tick(1.0)
        assert not any(miner.logs for miner in server.miners.values())
        assert {state.working for state in rig.states.values()} == {False}
        assert len(rig.reporter._mailbox) == 0
        with server:
            rig.now_s += module.RETRY_S
            rig.ticks(12)
            logs = [miner.logs for miner in server.miners.values()]
            assert [[body["power"] for body in one] for one in logs] == [[3059]] * 40
        assert {state.working for state in rig.states.values()} == {True}
        assert log.events() == ["rig_monitor_away", "rig_monitor_back"]


def test_while_the_server_is_away_one_question_at_a_time_tries_it(monkeypatch):
    with reporting(many(40)) as (rig, server):
        server.__exit__(None, None, None)
        asked = []
        exchange = rig.client.exchange

        def counted(questions):
            asked.append(len(questions))
            return exchange(questions)

        monkeypatch.setattr(rig.client, "exchange", counted)
        rig.read(*(asic_reading(f"m{n}") for n in range(40)))
        rig.ticks(int(20 / 0.25))
        assert sum(asked[1:]) <= 2 * (20 / module.RETRY_S)


def test_what_waits_is_bounded_whatever_comes():
    with reporting(many(5)) as (rig, _):
        for _ in range(1000):
            rig.read(*(asic_reading(f"m{n}") for n in range(5)))
        assert len(rig.reporter._mailbox) == 10


def test_a_reading_from_long_before_the_server_came_back_is_not_sent():
    with reporting() as (rig, server):
        server.__exit__(None, None, None)
        rig.read(asic_reading())
        rig.tick()
        with server:
            rig.ticks(3, STALE_AFTER_S + 1)
            assert not server.miners["code-m"].specs


def test_a_listener_that_breaks_stops_nobody(log):
    with reporting(many(2)) as (rig, server):
        rig.history = None
        rig.read(asic_reading("m0"), asic_reading("m1"))
        rig.ticks(3, 16)
        assert all(miner.logs for miner in server.miners.values())
        assert "rig_monitor_failed" in log.events()


# -- what is expected ------------------------------------------------------------------------


def test_one_miner_is_asked_for_singly():
    with reporting() as (rig, server):
        server.miners["code-m"].asic = "off"
        for _ in range(20):
            rig.tick(1.0)
        assert server.requests["GET asic_miners/expected_status"] == 4
        state = rig.states["m"]
        assert (state.expected_asic, state.expected_light) == ("off", "off")


def test_several_miners_are_asked_for_in_bulk_under_both_names():
    with reporting({**many(3), "rig": RIG}, forms=FORMS) as (rig, server):
        server.miners["code-m1"].light = "on"
        del server.miners["code-m2"]
        rig.tick()
        ((endpoint, body),) = server.bodies
        assert endpoint == "asic_miners/expected_status_bulk"
        assert body["api_code_list"] == body["asic_api_code_list"]
        assert body["api_code_list"] == ["code-m0", "code-m1", "code-m2"]
        lights = [rig.states[i].expected_light for i in ("m0", "m1", "m2", "rig")]
        assert lights == ["off", "on", None, None]


def test_nothing_is_applied_unless_the_operator_wants_it():
    with reporting() as (rig, server):
        server.miners["code-m"].asic = "off"
        rig.read(asic_reading())
        rig.ticks(5, 10)
        assert rig.states["m"].expected_asic == "off"
        assert rig.commands == []


def test_what_is_expected_is_applied_once_and_read_back():
    with reporting(apply_expected_status=True) as (rig, server):
        expected = server.miners["code-m"]
        expected.asic, expected.light = "off", "on"
        rig.read(asic_reading())
        rig.ticks(3, 5)
        assert [(c.name, dict(c.parameters)) for c in rig.commands] == [
            ("stop", {}), ("led", {"enabled": True}),
        ]  # fmt: skip
        assert {c.source for c in rig.commands} == {"rig_monitor"}
        assert len({c.id for c in rig.commands}) == 2
        rig.read(asic_reading(status="stopped", led_on=True))
        rig.ticks(5, 10)
        assert len(rig.commands) == 2
        expected.asic = "on"
        rig.tick(5)
        assert rig.commands[-1].name == "start"


def test_bulk_expectations_are_applied_to_the_right_miner():
    with reporting(many(3), apply_expected_status=True) as (rig, server):
        server.miners["code-m1"].asic = "off"
        rig.read(*(asic_reading(f"m{n}") for n in range(3)))
        rig.tick()
        assert [(c.miner_id, c.name) for c in rig.commands] == [("m1", "stop")]


@pytest.mark.parametrize("fault", [{"status": 500}, {"html": True}, {"close": True}])
def test_without_an_answer_nothing_is_applied_and_nothing_is_known(fault):
    with reporting(apply_expected_status=True) as (rig, server):
        rig.tick()
        assert rig.states["m"].expected_asic == "on"
        for name, value in fault.items():
            setattr(server.faults, name, value)
        rig.read(asic_reading(status="stopped"))
        rig.ticks(3, 10)
        assert rig.commands == []
        assert rig.states["m"].expected_asic is None


def test_a_silent_miner_is_sent_nothing():
    with reporting(apply_expected_status=True) as (rig, server):
        server.miners["code-m"].asic = "off"
        rig.read(asic_reading())
        rig.reporter.availability("m", False, "gone")
        rig.ticks(3, 5)
        assert rig.commands == []


def test_why_a_miner_does_not_follow_is_said():
    with reporting(apply_expected_status=True) as (rig, server):
        server.miners["code-m"].asic = "off"
        rig.read(asic_reading(), of=profile(commands={}))
        rig.ticks(3)
        assert (rig.states["m"].working, rig.states["m"].reason) == (
            True, "the miner offers no command stop",
        )  # fmt: skip


@pytest.mark.parametrize("status", ["rejected", "failed"])
def test_a_command_that_came_to_nothing_is_said(status):
    with reporting(apply_expected_status=True) as (rig, server):
        server.miners["code-m"].asic = "off"
        rig.read(asic_reading())
        rig.tick()
        rig.reporter.result(result_of(rig.commands[0], status, "m is read-only"))
        rig.tick()
        assert rig.states["m"].reason.endswith("stop: m is read-only")


def test_a_command_nobody_takes_is_said():
    with reporting(apply_expected_status=True) as (rig, server):
        server.miners["code-m"].asic = "off"
        rig.refusal = NotFound("no miner 'm'")
        rig.read(asic_reading())
        rig.tick()
        assert rig.states["m"].reason.endswith("stop: no miner 'm'")


# -- the thread ------------------------------------------------------------------------------


def started(rig):
    rig.reporter._clock = time.monotonic
    for miner in rig.reporter.miners.values():
        miner.due_s = 0.0
    rig.reporter._ask_due_s = rig.reporter._try_again_s = 0.0
    rig.ended = []
    rig.reporter.start(rig.ended.append)
    return rig.reporter


def test_the_thread_reports_and_ends():
    with reporting() as (rig, server):
        reporter = started(rig)
        rig.read(asic_reading())
        until(lambda: server.miners["code-m"].logs, 5, "a report")
        reporter.stop()
        assert reporter.join(2)
        assert rig.ended == []


def test_it_stops_at_once_whatever_hangs():
    with reporting(answer_within_s=30) as (rig, server):
        server.faults.silent = True
        reporter = started(rig)
        rig.read(asic_reading())
        until(lambda: server.requests["silent"], 5, "it hangs")
        inquiry = Inquiry([Question("GET", "/ping")])
        reporter.inquire(inquiry)
        began_s = time.monotonic()
        reporter.stop()
        assert reporter.join(2)
        assert time.monotonic() - began_s < 1
        with pytest.raises(ServerAway):
            inquiry.outcome(1)


def test_after_the_end_nothing_is_taken_and_nobody_waits():
    with reporting() as (rig, _):
        reporter = started(rig)
        reporter.stop()
        assert reporter.join(2)
        rig.read(asic_reading())
        inquiry = Inquiry([Question("GET", "/ping")])
        reporter.inquire(inquiry)
        with pytest.raises(ServerAway, match="stopping"):
            inquiry.outcome(1)


def test_readings_come_from_many_threads():
    with reporting(many(8)) as (rig, server):
        reporter = started(rig)
        threads = [
            threading.Thread(target=lambda n=n: [rig.read(asic_reading(f"m{n}"))
                                                 for _ in range(50)])
            for n in range(8)
        ]  # fmt: skip
        for thread in threads:
            thread.start()
        until(lambda: all(m.logs for m in server.miners.values()), 10, "everybody is reported")
        for thread in threads:
            thread.join()
        reporter.stop()
        assert reporter.join(2)


def test_an_interval_the_server_finds_too_long_is_warned_of(log):
    with reporting(report_interval_s=60) as (rig, _):
        reporter = started(rig)
        until(lambda: "rig_monitor_interval_too_long" in log.events(), 5, "a warning")
        reporter.stop()
        assert reporter.join(2)
