"""The simulated WhatsMiner's v3 API over real sockets."""

from __future__ import annotations

import contextlib
import json
import struct
import time

import pytest

from minerbridge.miners.driver import Target
from minerbridge.miners.http_transport import HttpTransport
from minerbridge.miners.identify import identify
from minerbridge.simulator import Fleet
from minerbridge.simulator import whatsminer_cipher as cipher
from minerbridge.simulator.whatsminer_framed import FramedConnection
from tests.test_simulator_whatsminer import SHAPES, assert_has, shape
from tests.whatsminer_caller import Clock, Session, ask, connected, framed, to_end


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def fleet(clock):
    with Fleet(ports={"rpc": 0}, clock=clock) as running:
        yield running


@pytest.fixture
def miner(fleet):
    def add(**options):
        (device,) = fleet.add("whatsminer", **options)
        return device

    return add


@pytest.fixture
def advance(fleet, clock):
    def pass_by(seconds: float):
        clock.now_s += seconds
        fleet.settle()

    return pass_by


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in ("v3", "v3 hydro") for name in SHAPES[kind]]
)
def test_replies_have_the_recorded_keys_and_types(miner, kind, name):
    device = miner(model="M63S_VK60" if kind == "v3 hydro" else None)
    recorded = SHAPES[kind][name]
    if "error-code" in recorded["msg"]:
        device.raise_error(int(min(recorded["msg"]["error-code"][0])))
    command, _, part = name.replace("_with_errors", "").replace("get_", "get.").partition("status_")
    with framed(device) as client:
        found = client.ask("get.miner.status", part) if part else client.ask("get.device.info")

    assert command.startswith("get.")
    assert_has(shape(found), recorded, name)


def test_one_connection_serves_many_requests_and_heartbeats(miner):
    with framed(miner()) as client:
        client.connection.sendall(bytes(8))
        for _ in range(3):
            assert client.ask("get.miner.setting")["code"] == 0


@pytest.mark.parametrize(
    ("command", "param", "code"),
    [
        ("get.miner.status", None, -3),
        ("get.miner.status", "foo", -2),
        ("get.device.info", "foo", -2),
        ("get.nothing", None, -2),
        ("get.miner.history", {"begin": 0, "end": 90_000}, -1),
        ("set.miner.power_limit", 3000, -3),
    ],
)
def test_what_cannot_be_answered_has_its_code(miner, command, param, code):
    with framed(miner()) as client:
        assert client.ask(command, param)["code"] == code


def test_readings_come_by_their_names(miner):
    device = miner()
    with framed(device) as client:
        for name in ("network", "miner", "system", "power", "salt", "error-code"):
            assert list(client.ask("get.device.info", name)["msg"]) == [name]
        now = int(time.time())
        history = client.ask("get.miner.history", {"begin": now - 3600, "end": now})["msg"]
        assert len(history) == 12
        assert client.ask("get.fan.setting")["msg"]["fan-temp-offset"] == 0
        assert client.ask("get.system.setting")["msg"]["web-pool"] == 1
        supply = client.ask("get.device.info", "power")["msg"]["power"]

    assert supply["iin"] * supply["vin"] == pytest.approx(supply["pin"], rel=0.01)


@pytest.mark.parametrize(
    ("command", "salt", "at", "token"),
    [
        ("set.miner.pools", "5QAHiKMb", 1692685512, "t5VzZdBe"),
        ("set.miner.service", "Abc123xy", 1759800000, "Cg2iuKaj"),
        ("set.miner.power_limit", "uhCiDyVj", 1773869570, "TaB0bCds"),
    ],
)
def test_tokens_are_those_of_other_clients(command, salt, at, token):
    assert cipher.v3_token(cipher.v3_digest(command, "super", salt, at)) == token


def test_the_makers_encrypted_pools_are_read():
    key = cipher.v3_digest("set.miner.pools", "super", "5QAHiKMb", 1692685512)
    sealed = (
        "M7c6KBuUVIiP+BnrFxPBexRUr3Zw94Ng42eBDFq02W9o7MSxcGd0EcmSwVx72paF9s8xliqcLqi00gxEFa8AzpW/"
        "A3R+69wXNkHPuGtqhA4="
    )

    (pool,) = json.loads(cipher.v3_decrypted(key, sealed))

    assert pool == {"pool": "stratum+tcp://pool:3333", "worker": "worker", "passwd": "x"}


def test_a_wrong_token_account_or_clock_is_refused(miner):
    device = miner()
    with framed(device) as client:
        assert client.write("set.miner.service", "stop", password="x")["code"] == -2
        assert client.write("set.miner.service", "stop", account="root")["code"] == -2
        assert client.write("set.miner.service", "stop", at=1_700_000_000)["code"] == -2
    assert device.journal == []


def test_a_user_may_what_it_was_given_and_a_shut_api_nothing(miner):
    device = miner()
    with framed(device) as client:
        user = {"account": "user1", "password": "user1"}
        assert client.write("set.system.led", "auto", **user)["code"] == -4
        granted = {"account": "user1", "permission": "set.system.led"}
        assert client.write("set.user.permission", granted)["code"] == 0
        assert client.write("set.system.led", "auto", **user)["code"] == 0
        assert client.write("set.miner.service", "stop", **user)["code"] == -4
        device.api_switch = False
        assert client.write("set.system.led", "auto")["code"] == -4


@pytest.mark.parametrize(
    ("command", "param"),
    [
        ("set.miner.power", 3000),
        ("set.miner.power_limit", 3000),
        ("set.miner.power_mode", "low"),
        ("set.miner.power_percent", {"percent": "70", "mode": "fast"}),
        ("set.miner.upfreq_speed", 5),
        ("set.miner.target_freq", -10),
        ("set.miner.fastboot", "enable"),
        ("set.miner.fast_hash", 1),
        ("set.miner.heat_mode", "anti-freezing"),
        ("set.miner.restore_setting", None),
        ("set.miner.report", {"gap": 0}),
        ("set.fan.poweroff_cool", 1),
        ("set.fan.zero_speed", 0),
        ("set.fan.temp_offset", -10),
        ("set.system.led", [{"color": "red", "period": 200, "duration": 100, "start": 0}]),
        ("set.system.hostname", {"hostname": "rig"}),
        ("set.system.timezone", {"timezone": "CST-8", "zonename": "Asia/Shanghai"}),
        ("set.system.ntp_server", "pool.example.org"),
        ("set.system.time_randomized", {"start": 0, "stop": 120}),
        ("set.system.webpools", "enable"),
        ("set.log.upload", {"ip": "10.0.0.9", "port": "514", "proto": "udp"}),
        ("set.device.custom_data", "row 4"),
        ("set.system.net_config", "dhcp"),
        ("set.system.reboot", None),
    ],
)
def test_documented_writes_are_taken(miner, command, param):
    with framed(miner()) as client:
        assert client.write(command, param) | {"when": 0} == {
            "code": 0, "when": 0, "msg": "ok", "desc": command,
        }  # fmt: skip


@pytest.mark.parametrize(
    ("command", "param"),
    [
        ("set.miner.power_percent", {"percent": 70, "mode": "fast"}),  # must be text
        ("set.miner.power_percent", {"percent": "120", "mode": "normal"}),
        ("set.miner.target_freq", 10),
        ("set.miner.power_mode", "turbo"),
        ("set.miner.service", "begin"),
        ("set.system.led", "on"),
        ("set.fan.temp_offset", 3),
    ],
)
def test_what_a_write_must_not_say_fails(miner, command, param):
    with framed(miner()) as client:
        assert client.write(command, param)["code"] == -1


def test_stop_holds_and_start_goes_on_without_a_restart(miner, advance):
    device = miner(power_off_holds=False)
    with framed(device) as client:
        client.write("set.miner.service", "stop")
        advance(3000)
        assert device.power_w < 35
        assert client.ask("get.miner.status", "pools")["code"] == -1
        assert list(client.ask("get.miner.status", "summary+pools")["msg"]) == ["summary"]
        client.write("set.miner.service", "start")
    advance(900)

    assert device.power_w == pytest.approx(3400, rel=0.02)
    assert device.plant.elapsed_s > 3900


def test_pools_and_passwords_come_encrypted(miner):
    device = miner()
    wanted = [{"pool": "stratum+tcp://p.example.com:1", "worker": "w", "passwd": "x"}]
    with framed(device) as client:
        assert client.write("set.miner.pools", wanted)["code"] == -1
        assert client.write("set.miner.pools", wanted, seal=True)["code"] == 0
        assert [pool.url for pool in device.pools] == ["stratum+tcp://p.example.com:1"]
        change = {"account": "super", "new": "pw_2"}
        assert client.write("set.user.change_passwd", change, seal=True)["code"] == 0
        assert client.write("set.system.led", "auto")["code"] == -2
        assert client.write("set.system.led", "auto", password="pw_2")["code"] == 0

    assert Session(device, "pw_2").ask("set_led", param="auto")["Code"] == 131


def test_the_api_of_a_booting_miner_is_closed_and_of_a_restarting_one_is_not(miner, advance):
    device = miner()
    device.mining.restart()
    with framed(device) as client:
        assert client.ask("get.miner.status", "summary")["code"] == -1
        assert client.ask("get.device.info", "error-code")["msg"] == {
            "error-code": "btminer process is down err"
        }
    device.reboot()
    with pytest.raises(ConnectionRefusedError), framed(device):
        pass
    advance(200)
    with framed(device) as client:
        assert client.ask("get.device.info")["code"] == 0


def test_logs_and_firmware_use_the_connection_of_their_request(miner, advance):
    device = miner()
    with framed(device) as client:
        size = int(client.ask("get.log.download")["msg"]["logsize"])
        assert client.exactly(size)[:2] == b"\x1f\x8b"
        assert client.write("set.system.update_firmware")["msg"] == "ready"
        client.send(b"image" * 1000)
        assert client.receive()["msg"] == "ok"
    advance(200)

    assert device.uploads == [b"image" * 1000]
    assert ask(device, "get_version")["Msg"]["fw_ver"] == device.generation.next_firmware


def test_either_file_may_be_cut(miner):
    device = miner()
    device.faults.cut_file_after_bytes = 20
    with framed(device) as client:
        client.ask("get.log.download")
        assert len(to_end(client.connection)) == 20
    with framed(device) as client:
        client.write("set.system.update_firmware")
        client.send(b"image" * 1000)
        with pytest.raises((EOFError, ConnectionResetError)):
            client.receive()
    assert device.uploads == []


def test_reports_come_unasked_until_they_are_stopped(miner, monkeypatch):
    device = miner()
    with framed(device) as client:
        wait = FramedConnection._wait
        monkeypatch.setattr(
            FramedConnection, "_wait", lambda self, name, delay_s, act: wait(
                self, name, 0.01 if name == "report" else delay_s, act
            )
        )  # fmt: skip
        assert client.write("set.miner.report", {"gap": 5})["code"] == 0
        told = client.receive()

    assert told["desc"] == "get.miner.report"
    assert told["msg"]["summary"]["power-realtime"] > 3000


def test_no_more_than_ten_clients_and_no_idle_ones(miner, monkeypatch):
    device = miner()
    kept = [connected(device, "v3") for _ in range(10)]
    with contextlib.suppress(ConnectionResetError), connected(device, "v3") as eleventh:
        assert to_end(eleventh) == b""
    for connection in kept:
        connection.close()
    monkeypatch.setattr(FramedConnection, "idle_s", 0.02)
    other = miner()

    with connected(other, "v3") as connection:
        assert to_end(connection) == b""


def test_a_frame_that_is_no_json_is_refused_and_a_huge_one_ends_it(miner):
    device = miner()
    with framed(device) as client:
        client.send(b"nonsense")
        assert client.receive()["code"] == -1
        client.connection.sendall(struct.pack("<I", 1 << 30))
        with pytest.raises((EOFError, ConnectionResetError)):
            client.receive()


def test_the_apis_are_opened_as_wished(miner):
    assert miner(apis="v2").ports.keys() == miner(generation=3).ports.keys() == {"rpc"}
    assert miner(apis="v3").open_ports() == {"v3"}
    assert miner().open_ports() == {"rpc", "v3"}


def test_its_pages_lead_a_visitor_to_the_login_over_https():
    with Fleet(ports={"v3": 0, "http": 0, "https": 0}) as fleet:
        (device,) = fleet.add("whatsminer", apis="v3", web=True)
        transport = HttpTransport(device.address, device.ports["http"])
        front = transport.get("/")
        page = transport.get("/cgi-bin/luci").text
        found = identify(Target("m1", device.address, ports={**device.ports, "rpc": 1}))
        transport.close()

    location = f"https://127.0.0.1:{device.ports['https']}/cgi-bin/luci"
    assert (front.status, front.headers["location"]) == (307, location)
    assert "WhatsMiner" in page
    assert found.family == "whatsminer"
