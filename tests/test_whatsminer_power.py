"""A simulated WhatsMiner under orders: what shows, and whether power_off holds."""

import time

import pytest

from minerbridge.errors import MinerLocked, MinerUnreachable, OutcomeUnknown
from minerbridge.miners.driver import Target
from minerbridge.miners.families import driver_for
from minerbridge.miners.whatsminer import WhatsminerDriver
from minerbridge.simulator.server import Fleet
from tests.whatsminer_rig import PASSWORD, PROFILES, Clock, order, read


class Bench:
    def __init__(self, **options):
        self.fleet = Fleet(ports={"rpc": 0, "v3": 0}, speed=options.pop("speed", 1000.0))
        facts = {"uptime_s": 90_000.0, "password": PASSWORD}
        (self.device,) = self.fleet.add("whatsminer", **{**facts, **options})
        self.fleet.start()
        self.clock = Clock()

    def driver(self, api="v2", **changes):
        return WhatsminerDriver(self.target(api, **changes), self.clock)

    def target(self, api, **changes):
        settings = {
            "ports": self.device.ports, "password": PASSWORD, "timeout_s": 1.0,
            "options": {"api": api}, "pool_profiles": PROFILES,
        }  # fmt: skip
        return Target("m1", self.device.address, **{**settings, **changes})


@pytest.fixture
def bench():
    made = []

    def make(**options):
        made.append(Bench(**options))
        return made[-1]

    yield make
    for one in made:
        one.fleet.stop()


def seen(driver, confirmation, within_s=4.0):
    assert confirmation.seen is not None
    end_s = time.monotonic() + within_s
    while time.monotonic() < end_s:
        try:
            reading = read(driver)
        except MinerUnreachable:
            continue
        if confirmation.seen(reading):
            return reading
        time.sleep(0.01)
    raise AssertionError(confirmation.message)


GENERATIONS = [(1, "v2"), (2, "v2"), (3, "v2"), (4, "v2"), (4, "v3")]


@pytest.mark.parametrize(("generation", "api"), GENERATIONS)
def test_reading_of_a_generation(bench, generation, api):
    here = bench(generation=generation)
    driver = here.driver(api)
    (profile,) = driver.contact()
    reading = read(driver)
    plant = here.device

    assert profile.manufacturer == "MicroBT"
    assert profile.mac_address == plant.mac_address.lower()
    assert reading.firmware == plant.firmware
    assert (reading.status, reading.is_mining) == ("mining", True)
    assert reading.hashrate_hs == pytest.approx(plant.rating.point.hashrate_hs, rel=0.1)
    boards = sum(board.hashrate_hs for board in reading.boards)
    assert boards == pytest.approx(reading.hashrate_hs, rel=0.05)
    assert reading.power_w == pytest.approx(plant.power_w, rel=0.05)
    assert len(reading.fan_speeds_rpm) == 2
    assert len(reading.pools) == 3
    assert reading.details.get("generation") == (generation if api == "v2" else None)


@pytest.mark.parametrize(("generation", "api"), GENERATIONS)
def test_commands_show(bench, generation, api):
    here = bench(generation=generation)
    driver = here.driver(api)
    driver.contact()
    seen(driver, order(driver, "restart"))
    here.clock.now_s += 301
    assert seen(driver, order(driver, "stop")).is_mining is False
    assert here.device.state == "sleeping"
    seen(driver, order(driver, "start"))
    assert seen(driver, order(driver, "led", enabled=True)).led_on
    assert seen(driver, order(driver, "led", enabled=False)).led_on is False
    assert seen(driver, order(driver, "power_limit", power_limit_w=2500)).power_limit_w == 2500
    here.clock.now_s += 301
    assert seen(driver, order(driver, "power_mode", mode="low")).power_mode == "low"
    pools = seen(driver, order(driver, "pool_profile", profile="spare")).pools
    assert pools[0].url == "stratum+tcp://spare.example.com:3333"


@pytest.mark.parametrize("speed", ["normal", "fast"])
def test_a_percentage_shows_in_the_power(bench, speed):
    here = bench()
    driver = here.driver()
    driver.contact()
    reading = seen(driver, order(driver, "power_percent", power_percent=60, speed=speed))

    assert reading.power_w < 0.75 * here.device.rating.point.power_w


@pytest.mark.parametrize("speed", ["normal", "fast"])
def test_v3_tells_the_percentage_itself(bench, speed):
    driver = bench().driver("v3")
    driver.contact()
    reading = seen(driver, order(driver, "power_percent", power_percent=60, speed=speed))

    assert reading.power_percent == 60


def test_reboot(bench):
    here = bench()
    driver = here.driver(timeout_s=0.3)
    driver.contact()
    read(driver)
    try:
        confirmation = order(driver, "reboot")
    except OutcomeUnknown as error:
        confirmation = error.confirmation

    assert seen(driver, confirmation).details["system_uptime_s"] < 90_000


def test_settings_that_are_read_back(bench):
    driver = bench().driver()
    driver.contact()
    read(driver)
    assert seen(driver, order(driver, "enable_btminer_fast_boot")).details["fast_boot"]
    order_ = order(driver, "disable_btminer_fast_boot")
    assert seen(driver, order_).details["fast_boot"] is False
    order_ = order(driver, "adjust_upfreq_speed", upfreq_speed=5)
    assert seen(driver, order_).details["upfreq_speed"] == 5
    order_ = order(driver, "set_target_freq", percent=-10)
    assert seen(driver, order_).details["target_frequency_percent"] == -10


@pytest.mark.parametrize("api", ["v2", "v3"])
def test_the_switch_of_the_api(bench, api):
    driver = bench(api_switch=False).driver(api)
    driver.contact()
    with pytest.raises(MinerLocked, match="Miner API Switch"):
        order(driver, "stop")


def test_where_v2_is_silent_v3_is_spoken(bench):
    here = bench(apis="v3")
    ports = {**here.device.ports, "rpc": 1}
    driver = here.driver("auto", ports=ports)
    (profile,) = driver.contact()

    assert profile.evidence == "API v3 answers"
    assert read(driver).model == "M60S_VK40"


@pytest.mark.parametrize("generation", [1, 2, 3, 4])
def test_it_is_found_out(bench, generation):
    here = bench(generation=generation)
    driver = driver_for("auto", here.target("auto"))
    (profile,) = driver.contact()

    assert profile.family == "whatsminer"
    assert not [what for _, what in here.device.journal]


@pytest.mark.parametrize("generation", [1, 2, 3, 4])
def test_it_is_found_out_while_it_is_off(bench, generation):
    here = bench(generation=generation)
    order(here.driver(), "stop")
    time.sleep(0.05)
    (profile,) = driver_for("auto", here.target("auto")).contact()

    assert profile.family == "whatsminer"
    assert read(here.driver()).status == "stopped"


def test_power_off_that_does_not_hold_is_repeated_three_times_and_then_told(bench):
    here = bench(power_off_holds=False, speed=20_000.0)
    driver = here.driver()
    driver.contact()
    order(driver, "stop")
    sent = []
    for _ in range(40):
        here.clock.now_s += 60
        time.sleep(0.03)
        reading = read(driver)
        sent.append(sum(1 for _, what in here.device.journal if "power_off" in what))
        if reading.errors:
            break

    assert sent[-1] == 4
    assert reading.errors[-1].code == "POWER_OFF_NOT_HELD"
    order(driver, "start")
    assert not read(driver).errors


def test_power_off_that_holds_is_watched_and_left_alone(bench):
    here = bench()
    driver = here.driver()
    driver.contact()
    seen(driver, order(driver, "stop"))
    for _ in range(12):
        here.clock.now_s += 60
        assert not read(driver).errors

    assert sum(1 for _, what in here.device.journal if "power_off" in what) == 1


def test_slow_groups_are_asked_rarely(bench):
    here = bench()
    driver = here.driver()
    driver.contact()
    here.device.requests.clear()
    for _ in range(6):
        here.clock.now_s += 9.9
        read(driver)
    fast = dict(here.device.requests)
    here.clock.now_s += 10
    read(driver)

    assert fast == {"rpc connections": 12, "rpc summary": 6, "rpc status": 6}
    assert here.device.requests["rpc summary+pools"] == 1
    assert here.device.requests["rpc edevs"] == 1
    assert here.device.requests["rpc get_version"] == 0
