"""A WhatsMiner by the command line: which API, files in and out, secrets."""

import json

import pytest

from minerbridge.__main__ import main
from minerbridge.simulator import Fleet
from tests.whatsminer_rig import PASSWORD, simulated

pytestmark = pytest.mark.slow

IMAGE = bytes(1_000_000)


@pytest.fixture
def device():
    with Fleet(ports={"rpc": 0, "v3": 0}, speed=1000) as fleet:
        yield simulated(fleet)


def run(capsys, word, device, *words):
    given = ["--port", str(device.ports["rpc"]), "--v3-port", str(device.ports["v3"])]
    where = [device.address, "--family", "whatsminer", "--password", PASSWORD, *given]
    code = main([word, *where, *map(str, words)])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


@pytest.mark.parametrize(
    ("api", "asked", "not_asked"), [("v2", "rpc", "v3"), ("auto", "rpc", "v3"), ("v3", "v3", "rpc")]
)
def test_probe_asks_the_api_that_is_named(device, capsys, api, asked, not_asked):
    code, out, _ = run(capsys, "probe", device, "--api", api, "--json")

    assert (code, json.loads(out)["model"][:4]) == (0, "M60S")
    assert device.requests[f"{asked} connections"]
    assert not device.requests[f"{not_asked} connections"]


def test_v3_alone_is_at_the_port_that_is_named(device, capsys):
    words = ["--port", str(device.ports["v3"]), "--api", "v3", "--family", "whatsminer"]
    code = main(["probe", device.address, *words, "--json"])

    assert (code, json.loads(capsys.readouterr().out)["status"]) == (0, "mining")


def test_an_order_over_v3(device, capsys):
    code, out, _ = run(capsys, "command", device, "--api", "v3", "stop")

    assert (code, json.loads(out)["status"]) == (0, "confirmed")
    assert device.state == "sleeping"
    assert device.requests["v3 set.miner.service"] == 1


def test_firmware_goes_in_and_is_judged_by_the_version(device, capsys, tmp_path):
    (tmp_path / "new.bin").write_bytes(IMAGE)
    order = ("--firmware-dir", tmp_path, "update_firmware", "file=new.bin")
    code, out, err = run(capsys, "command", device, *order)
    assert (code, out, device.uploads) == (1, "", [])
    assert "--yes" in err

    code, out, err = run(capsys, "command", device, "--yes", *order)

    result = json.loads(out)
    assert (code, result["status"]) == (0, "confirmed")
    assert "the firmware is not 20251016.14.Rel2 now" in result["message"]
    assert device.uploads == [IMAGE]
    lines = err.splitlines()
    assert lines[-1] == "update_firmware: 100 %, 1000000 of 1000000 bytes"
    assert len(lines) == 10


def test_logs_come_out(device, capsys, tmp_path):
    order = ("--yes", "--logs-dir", tmp_path, "download_logs")
    code, out, err = run(capsys, "command", device, *order)

    (path,) = tmp_path.iterdir()
    assert (code, json.loads(out)["status"]) == (0, "confirmed")
    assert str(path) in json.loads(out)["message"]
    assert path.read_bytes().startswith(b"\x1f\x8b")
    assert f"of {path.stat().st_size} bytes" in err


def test_logs_that_break_off_leave_no_file(device, capsys, tmp_path):
    device.faults.cut_file_after_bytes = 10
    order = ("--yes", "--logs-dir", tmp_path, "download_logs")
    code, out, _ = run(capsys, "command", device, *order)

    assert (code, json.loads(out)["status"]) == (1, "failed")
    assert not list(tmp_path.iterdir())


def test_a_new_password_is_tried_and_never_shown(device, capsys):
    words = ("update_pwd", f"old={PASSWORD}", "new=fresh_1")
    code, out, err = run(capsys, "command", device, *words)

    result = json.loads(out)
    assert (code, result["status"], result["value"]) == (0, "confirmed", None)
    assert "`password` of this miner in the settings" in result["message"]
    assert "fresh_1" not in out + err
    assert PASSWORD not in out + err
    assert device.tokens.password == "fresh_1"


def test_a_wrong_old_password_changes_nothing(device, capsys):
    code, out, _ = run(capsys, "command", device, "update_pwd", "old=wrong", "new=fresh_1")

    assert (code, json.loads(out)["status"]) == (1, "failed")
    assert device.tokens.password == PASSWORD


def test_the_list_says_what_needs_a_yes_and_what_is_secret(device, capsys):
    _, out, _ = run(capsys, "command", device, "list")

    lines = {line.split()[0]: line for line in out.splitlines()}
    assert len(lines) >= 49
    assert "[guarded]" in lines["update_firmware"]
    assert "[secret]" in lines["update_pwd"]
    assert "from 50 to 100 %" in lines["set_power_pct"]
