"""Which way an IceRiver answers, and what it asks for before it does."""

from __future__ import annotations

import json
import threading
import time

import pytest

from minerbridge.errors import (
    BadReply,
    MinerLocked,
    MinerRefused,
    MinerUnreachable,
    UnknownDevice,
    Unsupported,
)
from minerbridge.miners.driver import Target
from minerbridge.miners.families import driver_for
from minerbridge.miners.iceriver import IceRiverDriver
from minerbridge.miners.identify import identify
from minerbridge.simulator import Fleet
from tests.iceriver_rig import bench, order, read, recorded
from tests.mosquitto import free_port
from tests.rpc_replay import serving
from tests.waiting import until

pytestmark = pytest.mark.slow

__all__ = ["bench"]


# -- stock -------------------------------------------------------------------------------------


def test_a_miner_that_asks_for_no_login_gets_none(bench):
    one = bench()
    read(one.met(password="not to be told"))
    assert one.device.requests["http /user/loginpost"] == 0


def test_a_login_is_kept_and_made_anew_when_it_ends(bench):
    one = bench(wants_login=True)
    driver = one.met()
    for _ in range(3):
        assert read(driver).status == "mining"
    assert one.device.requests["http /user/loginpost"] == 1
    driver._stock._http.headers["Cookie"] = "ctime=1"
    assert read(driver).status == "mining"
    assert one.device.requests["http /user/loginpost"] == 2


@pytest.mark.parametrize(
    ("login", "said"), [({"password": "x"}, "wrong password"), ({"username": "x"}, "no such user")]
)
def test_a_wrong_login_names_what_to_set(bench, login, said):
    one = bench(wants_login=True)
    with pytest.raises(MinerLocked, match=said):
        one.driver(**login).contact()


@pytest.mark.parametrize(
    ("code", "error", "said"),
    [(1, MinerUnreachable, "mining program"), (2, MinerUnreachable, "did not answer"),
     (3, BadReply, "did not understand"), (7001, MinerUnreachable, "offline"),
     (7002, MinerUnreachable, "offline"), (1004, MinerLocked, "login"),
     (42, MinerRefused, "by order of a test")],
)  # fmt: skip
def test_what_an_error_number_means_for_a_read(bench, code, error, said):
    one = bench()
    driver = one.met()
    one.device.error = code
    with pytest.raises(error, match=said):
        read(driver)
    one.device.error = 0
    assert read(driver).status == "mining"


def test_a_slow_panel_is_waited_for(bench):
    one = bench(speed=1.0, slow_s=0.4)
    driver = one.met(timeout_s=0.2)
    began_s = time.monotonic()
    assert read(driver).status == "mining"
    assert time.monotonic() - began_s > 0.4


def test_a_waiting_read_is_cut(bench):
    one = bench(speed=1.0)
    driver = one.met()
    one.device.slow_s = 60.0
    asked = one.device.requests["http /user/userpanel"]
    caught = []

    def reading():
        try:
            read(driver)
        except MinerUnreachable as error:
            caught.append(str(error))

    thread = threading.Thread(target=reading)
    thread.start()
    until(lambda: one.device.requests["http /user/userpanel"] > asked, 5, "the request")
    driver.interrupt()
    thread.join(2)
    assert not thread.is_alive()
    assert "interrupted" in caught[0]


def test_the_identity_is_asked_with_one_small_request(bench):
    one = bench()
    driver = one.met()
    before = one.device.requests.copy()
    assert driver.identity().mac_address == one.device.mac_address.lower()
    assert one.device.requests - before == {"http /user/ipconfig": 1}
    one.device.faults.mac_address = "02:00:00:00:00:99"
    assert driver.identity().mac_address == "02:00:00:00:00:99"


def test_queries_tell_what_the_miner_says_without_passwords(bench):
    driver = bench().met()
    assert "miner start" in driver.query("logs")["text"]
    assert {pool["pass"] for pool in driver.query("userpanel")["pools"]} == {"***"}
    assert driver.query("machineconfig")["mode"] == 1
    assert driver.query("ipconfig")["nic"] == "eth0"
    with pytest.raises(Unsupported, match="logs"):
        driver.query("reboot")
    with pytest.raises(Unsupported):
        driver.query("logs", {"lines": 1})


# -- port 4111 ---------------------------------------------------------------------------------


def test_without_its_web_server_the_mining_program_is_read(bench):
    one = bench(model="KS3M", quirks={"sensor_fault"})
    over_web = read(one.met())
    one.device.faults.port, one.device.faults.refuse = "http", True
    driver = one.driver()
    (profile,) = driver.contact()
    reading = read(driver)
    assert "only read" in profile.evidence
    for name in ("model", "firmware", "mac_address", "status", "power_mode", "led_on", "errors"):
        assert getattr(reading, name) == getattr(over_web, name), name
    assert [pool.url for pool in reading.pools] == [pool.url for pool in over_web.pools]
    assert reading.boards[1].chip_temperature_c is None
    assert driver.identity().mac_address == one.device.mac_address.lower()
    assert driver.query("getnet")["nic"] == "eth0"


def test_the_web_server_is_taken_again_when_it_is_back(bench):
    one = bench()
    driver = one.met()
    one.device.faults.port, one.device.faults.refuse = "http", True
    assert driver.contact()[0].commands == {}
    one.device.faults.port = "rpc"
    assert "stop" in driver.contact()[0].commands


def test_a_recorded_ks0_over_4111():
    replies = recorded("KS0__tcp4111/replies.json")

    def serve(connection):
        line = connection.makefile().readline()
        if not line:
            return
        asked = json.loads(line)["id"]
        if asked in replies:
            connection.sendall(json.dumps(replies[asked]).encode() + b"\n")
            connection.recv(1)  # it stays open until the client is content
        else:
            connection.sendall(b'{"id":"%s","ret":{"code":1001}}\n' % asked.encode())

    with serving(serve) as port:
        ports = {"http": free_port(), "rpc": port}
        driver = IceRiverDriver(Target("m1", "127.0.0.1", ports=ports, algorithm="kheavyhash"))
        driver.contact()
        reading = read(driver)

    assert (reading.hashrate_hs, reading.hashrate_average_hs) == (155e9, 152e9)
    assert (reading.uptime_s, reading.hostname) == (33_683, "KS0-2")
    (one,) = reading.boards
    assert (one.board_temperature_c, one.chip_temperature_c) == (34, 52)
    assert (reading.fan_speeds_rpm, reading.shares_accepted) == ((300, 100), 2418)
    assert (reading.model, reading.algorithm) == (None, "kheavyhash")
    assert (reading.status, reading.led_on, reading.power_mode) == ("mining", None, None)


# -- pbfarmer ----------------------------------------------------------------------------------


def test_pbfarmers_firmware_measures_power_where_the_model_does(bench):
    one = bench("iceriver_pbfarmer")
    reading = read(one.met())
    assert reading.power_w == pytest.approx(one.device.power_w, rel=0.02)
    assert reading.details["clock_base_mhz"] == 875

    silent = bench("iceriver_pbfarmer", model="KS0")
    driver = silent.met()
    assert (read(driver).power_w, read(driver).model) == (None, "IceRiver KS0")
    assert silent.device.requests["http /api/timeseries"] == 1


def test_a_token_that_is_not_accepted_names_the_remedy(bench):
    one = bench("iceriver_pbfarmer")
    for login in (None, "guess"):
        with pytest.raises(MinerLocked, match="permission view_miner"):
            one.driver(password=login).contact()
    driver = one.met()
    one.device.permissions = {"view_miner"}
    with pytest.raises(MinerLocked, match="permission edit_miner"):
        order(driver, "stop")
    with pytest.raises(MinerLocked, match="permission edit_all"):
        order(driver, "led", enabled=True)
    assert one.writes == []


def test_no_token_goes_where_pbfarmers_firmware_is_not():
    asked = []

    def serve(connection):
        asked.append(connection.recv(4096))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    with serving(serve) as port:
        ports = {"http": port, "rpc": free_port()}
        driver = IceRiverDriver(Target("m1", "127.0.0.1", password="tok3n", ports=ports))
        with pytest.raises((BadReply, MinerUnreachable)):
            driver.contact()

    assert asked
    assert not [request for request in asked if b"tok3n" in request]


def test_pbfarmer_tells_its_own_answers(bench):
    driver = bench("iceriver_pbfarmer").met()
    assert driver.query("machine")["mode"] == "normal"
    assert {pool["pass"] for pool in driver.query("overview")["pools"]} == {"***"}
    assert driver.query("network")["host"] == "iceriver1"


# -- who answers -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["iceriver", "iceriver_pbfarmer"])
def test_simulated_icerivers_are_identified(bench, kind):
    one = bench(kind)
    target = Target("m", one.device.address, ports={"rpc": free_port(), **one.device.ports},
                    timeout_s=1)  # fmt: skip
    assert identify(target).family == "iceriver"


def test_an_iceriver_without_its_web_server_is_identified(bench):
    one = bench()
    one.device.faults.port, one.device.faults.refuse = "http", True
    target = Target("m", one.device.address, ports=one.device.ports, timeout_s=0.5)
    found = identify(target)
    assert (found.family, "mining program" in found.evidence) == ("iceriver", True)
    (profile,) = driver_for("auto", target).contact()
    assert profile.model == "IceRiver KS5L"


def test_silence_is_unreachable():
    with Fleet(ports={"rpc": 0, "http": 0}):
        ports = {"http": free_port(), "rpc": free_port()}
        with pytest.raises(MinerUnreachable, match="refused"):
            IceRiverDriver(Target("m1", "127.0.0.1", ports=ports)).contact()


def test_another_web_server_is_no_iceriver():
    def serve(connection):
        connection.recv(4096)
        body = b'{"error":0,"data":{"a":1},"message":""}'
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    with serving(serve) as port:
        ports = {"http": port, "rpc": free_port()}
        with pytest.raises(UnknownDevice):
            IceRiverDriver(Target("m1", "127.0.0.1", ports=ports)).contact()


def test_another_miner_at_its_address_is_named_as_what_it_is_not():
    with Fleet(ports={"rpc": 0, "http": 0}) as fleet:
        (device,) = fleet.add("antminer_s9")
        ports = {"http": device.ports["http"], "rpc": free_port()}
        driver = IceRiverDriver(Target("m1", device.address, password="secret", ports=ports))
        said = r"no IceRiver: its web server asks for another login .antMiner"
        with pytest.raises(UnknownDevice, match=said):
            driver.contact()
