"""Tokens and reply codes: what is asked again, what is not, and what an operator is told."""

import json

import pytest

from minerbridge.errors import MinerLocked, MinerRefused, MinerUnreachable, OutcomeUnknown
from minerbridge.errors import Unsupported as UnknownCommand
from minerbridge.miners.whatsminer.codes import CODES, refusal
from tests.whatsminer_rig import NEWSALT, SALT, Rig, ok, order, read, refused, reset


@pytest.fixture
def rig():
    made = Rig()
    yield made
    made.close()


def tokens(rig):
    return sum(1 for request in rig.asked if request.get("cmd") == "get_token")


def test_one_token_serves_many_commands(rig):
    driver = rig.driver()
    for _ in range(3):
        order(driver, "led", enabled=True)

    assert tokens(rig) == 1
    assert len(rig.written) == 3


@pytest.mark.parametrize(
    ("timeout", "after_s", "expected"),
    [
        (None, 24 * 60, 1),
        (None, 26 * 60, 2),
        ("0", 86_400, 1),
        ("60", 40, 1),
        ("60", 55, 2),
    ],
)
def test_a_token_is_renewed_before_its_end(rig, timeout, after_s, expected):
    told = {"time": "5626", "salt": SALT, "newsalt": NEWSALT}
    rig.plain["get_token"] = ok(told if timeout is None else {**told, "timeout": timeout}, 134)
    driver = rig.driver()
    order(driver, "led", enabled=True)
    rig.clock.now_s += after_s
    order(driver, "led", enabled=True)

    assert tokens(rig) == expected


def test_code_135_renews_the_token_and_sends_again_once(rig):
    rig.sealed["power_on"] = [refused(135, "check token err"), ok()]
    order(rig.driver(), "start")

    assert tokens(rig) == 2
    assert [one["cmd"] for one in rig.written] == ["power_on", "power_on"]


def test_a_second_135_is_an_error(rig):
    rig.sealed["power_on"] = refused(135, "check token err")
    with pytest.raises(MinerRefused) as caught:
        order(rig.driver(), "start")

    assert caught.value.code == "TOKEN_REFUSED"
    assert len(rig.written) == 2


def test_code_136_backs_off_for_minutes(rig):
    rig.plain["get_token"] = refused(136, "over max connect")
    driver = rig.driver()
    for _ in range(3):
        with pytest.raises(MinerRefused) as caught:
            order(driver, "start")
        assert caught.value.code == "TOKEN_LIMIT"
    assert tokens(rig) == 1
    rig.plain["get_token"] = ok({"time": "5626", "salt": SALT, "newsalt": NEWSALT}, 134)
    rig.clock.now_s += 301
    order(driver, "start")

    assert len(rig.written) == 1


@pytest.mark.parametrize("form", ["plain", "encrypted"])
def test_code_45_names_the_switch_and_stops_writing(rig, form):
    reply = refused(45, "can't access write cmd")
    rig.sealed["power_off"] = reply if form == "encrypted" else json.dumps(reply).encode()
    driver = rig.driver()
    for _ in range(2):
        with pytest.raises(MinerLocked, match="Remote Ctrl, Miner API Switch"):
            order(driver, "stop")

    assert len(rig.written) == 1


def test_a_wrong_password_is_told_so_and_stops_writing(rig):
    rig.password = "other"
    driver = rig.driver()
    for _ in range(2):
        with pytest.raises(MinerLocked, match=r"password is wrong.*WhatsMinerTool \(Password\)"):
            order(driver, "stop")

    assert tokens(rig) == 1
    assert not rig.written


def test_without_a_password_the_default_one_is_tried(rig):
    rig.password = "admin"
    order(rig.driver(password=None), "stop")

    assert [one["cmd"] for one in rig.written] == ["power_off"]


def test_a_plain_reading_sends_nothing_that_comes_from_the_password(rig):
    driver = rig.driver()
    driver.contact()
    read(driver)

    assert tokens(rig) == 0
    assert not rig.written


def test_encrypted_reads(rig):
    for name in ("summary", "status", "get_version", "get_miner_info"):
        rig.sealed[name] = rig.plain[name]
    rig.plain = {"get_token": rig.plain["get_token"]}
    driver = rig.driver({"encrypted_reads": True})
    driver.contact()

    assert read(driver).power_w == 3394.88
    assert rig.asked[0] == {"cmd": "get_token"}
    assert tokens(rig) == len(rig.asked) == 1


@pytest.mark.parametrize(
    "lost", [None, reset, b'{"enc":"AAAA', b"gibberish", b'{"enc":"AAAA"}', b"[1]"]
)
def test_a_write_whose_reply_is_lost_is_never_repeated(rig, lost):
    rig.sealed["power_off"] = lost
    with pytest.raises(OutcomeUnknown) as caught:
        order(rig.driver(), "stop")

    assert caught.value.confirmation is not None
    assert "without power" in caught.value.confirmation.message
    assert len(rig.written) == 1


def test_a_silent_miner_leaves_the_outcome_unknown(rig):
    rig.sealed["reboot"] = lambda connection, _request: connection.recv(1)
    with pytest.raises(OutcomeUnknown, match="no answer within"):
        order(rig.driver(timeout_s=0.05), "reboot")

    assert len(rig.written) == 1


def test_without_a_token_nothing_was_sent(rig):
    rig.plain["get_token"] = None
    with pytest.raises(MinerUnreachable):
        order(rig.driver(), "stop")

    assert not rig.written


def test_no_connection_is_no_unknown_outcome(rig):
    driver = rig.driver()
    rig.close()
    with pytest.raises(MinerUnreachable):
        order(driver, "stop")


def test_every_code_of_the_manual_has_a_meaning():
    assert sorted(CODES) == [14, 23, 45, 131, 132, 134, 135, 136, 137]
    for code, meaning in CODES.items():
        found = refusal("power_off", refused(code), encrypted=True)
        if meaning.error is None:
            continue
        assert type(found) is meaning.error
        assert meaning.remedy in str(found)
    for code in (131, 134):
        assert refusal("power_off", ok(code=code), encrypted=True) is None


def test_an_unknown_command_is_not_sent_twice(rig):
    rig.sealed["set_power"] = refused(14, "invalid cmd")
    driver = rig.driver()
    driver.contact()
    for _ in range(2):
        with pytest.raises(UnknownCommand):
            order(driver, "set_power", power=3000)

    assert len(rig.written) == 1
    assert "set_power" not in next(iter(driver.contact())).commands


def test_a_refused_command_may_be_tried_again(rig):
    rig.sealed["set_heat_mode"] = [refused(132, "command error"), ok()]
    driver = rig.driver()
    with pytest.raises(MinerRefused, match="cannot do this now"):
        order(driver, "set_heat_mode", mode="heating")
    order(driver, "set_heat_mode", mode="heating")

    assert len(rig.written) == 2
