"""IceRivers do what they are told, keep the rest, and show it in what is read."""

from __future__ import annotations

import pytest

from minerbridge.errors import (
    BridgeError,
    InvalidValue,
    MinerLocked,
    MinerRefused,
    MinerUnreachable,
    OutcomeUnknown,
    Unsupported,
)
from minerbridge.miners.driver import PoolLogin
from minerbridge.miners.iceriver import commands, forms
from tests.iceriver_rig import bench, order, read, seen

__all__ = ["bench"]

BY = ("iceriver", "iceriver_pbfarmer")
PARAMETERS: dict[str, dict[str, object]] = {
    "led": {"enabled": True},
    "set_fan": {"percent": 70},
    "pool_profile": {"profile": "spare"},
    "update_pools": {"url1": "a.example:1", "user1": "u"},
    "update_pwd": {"new": "better"},
    "net_config": {"mode": "dhcp"},
    "clock_offset": {"offset_mhz": -100},
}


@pytest.mark.parametrize("kind", BY)
def test_sleep_and_wake(bench, kind):
    one = bench(kind)
    driver = one.met()
    asleep = seen(driver, order(driver, "stop"))
    assert (asleep.status, asleep.is_mining, asleep.power_mode) == ("sleeping", False, "sleep")
    assert asleep.errors == ()
    awake = seen(driver, order(driver, "start"))
    assert awake.power_mode == "normal"
    assert one.device.state in ("starting", "mining")


@pytest.mark.parametrize("kind", BY)
def test_the_led_is_switched_and_read_back(bench, kind):
    one = bench(kind)
    driver = one.met()
    assert seen(driver, order(driver, "led", enabled=True)).led_on is True
    assert seen(driver, order(driver, "led", enabled=True)).led_on is True
    assert seen(driver, order(driver, "led", enabled=False)).led_on is False
    toggles = [what for what in one.writes if what == "/api/machine/locate"]
    assert len(toggles) == (2 if kind == "iceriver_pbfarmer" else 0)


@pytest.mark.parametrize("kind", BY)
def test_a_reboot_shows_in_the_uptime(bench, kind):
    one = bench(kind)
    driver = one.met()
    before = read(driver)
    confirmation = order(driver, "reboot")
    assert not confirmation.seen(before)
    assert seen(driver, confirmation).uptime_s < before.uptime_s
    assert len(one.writes) == 1


@pytest.mark.parametrize("firmware", ["new", "old"])
def test_fans_that_choose_their_speed_are_never_pinned_to_it(bench, firmware):
    one = bench(firmware=firmware)
    driver = one.met()
    one.device.fan_ratio = 1
    seen(driver, order(driver, "stop"))
    seen(driver, order(driver, "start"))
    seen(driver, order(driver, "pool_profile", profile="spare"))
    assert not one.device.fans_are_held
    assert not any("sethw on" in what for what in one.writes)
    assert read(driver).details["fan_percent"] == 1


def test_fans_stay_held_where_they_were_told_to_be(bench):
    one = bench()
    driver = one.met()
    seen(driver, order(driver, "set_fan", percent=73))
    seen(driver, order(driver, "stop"))
    assert (one.writes[-1], one.device.fans_are_held) == ("sethw on 73 sleep", True)
    one.device.fan_ratio = 20  # by somebody else
    seen(driver, order(driver, "start"))
    assert (one.writes[-1], one.device.fans_are_held) == ("sethw None 20 normal", False)


def test_fans_are_left_to_the_miner_again(bench):
    one = bench()
    driver = one.met()
    seen(driver, order(driver, "set_fan", percent=73))
    assert order(driver, "set_fan", automatic=True).seen is None
    assert not one.device.fans_are_held
    seen(driver, order(driver, "stop"))
    assert not one.device.fans_are_held


@pytest.mark.parametrize("given", [{}, {"percent": 50, "automatic": True}, {"automatic": False}])
def test_a_fan_command_says_one_thing(bench, given):
    one = bench()
    with pytest.raises(InvalidValue, match="either percent or automatic"):
        order(one.met(), "set_fan", **given)
    assert one.writes == []


def test_what_is_so_already_is_not_written_again(bench):
    one = bench()
    driver = one.met()
    assert seen(driver, order(driver, "start")).status == "mining"
    assert one.writes == []


def test_old_firmware_takes_its_mode_with_the_pools_it_has(bench):
    one = bench(model="KS3M", firmware="old")
    driver = one.met()
    before = [(pool.url, pool.user, pool.password) for pool in one.device.pool_entries]
    assert seen(driver, order(driver, "stop")).status == "sleeping"
    assert [(pool.url, pool.user, pool.password) for pool in one.device.pool_entries] == before
    seen(driver, order(driver, "pool_profile", profile="spare"))
    assert one.device.pool_entries[0].user == "me.1"
    assert read(driver).status == "sleeping"


def test_early_firmware_cannot_sleep(bench):
    one = bench(model="KS0", firmware="early")
    driver = one.driver()
    (profile,) = driver.contact()
    assert not {"start", "stop", "set_fan"} & set(profile.commands)
    with pytest.raises(Unsupported, match="not supported by this firmware"):
        order(driver, "stop")
    assert one.writes == []
    reading = read(driver)
    assert reading.status == "mining"
    assert reading.hashrate_hs == pytest.approx(100e9, rel=0.05)
    assert (reading.fan_speeds_rpm, len(reading.boards), reading.errors) == ((), 1, ())


def test_a_build_that_only_says_it_sleeps_is_not_believed(bench):
    one = bench(quirks={"sleep_bug"})
    driver = one.met()
    confirmation = order(driver, "stop")
    assert not confirmation.seen(read(driver))


def test_fans_are_held(bench):
    one = bench()
    driver = one.met()
    assert seen(driver, order(driver, "set_fan", percent=70)).details["fan_percent"] == 70
    assert one.device.mode == 1


def test_a_pool_profile_is_put_in_place(bench):
    one = bench()
    driver = one.met()
    reading = seen(driver, order(driver, "pool_profile", profile="spare"))
    assert [pool.url for pool in reading.pools] == ["stratum+tcp://spare.example.com:3333"]
    assert one.device.pool_entries[0].password == "secret"


@pytest.mark.parametrize("profile", ["quoted", "long"])
def test_pools_that_break_the_web_server_are_not_sent(bench, profile):
    one = bench()
    driver = one.met()
    with pytest.raises(InvalidValue):
        order(driver, "pool_profile", profile=profile)
    assert one.writes == []


@pytest.mark.parametrize("spoiled", ['a"b', "a\\b", "a\nb", "a\x00b", "a\x7fb"])
def test_marks_that_end_a_json_text_are_refused(spoiled):
    for pool in (PoolLogin(spoiled, "u"), PoolLogin("a", spoiled), PoolLogin("a", "u", spoiled)):
        with pytest.raises(InvalidValue):
            forms.pools([pool])


def test_a_place_without_a_pool_is_sent_empty():
    form = dict(forms.pools([PoolLogin("a.example:1", "u")]))
    assert len(form) == 9
    assert form["pool3address"] == ""


def test_pools_and_a_new_password(bench):
    one = bench(wants_login=True)
    driver = one.met()
    given = {"url1": "a.example:1", "user1": "u", "url3": "c.example:3", "user3": "v"}
    reading = seen(driver, order(driver, "update_pools", **given))
    assert [pool.url for pool in reading.pools] == ["a.example:1", "c.example:3"]
    assert order(driver, "update_pwd", new="better").seen(reading)
    assert one.device.password == "better"
    with pytest.raises(MinerRefused, match="1017"):
        order(driver, "update_pwd", new="abc")
    one.device.password = "another"
    with pytest.raises(MinerLocked, match="wrong password"):
        order(driver, "update_pwd", new="good enough")


def test_the_network_keeps_what_is_not_named(bench):
    one = bench()
    driver = one.met()
    with pytest.raises(InvalidValue, match="gateway"):
        order(driver, "net_config", mode="static", address="10.0.0.2", gateway="nowhere")
    assert order(driver, "net_config", mode="dhcp", hostname="shed").seen is None
    net = one.device.net
    assert (net["host"], net["gateway"], net["dhcp"]) == ("shed", "192.168.1.1", True)


def test_the_clock_is_moved_and_read_back(bench):
    one = bench("iceriver_pbfarmer")
    driver = one.driver()
    (profile,) = driver.contact()
    (offset,) = profile.commands["clock_offset"].parameters
    assert (offset.minimum, offset.maximum) == (-500, 500)
    reading = seen(driver, order(driver, "clock_offset", offset_mhz=-200))
    assert reading.details["clock_offset_mhz"] == -200
    assert reading.frequency_mhz == 675


def test_changes_go_by_post_where_get_is_not_taken(bench):
    one = bench("iceriver_pbfarmer", post_only=True)
    driver = one.met()
    assert seen(driver, order(driver, "stop")).status == "sleeping"
    assert one.writes == ["/api/machine/sleep"]


# -- the factory reset -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", BY)
def test_nothing_but_reset_resets(bench, kind):
    one = bench(kind)
    driver = one.driver()
    (profile,) = driver.contact()
    resets = []
    one.device.reset_to_factory = lambda: resets.append(True)
    for name, spec in profile.commands.items():
        if name != "reset" and not spec.is_query:
            order(driver, name, **PARAMETERS.get(name, {}))
            one.device.plant.system_at_s = one.device.plant.daemon_at_s = -1.0  # up again
            driver.close()
            one.fleet.settle()
    assert len(one.writes) >= 5
    assert not [what for what in one.writes if "reset" in what]
    assert resets == []
    assert profile.commands["reset"].access == "guarded"

    order(driver, "reset")

    assert resets == [True]


def test_the_pages_refuse_to_carry_a_reset(bench):
    driver = bench().met()
    with pytest.raises(AssertionError, match="reset"):
        driver._stock._tell("userpanel", 2)
    with pytest.raises(AssertionError, match="reset"):
        driver._pbfarmer.act("reset")


# -- what goes wrong ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", BY)
def test_a_lost_reply_says_how_its_effect_would_show(bench, kind):
    one = bench(kind)
    driver = one.met()
    one.device.faults.lose_reply = True
    with pytest.raises(OutcomeUnknown) as caught:
        order(driver, "stop")
    one.device.faults.clear()
    assert len(one.writes) == 1
    assert seen(driver, caught.value.confirmation).status == "sleeping"


@pytest.mark.parametrize("kind", BY)
def test_a_miner_that_only_says_yes_is_not_believed(bench, kind):
    one = bench(kind)
    driver = one.met()
    one.device.faults.drop_writes = True
    confirmation = order(driver, "led", enabled=True)
    assert not confirmation.seen(read(driver))


@pytest.mark.parametrize(
    ("code", "error"),
    [(1, MinerUnreachable), (2, OutcomeUnknown), (3, OutcomeUnknown), (7001, MinerUnreachable),
     (7003, MinerUnreachable), (1004, MinerLocked), (9, MinerRefused)],
)  # fmt: skip
def test_what_an_error_number_means_for_a_write(bench, code, error):
    one = bench()
    driver = one.met()
    one.device.error = code
    with pytest.raises(error, match=str(code)):
        order(driver, "reboot")
    assert one.writes == []


def test_commands_are_not_known_by_other_names(bench):
    for kind in BY:
        driver = bench(kind).met()
        with pytest.raises(Unsupported):
            order(driver, "dance")


def test_over_4111_it_is_only_read(bench):
    one = bench()
    one.device.faults.port, one.device.faults.refuse = "http", True
    driver = one.driver()
    (profile,) = driver.contact()
    assert profile.commands == {}
    with pytest.raises(Unsupported, match="4111"):
        order(driver, "stop")


def test_no_command_lacks_a_summary_and_secrets_are_secret():
    offered = {**commands.stock(has_hardware=True, profiles=("a",)), **commands.pbfarmer(875.0)}
    assert all(spec.summary for spec in offered.values())
    access = {name: spec.access for name, spec in offered.items() if spec.access != "normal"}
    assert access == {
        "reset": "guarded", "set_fan": "guarded", "net_config": "guarded",
        "update_pools": "secret", "update_pwd": "secret",
    }  # fmt: skip


@pytest.mark.parametrize("kind", BY)
def test_killed_connections_are_told_and_survived(bench, kind):
    one = bench(kind)
    driver = one.met()
    for fault in ("close", "garbage"):
        setattr(one.device.faults, fault, True)
        driver.close()  # the fault begins with the next connection
        with pytest.raises(BridgeError):
            read(driver)
        one.device.faults.clear()
    assert read(driver).status == "mining"
