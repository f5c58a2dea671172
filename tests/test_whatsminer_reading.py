"""Replies of every generation become readings, units right, oddities read around."""

import json
from pathlib import Path

import pytest

from minerbridge.errors import BadReply, MinerError
from minerbridge.miners.rpc_decode import decode
from minerbridge.miners.whatsminer import error_codes
from minerbridge.miners.whatsminer.connection import end_of_object
from minerbridge.miners.whatsminer.reading import body, read_boards, reading_fields
from minerbridge.miners.whatsminer.v3_reading import reading_fields as v3_fields
from tests.whatsminer_rig import SUMMARY, Rig, ok, read, refused

RECORDINGS = Path(__file__).parent / "recordings/whatsminer"
DOWN = b"Socket connect failed: Connection refused\n"


@pytest.fixture
def rig():
    made = Rig()
    yield made
    made.close()


def replies(folder, **names):
    return {
        name: decode((RECORDINGS / folder / f"{file}.json").read_bytes())
        for name, file in names.items()
    }


def test_the_newest_generation_writes_boards_in_terahashes():
    names = ("summary", "edevs", "get_version", "get_miner_info")
    found = reading_fields(
        replies("M60S-VK40__20251016.14.Rel2", **dict(zip(names, names, strict=True)))
    )

    assert found["model"] == "M60S_VK40"
    assert found["firmware"] == "20251016.14.Rel2"
    assert found["mac_address"] == "02:00:00:00:00:17"
    assert found["details"]["generation"] == 4
    assert found["hashrate_hs"] == pytest.approx(180.783e12, rel=1e-5)
    boards = sum(board.hashrate_hs for board in found["boards"])
    assert boards == pytest.approx(found["hashrate_hs"], rel=0.01)
    assert (found["power_w"], found["power_limit_w"]) == (3394.88, 3400)
    assert found["board_temperature_c"] == 73.81
    assert found["fan_speeds_rpm"] == (3489, 3548)
    assert found["details"]["system_uptime_s"] == 2_175_567
    assert found["led_on"] is False


def test_firmware_of_2021_counts_errors_in_its_summary():
    folder = "M20S__20210322.22.REL-api1.4.0"
    found = reading_fields(
        replies(folder, summary="summary_with_errors", status="status", get_psu="get_psu")
    )

    assert found["details"]["generation"] == 1
    assert [fault.code for fault in found["errors"]] == ["110", "600"]
    assert found["errors"][1].message == "ambient temperature too high"
    assert found["firmware"] == "20220919.15.REL"  # without the apostrophes around it
    assert found["chip_temperature_c"] == 92.5
    assert found["hashrate_hs"] == pytest.approx(67.39e12, rel=1e-3)


def test_an_ancient_one():
    found = reading_fields(replies("M3-or-M10__cgminer-4.9.2", summary="summary"))

    assert found["hashrate_hs"] == pytest.approx(35.52e12, rel=1e-3)
    assert found["power_w"] is None
    assert found["details"]["generation"] == 1


def test_a_liquid_cooled_one_has_no_fans():
    folder = "M56S_VH30__20230714.15.Rel-api2.0.5-mock"
    found = reading_fields(
        replies(folder, summary="summary", get_psu="get_psu", devdetails="devdetails")
    )

    assert found["details"]["generation"] == 2
    assert found["model"] == "M56S_VH30"
    assert found["fan_speeds_rpm"] == ()
    assert found["ambient_temperature_c"] == 34.51
    assert found["details"]["psu_input_voltage_v"] == 398
    assert found["details"]["psu_input_current_a"] == 15.044


def test_status_of_2024():
    found = reading_fields(replies("M50S-VH50__20240624.18.REL", status="status"))

    assert found["details"]["generation"] == 3
    assert (found["power_mode"], found["power_limit_w"]) == ("low", 3600)
    assert found["details"]["power_limit_is_default"] is False


def test_v3():
    folder = RECORDINGS / "M60S-VK40__20251209.16.Rel2__api3"
    told = {}
    for path in folder.iterdir():
        told.update(json.loads(path.read_text())["msg"])
    found = v3_fields(told)

    assert found["model"] == "M60S_VK40"
    assert found["hashrate_hs"] == pytest.approx(171.259e12)
    assert sum(board.hashrate_hs for board in found["boards"]) == pytest.approx(171.3e12)
    assert [board.board_temperature_c for board in found["boards"]] == [41.1, 40.1, 41.5]
    assert found["power_w"] == 3156
    assert [pool.is_active for pool in found["pools"]] == [True, False, False]
    assert found["errors"][0].code == "264"
    assert found["errors"][0].message.startswith("Power xfer error")
    assert found["status"] == "mining"


def test_v3_while_the_mining_program_is_down():
    assert v3_fields({"error-code": "btminer process is down err"})["errors"] == ()


@pytest.mark.parametrize(
    ("told", "codes"),
    [
        ([], []),
        ([{"218": "2024-06-15 10:30:00"}, {"110": "2024-06-15 09:15:00"}], ["218", "110"]),
        (["218", "110"], ["218", "110"]),
        ({"329": "2022-01-17 11:28:11"}, ["329"]),
        ("nothing", []),
        (None, []),
    ],
)
def test_shapes_of_error_codes(told, codes):
    assert [fault.code for fault in error_codes.faults(told)] == codes


def test_the_error_codes_as_the_manual_prints_them_are_no_json():
    listed = b'["329":"2022-01-17 11:28:11","2010":"1970-01-02 08:00:04"]'
    raw = b'{"STATUS":"S","Code":131,"Msg":{"error_code":%s}}' % listed
    first, second = error_codes.faults(body(decode(raw))["error_code"])

    assert first.code == "329"
    assert str(first.at).startswith("2022-01-17 11:28:11")
    assert second.at is None  # its clock was not set


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        (110, "intake fan speed wrong; others read it as hashrate too low"),
        (532, "board 2: not found"),
        (2021, "pool 1: cannot be reached"),
        (531042, "board 1: chip 42 few nonces"),
        (8521, "power below factory level 2"),
        (2399, "unknown code (hashrate)"),
        (7, "unknown code (unknown)"),
    ],
)
def test_meanings(code, meaning):
    assert error_codes.meaning(code) == meaning


@pytest.mark.parametrize("unit", [1e6, 1e12])
@pytest.mark.parametrize("total", [True, False])
def test_units_of_boards(unit, total):
    rates = [5.5e12, 60e12]
    reply = {"DEVS": [{"Slot": i, "HS RT": rate / unit} for i, rate in enumerate(rates)]}

    found = [board.hashrate_hs for board in read_boards(reply, sum(rates) if total else None)]
    assert found == pytest.approx(rates)


@pytest.mark.parametrize(
    ("status", "summary", "expected"),
    [
        ({"mineroff": "false"}, SUMMARY, ("mining", True)),
        ({"mineroff": "false"}, {**SUMMARY, "Hash Stable": "false"}, ("tuning", True)),
        ({"mineroff": "true"}, {**SUMMARY, "Power": 0}, ("stopped", False)),
        ({"mineroff": "true"}, {**SUMMARY, "Power": -1, "HS RT": 0}, ("stopped", False)),
        ({"mineroff": "true"}, SUMMARY, ("mining", True)),
        ({"mineroff": "false"}, {**SUMMARY, "HS RT": 0, "Elapsed": 20}, ("starting", False)),
        ({"btmineroff": "true"}, None, ("stopped", False)),
        ({"btmineroff": "false"}, None, ("starting", False)),
    ],
)
def test_status(rig, status, summary, expected):
    rig.plain["status"] = ok(status)
    rig.plain["summary"] = ok(summary) if summary else DOWN
    rig.plain["summary+pools"] = DOWN if summary is None else refused(14)
    driver = rig.driver()
    driver.contact()
    reading = read(driver)

    assert (reading.status, reading.is_mining) == expected
    if expected[0] == "stopped":
        assert reading.hashrate_hs == 0


@pytest.mark.parametrize(
    ("raw", "end"),
    [
        (b'{"a":"}"}x', 9),
        (b'{"a":{"b":1}}{"c"', 13),
        (b'{"a":"\\""}', 10),
        (b'{"a":"', None),
        (b'{"a":{}', None),
        (b"", None),
        (b"Socket connect failed", None),
    ],
)
def test_where_a_reply_ends(raw, end):
    assert end_of_object(raw) == end


def test_a_reply_is_whole_before_the_miner_closes(rig):
    def slow_to_close(connection, _request):
        connection.sendall(json.dumps(ok(SUMMARY)).encode() + b"\0")
        connection.recv(1)

    rig.plain["summary"] = slow_to_close
    driver = rig.driver(timeout_s=0.3)
    driver.contact()

    assert read(driver).power_w == 3394.88


def test_firmware_of_2020_wants_another_key(rig):
    def answer(connection, request):
        missing = {"STATUS": [{"STATUS": "E", "Code": 24, "Msg": "Missing JSON 'command'"}]}
        found = {"STATUS": [{"STATUS": "S", "Code": 11}], "SUMMARY": [SUMMARY]}
        connection.sendall(json.dumps(found if "command" in request else missing).encode())

    rig.plain["summary"] = answer
    rig.plain["summary+pools"] = {"STATUS": [{"STATUS": "E", "Code": 14, "Msg": "invalid"}]}
    driver = rig.driver()
    driver.contact()
    rig.asked.clear()
    read(driver)

    assert rig.asked[0] == {"command": "summary"}


def test_joined_replies_save_a_connection(rig):
    rig.plain["summary+pools"] = {
        "summary": [ok(SUMMARY)],
        "pools": [{"STATUS": [{"STATUS": "S"}], "POOLS": [{"POOL": 1, "URL": "a:1"}]}],
        "id": 1,
    }
    driver = rig.driver()
    driver.contact()

    assert read(driver).pools[0].url == "a:1"
    names = [request["cmd"] for request in rig.asked]
    assert "pools" not in names
    assert names.count("summary") == 1  # of the read after the contact


def test_what_is_refused_is_not_asked_again(rig):
    rig.plain["get_psu"] = refused(14)
    driver = rig.driver()
    driver.contact()
    rig.clock.now_s += 61
    rig.asked.clear()
    read(driver)

    assert {"cmd": "get_psu"} not in rig.asked
    assert {"cmd": "edevs"} in rig.asked


@pytest.mark.parametrize("name", ["edevs", "pools", "get_psu", "get_error_code", "get_version"])
@pytest.mark.parametrize("reply", [b"", b"?", b"[]", DOWN, ok("text")])
def test_one_unreadable_reply_spoils_nothing_else(rig, name, reply):
    rig.plain[name] = reply
    driver = rig.driver()
    driver.contact()

    assert read(driver).power_w == 3394.88


@pytest.mark.parametrize("reply", [b"", b"?", b"[]", refused(132), ok("text")])
def test_without_summary_and_status_there_is_no_reading(rig, reply):
    driver = rig.driver()
    driver.contact()
    rig.plain["summary"] = rig.plain["status"] = reply
    with pytest.raises(MinerError):
        read(driver)


def test_a_body_that_is_none():
    with pytest.raises(BadReply):
        body({"STATUS": "S", "Msg": "text"}, "SUMMARY")


def test_another_kind_of_miner_is_not_taken_for_one(rig):
    rig.plain = {"summary": {"STATUS": [{"STATUS": "S"}], "SUMMARY": [{"Found": 1}]}}
    with pytest.raises(MinerError, match="WhatsMiner"):
        rig.driver().contact()
