"""Antminers are read over what answers: the RPC, the web, or both."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from minerbridge.errors import (
    MinerLocked,
    MinerUnreachable,
    UnknownDevice,
)
from minerbridge.miners.antminer import AntminerDriver
from minerbridge.miners.driver import Target
from minerbridge.simulator.digest import Digest
from tests.antminer_bench import bench, order, read
from tests.http_script import ScriptedServer

__all__ = ["bench"]

S21 = Path(__file__).parent / "recordings/antminer/S21__stock-mock"


def test_an_s19_is_read_whole(bench):
    s19 = bench("antminer_s19", speed=1.0)
    driver = s19.driver()
    (profile,) = driver.contact()
    assert (profile.family, profile.manufacturer) == ("antminer", "Bitmain")
    assert (profile.model, profile.algorithm) == ("Antminer S19 Pro", "sha256")
    assert profile.mac_address == s19.device.mac_address.lower()
    assert (profile.board_slots, profile.fan_count) == ((1, 2, 3), 4)
    assert {"start", "stop", "led", "restart", "reboot", "pool_profile"} <= set(profile.commands)
    assert profile.commands["update_pools"].access == "secret"
    assert profile.commands["reset"].access == "guarded"
    reading = read(driver)
    assert (reading.status, reading.is_mining, reading.power_mode) == ("mining", True, "normal")
    assert reading.hashrate_hs == pytest.approx(110e12, rel=0.1)
    assert reading.led_on is False
    assert reading.power_w is None
    assert len(reading.pools) == 3
    assert reading.details["hardware_id"]
    assert driver.identity() == profile.identity


@pytest.mark.parametrize(
    ("kind", "slots"), [("antminer_s17", (1, 2, 3)), ("antminer_s9", (6, 7, 8))]
)
def test_old_miners_are_read_whole(bench, kind, slots):
    driver = bench(kind).driver()
    (profile,) = driver.contact()
    reading = read(driver)
    assert (reading.status, profile.board_slots) == ("mining", slots)
    assert reading.mac_address
    assert reading.shares_accepted
    assert all(reading.fan_speeds_rpm)


def test_between_two_requests_others_may_go_first(bench):
    driver = bench("antminer_s19").driver()
    driver.contact()
    steps = driver.read()
    next(steps)
    steps.close()
    assert read(driver).status == "mining"


def test_what_changes_rarely_is_asked_once_a_minute(bench):
    s19 = bench("antminer_s19")
    driver = s19.driver()
    driver.contact()
    s19.asked.clear()
    for _ in range(5):
        s19.clock.now_s += 10
        read(driver)
    assert {name for name in s19.asked if name.startswith("http")} == set()
    s19.clock.now_s += 11
    read(driver)
    assert s19.asked["http /cgi-bin/get_miner_conf.cgi"] == 1
    assert s19.asked["http /cgi-bin/get_blink_status.cgi"] == 1


def test_a_miner_that_does_not_hash_is_asked_for_its_mode_at_once(bench):
    s19 = bench("antminer_s19")
    driver = s19.driver()
    driver.contact()
    s19.device.mode = 1
    s19.device.sleep(0.0)
    assert read(driver).status == "sleeping"


def test_measured_watts_are_read_where_the_firmware_has_them(bench):
    s19 = bench("antminer_s19", reports_power=True)
    driver = s19.driver()
    driver.contact()
    assert read(driver).power_w == pytest.approx(s19.device.power_w, rel=0.05)
    s19.device.faults.port, s19.device.faults.refuse = "rpc", True
    assert read(driver).power_w == pytest.approx(s19.device.power_w, rel=0.05)


# -- one of the two ways closed ----------------------------------------------------------------


def test_a_wrong_password_leaves_the_reading_and_takes_the_commands(bench):
    s19 = bench("antminer_s19")
    driver = s19.driver(username="root", password="wrong")
    (profile,) = driver.contact()
    assert profile.commands == {}
    assert "wrong user or password" in profile.evidence
    reading = read(driver)
    assert reading.status == "mining"
    assert reading.hashrate_hs
    assert "wrong user or password" in reading.details["web_problem"]
    assert driver.identity().mac_address is None
    with pytest.raises(MinerLocked):
        order(driver, "stop")
    assert s19.writes == []


def test_a_wrong_password_is_not_tried_at_every_read(bench):
    s19 = bench("antminer_s19")
    driver = s19.driver(password="wrong")
    driver.contact()
    s19.asked.clear()
    for _ in range(5):
        s19.clock.now_s += 10
        read(driver)
    assert s19.asked["http connections"] == 0


def test_the_operators_password_is_used(bench):
    s19 = bench("antminer_s19")
    s19.device.digest.set_password("own")
    (profile,) = s19.driver(password="own").contact()
    assert "stop" in profile.commands
    (profile,) = s19.driver().contact()  # the factory's is not it
    assert profile.commands == {}


def test_the_factory_password_is_only_for_antminers(bench):
    s19 = bench("antminer_s19")
    s19.device.digest = Digest("Somebody else", "root", "root")
    driver = s19.driver()
    driver.contact()
    assert "Somebody else" in read(driver).details["web_problem"]


@pytest.mark.parametrize("kind", ["antminer_s9", "antminer_s17", "antminer_s19"])
def test_rpc_alone_is_enough_to_read(bench, kind):
    one = bench(kind)
    one.device.faults.port, one.device.faults.refuse = "http", True
    driver = one.driver()
    (profile,) = driver.contact()
    assert profile.commands == {}
    assert "does not answer" in profile.evidence
    reading = read(driver)
    assert reading.status == "mining"
    assert reading.boards
    assert reading.pools
    assert driver.identity().mac_address is None


@pytest.mark.parametrize("kind", ["antminer_s9", "antminer_s17", "antminer_s19"])
def test_the_web_alone_is_enough_to_read(bench, kind):
    one = bench(kind)
    driver = one.driver()
    (profile,) = driver.contact()
    one.device.faults.port, one.device.faults.refuse = "rpc", True
    reading = read(driver)
    assert (reading.status, reading.model) == ("mining", profile.model)
    assert reading.hashrate_hs
    assert tuple(board.slot for board in reading.boards) == profile.board_slots
    assert "refused" in reading.details["rpc_problem"]
    fresh = one.driver()
    assert fresh.contact()[0].mac_address == profile.mac_address


def test_garbage_on_one_port_leaves_the_other(bench):
    s19 = bench("antminer_s19")
    driver = s19.driver()
    driver.contact()
    s19.device.faults.port, s19.device.faults.garbage = "rpc", True
    assert read(driver).status == "mining"
    assert read(driver).details["rpc_problem"]


def test_a_silent_rpc_is_left_alone_for_a_while(bench):
    s19 = bench("antminer_s19")
    driver = s19.driver()
    driver.contact()
    s19.device.faults.port, s19.device.faults.hang = "rpc", True
    driver._reader._clock = time.monotonic  # the wait has to be felt
    assert read(driver).status == "mining"
    s19.asked.clear()
    began_s = time.monotonic()
    assert read(driver).status == "mining"
    assert time.monotonic() - began_s < 0.4


def test_nothing_answering_is_unreachable(bench):
    s19 = bench("antminer_s19")
    driver = s19.driver()
    driver.contact()
    s19.device.faults.refuse = True
    with pytest.raises(MinerUnreachable, match=r"refused; port"):
        read(driver)
    with pytest.raises(MinerUnreachable):
        driver.contact()
    with pytest.raises(MinerUnreachable):
        driver.identity()
    s19.device.faults.clear()
    assert read(driver).status == "mining"


def test_an_interrupted_read_ends_at_once(bench):
    s19 = bench("antminer_s19")
    driver = s19.driver(timeout_s=5.0)
    driver.contact()
    s19.device.faults.hang = True
    cutter = threading.Timer(0.1, driver.interrupt)
    cutter.start()
    began_s = time.monotonic()
    with pytest.raises(MinerUnreachable):
        read(driver)
    assert time.monotonic() - began_s < 1
    cutter.join()
    s19.device.faults.clear()
    driver.close()
    assert read(driver).status == "mining"


def test_another_kind_of_miner_is_not_taken_for_one(bench):
    other = bench("cgminer")
    with pytest.raises(UnknownDevice):
        other.driver(ports={**other.device.ports, "http": 9}).contact()


# -- recordings served as they are -------------------------------------------------------------


def _pages(folder, sleeping):
    """A web server with the pages of *folder* and no login."""

    def page(name):
        asleep = folder / f"http_cgi-bin-{name}.sleeping.json"
        path = asleep if sleeping and asleep.exists() else folder / f"http_cgi-bin-{name}.json"
        return path.read_bytes() if path.exists() else None

    def handle(talk):
        while request := talk.request():
            path = request.split(b" ")[1].decode()
            body = page(path.removeprefix("/cgi-bin/").removesuffix(".cgi"))
            if path == "/miner_power":
                body = (folder / "http_miner_power.txt").read_bytes()
            status = b"404 Not Found" if body is None else b"200 OK"
            body = body or b""
            talk.send(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))

    return handle


@pytest.mark.parametrize("sleeping", [False, True])
def test_an_s21_without_rpc(sleeping):
    with ScriptedServer(_pages(S21, sleeping)) as server:
        driver = AntminerDriver(Target("s21", "127.0.0.1", ports={"http": server.port, "rpc": 9}))
        (profile,) = driver.contact()
        assert profile.mac_address == "02:00:00:00:00:01"
        assert {"start", "stop"} <= set(profile.commands)
        assert "led" not in profile.commands  # get_blink_status is missing among the pages
        reading = read(driver)
        driver.close()
    assert reading.model == "Antminer S21"
    assert reading.power_w == 3421
    assert reading.fan_speeds_rpm == ()  # none ever turned
    if sleeping:  # its configuration still says work mode 0
        assert (reading.status, reading.hashrate_hs) == ("starting", None)
    else:
        assert reading.hashrate_hs == pytest.approx(256.8e12, rel=1e-3)
