"""The simulated devices over real sockets, against what real ones were recorded to answer."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import yaml

from minerbridge.simulator import Fleet, main
from minerbridge.simulator.addresses import Addresses
from minerbridge.simulator.device import Device, HttpRequest
from minerbridge.simulator.settings_file import write_config

SLEEP = {"miner-mode": 1, "freq-level": "100", "pools": [{"url": "u", "user": "w", "pass": "x"}]}
WAKE = SLEEP | {"miner-mode": 0}


class Clock:
    def __init__(self):
        self.now_s = 5_000.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def fleet(clock):
    with Fleet(ports={"rpc": 0, "http": 0}, clock=clock) as running:
        yield running


def advance(fleet: Fleet, clock: Clock, seconds: float) -> None:
    clock.now_s += seconds
    fleet.settle()


def ask_bytes(device: Device, request: bytes) -> bytes:
    with socket.create_connection((device.address, device.ports["rpc"]), timeout=2) as connection:
        connection.sendall(request)
        reply = b""
        while part := connection.recv(65536):
            reply += part
        return reply


def ask(device: Device, command: str, parameter: object = None, **more: object) -> dict:
    request = {"command": command, **more} | ({} if parameter is None else {"parameter": parameter})
    reply = ask_bytes(device, json.dumps(request).encode())
    document: dict = json.loads(reply.removesuffix(b"\0").replace(b"}{", b"},{"))
    return document


def status(device: Device, command: str, parameter: object = None) -> tuple[str, int]:
    answer = ask(device, command, parameter)["STATUS"][0]
    return answer["STATUS"], answer["Code"]


def browser(device: Device, password: str = "root") -> httpx.Client:
    base = f"http://{device.address}:{device.ports['http']}"
    return httpx.Client(base_url=base, auth=httpx.DigestAuth("root", password), timeout=2)


def cgi(device: Device, page: str, **post: Any) -> httpx.Response:
    with browser(device) as client:
        if post:
            return client.post(f"/cgi-bin/{page}.cgi", **post)
        return client.get(f"/cgi-bin/{page}.cgi")


# cgminer


@pytest.mark.parametrize(
    ("command", "parameter", "expected"),
    [
        ("switchpool", "1", ("S", 27)),
        ("switchpool", "abc", ("S", 27)),  # atoi: pool 0
        ("switchpool", "9", ("E", 26)),
        ("switchpool", None, ("E", 25)),
        ("addpool", "stratum+tcp://a:1,u\\,1,p", ("S", 55)),
        ("addpool", "x", ("E", 53)),
        ("addpool", None, ("E", 52)),
        ("enablepool", "1", ("I", 49)),
        ("disablepool", "1", ("S", 48)),
        ("removepool", "0", ("E", 67)),
        ("removepool", "1", ("S", 68)),
        ("poolpriority", "1,0", ("S", 73)),
        ("poolpriority", "0,0", ("E", 74)),
        ("poolquota", "0,3", ("S", 122)),
        ("poolquota", "0", ("E", 86)),
        ("asc", 0, ("S", 106)),
        ("asc", "9", ("E", 107)),
        ("ascdisable", "0", ("I", 111)),
        ("ascenable", "0", ("I", 108)),
        ("ascidentify", "0", ("W", 114)),
        ("ascset", "0,freq,500", ("W", 117)),
        ("ascset", "0", ("E", 116)),
        ("zero", "all,false", ("S", 97)),
        ("zero", "x", ("E", 75)),
        ("save", "/nonexistent/x.conf", ("E", 43)),
        ("privileged", None, ("S", 46)),
        ("check", "addpool", ("S", 72)),
        ("dbgstats", None, ("F", -1)),
        ("nosuch", None, ("E", 14)),
        ("SUMMARY", None, ("E", 14)),
    ],
)
def test_cgminer_answers_with_the_recorded_letter_and_code(fleet, command, parameter, expected):
    (device,) = fleet.add("cgminer")

    assert status(device, command, parameter) == expected


def test_a_reply_ends_with_one_nul_and_a_split_request_is_invalid_json(fleet):
    (device,) = fleet.add("cgminer")

    reply = ask_bytes(device, b'{"comm')

    assert reply.endswith(b"}\0")
    assert json.loads(reply[:-1])["STATUS"][0]["Code"] == 23


def test_text_requests_get_text(fleet):
    (device,) = fleet.add("cgminer")

    assert ask_bytes(device, b"version").startswith(b"STATUS=S,When=")
    assert ask_bytes(device, b"version|").endswith(b"|VERSION,CGMiner=4.11.1,API=3.7|\0")
    assert ask_bytes(device, b"summary\n").endswith(b"Code=14,Msg=Invalid command|\0")


def test_a_join_refuses_what_takes_a_parameter_and_keeps_the_rest(fleet):
    (device,) = fleet.add("cgminer")

    joined = ask(device, "summary+addpool+nosuch+summary")

    assert list(joined) == ["summary", "addpool", "nosuch", "id"]
    assert joined["summary"][0]["SUMMARY"][0]["MHS 5s"] > 1e6
    assert joined["addpool"][0]["STATUS"][0]["Code"] == 45
    assert "Description" not in joined["nosuch"][0]["STATUS"][0]


def test_without_write_access_writes_are_denied_and_reads_are_not(fleet):
    (device,) = fleet.add("cgminer", privileged=False)

    assert status(device, "restart") == status(device, "privileged") == ("E", 45)
    assert status(device, "summary") == ("S", 11)
    assert ask(device, "check", "addpool")["CHECK"] == [{"Exists": "Y", "Access": "N"}]


def test_a_restart_closes_the_port_for_seconds_and_counts_elapsed_anew(fleet, clock):
    (device,) = fleet.add("cgminer")

    assert ask(device, "restart") == {"STATUS": "RESTART", "id": 1}
    fleet.settle()
    with pytest.raises(ConnectionRefusedError):
        ask(device, "summary")
    advance(fleet, clock, 7)

    assert ask(device, "summary")["SUMMARY"][0]["Elapsed"] < 7


def test_a_pool_keeps_its_shares_when_it_is_left(fleet, clock):
    (device,) = fleet.add("cgminer")
    shares = device.plant.accepted

    ask(device, "switchpool", "1")
    advance(fleet, clock, 3600)
    left, taken = ask(device, "pools")["POOLS"]

    assert (left["Accepted"], left["Stratum Active"]) == (shares, False)
    assert taken["Accepted"] == device.plant.accepted - shares > 100


def test_a_dead_pool_is_not_used_and_an_added_one_is_dead_at_first(fleet, clock):
    (device,) = fleet.add("cgminer")

    ask(device, "addpool", "stratum+tcp://new.example.com:1,u,p")
    assert ask(device, "pools")["POOLS"][2]["Status"] == "Dead"
    device.pools.entries[0].alive_from_s = float("inf")
    advance(fleet, clock, 5)

    statuses = [(p["Status"], p["Stratum Active"]) for p in ask(device, "pools")["POOLS"]]
    assert statuses == [("Dead", False), ("Alive", True), ("Alive", False)]


def test_a_disabled_asc_hashes_nothing_and_the_power_follows(fleet, clock):
    (device,) = fleet.add("cgminer", devices=2)
    before_w = device.power_w

    ask(device, "ascdisable", 0)
    advance(fleet, clock, 30)

    off, on = ask(device, "devs")["DEVS"]
    assert (off["Enabled"], off["MHS 5s"]) == ("N", 0)
    assert on["MHS 5s"] > 0
    assert device.power_w == pytest.approx(before_w * 0.525, rel=0.03)


# Antminer, new generation


def test_an_s19_opens_five_rpc_commands_and_does_not_join(fleet):
    (device,) = fleet.add("s19")

    for command, code in {"stats": 70, "pools": 7, "devs": 9, "summary": 11, "version": 22}.items():
        assert status(device, command) == ("S", code)
    assert status(device, "switchpool", "1") == ("E", 45)
    assert status(device, "summary+pools") == ("E", 14)
    assert len(ask(device, "stats", new_api=True)["STATS"][0]["chain"]) == 3


def test_a_sleeping_s19_reports_empty_arrays_and_draws_its_sleep_power(fleet, clock):
    (device,) = fleet.add("antminer_s19")

    accepted = cgi(device, "set_miner_conf", json=SLEEP | {"miner-mode": "1"}).json()
    advance(fleet, clock, 60)

    assert accepted["code"] == "M000"
    assert cgi(device, "stats").json()["STATS"] == []
    assert cgi(device, "summary").json()["SUMMARY"] == []
    assert cgi(device, "get_miner_conf").json()["bitmain-work-mode"] == "1"
    stats = ask(device, "stats")["STATS"][1]
    assert (stats["GHS 5s"], set(stats["chain_acs1"])) == (0, {" ", "x"})
    assert device.state == "sleeping"
    assert device.power_w < 30


def test_a_woken_s19_ramps_up_for_tens_of_seconds_and_warms_slowly(fleet, clock):
    (device,) = fleet.add("antminer_s19")
    cgi(device, "set_miner_conf", json=SLEEP)
    advance(fleet, clock, 3600)
    cold_c = device.plant.chip_c()
    cgi(device, "set_miner_conf", json=WAKE)
    rates_hs, chips_c = [], []
    for _ in range(4):
        advance(fleet, clock, 20)
        rates_hs.append(device.plant.hashrate_hs())
        chips_c.append(device.plant.chip_c())

    assert rates_hs[0] == 0
    assert 0 < rates_hs[1] < rates_hs[3]
    assert rates_hs[3] == pytest.approx(110e12, rel=0.05)
    assert cold_c < 35
    assert chips_c[3] < 65  # two minutes more until it is warm
    advance(fleet, clock, 600)
    assert device.plant.chip_c() > 65


def test_an_s19_stays_asleep_over_a_reboot_that_closes_every_port(fleet, clock):
    (device,) = fleet.add("antminer_s19")
    cgi(device, "set_miner_conf", json=SLEEP)
    cgi(device, "reboot")
    fleet.settle()

    assert device.state == "booting"
    for port in ("rpc", "http"):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((device.address, device.ports[port]))
    advance(fleet, clock, 80)

    assert cgi(device, "get_miner_conf").json()["bitmain-work-mode"] == "1"
    assert device.state == "sleeping"


def test_an_s19_blinks_for_json_and_for_forms(fleet):
    (device,) = fleet.add("antminer_s19")

    assert cgi(device, "blink", json={"blink": True}).json() == {"code": "B000"}
    assert cgi(device, "get_blink_status").json() == {"blink": True}
    assert cgi(device, "blink", data={"blink": "false"}).json() == {"code": "B100"}
    assert [what for _, what in device.journal] == ["blink true", "blink false"]


def test_a_changed_password_is_asked_for(fleet):
    (device,) = fleet.add("antminer_s19")
    change = {"curPwd": "root", "newPwd": "secret", "confirmPwd": "secret"}

    assert cgi(device, "passwd", json=change | {"curPwd": "wrong"}).json()["code"] == "P001"
    assert cgi(device, "passwd", json=change | {"confirmPwd": "other"}).json()["code"] == "P002"
    assert cgi(device, "passwd", json=change).json()["code"] == "P000"
    assert cgi(device, "stats").status_code == 401
    with browser(device, "secret") as client:
        assert client.get("/cgi-bin/stats.cgi").status_code == 200


def test_power_is_reported_only_by_builds_that_do(fleet):
    silent, telling = fleet.add("s19") + fleet.add("s19", reports_power=True)

    assert "chain_power" not in ask(silent, "stats")["STATS"][1]
    assert ask(telling, "stats")["STATS"][1]["chain_power"].endswith(" W")
    with browser(silent) as client:
        assert client.get("/miner_power").status_code == 404
    with browser(telling) as client:
        reported = client.get("/miner_power").text
    assert float(reported.removeprefix("miner power:")) == pytest.approx(telling.power_w, abs=1)


# Antminer, old generation


def test_s9_stats_lack_a_comma_and_report_chains_6_to_8_as_strings(fleet):
    (device,) = fleet.add("s9")

    raw = ask_bytes(device, b'{"command":"stats"}')
    stats = ask(device, "stats")["STATS"][1]

    assert b'"Antminer S9"}{"STATS":0' in raw
    assert isinstance(stats["GHS 5s"], str)
    assert stats["chain_rate5"] == ""
    total_ghs = sum(float(stats[f"chain_rate{n}"]) for n in (6, 7, 8))
    assert total_ghs == pytest.approx(13500, rel=0.05)
    assert [n for n in range(1, 9) if stats[f"fan{n}"]] == [5, 6]
    assert [n for n in range(1, 17) if stats[f"temp2_{n}"]] == [6, 7, 8]
    assert status(device, "restart") == ("E", 45)


def test_an_s9_form_is_taken_by_position_and_answered_after_the_restart(fleet, clock):
    (device,) = fleet.add("s9", uptime_s=4000)
    form = "&".join(f"any={value}" for value in ("stratum%2Btcp%3A%2F%2Fa", "u", "p", *"abcdef"))

    with ThreadPoolExecutor() as pool:
        answer = pool.submit(cgi, device, "set_miner_conf", content=form)
        wait_until(lambda: device.journal)
        fleet.settle()  # the answer's time is fixed by now
        assert not answer.done()
        advance(fleet, clock, 7)
        assert answer.result(2).text == "ok"
    advance(fleet, clock, 20)

    pools = ask(device, "pools")["POOLS"]
    assert [(pool["URL"], pool["User"]) for pool in pools] == [
        ("stratum+tcp://a", "u"),
        ("a", "b"),
        ("d", "e"),
    ]
    assert int(cgi(device, "get_miner_status").json()["summary"]["elapsed"]) < 27


def test_an_s17_sleeps_by_work_mode_and_its_blink_request_hangs(fleet, clock):
    (device,) = fleet.add("s17")
    form = "&".join(f"_ant_{n}={value}" for n, value in enumerate([*"123456789"] + ["0"] * 6))

    with ThreadPoolExecutor() as pool:
        answer = pool.submit(cgi, device, "set_miner_conf", content=form + "&_ant_work_mode=254")
        wait_until(lambda: device.journal)
        fleet.settle()  # the answer's time is fixed by now
        advance(fleet, clock, 31)
        assert answer.result(2).text == "ok"
    with pytest.raises(httpx.ReadTimeout):
        cgi(device, "blink", data={"action": "startBlink"}, timeout=0.1)

    assert device.state == "sleeping"
    assert ask(device, "stats")["STATS"][1]["GHS 5s"] == "0.00"
    assert cgi(device, "blink", data={"action": "onPageLoaded"}).json() == {"isBlinking": True}


def own_address(second: int) -> str:
    """Real ports, so runs side by side need addresses of their own."""
    return f"127.{second}.{os.getpid() // 250 % 250}.{os.getpid() % 200 + 1}"


def wait_until(is_so) -> None:
    """For what another thread does in a moment."""
    deadline_s = time.monotonic() + 2
    while not is_so():
        assert time.monotonic() < deadline_s
        time.sleep(0.001)


# HTTP


def test_a_wrong_password_is_401_with_the_antminer_realm(fleet):
    (device,) = fleet.add("antminer_s19")

    with browser(device, "guess") as client:
        refused = client.get("/cgi-bin/stats.cgi")

    assert refused.status_code == 401
    assert 'realm="antMiner Configuration"' in refused.headers["WWW-Authenticate"]


def test_connection_and_nonce_serve_many_requests(fleet):
    (device,) = fleet.add("antminer_s19")

    with browser(device) as client:
        codes = [client.get("/cgi-bin/stats.cgi").status_code for _ in range(3)]

    assert codes == [200, 200, 200]
    assert device.requests["http connections"] == 1
    assert device.requests["http /cgi-bin/stats.cgi"] == 4  # one challenge


def test_a_request_in_pieces_is_answered_and_nonsense_refused(fleet):
    (device,) = fleet.add("antminer_s19")
    where = (device.address, device.ports["http"])

    with socket.create_connection(where, timeout=2) as connection:
        for piece in (b"GET /cgi-b", b"in/x.cgi HTTP/1.1\r\nHo", b"st: a\r\n\r\n"):
            connection.sendall(piece)
        assert connection.recv(100).startswith(b"HTTP/1.1 401 ")
    with socket.create_connection(where, timeout=2) as connection:
        connection.sendall(b"nonsense\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 400 ")


def test_a_second_request_waits_for_the_first_answer(fleet):
    (device,) = fleet.add("antminer_s19")
    device.faults.port = "http"
    device.faults.hang = True

    with socket.create_connection((device.address, device.ports["http"]), timeout=2) as connection:
        connection.sendall(b"GET /one HTTP/1.1\r\n\r\n")
        wait_until(lambda: device.requests["http /one"])
        connection.sendall(b"GET /two HTTP/1.1\r\n\r\n")
        ask(device, "version")  # by now the second has been read

        assert device.requests["http /two"] == 0


# Faults


def test_refusing_ends_the_idle_connections_too(fleet):
    (device,) = fleet.add("antminer_s19")

    with socket.create_connection((device.address, device.ports["http"]), timeout=2) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert b"401" in connection.recv(65536)
        device.faults.refuse = True

        assert connection.recv(1) == b""


def test_a_refusing_device_comes_back_when_cleared(fleet):
    (device,) = fleet.add("antminer_s19")

    device.faults.port = "rpc"
    device.faults.refuse = True
    with pytest.raises(ConnectionRefusedError):
        ask(device, "summary")
    assert cgi(device, "stats").status_code == 200
    device.faults.clear()

    assert status(device, "summary") == ("S", 11)


def test_faults_between_answer_and_wire(fleet):
    (device,) = fleet.add("cgminer")
    whole = ask_bytes(device, b'{"command":"version"}')

    device.faults.truncate_after_bytes = 20
    assert ask_bytes(device, b'{"command":"version"}') == whole[:20]
    device.faults.clear()
    device.faults.garbage = True
    assert b"STATUS" not in ask_bytes(device, b'{"command":"version"}')
    device.faults.clear()
    device.faults.delay_s = 0.1
    began_s = time.monotonic()
    assert len(ask_bytes(device, b'{"command":"version"}')) == len(whole)
    assert time.monotonic() - began_s >= 0.1


def test_a_hanging_device_never_answers_and_a_closing_one_sends_nothing(fleet):
    (device,) = fleet.add("cgminer")
    where = (device.address, device.ports["rpc"])

    device.faults.hang = True
    with socket.create_connection(where, timeout=0.1) as connection:
        connection.sendall(b"summary")
        with pytest.raises(TimeoutError):
            connection.recv(1)
    device.faults.clear()
    device.faults.close = True
    with socket.create_connection(where, timeout=2) as connection:
        try:
            received = connection.recv(1)
        except ConnectionResetError:
            received = b""

    assert received == b""


@pytest.mark.parametrize(("fault", "is_done"), [("drop_writes", False), ("lose_reply", True)])
def test_a_write_that_is_dropped_is_answered_and_one_that_is_lost_is_done(fleet, fault, is_done):
    antminer, cgminer = fleet.add("s19") + fleet.add("cgminer")
    for device in (antminer, cgminer):
        setattr(device.faults, fault, True)

    if is_done:
        with pytest.raises(httpx.RemoteProtocolError):
            cgi(antminer, "blink", json={"blink": True})
        assert ask_bytes(cgminer, b"switchpool|1") == b""
    else:
        assert cgi(antminer, "blink", json={"blink": True}).json() == {"code": "B000"}
        assert b"Code=27" in ask_bytes(cgminer, b"switchpool|1")

    assert antminer.led_on is is_done
    assert ask(cgminer, "pools")["POOLS"][1]["Stratum Active"] is is_done
    assert [what for _, what in cgminer.journal] == ["switchpool|1"]


def test_another_device_at_the_address_and_a_changed_password_there(fleet):
    (device,) = fleet.add("antminer_s19")

    device.faults.mac_address = "02:00:00:00:00:99"
    assert cgi(device, "get_system_info").json()["macaddr"] == "02:00:00:00:00:99"
    device.faults.wrong_password = True

    assert cgi(device, "get_system_info").status_code == 401


def test_a_reboot_can_be_set_for_later_and_a_start_can_fail(fleet, clock):
    (device,) = fleet.add("antminer_s19")

    device.faults.fails_to_start = True
    device.faults.reboot_in_s = 5
    advance(fleet, clock, 4)
    assert device.state == "mining"
    advance(fleet, clock, 2)
    assert device.state == "booting"
    advance(fleet, clock, 200)

    assert device.state == "idle"
    assert cgi(device, "summary").json()["SUMMARY"][0]["rate_5s"] == 0


# Physics


def test_the_same_seed_and_time_give_the_same_values_however_often_asked():
    clock, other_clock = Clock(), Clock()
    (one,) = Fleet(clock=clock, seed=7).add("s19")
    (other,) = Fleet(clock=other_clock, seed=7).add("s19")
    for _ in range(50):
        clock.now_s += 2
        one.http(browser_request("/cgi-bin/stats.cgi"))
    other_clock.now_s += 100

    assert one.power_w == other.power_w
    assert one.plant.hashrate_hs() == other.plant.hashrate_hs()
    assert one.mac_address == other.mac_address


def browser_request(path: str):
    return HttpRequest("GET", path, "", {}, b"")


def test_shares_accumulate_with_a_believable_reject_rate():
    clock = Clock()
    (device,) = Fleet(clock=clock, speed=100).add("s9", uptime_s=0)
    clock.now_s += 864  # a day at speed 100
    plant = device.plant

    expected = 13.5e12 * 86_400 / 2**32 / 65_536
    assert plant.shares == pytest.approx(expected, rel=0.03)
    assert 0 < plant.rejected < 0.01 * plant.accepted
    assert plant.average_hs == pytest.approx(13.5e12, rel=0.03)
    assert plant.elapsed_s == pytest.approx(86_400)


# Fleet, command line, settings


def test_five_hundred_devices_start_and_stop_within_a_second():
    fleet = Fleet(ports={"rpc": 0, "http": 0})
    fleet.add("antminer_s19", 500)
    began_s = time.monotonic()
    with fleet:
        assert status(fleet["s19_500"], "summary") == ("S", 11)

    assert time.monotonic() - began_s < 1


def test_without_own_addresses_devices_share_one_with_high_ports():
    addresses = Addresses("192.0.2.1")

    first, second = (addresses.place({"rpc": 4028, "http": 80}) for _ in range(2))

    assert first[0] == second[0] == "127.0.0.1"
    ports = [*first[1].values(), *second[1].values()]
    assert len(set(ports)) == 4
    assert min(ports) >= 20_000


def test_the_settings_name_every_device_and_only_moved_ports(fleet, tmp_path):
    fleet.add("s19", 2)
    fleet.add("cgminer")
    fleet["miner_1"].ports = {"rpc": 4028}
    write_config(fleet, tmp_path / "config.yaml")

    miners = yaml.safe_load((tmp_path / "config.yaml").read_text())["miners"]

    assert miners[1] == {
        "id": "s19_2",
        "host": "127.0.0.1",
        "family": "antminer",
        "username": "root",
        "password": "root",
        "ports": fleet["s19_2"].ports,
    }
    assert miners[2] == {"id": "miner_1", "host": "127.0.0.1", "family": "cgminer"}


def test_an_unknown_kind_ends_with_2_and_the_known_ones(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["toaster=3"])

    assert "antminer_s17, antminer_s19, antminer_s9, cgminer" in capsys.readouterr().err


def test_the_command_shows_the_devices_and_runs_until_stopped(capsys):
    stop = threading.Event()
    stop.set()

    assert main(["s9=21", "--first-address", own_address(78)], stop) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ["s9_1", "antminer_s9"]
    assert lines[20:] == ["… and 1 more"]


def test_sigterm_ends_the_command_with_0_at_once():
    command = [sys.executable, "-m", "minerbridge.simulator", "cgminer=1"]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    arguments = [*command, "--first-address", own_address(79)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"miner_1")
        process.send_signal(signal.SIGTERM)

        assert process.wait(1) == 0
