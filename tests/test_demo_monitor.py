"""The demo's Mining Rig Monitor: what it is told, and the stand-in for its web page."""

import json
import shlex
import shutil
import subprocess
from urllib.parse import urlsplit

import pytest

from minerbridge.demo import monitor as monitors
from minerbridge.demo.broker import LOOPBACK, Broker
from minerbridge.demo.house import settings_for
from minerbridge.demo.journal import Journal
from minerbridge.demo.monitor import DemoMonitor
from minerbridge.simulator.kinds import KINDS
from tests.demo_process import piped
from tests.mosquitto import PROGRAM, free_port

SPECIFICATION = {"model": "S19", "firmware_version": "1", "software_version": "1"}
VALUES = {
    "hashrate_5_min": 110_000.0, "hashrate_uom": "GH/s", "uptime": "00:00:01:00",
    "pool_1_address": "pool", "pool_1_user": "user", "pool_1_state": "Connected",
    "hashboard_1_temp_1": 61, "fan_1_speed": 5000, "lan_ip": "192.0.2.1", "coin_name": "Bitcoin",
    "power": 3250,
}  # fmt: skip


@pytest.fixture
def journal():
    return Journal()


@pytest.fixture
def monitor(journal):
    monitor = DemoMonitor(journal)
    monitor.add("code", name="s19_1")
    monitor.add("rig code", "cpu_gpu_miners", "rig_1_xmrig_rx")
    return monitor


def posted(monitor, endpoint, body, code="code"):
    raw = json.dumps(body).encode()
    return monitor.answer("POST", f"/api/v1/asic_miners/{endpoint}", {"api_code": code}, raw)


def switched(monitor, body, method="POST", miner_id="s19_1"):
    return monitor.answer(method, urlsplit(monitor.page(miner_id)).path, {}, body)


def test_specifications_and_values_are_told_as_they_come(monitor, journal):
    assert monitors.line(monitor) == "monitor knows 0 of 2, no values yet"
    assert posted(monitor, "specs", SPECIFICATION) == (200, None)
    assert posted(monitor, "logs", VALUES) == (200, None)
    assert posted(monitor, "logs", VALUES) == (200, None)
    assert monitors.line(monitor) == (
        "monitor knows 1 of 2, 2 reports, last s19_1: 110000 GH/s, 3250 W, 61 °C"
    )
    assert [entry.text for entry in journal.newest(9)] == [
        "specification posted: S19",
        "values posted: 110000 GH/s, 3250 W, 61 °C",
    ]


def test_what_the_server_refuses_is_told_and_not_counted(monitor, journal):
    assert posted(monitor, "logs", {**VALUES, "power": 3250.5})[0] == 422
    assert posted(monitor, "logs", VALUES, code="other")[0] == 401
    assert monitor.reports == 0
    (entry,) = journal.newest(9)
    assert (entry.miner_id, entry.tone) == ("s19_1", "bad")
    assert "power" in entry.text


def test_a_line_from_another_terminal_switches_what_is_expected(monitor, journal):
    assert switched(monitor, b"asic=off&light=on") == (200, {
        "name": "s19_1", "asic_expected_status": "off", "light_expected_status": "on",
    })  # fmt: skip
    assert (monitor.miners["code"].asic, monitor.miners["code"].light) == ("off", "on")
    assert switched(monitor, b"", "GET")[1]["asic_expected_status"] == "off"
    assert journal.newest(1)[0].text == "monitor expects light on"


@pytest.mark.parametrize("body", [b"", b"asic=maybe", b"name=off", b"asic=off&x=on", b"\xff=\xfe"])
def test_other_wishes_change_nothing(monitor, body):
    assert switched(monitor, body)[0] == 422
    assert (monitor.miners["code"].name, monitor.miners["code"].asic) == ("s19_1", "on")


@pytest.mark.parametrize("miner_id", ["s19_9", "", "rig_1_xmrig_rx"])
def test_only_reported_asics_have_switches(monitor, miner_id):
    assert switched(monitor, b"asic=off", miner_id=miner_id)[0] == 404


def test_every_miner_gets_a_code_of_its_own_and_the_fleet_stays_out(tmp_path):
    devices = [kind() for kind in KINDS.values()]
    with DemoMonitor(Journal()) as monitor:
        broker = Broker(LOOPBACK, 1883)
        settings = settings_for(broker, devices, tmp_path, monitor)
        again = settings_for(broker, devices, tmp_path, DemoMonitor(Journal()))
    reported = settings.rig_monitor.miners
    assert {"demo_s19_1", "demo_iceriver_1", "demo_rig_1_xmrig_rx"} <= reported.keys()
    assert reported.keys().isdisjoint({"demo_rig_1_xmrig_kawpow", "demo_miner_1"})
    codes = {one.api_code.get_secret_value() for one in reported.values()}
    assert codes == set(monitor.miners)
    assert len(codes) == len(reported) == len(KINDS) - 1
    assert codes.isdisjoint(
        one.api_code.get_secret_value() for one in again.rig_monitor.miners.values()
    )
    assert reported["demo_iceriver_1"].coin_name == "Kaspa"
    assert reported["demo_iceriver_1"].power_w == 3400.0
    assert settings.rig_monitor.apply_expected_status
    assert not settings.fleet.enabled


@pytest.mark.slow
@pytest.mark.skipif(not PROGRAM, reason="mosquitto is not installed")
@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_the_monitor_is_told_of_miners_and_switches_one():
    port = free_port()
    options = ["--port", str(port), "--with-rig-monitor", "--speed", "10", "--plain"]
    watch = ["mosquitto_sub", "-p", str(port), "-C", "1", "-t"]
    with piped(*options, "--miners", "antminer_s19", "whatsminer") as demo:
        said = demo.until(
            "s19_1  specification posted: Antminer S19 Pro", "whatsminer_1  specification posted:",
            "asic=off", "+/state", "the fleet takes no orders", "s19_1  values posted: 1",
        )  # fmt: skip
        (line,) = [one.strip() for one in said.splitlines() if "asic=off" in one]
        subprocess.run([*shlex.split(line), "-sf"], check=True, timeout=10, capture_output=True)
        demo.until("s19_1  monitor expects asic off", "mining → sleeping", "stop: confirmed")
        topic = "homeassistant/sensor/s19_1/expected_status/state"
        known = subprocess.run([*watch, topic], check=True, timeout=10, capture_output=True)
        assert known.stdout.strip() == b"off"
        line = line.replace("asic=off", "asic=on")
        subprocess.run([*shlex.split(line), "-sf"], check=True, timeout=10, capture_output=True)
        demo.until("s19_1  monitor expects asic on", "sleeping → starting", "start: confirmed")
        demo.process.terminate()
        code, said = demo.ends()
    assert code == 0, said
    assert said.count("s19_1  specification posted") == 1
    assert "refuses" not in said
