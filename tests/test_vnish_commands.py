"""An S9 with Vnish does what it is told, keeps the rest, and is believed only when it shows."""

import queue

import pytest

from minerbridge.errors import (
    InvalidValue,
    MinerLocked,
    MinerUnreachable,
    OutcomeUnknown,
    Unsupported,
)
from minerbridge.miners.families import AutoDriver
from minerbridge.miners.plan import Plan
from minerbridge.miners.vnish import confirmations
from minerbridge.miners.vnish.intent import BOOT_S
from minerbridge.miners.worker import MinerWorker
from minerbridge.model import MinerCommand
from minerbridge.mqtt.discovery import rows_of
from minerbridge.simulator.device import Reply
from tests.fake_driver import Ear
from tests.vnish_bench import bench, order, read, seen

pytestmark = pytest.mark.slow

__all__ = ["bench"]


def test_sleep_and_wake(bench):
    one = bench()
    driver = one.driver()
    assert seen(driver, order(driver, "stop")).status == "sleeping"
    assert one.writes == ["stop_bmminer", "do_sleep_mode"]
    awake = seen(driver, order(driver, "start"))
    assert (awake.status, awake.power_w > 0) == ("mining", True)
    assert one.device.journal[-1][1] == "do_sleep_mode 0"


def test_what_is_so_already_is_not_sent_again(bench):
    one = bench()
    driver = one.driver()
    assert seen(driver, order(driver, "start")).status == "mining"
    assert seen(driver, order(driver, "set_frequency", frequency_mhz=650)).status == "mining"
    assert one.writes == []
    seen(driver, order(driver, "stop"))
    sent = len(one.writes)
    seen(driver, order(driver, "stop"))
    assert len(one.writes) == sent


def test_a_boot_under_way_is_not_begun_anew(bench):
    one = bench(asleep=True, speed=20.0)
    driver = one.driver()
    order(driver, "start")
    while True:
        try:
            order(driver, "start")
            break
        except MinerUnreachable:  # the whole miner is down at first
            continue
    assert one.writes == ["do_sleep_mode"]


def test_one_that_is_up_and_hashes_nothing_is_started_anew(bench):
    one = bench()
    driver = one.driver()
    one.device.faults.fails_to_start = True
    one.device.restart(after_s=0.0)
    while read(driver).uptime_s < BOOT_S + 10:
        pass
    one.device.faults.clear()
    assert seen(driver, order(driver, "start")).status == "mining"
    assert one.writes == ["reboot_cgminer"]


def test_builds_without_one_of_the_pages_sleep_and_wake_by_the_other(bench):
    one = bench()
    driver = one.driver()
    for page in ("stop_bmminer", "do_sleep_mode"):
        kept = one.device.pages.pop(f"/cgi-bin/{page}.cgi")
        seen(driver, order(driver, "stop"))
        seen(driver, order(driver, "start"))
        one.device.pages[f"/cgi-bin/{page}.cgi"] = kept
    assert "reboot" in one.writes


@pytest.mark.parametrize("name", ["restart", "reboot"])
def test_a_restart_shows_in_the_uptime(bench, name):
    one = bench()
    driver = one.driver()
    before = read(driver)
    confirmation = order(driver, name)
    assert not confirmation.seen(before)
    assert seen(driver, confirmation).uptime_s < before.uptime_s
    assert len(one.writes) == 1


def test_a_frequency_is_set_with_the_curves_voltage(bench):
    one = bench()
    driver = one.driver()
    kept = driver.query("get_miner_conf")
    reading = seen(driver, order(driver, "set_frequency", frequency_mhz=525))
    assert (reading.frequency_mhz, reading.voltage_v) == (525, 8.7)
    changed = driver.query("get_miner_conf")
    assert (changed.pop("bitmain-freq"), changed.pop("bitmain-voltage")) == ("525", "870")
    assert changed == {
        k: v for k, v in kept.items() if k not in ("bitmain-freq", "bitmain-voltage")
    }
    assert one.device.plant.goal.power_w == pytest.approx(1145)
    assert one.writes == ["set_miner_conf_custom"]


def test_asleep_a_frequency_is_kept_for_the_next_start(bench):
    one = bench(asleep=True)
    driver = one.driver()
    confirmation = order(driver, "set_frequency", frequency_mhz=400, voltage_v=8.25)
    reading = seen(driver, confirmation)
    assert (reading.status, reading.frequency_mhz, reading.voltage_v) == ("sleeping", 400, 8.25)
    reading = seen(driver, order(driver, "start"))
    assert (reading.frequency_mhz, reading.voltage_v) == (400, 8.25)


@pytest.mark.parametrize(("mhz", "message"), [(401, "400 and 404"), (652, "650 and 656")])
def test_a_frequency_the_firmware_has_not_names_the_next(bench, mhz, message):
    one = bench()
    with pytest.raises(InvalidValue, match=message):
        order(one.driver(), "set_frequency", frequency_mhz=mhz)
    assert one.writes == []


def test_pools_of_another_profile_are_put_in_place(bench):
    one = bench()
    driver = one.driver()
    reading = seen(driver, order(driver, "pool_profile", profile="spare"))
    assert [pool.url for pool in reading.pools] == ["stratum+tcp://spare.example.com:3333"]
    (entry,) = one.device.pool_entries
    assert (entry.user, entry.password) == ("me.1", "secret")


def test_a_pool_that_is_there_is_switched_to_without_a_restart(bench):
    one = bench()
    driver = one.driver()
    read(driver)
    reading = seen(driver, order(driver, "pool_profile", profile="backup"))
    assert [pool.slot for pool in reading.pools if pool.is_active] == [1]
    assert reading.uptime_s > 90_000
    assert one.writes == ["switchpool"]
    seen(driver, order(driver, "pool_profile", profile="backup"))
    assert one.writes == ["switchpool"]


def test_a_user_that_the_shell_spoils_is_not_sent(bench):
    one = bench()
    with pytest.raises(InvalidValue, match="pool1user"):
        order(one.driver(), "pool_profile", profile="spoiled")
    assert one.writes == []


def test_pools_fans_and_profiles(bench):
    one = bench()
    driver = one.driver()
    seen(driver, order(driver, "update_pools", url1="a.example:1", user1="u", url3="c.example:3"))
    assert [entry.url for entry in one.device.pool_entries] == ["a.example:1", "c.example:3"]
    reading = seen(driver, order(driver, "set_fan", percent=70))
    assert (reading.details["fan_automatic"], reading.details["fan_percent"]) == (False, 70)
    assert order(driver, "profile", name="quiet", action="save").seen is None
    assert driver.query("profile_list") == {"profiles": ["quiet"]}
    seen(driver, order(driver, "set_fan", automatic=True))
    reading = seen(driver, order(driver, "profile", name="quiet", action="activate"))
    assert reading.details["fan_percent"] == 70
    order(driver, "profile", name="quiet", action="delete")
    assert driver.query("profile_list") == {"profiles": []}
    with pytest.raises(InvalidValue):
        order(driver, "profile", name="../bmminer", action="delete")
    with pytest.raises(InvalidValue):
        order(driver, "set_fan")


def test_the_voltage_of_the_running_boards(bench):
    driver = bench().driver()
    assert seen(driver, order(driver, "volt", voltage_v=8.75)).voltage_v == 8.75


def test_the_led_cannot_be_read_back_and_is_not_guessed(bench):
    one = bench()
    driver = one.driver()
    assert order(driver, "led", enabled=True).seen is None
    assert one.device.led_on is True
    assert read(driver).led_on is None


def test_password_network_and_reset(bench):
    one = bench()
    driver = one.driver()
    assert order(driver, "update_pwd", new="better").seen is None
    assert one.device.digest.password == "better"
    assert driver.identity().mac_address
    with pytest.raises(InvalidValue, match="address"):
        order(driver, "net_config", mode="static", gateway="127.0.0.1", netmask="255.0.0.0")
    order(driver, "net_config", mode="dhcp", hostname="shed")
    order(driver, "reset")
    assert one.writes[1:] == ["set_network_conf", "reset_conf"]


@pytest.mark.parametrize(
    ("name", "why"),
    [("update_firmware", "upgrade.cgi"), ("power_limit", "watts"), ("dance", "miner")],
)
def test_what_it_cannot_says_why(bench, name, why):
    driver = bench().driver()
    with pytest.raises(Unsupported, match=f"{name} is not supported by.*{why}"):
        order(driver, name)
    with pytest.raises(Unsupported, match=why):
        driver.query(name)


# -- what goes wrong ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["stop", "set_frequency"])
def test_a_lost_reply_says_how_its_effect_would_show(bench, name):
    one = bench()
    driver = one.driver()
    one.device.faults.lose_reply = True
    parameters = {"frequency_mhz": 500} if name == "set_frequency" else {}
    with pytest.raises(OutcomeUnknown) as caught:
        order(driver, name, **parameters)
    one.device.faults.clear()
    sent = list(one.writes)
    seen(driver, caught.value.confirmation)
    assert one.writes == sent  # never repeated


def test_a_miner_that_only_says_yes_is_not_believed(bench):
    one = bench()
    driver = one.driver()
    one.device.faults.drop_writes = True
    for name, parameters in (("stop", {}), ("set_frequency", {"frequency_mhz": 500})):
        confirmation = order(driver, name, **parameters)
        assert not confirmation.seen(read(driver))


@pytest.mark.parametrize("last_page", ["get_miner_conf", "set_miner_conf_custom"])
def test_a_connection_cut_at_a_step_is_told_for_what_it_is(bench, last_page):
    one = bench()
    driver = one.driver()
    path = f"/cgi-bin/{last_page}.cgi"
    page = one.device.pages[path]

    def cut(request):
        page(request)
        one.device.faults.truncate_after_bytes = 0
        return Reply(b"cut", is_write=False)

    one.device.pages[path] = cut
    with pytest.raises(Exception) as caught:  # noqa: PT011 - which one is what is asked
        order(driver, "set_frequency", frequency_mhz=500)
    was_sent = last_page == "set_miner_conf_custom"
    assert isinstance(caught.value, OutcomeUnknown) is was_sent
    assert one.writes == (["set_miner_conf_custom"] if was_sent else [])


def test_nothing_is_intended_of_a_miner_that_heard_nothing(bench):
    one = bench(asleep=True)
    driver = one.driver()
    one.device.faults.refuse = True
    with pytest.raises(MinerUnreachable):
        order(driver, "start")
    one.device.faults.clear()
    assert read(driver).status == "sleeping"


def test_a_wrong_password_lets_no_command_through(bench):
    one = bench()
    driver = one.driver()
    one.device.faults.wrong_password = True
    with pytest.raises(MinerLocked):
        order(driver, "stop")
    assert one.writes == []


def test_a_miner_that_crashed_when_it_was_set_is_not_confirmed(bench):
    one = bench(crash_rate=1.0)
    driver = one.driver()
    confirmation = order(driver, "set_frequency", frequency_mhz=500)
    assert not confirmation.seen(read(driver))
    assert read(driver).status == "starting"
    assert seen(driver, order(driver, "reboot")).uptime_s is not None


# -- through a worker --------------------------------------------------------------------------


@pytest.fixture
def work():
    started = []

    def begin(driver):
        worker = MinerWorker(
            Plan("m1", "127.0.0.1", poll_interval_s=0.05, offline_after_s=5.0), driver, Ear()
        )
        worker.start(lambda name: None)
        started.append(worker)
        return worker

    yield begin
    for worker in started:
        worker.stop()
        worker.join(5)


def told(worker, name, **parameters):
    for _ in range(200):
        if "m1" in worker.profiles:
            break
        worker._listener.readings.get(timeout=5)
    worker.submit(MinerCommand("m1", name, name, name, parameters))
    return worker._listener.results.get(timeout=10)


def test_a_wake_that_fails_is_said_and_the_next_one_tried(bench, work, monkeypatch):
    monkeypatch.setattr(confirmations, "AWAKE_S", 1.0)
    one = bench(asleep=True, wake_failure_rate=1.0)
    worker = work(one.driver())
    failed = told(worker, "start")
    assert (failed.status, failed.code) == ("unconfirmed", "NOT_SEEN")
    one.device.wake_failure_rate = 0.0
    one.clock.now_s += 200
    assert told(worker, "start").status == "confirmed"


def test_what_is_found_by_itself_is_driven_and_shown(bench, work):
    one = bench(names_vnish=False)
    worker = work(AutoDriver(one.target()))
    assert told(worker, "set_frequency", frequency_mhz=481).status == "confirmed"
    profile = worker.profiles["m1"]
    rows = {row.component: row for row in rows_of(profile, "TH/s")}
    row = rows["number_frequency"]
    assert row.control is not None
    assert row.state(worker.readings["m1"]) == "481"
    assert row.control.decode(" 500 ") == ("set_frequency", {"frequency_mhz": "500"})
    assert row.control.ranges(profile) == {"min": 100, "max": 1175, "step": 1}
    assert {"sensor_frequency", "switch_power", "button_restart", "switch_led"} <= set(rows)
    with pytest.raises(queue.Empty):
        worker._listener.results.get(timeout=0.1)  # exactly one
