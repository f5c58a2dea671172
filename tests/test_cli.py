"""The command line as people and scripts use it."""

import json
import subprocess
import sys

import pytest

from minerbridge import __version__
from minerbridge.__main__ import main
from minerbridge.simulator import Fleet


@pytest.fixture
def fleet():
    with Fleet(ports={"rpc": 0, "http": 0}, speed=50) as running:
        yield running


def at(device):
    words = ["127.0.0.1", "--port", str(device.ports["rpc"])]
    return [*words, "--http-port", str(device.ports["http"])] if "http" in device.ports else words


def run(capsys, *words):
    code = main([str(word) for word in words])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


@pytest.mark.parametrize("kind", ["antminer_s19", "antminer_s17", "antminer_s9", "cgminer"])
def test_probe_prints_one_reading_and_nothing_else(fleet, capsys, kind):
    (device,) = fleet.add(kind)

    code, out, _ = run(capsys, "probe", *at(device), "--json")

    reading = json.loads(out)
    assert (code, reading["status"], reading["power_w"]) == (0, "mining", None)
    assert reading["hashrate_hs"] > 1e9


def test_probe_for_people_names_units_and_commands(fleet, capsys):
    (device,) = fleet.add("antminer_s19")

    code, out, _ = run(capsys, "probe", *at(device))

    assert code == 0
    assert "TH/s" in out
    assert "commands" in out


def test_probe_of_nobody_fails_with_one_line(capsys):
    code, out, err = run(capsys, "probe", "127.0.0.1", "--port", "1", "--json")

    assert (code, out, err.count("\n")) == (1, "", 1)


def test_a_command_prints_its_confirmed_result(fleet, capsys):
    (device,) = fleet.add("antminer_s19")

    code, out, _ = run(capsys, "command", *at(device), "stop")

    assert (code, json.loads(out)["status"]) == (0, "confirmed")
    assert device.state == "sleeping"


@pytest.mark.parametrize(
    ("words", "status"),
    [(["led", "enabled=perhaps"], "rejected"), (["led"], "rejected")],
)
def test_a_command_that_cannot_be_exits_1_and_sends_nothing(fleet, capsys, words, status):
    (device,) = fleet.add("antminer_s19")

    code, out, _ = run(capsys, "command", *at(device), *words)

    assert (code, json.loads(out)["status"]) == (1, status)
    assert not device.journal


def test_an_unknown_command_exits_1_with_a_line(fleet, capsys):
    (device,) = fleet.add("antminer_s19")

    code, _, err = run(capsys, "command", *at(device), "dance")

    assert (code, "dance" in err) == (1, True)


def test_commands_can_be_listed(fleet, capsys):
    (device,) = fleet.add("antminer_s19")

    code, out, _ = run(capsys, "command", *at(device), "list")

    assert code == 0
    assert {"stop", "start", "reboot", "led"} <= {line.split()[0] for line in out.splitlines()}


def test_check_says_what_would_run_and_warns(tmp_path, capsys):
    path = tmp_path / "config.yaml"
    path.write_text("miners: [{id: a, host: 10.0.0.1}]\n")

    code, out, err = run(capsys, "check", "-c", path)

    assert (code, "10.0.0.1" in out, "failsafe" in err) == (0, True, True)


def test_check_of_a_wrong_file_exits_2_with_file_key_and_value(tmp_path, capsys):
    path = tmp_path / "config.yaml"
    path.write_text("mqtt: {port: 99999, hots: x}\n")

    code, _, err = run(capsys, "check", "-c", path)

    assert code == 2
    assert f"{path}: mqtt.port: 99999" in err
    assert "did you mean 'host'" in err


def test_run_refuses_a_wrong_file_the_same_way(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("polling: 3\n")

    done = subprocess.run(
        [sys.executable, "-m", "minerbridge", "run", "-c", str(path)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert (done.returncode, "unknown key" in done.stderr) == (2, True)


@pytest.mark.parametrize("network", ["banana", "10.0.0.0/8", "::/0"])
def test_scan_takes_a_network_of_sensible_size(capsys, network):
    code, _, err = run(capsys, "scan", network)

    assert (code, err.count("\n")) == (2, 1)


def test_the_version_is_told(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--version"])

    assert end.value.code == 0
    assert __version__ in capsys.readouterr().out
