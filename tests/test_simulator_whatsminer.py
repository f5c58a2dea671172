"""The simulated WhatsMiner's v2 API over real sockets."""

from __future__ import annotations

import contextlib
import json
import re
import struct
from pathlib import Path

import pytest

from minerbridge.simulator import Fleet
from minerbridge.simulator import whatsminer_cipher as cipher
from minerbridge.simulator.whatsminer_connection import WhatsminerConnection
from tests.whatsminer_caller import Clock, Session, ask, connected, raw, to_end

SHAPES = json.loads((Path(__file__).parent / "whatsminer_shapes.json").read_text())
V2 = [(int(number), name) for number in "1234" for name in SHAPES[number]]
POOLS = {
    f"{part}{number}": f"{part}-{number}" if part == "worker" else "stratum+tcp://p.example.com:1"
    for number in (1, 2, 3)
    for part in ("pool", "worker", "passwd")
}
WRITES = [
    ("update_pools", POOLS),
    ("restart_btminer", {}),
    ("power_off", {}),
    ("power_on", {}),
    ("set_led", {"param": "auto"}),
    ("set_led", {"color": "red", "period": 200, "duration": 100, "start": 0}),
    ("set_low_power", {}),
    ("set_high_power", {}),
    ("set_normal_power", {}),
    ("reboot", {}),
    ("factory_reset", {}),
    ("update_pwd", {"old": "admin", "new": "Secret_1"}),
    ("net_config", {"param": "dhcp"}),
    ("net_config", {"ip": "10.0.0.2", "mask": "255.0.0.0", "gate": "10.0.0.1",
                    "dns": "10.0.0.1 10.0.0.3", "host": "rig"}),
    ("set_target_freq", {"percent": "-10"}),
    ("enable_btminer_fast_boot", {}),
    ("disable_btminer_fast_boot", {}),
    ("enable_web_pools", {}),
    ("disable_web_pools", {}),
    ("set_hostname", {"hostname": "rig-7"}),
    ("set_zone", {"timezone": "CST-8", "zonename": "Asia/Shanghai"}),
    ("load_log", {"ip": "10.0.0.9", "port": "514", "proto": "udp"}),
    ("set_power_pct", {"percent": "80"}),
    ("set_power_pct_v2", {"percent": "120"}),
    ("set_power", {"power": "5000"}),
    ("restore_power_pct", {}),
    ("set_temp_offset", {"temp_offset": "-10"}),
    ("adjust_power_limit", {"power_limit": "6000"}),
    ("adjust_upfreq_speed", {"upfreq_speed": "5"}),
    ("set_poweroff_cool", {"poweroff_cool": "1"}),
    ("set_fan_zero_speed", {"fan_zero_speed": "0"}),
    ("set_heat_mode", {"mode": "heating"}),
    ("disable_btminer_init", {}),
    ("enable_btminer_init", {}),
    ("set_customer_msg", {"key": "CustomerSn", "val": "A-1"}),
    ("set_fast_mining", {"fast_mining": "1"}),
    ("set_fast_hash", {"fast_hash": "1"}),
]  # fmt: skip


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
    def pass_by(seconds: float, step_s: float = 60.0):
        while seconds > 0:
            clock.now_s += min(step_s, seconds)
            seconds -= step_s
            fleet.settle()

    return pass_by


def shape(value):
    kinds = {bool: "truth", int: "number", float: "number", str: "text"}
    if isinstance(value, list):
        return [shape(one) for one in value[:1]]
    if isinstance(value, dict):
        return {name: shape(one) for name, one in value.items()}
    return kinds[type(value)]


def assert_has(found, recorded, where):
    if isinstance(recorded, dict):
        assert recorded.keys() <= found.keys(), (where, recorded.keys() - found.keys())
        for name in recorded:
            assert_has(found[name], recorded[name], f"{where}.{name}")
    elif isinstance(recorded, list) and recorded:
        assert_has(found[0], recorded[0], f"{where}[0]")
    else:
        assert found == recorded, where


# What it says


@pytest.mark.parametrize(("generation", "command"), V2)
def test_replies_have_the_recorded_keys_and_types(miner, generation, command):
    device = miner(generation=generation)
    if command == "get_error_code":
        device.raise_error(218)

    found = shape(ask(device, command))

    assert_has(found, SHAPES[str(generation)][command], command)
    if generation == 4:
        assert found == SHAPES["4"][command]


def test_errors_of_the_first_generation_are_in_its_summary(miner):
    device = miner(generation=1)
    device.raise_error(110)
    device.raise_error(600)

    row = ask(device, "summary")["SUMMARY"][0]

    assert (row["Error Code Count"], row["Error Code 0"], row["Error Code 1"]) == (2, 110, 600)
    assert ask(device, "get_error_code")["Code"] == 14


def test_the_first_generation_wants_the_older_key_for_what_is_cgminers(miner):
    device = miner(generation=1)

    refused = json.loads(raw(device, b'{"cmd":"summary"}'))

    assert (refused["Code"], refused["Msg"]) == (24, "Missing JSON 'command'")
    assert json.loads(raw(device, b'{"cmd":"status"}'))["Code"] == 131
    assert raw(device, b'{"command":"summary"}').endswith(b"}\0")


@pytest.mark.parametrize("generation", [1, 2, 3, 4])
def test_joins_hold_whole_replies_and_refuse_what_is_not_minings(miner, generation):
    device = miner(generation=generation)

    joined = ask(device, "summary+pools")

    assert joined["pools"][0]["POOLS"][0]["Status"] == "Alive"
    assert shape(joined["summary"][0]) == shape(ask(device, "summary"))
    assert ask(device, "summary+get_psu")["Code"] == 14


def test_board_hashrates_of_the_newest_firmware_are_terahashes(miner):
    device = miner()

    boards = ask(device, "edevs")["DEVS"]

    total_mhs = ask(device, "summary")["Msg"]["MHS 1m"]
    assert sum(board["MHS 1m"] for board in boards) * 1e6 == pytest.approx(total_mhs, rel=0.03)


def test_the_hydro_firmware_tells_its_liquid(miner):
    device = miner(model="M63S_VK60", firmware="20260312.16.REL3")

    status = ask(device, "status")["Msg"]

    assert (status["power_pct"], status["fast_hash"]) == (100, "0")
    assert 20 < status["liquid_temp"] < 70
    assert len(ask(device, "edevs")["DEVS"]) == 4


def test_a_miner_info_may_be_asked_in_part(miner):
    device = miner()

    assert list(ask(device, "get_miner_info", info="mac,hostname")["Msg"]) == ["hostname", "mac"]


@pytest.mark.parametrize("part", [1, 9, 20])
def test_a_request_may_come_in_pieces(miner, part):
    with connected(miner()) as connection:
        request = b'{"cmd": "status"}\n'
        connection.sendall(request[:part])
        connection.sendall(request[part:])

        assert json.loads(to_end(connection))["Code"] == 131


def test_a_silent_client_is_hung_up_on(miner, monkeypatch):
    monkeypatch.setattr(WhatsminerConnection, "idle_s", 0.02)
    with connected(miner()) as connection:
        assert to_end(connection) == b""


# The cipher


@pytest.mark.parametrize(
    ("newsalt", "time", "sign"),
    [
        ("jbzkfQIs", "5626", "eWU1zZECOvkUsryK3/XKj/"),
        ("jbzkfQls", "5626", "w.BNbkCV6n1aNWgiBWLzT/"),
        ("jbzkfQls", "1592555626", "w.BNbkCV6n1aNWgiBWLzT/"),
    ],
)
def test_the_manuals_example_gives_its_key_and_sign(newsalt, time, sign):
    key = cipher.md5crypt("admin", "BQ5hoXV9")

    assert key == "RxmaDUO33TS7O26yeMHZ81"
    assert cipher.sign(key, newsalt, time) == sign


def test_requests_are_read_with_every_padding_seen():
    key = "RxmaDUO33TS7O26yeMHZ81"
    plain = b'{"cmd":"power_off","token":"eWU1zZECOvkUsryK3/XKj/"}'
    zeros = (
        "p/QzYk8jszmQrR9dnOEVtRwuhWFT6bTjIGaejtX4PqP0tmJS6QXsnWnp0pDFFHg6aA7gJzlms3Xw5OH8D6OprQ=="
    )
    counted = zeros[:64] + "GAsVXHasJ+SqJj8nimEd1w=="

    assert cipher.encrypted(key, plain) == zeros
    assert cipher.decrypted(key, zeros) == cipher.decrypted(key, counted) == plain


def test_an_independent_clients_exchange_is_read():
    reply = (
        "99J8w83zIqB3/n9c5GlK0Ms8rMLrtR4I9L3mL3ihmpoy4J0v+AHcKtijbyE92q22MIKC6VKEUcYL2KQS50euQWMq"
        "SBlxCPx8YYy4oRkOE4C7kjyvgs9rRMH/mhiVH9k+"
    )

    read = json.loads(cipher.decrypted("WssMFDgz6KlzbAfbu9Jph/", reply))

    assert (read["Code"], read["Description"]) == (131, "whatsminer v1.1")


# Tokens and refusals


@pytest.mark.parametrize("generation", [1, 2, 3, 4])
def test_a_token_opens_encrypted_writes_and_reads(miner, generation):
    device = miner(generation=generation)
    session = Session(device)
    ask(device, "get_token")

    answer = session.ask("set_led", param="auto")

    answer = answer["STATUS"][0] if generation == 1 else answer
    assert (answer["STATUS"], answer["Code"], answer["Msg"]) == ("S", 131, "API command OK")
    assert session.ask("status")["Msg"].keys() == ask(device, "status")["Msg"].keys()


def test_tokens_outlive_neither_30_minutes_nor_a_boot_nor_a_password(miner, advance):
    device = miner(silent=())
    session = Session(device)
    advance(1790)
    assert session.ask("set_led", param="auto")["Code"] == 131
    advance(20)
    assert session.ask("set_led", param="auto")["Code"] == 135

    assert Session(device).ask("update_pwd", old="admin", new="pw_1")["Code"] == 131
    assert session.ask("status")["Code"] == 23
    session = Session(device, "pw_1")
    device.reboot()
    advance(200)

    assert session.ask("status")["Code"] == 135
    assert Session(device, "pw_1").ask("status")["Code"] == 131


def test_a_told_timeout_counts_from_the_last_use_and_0_means_never(miner, advance):
    sliding, endless = miner(token_timeout_s=100), miner(token_timeout_s=0)
    assert ask(sliding, "get_token")["Msg"]["timeout"] == "100"
    session, kept = Session(sliding), Session(endless)

    for _ in range(3):
        advance(90)
        assert session.ask("status")["Code"] == 131
    advance(5000)

    assert session.ask("status")["Code"] == 135
    assert kept.ask("status")["Code"] == 131


def test_too_many_tokens_are_refused_until_they_age(miner, advance):
    device = miner(token_limit=3)
    for _ in range(3):
        ask(device, "get_token")

    refused = ask(device, "get_token")

    assert (refused["STATUS"], refused["Code"], refused["Msg"]) == ("E", 136, "over max connect")
    advance(1801)
    assert ask(device, "get_token")["Code"] == 134


def test_a_wrong_password_is_told_in_plain(miner):
    device = miner(password="other")
    session = Session(device, "admin")

    reply = json.loads(raw(device, session.sealed(session.text("power_off"))))

    assert (reply["Code"], reply["Msg"]) == (23, "enc json load err")
    device.faults.wrong_password = True
    assert Session(device, "other").ask("power_off")["Code"] == 23
    assert device.journal == []


def test_a_shut_api_is_told_encrypted(miner):
    device = miner(api_switch=False)
    session = Session(device)

    reply = raw(device, session.sealed(session.text("power_off")))

    assert list(json.loads(reply)) == ["enc"]
    assert session.opened(reply)["Code"] == 45
    assert session.ask("status")["Code"] == 131


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (b'{"enc":1,"data":"*"}', 137),
        (b'{"enc":1,"data":"YWJj"}', 23),
        (b'{"enc":1}', 14),
        (b'{"cmd":"power_off"}', 45),
        (b'{"cmd":"stats"}', 14),
        (b"get_token", 23),
        (b"[]", 14),
        (b'{"cmd":}', 23),
    ],
)
def test_what_cannot_be_read_is_refused(miner, request_, code):
    assert json.loads(raw(miner(), request_))["Code"] == code


# Writes


@pytest.mark.parametrize(("command", "parameters"), WRITES)
def test_every_write_of_the_manual_is_taken_and_kept_as_it_was_sent(miner, command, parameters):
    device = miner(model="M63S_VK60", silent=())
    session = Session(device)
    text = session.text(command, **parameters)

    answer = session.opened(raw(device, session.sealed(text)))

    assert (answer["STATUS"], answer["Code"]) == ("S", 131)
    assert [what for _, what in device.journal] == [text]


@pytest.mark.parametrize(
    ("command", "parameters"),
    [
        ("adjust_power_limit", {"power_limit": 3000}),  # a number is no string to this firmware
        ("adjust_power_limit", {}),
        ("set_power_pct", {"percent": "101"}),
        ("set_power_pct_v2", {"percent": "120"}),  # cooled by air
        ("set_temp_offset", {"temp_offset": "1"}),
        ("set_heat_mode", {"mode": "heating"}),
        ("update_pwd", {"old": "wrong", "new": "x"}),
        ("update_pwd", {"old": "admin", "new": "longer_than_8"}),
        ("update_pools", {"pool1": "stratum+tcp://p.example.com:1"}),
        ("set_led", {"color": "blue", "period": 1, "duration": 1, "start": 0}),
        ("set_customer_msg", {"key": "msg0", "val": "x" * 128}),
    ],
)
def test_what_a_write_must_not_say_is_refused_and_not_done(miner, command, parameters):
    device = miner()

    assert Session(device).ask(command, **parameters)["Code"] == 132
    assert device.journal == []


def test_what_a_firmware_does_not_know_yet_is_invalid(miner):
    assert Session(miner(generation=3)).ask("set_power", power="3000")["Code"] == 14
    assert Session(miner(generation=2)).ask("pre_power_on")["Msg"]["complete"] == "true"
    assert Session(miner()).ask("pre_power_on")["Code"] == 14


def test_what_was_set_is_read_back(miner, advance):
    device = miner()
    session = Session(device)
    session.ask("set_customer_msg", key="msg3", val="row 4")
    session.ask("set_led", color="green", period=200, duration=100, start=0)
    session.ask("adjust_upfreq_speed", upfreq_speed="7")
    session.ask("enable_btminer_fast_boot")
    session.ask("set_target_freq", percent="-20")
    session.ask("adjust_power_limit", power_limit="2900")
    session.ask("set_low_power")
    session.ask("update_pools", **POOLS | {"pool2": "", "pool3": ""})
    advance(30)

    status, summary = ask(device, "status")["Msg"], ask(device, "summary")["Msg"]
    info = ask(device, "get_miner_info")["Msg"]
    assert session.ask("get_customer_msg")["Msg"] == {"msg3": "row 4"}
    assert (info["ledstat"], info["upfreq_speed"]) == ("1,200,100,0 ", "0")
    assert (status["power_mode"], summary["Power Mode"]) == ("low", "Low")
    assert (status["power_limit_set"], summary["Power Limit"]) == ("2900", 2900)
    assert (status["hash_percent"], summary["Btminer Fast Boot"]) == ("-20", "enable")
    assert [pool["User"] for pool in ask(device, "pools")["POOLS"]] == ["worker-1"]


def test_a_reboot_is_silent_and_takes_the_new_name(miner, advance):
    device = miner()
    session = Session(device)
    session.ask("set_hostname", hostname="rig-7")
    assert ask(device, "get_miner_info")["Msg"]["hostname"] == "WhatsMiner"

    assert raw(device, session.sealed(session.text("reboot"))) == b""
    assert device.open_ports() == set()
    advance(200)

    assert ask(device, "get_miner_info")["Msg"]["hostname"] == "rig-7"


def test_a_factory_reset_shuts_the_api(miner, advance):
    device = miner(password="mine")
    session = Session(device, "mine")
    session.ask("adjust_power_limit", power_limit="3000")

    assert raw(device, session.sealed(session.text("factory_reset"))) == b""
    advance(200)

    assert Session(device, "admin").ask("power_off")["Code"] == 45
    assert ask(device, "status")["Msg"]["power_limit_set"] == ""


# Power


def test_off_is_quick_and_on_takes_a_ramp(miner, advance):
    device = miner()
    session = Session(device)
    session.ask("power_off")
    advance(20)
    status = ask(device, "status")["Msg"]
    assert (status["mineroff"], status["mineroff_reason"]) == ("true", "by whatsminer api")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", status["mineroff_time"])
    assert device.power_w < 35
    assert ask(device, "summary")["Msg"]["Power"] == 0

    session.ask("power_on")
    assert raw(device, b'{"cmd":"summary"}').startswith(b"Socket connect failed")
    assert ask(device, "status")["Msg"]["mineroff"] == "false"
    advance(400)
    summary = ask(device, "summary")["Msg"]
    assert 800 < summary["Power"] < 2800
    assert summary["Hash Stable"] == "false"
    advance(600)

    summary = ask(device, "summary")["Msg"]
    assert summary["Power"] == pytest.approx(3400, rel=0.02)
    assert (summary["Hash Stable"], ask(device, "edevs")["DEVS"][0]["Upfreq Complete"]) == (
        "true", 1,
    )  # fmt: skip


@pytest.mark.parametrize("generation", [1, 2])
def test_older_ones_know_nothing_of_mining_while_off_and_answer_late(miner, advance, generation):
    device = miner(generation=generation)
    session = Session(device)
    with connected(device) as connection:
        connection.sendall(session.sealed(session.text("power_off")))
        connection.settimeout(0.05)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        advance(7)
        connection.settimeout(2)
        assert to_end(connection)

    assert raw(device, b'{"command":"summary"}').startswith(b"Socket connect failed")
    assert ask(device, "status")["Msg"]["btmineroff"] == "true"


def test_an_off_that_does_not_hold_still_says_off(miner, advance):
    device = miner(power_off_holds=False)
    Session(device).ask("power_off")
    advance(60)
    assert device.power_w < 35
    advance(1200)

    assert ask(device, "status")["Msg"]["mineroff"] == "true"
    assert ask(device, "summary")["Msg"]["Power"] > 3000


def test_a_percentage_is_quick_a_normal_one_slow_and_both_are_undone(miner, advance):
    device = miner()
    session = Session(device)
    session.ask("set_power_pct", percent="70")
    advance(1.5)
    assert device.power_w == pytest.approx(2380, rel=0.02)

    session.ask("set_power_pct_v2", percent="90")
    advance(60)
    assert device.power_w == pytest.approx(2600, rel=0.05)
    session.ask("restore_power_pct")
    advance(200)

    assert device.power_w == pytest.approx(3400, rel=0.02)
    assert ask(device, "summary")["Msg"]["Elapsed"] > 200


def test_a_percentage_waits_for_the_tuning_and_is_lost_by_a_restart(miner, advance):
    device = miner()
    session = Session(device)
    session.ask("set_power_pct", percent="70")
    session.ask("restart_btminer")
    assert session.ask("set_power_pct", percent="70")["Code"] == 132
    advance(1000)

    assert device.power_w == pytest.approx(3400, rel=0.02)
    assert session.ask("set_power_pct", percent="70")["Code"] == 131


def test_a_limit_restarts_the_mining_and_99999_takes_it_back(miner, advance):
    device = miner()
    session = Session(device)
    session.ask("adjust_power_limit", power_limit="2800")
    advance(5)
    assert device.power_w < 35
    advance(1000)
    assert device.power_w == pytest.approx(2800, rel=0.02)

    session.ask("adjust_power_limit", power_limit="99999")
    advance(1000)

    assert device.power_w == pytest.approx(3400, rel=0.02)
    assert ask(device, "status")["Msg"]["power_limit_set"] == ""


def test_watts_are_followed_without_a_restart(miner, advance):
    device = miner()
    Session(device).ask("set_power", power="3000")
    advance(200)

    assert device.power_w == pytest.approx(3000, rel=0.02)
    assert ask(device, "summary")["Msg"]["Hash Stable"] == "true"


def test_fast_boot_is_at_full_power_in_two_minutes(miner, advance):
    device = miner()
    session = Session(device)
    session.ask("enable_btminer_fast_boot")
    session.ask("restart_btminer")
    advance(120)

    assert device.power_w == pytest.approx(3400, rel=0.02)


def test_a_limit_too_low_restarts_again_and_again_with_errors(miner, advance):
    device = miner()
    Session(device).ask("adjust_power_limit", power_limit="1000")
    advance(1500, step_s=10)

    assert device.plant.elapsed_s < 300
    codes = [code for row in ask(device, "get_error_code")["Msg"]["error_code"] for code in row]
    assert codes == ["560", "561", "562"]


def test_a_percentage_too_low_restarts_once_and_is_gone(miner, advance):
    device = miner()
    Session(device).ask("set_power_pct", percent="20")
    advance(1200, step_s=10)

    assert 900 < device.plant.elapsed_s < 1200
    assert device.power_w == pytest.approx(3400, rel=0.02)


def test_disabled_mining_at_boot_leaves_it_off(miner, advance):
    device = miner(silent=())
    session = Session(device)
    session.ask("disable_btminer_init")
    session.ask("reboot")
    advance(400)

    assert ask(device, "status")["Msg"]["mineroff"] == "true"
    assert device.power_w < 35


# Files


def update(device, image, sent=None):
    """Return the readiness, then what came after the file."""
    session = Session(device)
    with connected(device) as connection:
        connection.sendall(session.sealed(session.text("update_firmware")))
        ready = session.opened(connection.recv(4096))
        connection.sendall((struct.pack("<I", len(image)) + image)[:sent])
        return ready, session, to_end(connection)


def test_a_firmware_is_taken_whole_and_runs_after_the_restart(miner, advance):
    device = miner()
    image = bytes(range(256)) * 999

    ready, session, reply = update(device, image)

    assert (ready["Code"], ready["Msg"]) == (131, "ready")
    assert session.opened(reply)["Code"] == 131
    assert device.uploads == [image]
    advance(200)
    assert ask(device, "get_version")["Msg"]["fw_ver"] == device.generation.next_firmware


def test_a_firmware_may_be_refused_or_its_connection_cut(miner):
    refusing, cutting = miner(accepts_firmware=False), miner()
    _, session, reply = update(refusing, b"x" * 100)
    assert session.opened(reply)["Code"] == 132

    cutting.faults.cut_file_after_bytes = 50
    with contextlib.suppress(ConnectionResetError):
        assert update(cutting, b"x" * 100, sent=60)[2] == b""

    assert cutting.uploads == refusing.journal == cutting.journal == []


@pytest.mark.parametrize("delivery", ["delayed", "joined", "split"])
def test_logs_follow_their_length(miner, delivery):
    device = miner(log_delivery=delivery)
    session = Session(device)

    reply = raw(device, session.sealed(session.text("download_logs")))

    end = reply.index(b"}") + 1
    announced = int(session.opened(reply[:end])["Msg"]["logfilelen"])
    assert len(reply) - end == announced
    assert reply[end : end + 2] == b"\x1f\x8b"


def test_logs_may_end_early_or_stall(miner):
    cut, stalled = miner(), miner(log_delivery="stalled")
    cut.faults.cut_file_after_bytes = 33
    session = Session(cut)
    reply = raw(cut, session.sealed(session.text("download_logs")))
    assert len(reply) - reply.index(b"}") - 1 == 33

    session = Session(stalled)
    with connected(stalled) as connection:
        connection.settimeout(0.1)
        connection.sendall(session.sealed(session.text("download_logs")))
        with pytest.raises(TimeoutError):
            to_end(connection)


# Faults


def test_a_lost_reply_is_done_and_a_dropped_write_is_not(miner):
    lost, dropped = miner(), miner()
    lost.faults.lose_reply = True
    dropped.faults.drop_writes = True
    session = Session(lost)

    assert raw(lost, session.sealed(session.text("power_off"))) == b""
    assert Session(dropped).ask("power_off")["Code"] == 131

    assert (lost.mining.is_off, dropped.mining.is_off) == (True, False)
    assert len(lost.journal) == len(dropped.journal) == 1


def test_a_reply_may_be_cut_or_garbage(miner):
    device = miner()
    device.faults.truncate_after_bytes = 10
    assert len(raw(device, b'{"cmd":"summary"}')) == 10
    device.faults.clear()
    device.faults.garbage = True

    assert b"{" not in raw(device, b'{"cmd":"summary"}')[:1]
