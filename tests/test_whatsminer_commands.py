"""Every command of the manual: what is sent for it, and what is refused before anything is."""

import pytest

from minerbridge.errors import (
    CommandRejected,
    InvalidValue,
    MinerRefused,
    OutcomeUnknown,
    Unsupported,
)
from minerbridge.miners.whatsminer.table import READS, ROWS, WRITES
from tests.whatsminer_rig import SUMMARY, Rig, ok, order, refused, reset

POOLS = {
    "pool1": "stratum+tcp://one.example.com:3333", "worker1": "me.1", "passwd1": "x",
    "pool2": "stratum+tcp://two.example.com:3333", "worker2": "me.2", "passwd2": "y",
    "pool3": "", "worker3": "", "passwd3": "",
}  # fmt: skip
NETWORK = {"ip": "192.0.2.7", "mask": "255.255.255.0", "gate": "192.0.2.1",
           "dns": "192.0.2.2 192.0.2.3", "host": "miner-7"}  # fmt: skip
LED = {"color": "red", "period": 200, "duration": 100, "start": 0}
#: name, parameters, what the miner gets besides cmd and token
SENT = [
    ("update_pools", {key: value for key, value in POOLS.items() if value}, POOLS),
    ("restart_btminer", {}, {}),
    ("power_off", {}, {}),
    ("power_on", {}, {}),
    ("set_led", {"param": "auto"}, {"param": "auto"}),
    ("set_led", {**LED, "period": "200"}, LED),
    ("set_low_power", {}, {}),
    ("set_high_power", {}, {}),
    ("set_normal_power", {}, {}),
    ("reboot", {}, {}),
    ("factory_reset", {}, {}),
    ("net_config", {"param": "dhcp"}, {"param": "dhcp"}),
    ("net_config", NETWORK, NETWORK),
    ("set_target_freq", {"percent": -10}, {"percent": "-10"}),
    ("enable_btminer_fast_boot", {}, {}),
    ("disable_btminer_fast_boot", {}, {}),
    ("enable_web_pools", {}, {}),
    ("disable_web_pools", {}, {}),
    ("set_hostname", {"hostname": "miner-7"}, {"hostname": "miner-7"}),
    (
        "set_zone",
        {"timezone": "CST-8", "zonename": "Asia/Shanghai"},
        {"timezone": "CST-8", "zonename": "Asia/Shanghai"},
    ),
    (
        "load_log",
        {"ip": "192.0.2.9", "port": 514, "proto": "udp"},
        {"ip": "192.0.2.9", "port": "514", "proto": "udp"},
    ),
    ("set_power_pct", {"percent": 70}, {"percent": "70"}),
    ("set_power_pct_v2", {"percent": 70}, {"percent": "70"}),
    ("set_power", {"power": 3000}, {"power": "3000"}),
    ("restore_power_pct", {}, {}),
    ("set_temp_offset", {"temp_offset": -5}, {"temp_offset": "-5"}),
    ("adjust_power_limit", {"power_limit": 3000}, {"power_limit": "3000"}),
    ("adjust_power_limit", {"power_limit": 99999}, {"power_limit": "99999"}),
    ("adjust_upfreq_speed", {"upfreq_speed": 9}, {"upfreq_speed": "9"}),
    ("set_poweroff_cool", {"poweroff_cool": True}, {"poweroff_cool": "1"}),
    ("set_fan_zero_speed", {"fan_zero_speed": "0"}, {"fan_zero_speed": "0"}),
    ("set_heat_mode", {"mode": "anti-icing"}, {"mode": "anti-icing"}),
    ("disable_btminer_init", {}, {}),
    ("enable_btminer_init", {}, {}),
    ("set_customer_msg", {"key": "msg0", "val": "row 7"}, {"key": "msg0", "val": "row 7"}),
    ("set_fast_mining", {"fast_mining": True}, {"fast_mining": "1"}),
    ("set_fast_hash", {"fast_hash": False}, {"fast_hash": "0"}),
    # the bridge's own names
    ("start", {}, {"cmd": "power_on"}),
    ("stop", {}, {"cmd": "power_off"}),
    ("restart", {}, {"cmd": "restart_btminer"}),
    ("reset", {}, {"cmd": "factory_reset"}),
    (
        "led",
        {"enabled": True},
        {"cmd": "set_led", "color": "red", "period": 500, "duration": 250, "start": 0},
    ),
    ("led", {"enabled": False}, {"cmd": "set_led", "param": "auto"}),
    ("power_limit", {"power_limit_w": 3000}, {"cmd": "adjust_power_limit", "power_limit": "3000"}),
    ("power_limit_default", {}, {"cmd": "adjust_power_limit", "power_limit": "99999"}),
    ("power_percent", {"power_percent": 60}, {"cmd": "set_power_pct_v2", "percent": "60"}),
    (
        "power_percent",
        {"power_percent": 60, "speed": "fast"},
        {"cmd": "set_power_pct", "percent": "60"},
    ),
    ("power_mode", {"mode": "low"}, {"cmd": "set_low_power"}),
    (
        "pool_profile",
        {"profile": "spare"},
        {
            **dict.fromkeys(POOLS, ""),
            "cmd": "update_pools",
            "pool1": "stratum+tcp://spare.example.com:3333",
            "worker1": "me.1",
            "passwd1": "x",
        },
    ),
]
REFUSED = [
    ("update_pools", {"pool1": "no pool", "worker1": "me"}),
    ("update_pools", {"worker1": "me"}),
    ("set_led", {}),
    ("set_led", {"param": "off"}),
    ("set_led", {"param": "auto", **LED}),
    ("set_led", {"color": "red"}),
    ("set_led", {**LED, "color": "blue"}),
    ("set_led", {**LED, "duration": 300}),
    ("update_firmware", {}),
    ("update_pwd", {"old": "secret", "new": "longer_than_8"}),
    ("update_pwd", {"old": "secret", "new": "a b"}),
    ("net_config", {}),
    ("net_config", {"param": "dhcp", "ip": "192.0.2.7"}),
    ("net_config", {**NETWORK, "ip": "192.0.2.700"}),
    ("net_config", {**NETWORK, "dns": "192.0.2.2,192.0.2.3"}),
    ("net_config", {**NETWORK, "host": "-"}),
    ("set_target_freq", {"percent": -101}),
    ("set_target_freq", {"percent": 1.5}),
    ("set_hostname", {"hostname": "a.b/c"}),
    ("set_zone", {"timezone": "CST-8"}),
    ("load_log", {"ip": "192.0.2.9", "port": 0, "proto": "udp"}),
    ("load_log", {"ip": "host", "port": 514, "proto": "udp"}),
    ("load_log", {"ip": "192.0.2.9", "port": 514, "proto": "icmp"}),
    ("set_power_pct", {"percent": 49}),
    ("set_power_pct", {"percent": 101}),
    ("set_power_pct_v2", {"percent": 49}),
    ("set_power", {"power": 1699}),
    ("set_power", {"power": 3401}),
    ("set_temp_offset", {"temp_offset": 1}),
    ("adjust_power_limit", {"power_limit": 0}),
    ("adjust_power_limit", {"power_limit": 1699}),
    ("adjust_power_limit", {"power_limit": 3401}),
    ("adjust_power_limit", {"power_limit": 99998}),
    ("adjust_upfreq_speed", {"upfreq_speed": 10}),
    ("set_poweroff_cool", {"poweroff_cool": 2}),
    ("set_fan_zero_speed", {"fan_zero_speed": "maybe"}),
    ("set_heat_mode", {"mode": "normal"}),
    ("set_customer_msg", {"key": "msg10", "val": "x"}),
    ("set_customer_msg", {"key": "msg0", "val": "x" * 128}),
    ("set_fast_mining", {}),
    ("set_fast_hash", {"fast_hash": "perhaps"}),
    ("led", {"enabled": "blue"}),
    ("power_limit", {"power_limit_w": 0}),
    ("power_limit", {"power_limit_w": 3401}),
    ("power_percent", {"power_percent": 0}),
    ("power_percent", {"power_percent": 100.5}),
    ("power_mode", {"mode": "sleep"}),
    ("pool_profile", {"profile": "stranger"}),
    # whatever takes nothing refuses something
    *((row.name, {"surprise": 1}) for row in (*WRITES, *READS) if not row.parameters),
]
OTHERWISE_TESTED = {"update_firmware", "download_logs", "update_pwd", "pre_power_on"}


@pytest.fixture
def rig():
    made = Rig()
    yield made
    made.close()


@pytest.fixture
def driver(rig):
    found = rig.driver()
    found.contact()
    return found


def test_the_table_is_the_manual():
    by_section = {row.section for row in ROWS.values()} - {"V2.0.5"}

    assert by_section == {f"3.{n}" for n in range(1, 36)} | {f"4.{n}" for n in range(1, 11)}
    assert len(ROWS) - 1 == 49  # pre_power_on is of an earlier manual


def test_every_write_is_sent_in_a_test():
    assert {row.name for row in WRITES} - {name for name, _, _ in SENT} == OTHERWISE_TESTED


@pytest.mark.parametrize(("name", "parameters", "expected"), SENT)
def test_what_the_miner_gets(rig, driver, name, parameters, expected):
    order(driver, name, **parameters)

    (got,) = rig.written
    assert got.pop("token")
    assert got == {"cmd": name, **expected}


@pytest.mark.parametrize("row", READS, ids=lambda row: row.name)
def test_what_a_query_sends(rig, driver, row):
    reply = rig.plain.get(row.name) or ok({"told": row.name})
    rig.plain[row.name] = rig.sealed[row.name] = reply
    rig.asked.clear()

    assert driver.query(row.name, {}) == reply
    if row.is_sealed:
        assert [one["cmd"] for one in rig.written] == [row.name]
    else:
        assert {"cmd": row.name} in rig.asked


def test_get_miner_info_takes_the_names_of_what_it_is_to_tell(rig, driver):
    driver.query("get_miner_info", {"info": "ip,mac"})

    assert rig.asked[-1] == {"cmd": "get_miner_info", "info": "ip,mac"}


@pytest.mark.parametrize(("name", "parameters"), REFUSED)
def test_what_is_out_of_range_is_not_sent(rig, driver, name, parameters):
    rig.asked.clear()
    is_read = name in ROWS and ROWS[name].is_read
    with pytest.raises(InvalidValue):
        driver.query(name, parameters) if is_read else order(driver, name, **parameters)

    assert not rig.written
    assert not rig.asked


def test_what_is_no_command_is_refused(driver):
    with pytest.raises(Unsupported):
        order(driver, "open_write_api")
    with pytest.raises(Unsupported):
        driver.query("power_off", {})


def test_old_firmware_is_asked_to_answer_before_it_switches_off(rig):
    rig.plain["get_version"] = ok({"api_ver": "2.0.5", "fw_ver": "20230714.15.Rel"})
    driver = rig.driver()
    driver.contact()
    order(driver, "stop")

    assert rig.written[0]["respbefore"] == "true"


def test_only_old_firmware_heats_before_it_starts(rig, driver):
    assert "pre_power_on" not in next(iter(driver.contact())).commands
    rig.plain["get_version"] = ok({"api_ver": "2.0.5", "fw_ver": "20230714.15.Rel"})
    driver.contact()
    order(driver, "pre_power_on", complete=False, msg="wait for adjust temp")

    sent = {"cmd": "pre_power_on", "complete": "false", "msg": "wait for adjust temp"}
    assert sent.items() <= rig.written[0].items()


def test_guarded_and_secret_commands(driver):
    commands = next(iter(driver.contact())).commands
    by_access = {
        access: {name for name, spec in commands.items() if spec.access == access}
        for access in ("guarded", "secret")
    }

    assert by_access["secret"] == {"update_pools", "update_pwd"}
    assert by_access["guarded"] == {
        "factory_reset", "reset", "net_config", "update_firmware", "download_logs", "load_log",
        "set_zone", "set_hostname",
    }  # fmt: skip
    assert commands["summary"].is_query
    assert {commands[name].topic_key for name in ("start", "stop", "power_off")} == {"power"}
    assert commands["set_customer_msg"].targets == ("key",)


def test_after_update_pwd_the_new_password_is_used(rig, driver):
    rig.sealed["update_pwd"] = changing_password(rig)
    confirmation = order(driver, "update_pwd", old="secret", new="fresh")
    order(driver, "led", enabled=True)

    sent = {"cmd": "update_pwd", "old": "secret", "new": "fresh"}
    assert rig.written[0] == {**sent, "token": rig.written[0]["token"]}
    assert "set it as `password`" in confirmation.message
    assert "fresh" not in confirmation.message
    assert [one["cmd"] for one in rig.written] == ["update_pwd", "get_version", "set_led"]


def changing_password(rig, *, answers=True):
    def change(connection, request):
        reply = rig.seal(ok())
        rig.password = request["new"]
        if answers:
            connection.sendall(reply)

    return change


def test_a_lost_reply_to_update_pwd_is_told_by_the_new_password(rig, driver):
    rig.sealed["update_pwd"] = changing_password(rig, answers=False)
    order(driver, "update_pwd", old="secret", new="fresh")
    order(driver, "led", enabled=True)

    assert [one["cmd"] for one in rig.written] == ["update_pwd", "get_version", "set_led"]


@pytest.mark.parametrize("answer", [ok(), reset])
def test_a_new_password_that_is_not_taken_leaves_the_old(rig, driver, answer):
    rig.sealed["update_pwd"] = answer
    with pytest.raises(MinerRefused, match="the old holds"):
        order(driver, "update_pwd", old="secret", new="fresh")
    order(driver, "led", enabled=True)

    assert [one["cmd"] for one in rig.written] == ["update_pwd", "set_led"]


def test_a_lost_reply_to_update_pwd_may_stay_unknown(rig, driver):
    order(driver, "led", enabled=True)
    rig.plain["get_token"] = ok("over max connect", 136, "E")
    rig.sealed["update_pwd"] = reset
    with pytest.raises(OutcomeUnknown):
        order(driver, "update_pwd", old="secret", new="fresh")

    assert [one["cmd"] for one in rig.written] == ["set_led", "update_pwd"]


def test_restarts_are_kept_apart(rig, driver):
    order(driver, "power_limit", power_limit_w=3000)
    rig.clock.now_s += 200
    for name, parameters in (
        ("power_limit", {"power_limit_w": 2500}),
        ("power_mode", {"mode": "low"}),
        ("restart", {}),
        ("reboot", {}),
    ):
        with pytest.raises(CommandRejected, match="not before 100 s from now") as caught:
            order(driver, name, **parameters)
        assert caught.value.code == "RATE_LIMITED"
    order(driver, "stop")
    rig.clock.now_s += 101
    order(driver, "restart")

    assert [one["cmd"] for one in rig.written] == [
        "adjust_power_limit", "power_off", "restart_btminer"
    ]  # fmt: skip


def test_a_refused_restart_does_not_count(rig, driver):
    rig.sealed["restart_btminer"] = [refused(132), ok()]
    with pytest.raises(Exception, match="command error"):
        order(driver, "restart")
    order(driver, "restart")

    assert len(rig.written) == 2


def test_a_restart_of_unknown_outcome_counts(rig, driver):
    rig.sealed["restart_btminer"] = reset
    with pytest.raises(OutcomeUnknown):
        order(driver, "restart")
    with pytest.raises(CommandRejected, match="not before"):
        order(driver, "restart")

    assert len(rig.written) == 1


def test_a_percentage_waits_for_the_end_of_tuning(rig):
    rig.plain["summary"] = ok({**SUMMARY, "Hash Stable": "false"})
    driver = rig.driver()
    driver.contact()
    with pytest.raises(CommandRejected, match="still tunes") as caught:
        order(driver, "power_percent", power_percent=70)

    assert caught.value.code == "NOT_TUNED"
    assert not rig.written


@pytest.mark.parametrize(
    ("options", "name", "parameters", "is_taken"),
    [
        ({"min_percent": 30}, "set_power_pct", {"percent": 30}, True),
        ({"min_percent": 30}, "set_power_pct", {"percent": 29}, False),
        ({"max_percent": 150}, "set_power_pct_v2", {"percent": 150}, True),
        ({"max_percent": 150}, "set_power_pct", {"percent": 150}, False),
        ({"min_power_w": 1000}, "power_limit", {"power_limit_w": 1000}, True),
        ({"max_power_w": 3000}, "power_limit", {"power_limit_w": 3001}, False),
        ({"max_power_w": 3000}, "adjust_power_limit", {"power_limit": 99999}, False),
        ({"max_power_w": 3600}, "adjust_power_limit", {"power_limit": 3600}, True),
        ({"max_power_w": 3600}, "adjust_power_limit", {"power_limit": 99999}, True),
    ],
)
def test_the_settings_say_otherwise(rig, options, name, parameters, is_taken):
    driver = rig.driver(options)
    driver.contact()
    if is_taken:
        order(driver, name, **parameters)
    else:
        with pytest.raises(InvalidValue):
            order(driver, name, **parameters)

    assert len(rig.written) == is_taken


def test_a_limit_that_is_set_does_not_narrow_the_range(rig, driver):
    rig.plain["summary"] = ok({**SUMMARY, "Power Limit": 2000})
    rig.plain["status"] = ok({"mineroff": "false", "power_limit_set": "2000"})
    spec = next(iter(driver.contact())).commands["power_limit"].parameters[0]

    assert (spec.minimum, spec.maximum) == (1700, 3400)
