"""The demo: what it shows, which broker it takes, and that nothing is left of it."""

import argparse
import io
import os
import queue
import shlex
import signal
import socket
import subprocess
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from rich.console import Console

from minerbridge.demo import advice, brokers, plain
from minerbridge.demo.broker import LOOPBACK, Broker, free_ports, is_free
from minerbridge.demo.journal import Entry, Journal
from minerbridge.demo.miners import kinds_wanted, running
from minerbridge.demo.mosquitto import Mosquitto
from minerbridge.demo.rows import DASH, Row, row, total
from minerbridge.demo.screen import Screen
from minerbridge.demo.table import columns_for, frame
from minerbridge.demo.view import View
from minerbridge.errors import BridgeError
from minerbridge.model import (
    CommandResult,
    CommandSpec,
    Fault,
    MinerCommand,
    MinerProfile,
    MinerReading,
)
from minerbridge.mqtt.topics import Topics
from tests.demo_process import SECONDS, WITHOUT_MOSQUITTO, on_terminal, piped
from tests.mosquitto import PROGRAM, free_port
from tests.waiting import until

NOON = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
BROKER = Broker(LOOPBACK, 1883)
TOPICS = Topics()
needs_mosquitto = pytest.mark.skipif(not PROGRAM, reason="mosquitto is not installed")


def reading(**fields):
    return MinerReading(**{"miner_id": "s19_1", "at": NOON, "family": "antminer", **fields})


# -- whole ---------------------------------------------------------------------------------------


def children_of(pid):
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


@needs_mosquitto
@pytest.mark.slow
def test_a_copied_line_switches_a_miner_off_and_nothing_is_left():
    port = free_port()
    with piped("--port", str(port), "--miners", "antminer_s19", "--plain") as demo:
        said = demo.until("power/set -m OFF")
        assert f"mqtt://127.0.0.1:{port}  (mosquitto " in said
        assert "s19_1  Antminer S19 Pro  mining" in said
        (line,) = [one.strip() for one in said.splitlines() if "-m OFF" in one]
        left = children_of(demo.process.pid)
        subprocess.run(shlex.split(line), check=True, timeout=10)
        demo.until("power OFF …", "mining → sleeping", "power OFF: confirmed")
        demo.process.send_signal(signal.SIGTERM)
        code, said = demo.ends()
    assert code == 0, said
    assert said.splitlines()[-1].startswith("ended after ")
    assert left
    assert not any(Path("/proc", pid).exists() for pid in left)
    assert is_free(port)


@pytest.mark.slow
def test_without_mosquitto_the_embedded_broker_stands_in_on_a_terminal():
    pytest.importorskip("amqtt")
    with on_terminal(
        "--port", str(free_port()), "--miners", "2", prelude=WITHOUT_MOSQUITTO
    ) as demo:
        demo.until("\x1b[?1049h", "embedded broker amqtt", "MQTT 3.1.1 only", "2 of 2 mining")
        os.killpg(demo.process.pid, signal.SIGINT)  # as Ctrl-C does
        code, said = demo.ends()
    assert code == 0, said
    assert "M60S_VK40" in said
    assert said.index("\x1b[?1049l") < said.index("ended after")


@pytest.mark.slow
@pytest.mark.parametrize("more", [(), ("--with-rig-monitor",)])
def test_on_a_broker_of_others_everything_is_recognisable_and_taken_away(mosquitto, more):
    broker = mosquitto(users={"house": "secret"})
    options = ["--host", LOOPBACK, "--port", str(broker.port), "--username", "house", *more]
    miners = ["--miners", "cgminer", "antminer_s19"]
    with piped(*options, "--password", "secret", *miners, "--plain") as demo:
        demo.until("demo_miner_1  online", "2 of 2 mining")
        topics = retained(broker.port)
        demo.process.send_signal(signal.SIGINT)
        code, said = demo.ends()
    assert code == 0, said
    assert "homeassistant/device/demo_miner_1/config" in topics
    assert "minerbridge/demo/bridge/state" in topics
    assert ("minerbridge/demo/ems/dispatch" in topics) is not bool(more)
    assert all("demo" in topic for topic in topics)
    assert retained(broker.port) == []


def retained(port):
    """Return the topics of all messages that the broker keeps."""
    found: queue.SimpleQueue[str] = queue.SimpleQueue()
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.username_pw_set("house", "secret")

    def subscribe(*_):
        client.subscribe("#")

    def mark_the_end(*_):
        client.publish("end")  # what is kept comes before what is published now

    client.on_connect, client.on_subscribe = subscribe, mark_the_end
    client.on_message = lambda _, __, message: found.put(message.topic)
    client.connect(LOOPBACK, port)
    client.loop_start()
    topics = list(iter(lambda: found.get(timeout=5), "end"))
    client.loop_stop()
    return topics


@pytest.mark.slow
def test_a_broker_that_is_not_there_is_named_with_the_reason():
    hasty = "from minerbridge.cli import demo; demo.CONNECTED_WITHIN_S = 0.5"
    options = ["--host", LOOPBACK, "--port", str(free_port()), "--miners", "1"]
    with piped(*options, prelude=hasty) as demo:
        code, said = demo.ends(within_s=SECONDS)
    assert code == 1
    assert "minerbridge: no connection to your broker at 127.0.0.1" in said
    assert "Connection refused" in said
    log = Path(said.split("The log is in ")[1].strip())
    assert "mqtt_unreachable" in log.read_text()
    log.unlink()


# -- broker --------------------------------------------------------------------------------------


def test_without_any_broker_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr("minerbridge.demo.mosquitto.program", lambda: None)
    monkeypatch.setattr("minerbridge.demo.brokers.find_spec", lambda _: None)
    with pytest.raises(BridgeError, match=r"apt install mosquitto.*pip install.*--host"):
        brokers.started(tmp_path, None)


def test_a_mosquitto_that_does_not_start_is_replaced_and_quoted(monkeypatch, tmp_path):
    pytest.importorskip("amqtt")
    broken = tmp_path / "mosquitto"
    broken.write_text("#!/bin/sh\necho no such library >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr("minerbridge.demo.mosquitto.program", lambda: str(broken))
    broker = brokers.started(tmp_path, free_port())
    assert "does not start: no such library: the embedded broker stands in" in broker.remark
    broker.stop()


def test_a_port_that_is_taken_is_passed_over():
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        assert not is_free(port)
    assert next(free_ports()) > 0


def test_a_wanted_port_that_is_taken_is_an_error(tmp_path):
    with (
        socket.create_server((LOOPBACK, 0)) as taken,
        pytest.raises(BridgeError, match="taken"),
    ):
        brokers.started(tmp_path, taken.getsockname()[1])


@needs_mosquitto
def test_a_mosquitto_that_dies_says_so(tmp_path):
    broker = Mosquitto(str(PROGRAM), tmp_path, free_port())
    broker.start()
    assert broker._process
    assert not broker.problem()
    broker._process.kill()
    until(broker.problem, 5, "the end is noticed")
    broker.stop()


# -- miners --------------------------------------------------------------------------------------


def test_a_number_asks_for_a_mix_and_a_kind_for_itself():
    assert kinds_wanted("7") == Counter(
        antminer_s19=2, whatsminer=2, vnish_s9=2, iceriver_pbfarmer=1
    )
    assert kinds_wanted("1") == Counter(antminer_s19=1)
    assert kinds_wanted("s9=3") == Counter(antminer_s9=3)


@pytest.mark.parametrize("text", ["0", "toaster=1", "s9=many", "s9=0", "999999"])
def test_other_wishes_are_refused(text):
    with pytest.raises(argparse.ArgumentTypeError):
        kinds_wanted(text)


def test_a_simulator_that_already_runs_is_evaded():
    wanted = [Counter(cgminer=1)]
    with running(wanted, 1.0) as first, running(wanted, 1.0) as second:
        places = {(one.address, *one.ports.values()) for one in first.devices + second.devices}
        assert len(places) == 2


# -- rows ----------------------------------------------------------------------------------------


def test_what_was_not_reported_is_a_dash():
    shown = row("s9_1", True, reading(model="Antminer S9", status="mining", hashrate_hs=13.5e12))
    assert shown == Row("s9_1", "Antminer S9", "mining", "13.50 TH/s")
    assert shown.power == DASH


def test_a_row_says_what_was_reported():
    shown = row("s19_1", True, reading(
        model="S19", status="mining", hashrate_hs=110e12, power_w=3250.4, chip_temperature_c=71.6,
        fan_speeds_rpm=(5880, 5940, 0, None), shares_accepted=100, shares_rejected=3,
    ))  # fmt: skip
    assert shown == Row(
        "s19_1", "S19", "mining", "110.00 TH/s", "3250 W", "72 °C", "2x5910 1x0", "100 (3)"
    )


def test_an_estimate_is_marked():
    assert row("s9_1", True, reading(power_estimated_w=1300)).power == "~1300 W"


def test_what_an_offline_miner_said_last_is_not_shown():
    shown = row("s19_1", False, reading(model="S19", status="mining", power_w=3250))
    assert (shown.status, shown.power) == ("offline", DASH)
    assert row("s19_1", None, None).status == "connecting"


def test_totals_add_measured_watts_and_hashes_of_one_kind():
    readings = [
        reading(status="mining", hashrate_hs=100e12, power_w=3000, algorithm="sha256"),
        reading(status="mining", hashrate_hs=9e9, power_estimated_w=900, algorithm="scrypt"),
    ]
    assert total(readings, 3) == "2 of 3 mining · 100.0 TH/s · 3.00 kW measured on 1"


# -- journal -------------------------------------------------------------------------------------


def test_the_journal_tells_the_life_of_a_command():
    journal = Journal(lambda: NOON)
    journal.command(MinerCommand("s19_1", "stop", "1", "power", {}, "OFF"))
    journal.reading(reading(status="mining"), reading(status="sleeping"))
    journal.result(CommandResult(
        "1", "s19_1", "power", "OFF", "confirmed", None, "the miner is asleep", NOON, 6.21
    ))  # fmt: skip
    assert plain.events(journal.newest(9)) == [
        "12:00:00  s19_1  power OFF …",
        "12:00:00  s19_1  mining → sleeping",
        "12:00:00  s19_1  power OFF: confirmed after 6.2 s",
    ]
    assert journal.last["s19_1"].tone == "good"


def test_the_journal_tells_faults_and_refusals_with_their_reasons():
    journal = Journal(lambda: NOON)
    journal.reading(reading(), reading(errors=(Fault("fan:1", "fan 1 stands"),)))
    journal.rejected(
        MinerCommand("s9_1", "stop", "1", "power", {}, "OFF"), BridgeError("read-only")
    )
    journal.availability("s9_1", False, "connection refused")
    texts = [entry.text for entry in journal.newest(9)]
    assert texts == [
        "error raised: fan 1 stands",
        "power OFF: rejected, read-only",
        "offline: connection refused",
    ]


def test_the_journal_hands_out_each_entry_once():
    journal = Journal(lambda: NOON)
    journal.note("a", "one")
    entries, seen = journal.since(0)
    assert [entry.text for entry in entries] == ["one"]
    assert journal.since(seen) == ([], seen)


# -- what is shown -------------------------------------------------------------------------------


def view(miners=3):
    rows = tuple(Row(f"s19_{n}", "S19", "mining") for n in range(1, miners + 1))
    steering, copies = "fleet 9.0 of 9.9 kW, no order", (("off", "pub -m OFF"), ("watch", "sub"))
    return View("demo", rows, "3 of 3 mining", steering, "mqtt://x", "", "advice", copies)


def picture(width, height, miners=3, events=()):
    console = Console(width=width, height=height, record=True, file=io.StringIO())
    console.print(frame(view(miners), {}, events, width, height))
    return console.export_text().splitlines()


def test_the_picture_fits_the_terminal_and_keeps_the_lines_to_copy():
    events = [Entry(NOON, "s19_1", f"event {n}") for n in range(50)]
    for width, height, miners in ((80, 24, 7), (80, 24, 500), (200, 60, 30)):
        lines = picture(width, height, miners, events)
        assert len(lines) <= height
        assert "  pub -m OFF" in [line.rstrip() for line in lines]
        assert "fleet 9.0 of 9.9 kW, no order" in [line.rstrip() for line in lines]
        assert "event 49" in lines[-1]
        assert any("… and" in line for line in lines) == (miners > 100)


def test_narrow_terminals_leave_out_what_matters_least():
    assert [one.key for one in columns_for(200)][-3:] == ["fans", "shares", "last"]
    narrow = [one.key for one in columns_for(80)]
    assert "fans" not in narrow
    assert {"miner_id", "status", "hashrate", "power", "last"} <= set(narrow)


def test_only_changed_lines_are_drawn_again():
    """Or a selection made with the mouse would be lost before it is copied."""
    console = Console(width=20, height=5, file=io.StringIO(), force_terminal=True)
    screen = Screen(console)
    screen.draw("same\nold")
    with console.capture() as drawn:
        screen.draw("same\nnew")
    assert "new" in drawn.get()
    assert "same" not in drawn.get()


def test_many_miners_are_cut_short_in_lines():
    lines = plain.table(view(500))
    assert len(lines) == plain.MOST_ROWS + 4
    assert lines[-3:-1] == ["… and 460 more", "3 of 3 mining"]


def test_lines_to_copy_name_the_broker_only_where_it_is_elsewhere():
    assert advice.switch_line(BROKER, TOPICS, "s19_1") == (
        "mosquitto_pub -p 1883 -t homeassistant/switch/s19_1/power/set -m OFF"
    )
    far = Broker("10.0.0.5", 8000, "me", "secret")
    assert advice.watch_line(far, TOPICS) == (
        "mosquitto_sub -h 10.0.0.5 -p 8000 -u me -P PASSWORD -v -t 'homeassistant/+/+/+/state'"
    )


def test_only_a_miner_that_can_be_woken_again_is_offered_to_be_switched_off():
    can = {"start": CommandSpec("start"), "stop": CommandSpec("stop")}
    profiles = [MinerProfile("s9_1", "antminer"), MinerProfile("s19_1", "antminer", commands=can)]
    assert advice.switchable(profiles) == "s19_1"
    assert advice.switchable(profiles[:1]) is None
