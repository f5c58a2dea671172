"""The simulated S9 with Vnish behaves as the field says of real ones."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
import yaml

from minerbridge.miners.rpc_decode import decode
from minerbridge.simulator import Fleet
from minerbridge.simulator import vnish_s9_conf as conf
from minerbridge.simulator.settings_file import write_config
from minerbridge.simulator.vnish_s9 import VnishS9
from tests.test_simulator import Clock, advance, ask_bytes

LONGEST_BOOT_S = 130


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def fleet(clock):
    with Fleet(ports={"rpc": 0, "http": 0}, clock=clock) as running:
        yield running


def cgi(device, page, form: str | None = None, timeout_s: float = 2.0):
    url = f"http://{device.address}:{device.ports['http']}/cgi-bin/{page}"
    login = httpx.DigestAuth("root", device.digest.password)
    method = "GET" if form is None else "POST"
    return httpx.request(method, url, content=form, auth=login, timeout=timeout_s)


def form_of(**changes: str) -> str:
    values: dict[str, Any] = {**conf.FACTORY, **changes}
    return "&".join(f"_ant_{name}={values.get(name, '')}" for name in conf.FIELDS)


def made(fleet, **options) -> VnishS9:
    (device,) = fleet.add("vnish", **options)
    assert isinstance(device, VnishS9)
    return device


def is_open(device):
    return "rpc" in device.open_ports()


def test_the_rpc_names_vnish_and_tells_watts_and_the_developers_pool(fleet):
    device = made(fleet)
    raw = ask_bytes(device, b'{"command":"stats"}')
    about, row = decode(raw)["STATS"]
    assert b"}{" in raw  # the comma that bmminer forgets
    assert about["Type"] == "Antminer S9 (vnish 3.9.0)"
    assert sum(row[f"chain_consumption{n}"] for n in (6, 7, 8)) == pytest.approx(1460, rel=0.02)
    assert row["chain_vol6"] == 890
    pools = json.loads(ask_bytes(device, b'{"command":"pools"}').rstrip(b"\0"))["POOLS"]
    assert [pool["URL"] for pool in pools][-1] == "DevFee"
    plain = made(fleet, names_vnish=False)
    assert decode(ask_bytes(plain, b'{"command":"stats"}'))["STATS"][0]["Type"] == "Antminer S9"


@pytest.mark.parametrize("page", ["stop_bmminer.cgi", "do_sleep_mode.cgi"])
def test_asleep_the_rpc_is_closed_and_the_pages_stay(fleet, page):
    device = made(fleet)
    cgi(device, page, "mode=1" if page.startswith("do") else None)
    assert (is_open(device), device.state) == (False, "sleeping")
    assert device.power_w == pytest.approx(51, abs=1)
    assert cgi(device, "get_system_info.cgi").json()["minertype"].startswith("Antminer S9")
    with pytest.raises(ConnectionRefusedError):
        ask_bytes(device, b'{"command":"version"}')


def test_a_wake_is_a_boot_of_80_to_130_s(fleet, clock):
    device = made(fleet)
    device.fall_asleep()
    cgi(device, "do_sleep_mode.cgi", "mode=0")
    assert device.open_ports() == set()
    advance(fleet, clock, 79)
    assert device.open_ports() == {"http"}
    assert device.plant.boot_s <= LONGEST_BOOT_S
    advance(fleet, clock, device.plant.boot_s - 78)
    assert is_open(device)
    assert device.state == "starting"
    advance(fleet, clock, 60)
    assert device.state == "mining"
    assert 0 < device.plant.elapsed_s < 120


def test_a_wake_may_fail_and_the_next_one_not(fleet, clock):
    device = made(fleet, wake_failure_rate=1.0)
    device.fall_asleep()
    cgi(device, "do_sleep_mode.cgi", "mode=0")
    advance(fleet, clock, 300)
    assert device.open_ports() == {"http"}
    device.wake_failure_rate = 0.0
    cgi(device, "do_sleep_mode.cgi", "mode=0")
    advance(fleet, clock, 300)
    assert device.state == "mining"


def test_after_a_crash_only_a_reboot_helps(fleet, clock):
    device = made(fleet, crash_rate=1.0)
    device.store(conf.positional(form_of(freq="500", presave="1")))
    assert is_open(device)  # stored only
    device.restart()
    advance(fleet, clock, 100)
    assert (is_open(device), device.state) == (False, "stopped")
    device.crash_rate = 0.0
    device.restart()
    advance(fleet, clock, 100)
    assert device.state == "stopped"
    device.reboot()
    advance(fleet, clock, 300)
    assert device.state == "mining"


def test_how_often_it_fails_is_the_seeds(clock):
    def fallen(seed):
        fleet = Fleet(clock=clock, seed=seed)
        devices = fleet.add("vnish", 60, wake_failure_rate=0.4)
        for device in devices:
            device.reboot()
        return [device.plant.is_resting for device in devices]

    assert fallen(3) == fallen(3)
    assert fallen(3) != fallen(4)
    assert 10 < sum(fallen(3)) < 38


def test_power_and_hashrate_follow_the_frequency_along_the_true_curve(fleet, clock):
    device = made(fleet, curve=((300, 600, 6.5), (650, 1300, 14.0)))
    assert device.plant.goal.power_w == 1300
    device.conf_values = {**device.conf_values, "freq": "475"}
    device.restart()
    advance(fleet, clock, 200)
    assert device.plant.goal.power_w == 950
    assert device.plant.hashrate_hs() == pytest.approx(10.25e12, rel=0.05)


@pytest.mark.parametrize(("presave", "restarts"), [("0", True), ("1", False), ("2", False)])
def test_presave_says_whether_it_restarts(fleet, clock, presave, restarts):
    device = made(fleet, speed=1000.0)
    before_s = device.plant.daemon_at_s
    clock.now_s += 0.001
    device.store(conf.positional(form_of(freq="500", presave=presave)))
    assert (device.plant.daemon_at_s != before_s) is restarts
    assert device.conf_values["freq"] == ("650" if presave == "2" else "500")


def test_values_go_by_position_and_a_misordered_post_corrupts_the_file(fleet):
    device = made(fleet)
    names = [name for name in conf.FIELDS if name != "pool1user"]
    device.store(conf.positional("&".join(f"_ant_{name}=1" for name in names)))
    assert '"user" : "_ant_pool1pw=1"' in device.conf_text
    assert json.loads(device.conf_text)["bitmain-freq"] == "_ant_freq1=1"
    assert device.plant.goal.hashrate_hs == 0


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("a%2Fb", "a\\/b"), ("a%2fb", "a%2fb"), ("a%20b", "a%20b"), ("a+b", "a b"),
        ("a%7Bb", "a\\{b"), ("%252C", ","), ("a~b", "a~b"), ("a%40b", "a@b"),
    ],
)  # fmt: skip
def test_the_shell_decodes_some_escapes_in_upper_case(sent, stored):
    assert conf.positional(f"_ant_pool1url={sent}")["pool1url"] == stored


def test_a_space_shifts_all_that_follows():
    assert conf.positional("_ant_pool1url=a b&_ant_pool1user=c")["pool1user"] == "b"


def test_the_configuration_is_text_between_quotes(fleet):
    device = made(fleet)
    assert json.loads(cgi(device, "get_miner_conf.cgi").text)["bitmain-voltage"] == "890"
    device.conf_values = {**device.conf_values, "pool1user": "\\{x"}
    with pytest.raises(ValueError, match="escape"):
        json.loads(device.conf_text)


def test_the_status_page_is_slow_and_full_of_holes_while_it_is_down(clock):
    with Fleet(ports={"rpc": 0, "http": 0}, speed=100.0) as fleet:
        device = made(fleet)
        told = cgi(device, "get_miner_status.cgi")
        assert told.elapsed.total_seconds() > 0.02
        assert float(told.json()["devs"][0]["chain_consumption"]) == pytest.approx(487, abs=15)
        device.fall_asleep()
        with pytest.raises(ValueError, match="Expecting value"):
            cgi(device, "get_miner_status.cgi").json()


def test_a_restart_of_the_mining_program_is_never_answered(fleet):
    device = made(fleet)
    with pytest.raises(httpx.ReadTimeout):
        cgi(device, "reboot_cgminer.cgi", timeout_s=0.2)
    assert [what for _, what in device.journal] == ["reboot_cgminer"]


def test_all_rpc_commands_are_open_and_quit_comes_back(fleet, clock):
    device = made(fleet)
    assert b"Code=27" in ask_bytes(device, b"switchpool|1")
    assert b"Code=119" in ask_bytes(device, b"volt|870")
    ask_bytes(device, b"quit")
    assert not is_open(device)
    advance(fleet, clock, 20)
    assert is_open(device)


def test_the_settings_name_it_and_its_login(fleet, tmp_path):
    fleet.add("vnish", 2)
    write_config(fleet, tmp_path / "config.yaml")
    miners = yaml.safe_load((tmp_path / "config.yaml").read_text())["miners"]
    assert [miner["id"] for miner in miners] == ["vnish_1", "vnish_2"]
    assert miners[0]["family"] == "vnish"
    assert miners[0]["username"] == miners[0]["password"] == "root"
