"""Antminers do what they are told, keep the rest, and show it in what is read."""

from __future__ import annotations

import pytest

from minerbridge.errors import (
    InvalidValue,
    MinerRefused,
    MinerUnreachable,
    OutcomeUnknown,
    Unsupported,
)
from minerbridge.simulator.bitmain import json_reply
from tests.antminer_bench import bench, order, read, seen

__all__ = ["bench"]


@pytest.mark.parametrize("kind", ["antminer_s17", "antminer_s19"])
def test_sleep_and_wake_change_nothing_but_the_mode(bench, kind):
    one = bench(kind)
    driver = one.driver()
    driver.contact()
    order(driver, "set_fan", percent=73)
    before = driver.query("get_miner_conf")
    asleep = seen(driver, order(driver, "stop"))
    assert (asleep.status, asleep.power_mode, asleep.hashrate_hs) == ("sleeping", "sleep", 0.0)
    changed = driver.query("get_miner_conf")
    mode = "bitmain-work-mode"
    assert changed.pop(mode) != before.pop(mode)
    assert changed == before
    awake = seen(driver, order(driver, "start"))
    assert (awake.power_mode, awake.details["fan_percent"]) == ("normal", 73)
    assert [pool.password for pool in one.device.pool_entries] == ["x", "x", "x"]


@pytest.mark.parametrize("kind", ["antminer_s17", "antminer_s19"])
def test_what_is_so_already_is_not_written_again(bench, kind):
    one = bench(kind)
    driver = one.driver()
    driver.contact()
    assert seen(driver, order(driver, "start")).status == "mining"
    assert seen(driver, order(driver, "power_mode", mode="normal")).status == "mining"
    assert one.writes == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["antminer_s17", "antminer_s19"])
def test_the_led_is_switched_and_read_back(bench, kind):
    one = bench(kind)
    driver = one.driver()
    driver.contact()
    assert seen(driver, order(driver, "led", enabled=True)).led_on is True
    assert seen(driver, order(driver, "led", enabled=False)).led_on is False


@pytest.mark.parametrize("kind", ["antminer_s9", "antminer_s17", "antminer_s19"])
@pytest.mark.parametrize("name", ["restart", "reboot"])
def test_a_restart_shows_in_the_uptime(bench, kind, name):
    one = bench(kind)
    driver = one.driver()
    driver.contact()
    before = read(driver)
    confirmation = order(driver, name)
    assert not confirmation.seen(before)
    assert seen(driver, confirmation).uptime_s < before.uptime_s
    assert len(one.writes) == 1


def test_an_s9_neither_sleeps_nor_blinks(bench):
    s9 = bench("antminer_s9")
    driver = s9.driver()
    (profile,) = driver.contact()
    assert not {"start", "stop", "power_mode", "led"} & set(profile.commands)
    assert {"restart", "reboot", "pool_profile"} <= set(profile.commands)
    with pytest.raises(Unsupported):
        order(driver, "stop")
    assert s9.writes == []


@pytest.mark.parametrize("kind", ["antminer_s9", "antminer_s17", "antminer_s19"])
def test_a_pool_profile_is_put_in_place(bench, kind):
    one = bench(kind)
    driver = one.driver()
    driver.contact()
    reading = seen(driver, order(driver, "pool_profile", profile="spare"))
    assert reading.pools[0].url.endswith("spare.example.com:3333")
    entry = one.device.pool_entries[0]
    assert (entry.user, entry.password) == ("me.1", "secret")


@pytest.mark.parametrize("kind", ["antminer_s9", "antminer_s17"])
def test_a_user_that_the_old_shell_spoils_is_not_sent(bench, kind):
    one = bench(kind)
    driver = one.driver()
    driver.contact()
    with pytest.raises(InvalidValue, match="pool1user"):
        order(driver, "pool_profile", profile="spoiled")
    assert one.writes == []


def test_a_refusal_is_told_in_the_miners_words(bench):
    s19 = bench("antminer_s19")
    driver = s19.driver()
    driver.contact()
    refusal = {"stats": "error", "code": "M001", "msg": "Invalid pool!"}
    s19.device.pages["/cgi-bin/set_miner_conf.cgi"] = lambda _request: json_reply(refusal)
    with pytest.raises(MinerRefused, match=r"Invalid pool! \(M001\)"):
        order(driver, "stop")


def test_firmware_that_wants_the_mode_as_text_gets_it(bench):
    s19 = bench("antminer_s19")
    driver = s19.driver()
    driver.contact()
    store = s19.device.pages["/cgi-bin/set_miner_conf.cgi"]
    ok = {"stats": "success", "code": "M000", "msg": "OK!"}

    def only_text(request):
        return store(request) if b'"miner-mode":"1"' in request.body else json_reply(ok)

    s19.device.pages["/cgi-bin/set_miner_conf.cgi"] = only_text
    assert seen(driver, order(driver, "stop")).status == "sleeping"


def test_a_lost_reply_says_how_its_effect_would_show(bench):
    s19 = bench("antminer_s19")
    driver = s19.driver()
    driver.contact()
    s19.device.faults.lose_reply = True
    with pytest.raises(OutcomeUnknown) as caught:
        order(driver, "stop")
    s19.device.faults.clear()
    assert len(s19.writes) == 1
    assert seen(driver, caught.value.confirmation).status == "sleeping"


def test_a_miner_that_only_says_yes_is_not_believed(bench):
    s19 = bench("antminer_s19")
    driver = s19.driver()
    driver.contact()
    s19.device.faults.drop_writes = True
    confirmation = order(driver, "stop")
    assert not confirmation.seen(read(driver))


def test_the_low_mode_is_offered_where_it_is_set(bench):
    s19 = bench("antminer_s19")
    modes = s19.driver().contact()[0].commands["power_mode"].parameters[0].choices
    assert modes == ("normal", "sleep")
    s19.device.mode = 3
    modes = s19.driver().contact()[0].commands["power_mode"].parameters[0].choices
    assert modes == ("normal", "sleep", "low")


def test_a_fan_speed_is_either_or(bench):
    driver = bench("antminer_s19").driver()
    driver.contact()
    for parameters in ({}, {"automatic": False}, {"percent": 50, "automatic": True}):
        with pytest.raises(InvalidValue):
            order(driver, "set_fan", **parameters)
    reading = seen(driver, order(driver, "set_fan", automatic=True))
    assert reading.details["fan_automatic"] is True


def test_pools_are_set_and_a_new_password_is_used_from_then_on(bench):
    s19 = bench("antminer_s19")
    driver = s19.driver()
    driver.contact()
    seen(driver, order(driver, "update_pools", url1="a.example:1", user1="u", url3="c.example:3"))
    assert [pool.url for pool in s19.device.pool_entries] == ["a.example:1", "c.example:3", ""]
    assert order(driver, "update_pwd", new="better").seen is None
    assert s19.device.digest.password == "better"
    assert driver.identity().mac_address


def test_network_and_reset(bench):
    s19 = bench("antminer_s19")
    driver = s19.driver()
    driver.contact()
    with pytest.raises(InvalidValue, match="address"):
        order(driver, "net_config", mode="static", gateway="127.0.0.1", netmask="255.0.0.0")
    assert order(driver, "net_config", mode="dhcp", hostname="shed").seen is None
    assert s19.device.hostname == "shed"
    order(driver, "reset")
    assert s19.writes[-1] == "reset_conf"
    with pytest.raises(Unsupported):
        order(driver, "dance")


# -- queries -----------------------------------------------------------------------------------


def test_queries_tell_what_the_miner_says_without_passwords(bench):
    s19 = bench("antminer_s19")
    driver = s19.driver()
    driver.contact()
    assert driver.query("get_system_info")["macaddr"] == s19.device.mac_address
    assert {pool["pass"] for pool in driver.query("get_miner_conf")["pools"]} == {"***"}
    assert "STATS" in driver.query("stats")
    assert "VERSION" in driver.query("version")
    assert "compile" in driver.query("log")["text"]
    with pytest.raises(Unsupported):
        driver.query("reboot")
    s19.device.faults.port, s19.device.faults.refuse = "rpc", True
    assert "STATS" in driver.query("stats")
    with pytest.raises(MinerUnreachable):
        driver.query("version")
