"""A configuration is written back with nothing lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from minerbridge.errors import BadReply, InvalidValue, MinerRefused
from minerbridge.miners.antminer.conf import Configuration
from minerbridge.miners.driver import PoolLogin
from minerbridge.miners.rpc_decode import decode

S21 = Path(__file__).parent / "recordings/antminer/S21__stock-mock"
POOLS = [
    {"url": f"stratum+tcp://pool{n}.example.com:3333", "user": f"w.{n}", "pass": "x"}
    for n in (1, 2, 3)
]
S17 = {
    "pools": POOLS,
    "bitmain-use-vil": True,
    "bitmain-work-mode": "0",
    "bitmain-freq": "O",
    "bitmain-voltage": "1950",
}
S9 = {"pools": POOLS, "bitmain-fan-ctrl": True, "bitmain-fan-pwm": "73", "bitmain-freq": "550",
      "bitmain-nobeeper": True, "bitmain-voltage": "0706"}  # fmt: skip


def new(**changes):
    told = decode((S21 / "http_cgi-bin-get_miner_conf.json").read_bytes())
    return Configuration({**told, **changes}, is_new=True)


def test_new_generation_keeps_everything_but_the_mode():
    told = new().told
    assert new().changed(mode="sleep").json_body() == {
        "bitmain-fan-ctrl": False,
        "bitmain-fan-pwm": "100",
        "miner-mode": 1,
        "freq-level": "100",
        "pools": told["pools"],
    }


def test_new_generation_keeps_what_release_builds_tell():
    told = {"pools": POOLS, "bitmain-fan-ctrl": True, "bitmain-fan-pwm": "60",
            "bitmain-work-mode": "1", "bitmain-hashrate-percent": "90",
            "bitmain-user-ip-cat": False}  # fmt: skip
    body = Configuration(told, is_new=True).changed(mode="normal").json_body()
    assert body == {
        "bitmain-fan-ctrl": True,
        "bitmain-fan-pwm": "60",
        "bitmain-hashrate-percent": "90",
        "bitmain-user-ip-cat": False,
        "miner-mode": 0,
        "pools": POOLS,
    }


def test_a_switch_without_value_is_off():
    assert new(**{"bitmain-fan-ctrl": None}).json_body()["bitmain-fan-ctrl"] is False


@pytest.mark.parametrize(
    ("told", "mode"), [("0", "normal"), (0, "normal"), ("1", "sleep"), ("3", "low"), ("", None)]
)
def test_modes_are_named(told, mode):
    assert new(**{"bitmain-work-mode": told}).mode == mode


def test_old_generation_goes_by_position():
    names = [name for name, _ in Configuration(S17, is_new=False).form()]
    assert names == [
        "_ant_pool1url", "_ant_pool1user", "_ant_pool1pw",
        "_ant_pool2url", "_ant_pool2user", "_ant_pool2pw",
        "_ant_pool3url", "_ant_pool3user", "_ant_pool3pw",
        "_ant_nobeeper", "_ant_notempoverctrl", "_ant_fan_customize_switch",
        "_ant_fan_customize_value", "_ant_freq", "_ant_voltage", "_ant_work_mode",
    ]  # fmt: skip


def test_an_s17_sleeps_in_mode_254_and_keeps_the_rest():
    before = Configuration(S17, is_new=False)
    form = dict(before.changed(mode="sleep").form())
    assert form.pop("_ant_work_mode") == "254"
    after = dict(before.form())
    assert after.pop("_ant_work_mode") == "0"
    assert form == after
    assert (form["_ant_freq"], form["_ant_voltage"]) == ("O", "1950")


def test_an_s9_keeps_its_fan_and_has_no_sleep():
    configuration = Configuration(S9, is_new=False)
    form = dict(configuration.form())
    assert not configuration.can_sleep
    assert "_ant_work_mode" not in form
    assert form["_ant_fan_customize_switch"] == "true"
    assert form["_ant_fan_customize_value"] == "73"
    assert (form["_ant_nobeeper"], form["_ant_notempoverctrl"]) == ("true", "false")
    assert (form["_ant_freq"], form["_ant_voltage"]) == ("550", "0706")


def test_missing_pools_still_hold_their_place():
    form = Configuration({**S9, "pools": POOLS[:1]}, is_new=False).form()
    assert form[3:9] == [
        (f"_ant_pool{n}{part}", "") for n in (2, 3) for part in ("url", "user", "pw")
    ]


def test_new_pools_leave_no_old_one_behind():
    wanted = new().changed(pools=[PoolLogin("a:1", "u", "p")]).json_body()["pools"]
    empty = {"url": "", "user": "", "pass": ""}
    assert wanted == [{"url": "a:1", "user": "u", "pass": "p"}, empty, empty]


@pytest.mark.parametrize("character", [*" ~'*!\"%&()\\`{}", "é", "\n"])
def test_what_the_old_shell_would_spoil_is_refused(character):
    pools = [{"url": "a:1", "user": f"w{character}1", "pass": "x"}]
    with pytest.raises(InvalidValue, match="pool1user"):
        Configuration({**S17, "pools": pools}, is_new=False).form()
    json.dumps(Configuration({**S17, "pools": pools}, is_new=True).json_body())  # JSON carries it


def test_common_pool_values_are_carried():
    pools = [
        {"url": "stratum+ssl://a-b_c.example:443/x?y=1#z", "user": "bc1q.w-1,d=5", "pass": "x;y@z"}
    ]
    form = dict(Configuration({**S17, "pools": pools}, is_new=False).form())
    assert form["_ant_pool1url"] == "stratum+ssl://a-b_c.example:443/x?y=1#z"


@pytest.mark.parametrize("is_new", [True, False])
def test_hidden_passwords_are_not_written_back(is_new):
    pools = [{"url": "a:1", "user": "u", "pass": "****"}]
    configuration = Configuration({**S17, "pools": pools}, is_new=is_new)
    with pytest.raises(MinerRefused, match="hides"):
        _ = configuration.json_body() if is_new else configuration.form()


def test_fan_settings():
    fixed = new().changed(fan_percent=55)
    assert fixed.fan_percent == 55
    assert fixed.json_body()["bitmain-fan-pwm"] == "55"
    automatic = fixed.changed(fan_automatic=True)
    assert automatic.fan_percent is None
    assert automatic.json_body()["bitmain-fan-ctrl"] is False


def test_passwords_are_blanked_for_show():
    shown = new().blanked()
    assert {pool["pass"] for pool in shown["pools"]} == {"***"}
    assert shown["bitmain-pwth"] == "4"


def test_a_page_that_is_no_configuration_is_a_bad_reply():
    with pytest.raises(BadReply):
        Configuration({"error": "busy"}, is_new=True)
