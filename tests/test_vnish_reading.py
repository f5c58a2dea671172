"""What an S9 with Vnish tells, awake, asleep, starting and broken."""

from pathlib import Path
from typing import Any

import pytest

from minerbridge.errors import MinerLocked, MinerUnreachable
from minerbridge.miners.rpc_decode import decode
from minerbridge.miners.vnish import stats
from minerbridge.miners.vnish.intent import BOOT_S
from minerbridge.simulator.device import Reply
from tests.mosquitto import free_port
from tests.vnish_bench import bench, order, read, seen

__all__ = ["bench"]

RECORDINGS = Path(__file__).parent / "recordings" / "vnish"


def test_awake_everything_is_measured(bench):
    reading = read(bench().driver())
    assert (reading.family, reading.model, reading.firmware) == (
        "vnish", "Antminer S9", "vnish 3.9.0",
    )  # fmt: skip
    assert (reading.status, reading.is_mining, reading.algorithm) == ("mining", True, "sha256")
    assert reading.hashrate_hs == pytest.approx(13.7e12, rel=0.05)
    assert reading.power_w == pytest.approx(1460, rel=0.02)
    assert reading.power_estimated_w is None
    assert (reading.frequency_mhz, reading.voltage_v) == (650, 8.9)
    assert [board.slot for board in reading.boards] == [6, 7, 8]
    assert [board.chips for board in reading.boards] == [63, 63, 63]
    assert sum(board.power_w for board in reading.boards) == reading.power_w
    assert len(reading.fan_speeds_rpm) == 2
    assert [pool.slot for pool in reading.pools] == [0, 1, 2]  # not the developers'
    assert reading.mac_address is not None
    assert reading.uptime_s >= 90_000
    assert reading.led_on is None


def test_a_poll_is_one_request_and_the_slow_page_is_left_alone(bench):
    one = bench()
    driver = one.driver()
    one.device.requests.clear()
    for _ in range(5):
        read(driver)
    assert one.device.requests["rpc connections"] == 5
    assert not any(name.startswith("http /") for name in one.device.requests)


def test_asleep_it_is_there_and_nothing_measures_its_power(bench):
    reading = read(bench(asleep=True).driver())
    assert (reading.status, reading.is_mining, reading.hashrate_hs) == ("sleeping", False, 0.0)
    assert (reading.power_w, reading.power_estimated_w) == (None, None)
    assert (reading.model, reading.mac_address is not None) == ("Antminer S9", True)
    assert (reading.frequency_mhz, reading.voltage_v) == (650, 8.9)
    assert reading.errors == ()


def test_asleep_the_firmware_is_the_one_of_before(bench):
    one = bench()
    driver = one.driver()
    before = read(driver)
    one.device.fall_asleep()
    assert read(driver).firmware == before.firmware


def test_the_profile_tells_what_it_can_be_driven_to(bench):
    one = bench(asleep=True)
    (profile,) = one.driver().contact()
    assert (profile.family, profile.standby_power_w, profile.rated_power_w) == ("vnish", 51, 1460)
    assert profile.operating_points[-1].frequency_mhz == 650
    frequency = profile.commands["set_frequency"]
    assert (frequency.restarts_mining, frequency.works_asleep) == (True, True)
    assert profile.commands["start"].expected_s == 130
    assert profile.commands["reset"].access == profile.commands["volt"].access == "guarded"
    assert profile.commands["update_pools"].access == "secret"
    assert profile.commands["get_miner_status"].is_query


def test_the_curve_of_the_settings_is_the_profiles(bench):
    curve = ((300, 600, 6.5, 8.1), (650, 1460, 14.0, 8.8))
    (profile,) = bench().driver(options={"curve": curve}).contact()
    assert profile.operating_points[0].frequency_mhz == 300
    assert "curve of the settings" in profile.evidence


def test_told_to_start_it_is_starting_for_a_boot_and_then_a_fault(bench):
    one = bench(asleep=True, wake_failure_rate=1.0)
    driver = one.driver()
    order(driver, "start")
    reading = _answered(driver)
    assert (reading.status, reading.errors) == ("starting", ())
    one.clock.now_s += BOOT_S + 1
    one.device.plant.system_at_s -= BOOT_S
    reading = _answered(driver)
    assert reading.status == "sleeping"
    assert [fault.code for fault in reading.errors] == ["NOT_STARTED"]


def test_sent_to_sleep_again_it_has_no_fault(bench):
    one = bench(asleep=True, wake_failure_rate=1.0)
    driver = one.driver()
    order(driver, "start")
    _answered(driver)
    order(driver, "stop")
    assert _answered(driver).status == "sleeping"
    one.clock.now_s += BOOT_S + 1
    one.device.plant.system_at_s -= BOOT_S
    assert (_answered(driver).status, _answered(driver).errors) == ("sleeping", ())


def test_after_a_power_cut_it_starts_and_does_not_sleep(bench):
    one = bench(speed=1.0)
    driver = one.driver()
    plant = one.device.plant
    plant.system_at_s = plant.now_s - 30.0
    plant.run_from(plant.now_s + 60.0, one.device.normal_point())
    one.device.ports_changed()
    reading = _answered(driver)
    assert (reading.status, reading.is_mining, reading.errors) == ("starting", False, ())
    one.clock.now_s += BOOT_S + 1
    plant.system_at_s = plant.now_s - 240.0
    assert (_answered(driver).status, _answered(driver).errors) == ("sleeping", ())


def _answered(driver):
    for _ in range(400):
        try:
            return read(driver)
        except MinerUnreachable:
            continue
    raise AssertionError("it never answered")


def test_up_without_hashrate_it_is_starting_and_much_later_in_error(bench):
    one = bench(speed=1.0)
    driver = one.driver()
    one.device.faults.fails_to_start = True
    one.device.restart(after_s=0.0)
    reading = read(driver)
    assert (reading.status, reading.hashrate_hs, reading.power_w) == ("starting", 0.0, None)
    assert len(reading.boards) == 3
    assert reading.boards[0].status == "Warm up"
    one.device.plant.daemon_at_s -= 2000
    assert read(driver).status == "error"


def test_a_wrong_password_is_said_and_the_rpc_is_read_on(bench):
    one = bench()
    driver = one.driver()
    one.device.faults.wrong_password = True
    one.clock.now_s += 100
    reading = read(driver)
    assert reading.status == "mining"
    assert "wrong user or password" in reading.details["web_problem"]
    with pytest.raises(MinerLocked):
        driver.identity()


def test_asleep_behind_a_wrong_password_it_is_locked_and_not_offline(bench):
    one = bench(asleep=True)
    driver = one.driver()
    one.device.faults.wrong_password = True
    with pytest.raises(MinerLocked, match="wrong user or password"):
        read(driver)


def test_silent_on_both_ports_it_is_unreachable(bench):
    one = bench()
    driver = one.driver()
    one.device.faults.refuse = True
    with pytest.raises(MinerUnreachable):
        read(driver)


def test_a_hanging_mining_program_is_no_sleep_and_can_be_commanded(bench):
    one = bench()
    one.device.faults.port = "rpc"
    one.device.faults.hang = True
    one.device.pages["/cgi-bin/get_miner_status.cgi"] = lambda _: Reply(b"{:")
    driver = one.driver(timeout_s=0.1)
    with pytest.raises(MinerUnreachable, match="no answer"):
        read(driver)
    assert driver.identity().mac_address is not None
    order(driver, "reboot")
    assert one.writes == ["reboot"]


def test_behind_an_rpc_that_is_closed_to_us_the_slow_page_tells(bench):
    one = bench()
    one.device.faults.port = "rpc"
    one.device.faults.close = True
    reading = read(one.driver())
    assert reading.status == "mining"
    assert reading.hashrate_hs == pytest.approx(13.7e12, rel=0.05)
    assert one.device.requests["http /cgi-bin/get_miner_status.cgi"] >= 1


def test_a_status_page_full_of_holes_is_no_reading(bench):
    one = bench(asleep=True)
    driver = one.driver()
    told = driver.query("get_miner_status")
    assert told["pools"][0]["url"] is None
    assert read(driver).status == "sleeping"
    assert driver.query("summary") == told  # all there is to tell of a sleeping miner


def test_queries_answer_without_passwords(bench):
    driver = bench().driver()
    assert driver.query("get_miner_conf")["pools"][0]["pass"] == "***"
    assert driver.query("get_system_info")["minertype"].startswith("Antminer S9")
    assert len(driver.query("chip_hr")["reply"]["chiphr"]) == 3
    assert "Autofreq" in driver.query("get_autofreq_log")["text"]
    assert "Linux" in driver.query("get_kernel_log")["text"]
    assert driver.query("profile_list") == {"profiles": []}
    assert driver.query("summary")["SUMMARY"][0]["Elapsed"] >= 90_000


@pytest.mark.parametrize("told", [495, "495"])
def test_watts_and_volts_are_numbers_or_text(told):
    row = {"Elapsed": 60, "chain_acn6": 63, "chain_consumption6": told, "chain_vol6": "880"}
    reply: dict[str, Any] = {"STATS": [{"Type": "Antminer S9 (vnish 3.8.6)"}, row]}
    found = stats.parse({"stats": reply})
    assert (found["power_w"], found["voltage_v"]) == (495, 8.8)
    assert (found["model"], found["firmware"]) == ("Antminer S9", "vnish 3.8.6")


def test_the_developers_pool_is_not_the_operators():
    pools = [{"POOL": 0, "URL": "stratum+tcp://a:1", "User": "w"},
             {"POOL": 1, "URL": "DevFee", "User": "DevFee"}]  # fmt: skip
    replies: dict[str, Any] = {"stats": {"STATS": [{"Elapsed": 1}]}, "pools": {"POOLS": pools}}
    assert [pool.slot for pool in stats.parse(replies)["pools"]] == [0]


def test_a_recorded_vnish_of_another_series_is_read_as_well():
    raw = (RECORDINGS / "S17__vnish-0.9.2-alpha" / "stats.json").read_bytes()
    found = stats.parse({"stats": decode(raw)})
    assert (found["model"], found["firmware"]) == ("Antminer S17", "vnish 0.9.2-alpha")
    assert found["hashrate_hs"] == pytest.approx(66.41073e12)
    assert [board.chips for board in found["boards"]] == [48, 48, 48]
    assert "power_w" not in found


def test_another_port_than_told_is_unreachable(bench):
    one = bench()
    with pytest.raises(MinerUnreachable):
        one.driver(ports={"rpc": free_port(), "http": free_port()})


def test_the_order_to_sleep_shows(bench):
    one = bench()
    driver = one.driver()
    assert seen(driver, order(driver, "stop")).status == "sleeping"
    assert one.device.power_w == pytest.approx(51, abs=1)
