"""THE TABLE: every command of the manual V2.2.2, one row each.

From it come validation, what is sent over either API, how the effect is read back, and what
`minerbridge command HOST list` prints. The bridge's own names for the common ones are in `names`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minerbridge.miners.whatsminer import readback
from minerbridge.miners.whatsminer.checks import (
    led_form,
    log_target,
    network_form,
    new_password,
    some_host_name,
    some_pools,
)
from minerbridge.miners.whatsminer.readback import detail
from minerbridge.miners.whatsminer.row import Given, Row
from minerbridge.model import Parameter

PASSWORD_BYTES = 8
_MESSAGE_BYTES = 127
_CUSTOMER_KEYS = ("CustomerSn", *(f"msg{digit}" for digit in range(10)))


def _number(name: str, low: int, high: int, unit: str = "", *, required: bool = True) -> Parameter:
    return Parameter(name, "integer", low, high, 1, unit=unit, required=required)


def _text(name: str, most: int = 255, *, required: bool = True) -> Parameter:
    return Parameter(name, "text", maximum=most, required=required)


def _choice(name: str, *choices: str, required: bool = True) -> Parameter:
    return Parameter(name, "choice", choices=choices, required=required)


def _switch(name: str) -> Parameter:
    return Parameter(name, "boolean")


def _value(name: str) -> Callable[[Given], Any]:
    return lambda given: given[name]


def _bit(name: str) -> Callable[[Given], Any]:
    return lambda given: int(given[name])


def _always(value: Any) -> Callable[[Given], Any]:
    return lambda _given: value


def _led_param(given: Given) -> Any:
    return given.get("param") or [
        {name: given[name] for name in ("color", "period", "duration", "start")}
    ]


def _pools_param(given: Given) -> Any:
    return [
        {
            "pool": given.get(f"pool{place}", ""),
            "worker": given.get(f"worker{place}", ""),
            "passwd": given.get(f"passwd{place}", ""),
        }
        for place in (1, 2, 3)
    ]


def _network_param(given: Given) -> Any:
    names = {"ip": "ip", "mask": "netmask", "gate": "gateway", "dns": "dns"}
    return given.get("param") or {sent: given[name] for name, sent in names.items()}


_SERVICE = "set.miner.service"
_POOLS = tuple(
    _text(f"{name}{place}", required=place == 1 and name != "passwd")
    for place in (1, 2, 3)
    for name in ("pool", "worker", "passwd")
)
_MODE_S, _RAMP_S = 190.0, 60.0

WRITES = (
    Row("update_pools", "3.1", "Set the pools", _POOLS, access="secret", topic_key="pools",
        expected_s=90, readback=readback.pools, watches=("pools",), check=some_pools,
        v3=("set.miner.pools", _pools_param)),
    Row("restart_btminer", "3.2", "Restart the mining program", restarts="mining",
        topic_key="restart", expected_s=180, readback=readback.restarted,
        v3=(_SERVICE, _always("restart"))),
    Row("power_off", "3.3", "Cut the power of the hashboards", topic_key="power",
        expected_s=_RAMP_S, readback=readback.switched_off, v3=(_SERVICE, _always("stop"))),
    Row("power_on", "3.4", "Power the hashboards and mine", topic_key="power",
        expected_s=_RAMP_S, readback=readback.switched_on, v3=(_SERVICE, _always("start"))),
    Row("set_led", "3.5", "Blink as told, or leave the LEDs to the miner (param: auto)",
        (_choice("param", "auto", required=False), _choice("color", "red", "green", required=False),
         _number("period", 1, 60_000, "ms", required=False),
         _number("duration", 0, 60_000, "ms", required=False),
         _number("start", 0, 60_000, "ms", required=False)),
        topic_key="led", readback=readback.led, watches=("get_miner_info",), check=led_form,
        v3=("set.system.led", _led_param)),
    *(Row(f"set_{mode}_power", "3.6", f"Set power mode {mode}", restarts="mining",
          topic_key="power_mode", expected_s=_MODE_S, readback=readback.mode(mode),
          v3=("set.miner.power_mode", _always(mode))) for mode in ("low", "high", "normal")),
    Row("update_firmware", "3.7", "Install a file of the firmware directory",
        (_text("file"), _text("version", 64, required=False)), restarts="board", access="guarded",
        expected_s=600, readback=readback.firmware, watches=("get_version",)),
    Row("reboot", "3.8", "Restart the control board", restarts="board", topic_key="restart",
        expected_s=300, readback=readback.rebooted, v3=("set.system.reboot", _always(None))),
    Row("factory_reset", "3.9", "Set all to factory defaults: the network to DHCP, the password to"
        " admin, this API to off", restarts="board", access="guarded", expected_s=300,
        v3=("set.system.factory_reset", _always(None))),
    Row("update_pwd", "3.10", "Change the password that this API is written with",
        (_text("old", PASSWORD_BYTES), _text("new", PASSWORD_BYTES)), access="secret",
        check=new_password, v3=("set.user.change_passwd", lambda g: {"account": "super", **g})),
    Row("net_config", "3.11", "Set the network: param dhcp, or all of ip, mask, gate, dns, host",
        (_choice("param", "dhcp", required=False),
         *(_text(name, 64, required=False) for name in ("ip", "mask", "gate", "dns", "host"))),
        restarts="board", access="guarded", expected_s=300, check=network_form,
        v3=("set.system.net_config", _network_param)),
    Row("download_logs", "3.12", "Save the miner's logs to a file of the log directory",
        access="guarded", expected_s=120),
    Row("set_target_freq", "3.13", "Set the frequency, as percentage above or below normal",
        (_number("percent", -100, 100, "%"),), restarts="mining", expected_s=_MODE_S,
        readback=readback.frequency, v3=("set.miner.target_freq", _value("percent"))),
    Row("enable_btminer_fast_boot", "3.14", "Reach the target power quickly", restarts="next start",
        topic_key="fast_boot", readback=detail("fast_boot", True, "fast boot is on"),
        v3=("set.miner.fastboot", _always("enable"))),
    Row("disable_btminer_fast_boot", "3.15", "Start as usual", restarts="next start",
        topic_key="fast_boot", readback=detail("fast_boot", False, "fast boot is off"),
        v3=("set.miner.fastboot", _always("disable"))),
    Row("enable_web_pools", "3.16", "Let pools be set on the web page", topic_key="web_pools",
        v3=("set.system.webpools", _always("enable"))),
    Row("disable_web_pools", "3.17", "Let no pools be set on the web page", topic_key="web_pools",
        v3=("set.system.webpools", _always("disable"))),
    Row("set_hostname", "3.18", "Set the host name, once the network restarts",
        (_text("hostname", 63),), access="guarded", check=some_host_name,
        v3=("set.system.hostname", dict)),
    Row("set_zone", "3.19", "Set the time zone, once the network restarts",
        (_text("timezone", 64), _text("zonename", 64)), access="guarded",
        v3=("set.system.timezone", dict)),
    Row("load_log", "3.20", "Send the logs to a syslog server",
        (_text("ip", 64), _number("port", 1, 65_535), _choice("proto", "tcp", "udp")),
        access="guarded", check=log_target,
        v3=("set.log.upload", lambda g: {name: str(value) for name, value in g.items()})),
    Row("set_power_pct", "3.21", "Set the power within a second, for a while, once it is tuned",
        (_number("percent", 0, 100, "%"),), topic_key="power_percent", expected_s=30,
        readback=readback.fast_percent, needs_tuning=True,
        v3=("set.miner.power_percent", lambda g: {"percent": str(g["percent"]), "mode": "fast"})),
    Row("set_power_pct_v2", "3.22", "Set the power within minutes, once it is tuned",
        (_number("percent", 0, 200, "%"),), topic_key="power_percent", expected_s=600,
        readback=readback.normal_percent, needs_tuning=True,
        v3=("set.miner.power_percent", lambda g: {"percent": str(g["percent"]), "mode": "normal"})),
    Row("set_power", "3.23", "Set the power in watts",
        (_number("power", 1, 99_999, "W"),), topic_key="power_percent", expected_s=600,
        readback=readback.power, v3=("set.miner.power", _value("power"))),
    Row("restore_power_pct", "3.24", "Undo the power percentage", topic_key="power_percent",
        expected_s=600, readback=readback.full_percent,
        v3=("set.miner.power_percent", _always({"percent": "100", "mode": "normal"}))),
    Row("set_temp_offset", "3.25", "Keep the boards of an air-cooled miner cooler",
        (_number("temp_offset", -30, 0, "°C"),), restarts="next start",
        v3=("set.fan.temp_offset", _value("temp_offset"))),
    Row("adjust_power_limit", "3.26", "Set the power limit; 99999 is the default",
        (_number("power_limit", 1, readback.DEFAULT_LIMIT_W, "W"),), restarts="mining",
        topic_key="power_limit", expected_s=_MODE_S, readback=readback.limit,
        v3=("set.miner.power_limit", _value("power_limit"))),
    Row("adjust_upfreq_speed", "3.27", "Set how fast it tunes; not together with fast boot",
        (_number("upfreq_speed", 0, 9),), restarts="next start",
        readback=detail("upfreq_speed", _value("upfreq_speed"), "the speed of tuning is set"),
        watches=("get_miner_info",), v3=("set.miner.upfreq_speed", _value("upfreq_speed"))),
    Row("set_poweroff_cool", "3.28", "Whether an air-cooled miner cools while it is off",
        (_switch("poweroff_cool"),), v3=("set.fan.poweroff_cool", _bit("poweroff_cool"))),
    Row("set_fan_zero_speed", "3.29", "Whether fans of an air-cooled miner may stand",
        (_switch("fan_zero_speed"),), v3=("set.fan.zero_speed", _bit("fan_zero_speed"))),
    Row("set_heat_mode", "3.30", "Set what a hydro-cooled miner does for its coolant",
        (_choice("mode", "anti-icing", "heating"),), v3=("set.miner.heat_mode", lambda g: {
            "anti-icing": "anti-freezing"}.get(g["mode"], g["mode"]))),
    Row("disable_btminer_init", "3.31", "Stay off after a power cut", topic_key="btminer_init",
        is_kept=True,
        v3=(_SERVICE, _always("disable"))),
    Row("enable_btminer_init", "3.32", "Mine after a power cut", topic_key="btminer_init",
        is_kept=True,
        v3=(_SERVICE, _always("enable"))),
    Row("set_customer_msg", "3.33", "Keep a text of the owner's in the miner",
        (_choice("key", *_CUSTOMER_KEYS), _text("val", _MESSAGE_BYTES)), targets=("key",)),
    Row("set_fast_mining", "3.35", "Hash while still tuning (chips 1978, 1980, 1990)",
        (_switch("fast_mining"),), topic_key="fast_mining", same_as=("set_fast_hash",),
        readback=detail("fast_mining", _value("fast_mining"), "the setting is stored", 30.0),
        v3=("set.miner.fast_hash", _bit("fast_mining"))),
    Row("set_fast_hash", "3.35", "The same as set_fast_mining", (_switch("fast_hash"),),
        topic_key="fast_mining", same_as=("set_fast_mining",),
        readback=detail("fast_mining", _value("fast_hash"), "the setting is stored", 30.0),
        v3=("set.miner.fast_hash", _bit("fast_hash"))),
    Row("pre_power_on", "V2.0.5", "Heat the boards before power_on (firmware up to V2.0.5)",
        (_switch("complete"), _choice(
            "msg", "wait for adjust temp", "adjust complete", "adjust continue"))),
)  # fmt: skip

READS = (
    Row("get_customer_msg", "3.34", "The owner's texts", is_read=True, is_sealed=True),
    Row("summary", "4.1", "Hashrate, power, temperatures", is_read=True),
    Row("pools", "4.2", "The pools", is_read=True),
    Row("edevs", "4.3", "The hashboards", is_read=True),
    Row("devs", "4.3", "The hashboards", is_read=True),
    Row("devdetails", "4.4", "Names of the hashboards, in old firmware", is_read=True),
    Row("get_psu", "4.5", "The power supply", is_read=True),
    Row("get_version", "4.6", "Model, firmware and API version", is_read=True),
    Row("get_token", "4.7", "What a token is made of", is_read=True),
    Row("status", "4.8", "Whether it is off, power mode and limit", is_read=True),
    Row("get_miner_info", "4.9", "Network, serial numbers, LED",
        (_text("info", required=False),), is_read=True),
    Row("get_error_code", "4.10", "The errors", is_read=True),
)  # fmt: skip

ROWS = {row.name: row for row in (*WRITES, *READS)}
