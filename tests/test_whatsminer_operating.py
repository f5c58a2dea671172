"""What a WhatsMiner offers to the fleet: its set-points, and which commands cost what."""

from typing import Any

import pytest

from minerbridge.miners.driver import HostDriver, Target
from minerbridge.miners.families import driver_for
from minerbridge.miners.whatsminer.table import READS
from minerbridge.simulator.server import Fleet
from tests.whatsminer_rig import STATUS, SUMMARY, Rig, ok, order, read, simulated

FAST = {**SUMMARY, "Btminer Fast Boot": "enable"}
FACTORY_HS = 177_132e9
#: All else goes on mining, and cannot be kept for a start.
RESTART_MINING = {
    "restart_btminer", "restart", "set_low_power", "set_normal_power", "set_high_power",
    "power_mode", "update_firmware", "reboot", "factory_reset", "reset", "net_config",
    "set_target_freq", "adjust_power_limit", "power_limit", "power_limit_default",
}  # fmt: skip
WORK_ASLEEP = {
    "enable_btminer_fast_boot", "disable_btminer_fast_boot", "set_temp_offset",
    "adjust_upfreq_speed", "enable_btminer_init", "disable_btminer_init",
}  # fmt: skip


@pytest.fixture
def rig():
    made = Rig()
    made.plain["summary"] = ok(FAST)
    yield made
    made.close()


def profile(rig, **options):
    return rig.driver(options).contact()[0]


def test_a_point_per_percent_of_the_limit(rig):
    found = profile(rig)

    assert [point.power_percent for point in found.operating_points] == list(range(50, 101))
    at_60, at_100 = found.operating_points[10], found.operating_points[-1]
    assert (at_60.power_w, at_100.power_w) == (2040, 3400)
    assert at_60.parameters == {"power_percent": 60, "speed": "fast"}
    assert at_60.hashrate_hs == pytest.approx(FACTORY_HS * 0.6**0.85)
    assert at_100.hashrate_hs == FACTORY_HS
    assert (found.rated_power_w, found.standby_power_w) == (3400, None)


def test_each_point_is_an_order_the_driver_takes(rig):
    driver = rig.driver()
    for point in driver.contact()[0].operating_points[:2]:
        order(driver, point.command, **point.parameters)

    sent = [{name: one[name] for name in ("cmd", "percent")} for one in rig.written]
    assert sent == [{"cmd": "set_power_pct", "percent": str(percent)} for percent in (50, 51)]


@pytest.mark.parametrize(
    ("options", "lowest", "highest"),
    [
        ({"min_percent": 62.5}, 63, 100),
        ({"max_percent": 90}, 50, 90),
        ({"min_percent": 0}, 1, 100),
        ({"max_percent": 150}, 50, 100),
    ],
)
def test_the_settings_bound_the_points(rig, options, lowest, highest):
    points = profile(rig, **options).operating_points

    assert (points[0].power_percent, points[-1].power_percent) == (lowest, highest)


@pytest.mark.parametrize("fast_boot", ["disable", None])
def test_without_fast_boot_it_runs_or_does_not(rig, fast_boot):
    rig.plain["summary"] = ok({**SUMMARY, "Btminer Fast Boot": fast_boot})
    (point,) = profile(rig).operating_points

    assert (point.power_w, point.hashrate_hs, point.command) == (3400, FACTORY_HS, "")


def test_a_firmware_that_does_not_know_the_fast_form_runs_or_does_not(rig):
    rig.sealed["set_power_pct"] = ok("invalid cmd", 14, "E")
    driver = rig.driver()
    (before,) = driver.contact()
    assert len(before.operating_points) == 51
    with pytest.raises(Exception, match="does not have the command"):
        order(driver, "power_percent", power_percent=70, speed="fast")

    (after,) = driver.contact()
    assert [point.command for point in after.operating_points] == [""]


def test_a_lower_limit_lowers_power_and_hashrate(rig):
    rig.plain["summary"] = ok({**FAST, "Power Limit": 3400})
    driver = rig.driver()
    driver.contact()
    rig.plain["status"] = ok({**STATUS, "power_limit_set": "1700"})
    highest = driver.contact()[0].operating_points[-1]

    assert highest.power_w == 1700
    assert highest.hashrate_hs == pytest.approx(FACTORY_HS * 0.5**0.85)


def test_without_a_limit_or_a_nominal_hashrate_nothing_is_made_up(rig):
    rig.plain["summary"] = ok({**FAST, "Power Limit": None, "Factory GHS": None})
    assert profile(rig).operating_points == ()
    assert profile(rig).rated_power_w is None
    rig.plain["summary"] = ok({**FAST, "Factory GHS": None})
    assert {point.hashrate_hs for point in profile(rig).operating_points} == {None}


@pytest.mark.parametrize(
    ("power_w", "standby_w"), [(31.5, 31.5), (0, None), (-1, None), (900, None)]
)
def test_what_it_draws_when_off_is_what_it_says(rig, power_w, standby_w):
    rig.plain["summary"] = ok({**FAST, "Power": power_w, "HS RT": 0, "MHS 1m": 0})
    rig.plain["status"] = ok({**STATUS, "mineroff": "true"})

    assert profile(rig).standby_power_w == standby_w


def test_a_new_limit_or_fast_boot_is_news_until_it_is_told(rig):
    driver = rig.driver()
    assert issubclass(type(driver), HostDriver)
    driver.contact()
    read(driver)
    assert not driver.has_news()
    for change in ({"Power Limit": 3600}, {"Btminer Fast Boot": "disable"}):
        rig.plain["summary"] = ok({**FAST, **change})
        read(driver)
        assert driver.has_news()
        driver.contact()
        assert not driver.has_news()


def test_a_mining_program_that_is_down_is_no_news(rig):
    driver = rig.driver()
    driver.contact()
    rig.plain["summary"] = b"Socket connect failed: Connection refused\n"
    read(driver)

    assert not driver.has_news()


def test_v3_offers_the_same():
    with Fleet(ports={"rpc": 0, "v3": 0}, speed=100) as fleet:
        device = simulated(fleet)
        device.mining.orders.fast_boot = True
        rig = Rig()
        driver = rig.driver({"api": "v3"}, ports=device.ports)
        (found,) = driver.contact()
        point = found.operating_points[10]
        confirmation = order(driver, point.command, **point.parameters)
        rig.close()

    assert len(found.operating_points) == 51
    assert found.rated_power_w is not None
    assert point.power_w == pytest.approx(0.6 * found.rated_power_w)
    assert confirmation.seen is not None


def test_which_commands_restart_mining_and_which_wait_for_a_start(rig):
    commands = profile(rig).commands

    assert {name for name, spec in commands.items() if spec.restarts_mining} == RESTART_MINING
    assert {name for name, spec in commands.items() if spec.works_asleep} == WORK_ASLEEP
    assert not any(commands[row.name].restarts_mining for row in READS)


def test_the_profile_follows_a_new_limit_though_the_family_was_found_out():
    with Fleet(ports={"rpc": 0, "v3": 0}, speed=100) as fleet:
        device = simulated(fleet, generation=3)
        device.mining.orders.fast_boot = True
        driver: Any = driver_for("auto", Target("m1", device.address, ports=device.ports))
        assert issubclass(type(driver), HostDriver)
        driver.attend([], lambda: None)
        highest = driver.contact()[0].operating_points[-1]
        read(driver)
        assert not driver.has_news()
        device.mining.orders.limit_w = 2000
        read(driver)
        assert driver.has_news()
        lowered = driver.contact()[0].operating_points[-1]

    assert (highest.power_w, lowered.power_w) == (3500, 2000)
