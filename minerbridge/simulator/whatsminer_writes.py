"""The writable commands of the v2 API: what they take, and what they do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from minerbridge.simulator import whatsminer_parameters as must
from minerbridge.simulator.whatsminer_mining import FAST_S, NORMAL_S
from minerbridge.simulator.whatsminer_replies import REFUSED, Document, RefusedError

if TYPE_CHECKING:
    from minerbridge.simulator.whatsminer import Whatsminer

Action = Callable[["Whatsminer", Document], object]


@dataclass(frozen=True, slots=True)
class Write:
    """*since* and *until* are firmware generations; *stops*: its reply may come late."""

    do: Action
    form: must.Form = must.NOTHING
    since: int = 1
    until: int = 9
    allowed: Callable[[Whatsminer, Document], bool] = lambda _device, _request: True
    stops: bool = False

    def check(self, device: Whatsminer, request: Document) -> None:
        if not self.form(request) or not self.allowed(device, request):
            raise RefusedError(REFUSED, "command error")


def _mode(name: str) -> Action:
    return lambda device, _request: device.mining.set_mode(name)


def _percent(ramp_s: float) -> Action:
    return lambda device, request: device.mining.steer(
        percent=int(request["percent"]), ramp_s=ramp_s
    )


def _is_tuned(device: Whatsminer, _request: Document) -> bool:
    return device.mining.is_tuned


def _may_exceed(device: Whatsminer, request: Document) -> bool:
    highest = 200 if device.model.is_liquid else 100
    return device.mining.is_tuned and int(request["percent"]) <= highest


def _fast_hash(name: str) -> Action:
    return lambda device, request: setattr(device.mining.orders, "fast_hash", request[name] == "1")


def _has_fast_hash(device: Whatsminer, _request: Document) -> bool:
    return "_V" in device.model.name and device.model.name.split("_V")[1][:1] in "KLM"


def _led(device: Whatsminer, request: Document) -> None:
    if request.get("param") == "auto":
        device.system.led = "auto"
        return
    color = 1 if request["color"] == "green" else 0
    device.system.led = f"{color},{request['period']},{request['duration']},{request['start']} "


def _network(device: Whatsminer, request: Document) -> None:
    names = ("ip", "mask", "gate", "dns", "host")
    wanted = {} if request.get("param") == "dhcp" else {name: request[name] for name in names}
    device.system.set_network(wanted)
    device.reboot()


def _customer(device: Whatsminer, request: Document) -> None:
    device.system.customer[request["key"]] = request["val"]


def _system(name: str, value: Callable[[Document], object]) -> Action:
    return lambda device, request: setattr(device.system, name, value(request))


def _starts_at_boot(on: bool) -> Action:
    return lambda device, _request: setattr(device.mining.orders, "starts_at_boot", on)


def _boot_quickly(on: bool) -> Action:
    return lambda device, _request: device.mining.set_fast_boot(on)


def _web_pools(on: bool) -> Action:
    return _system("web_pools", lambda _request: on)


WRITES: dict[str, Write] = {
    "update_pools": Write(
        lambda device, request: device.set_pools(
            [(request[f"pool{n}"], request[f"worker{n}"], request[f"passwd{n}"]) for n in (1, 2, 3)]
        ),
        must.POOLS,
    ),
    "restart_btminer": Write(lambda device, _request: device.mining.restart()),
    "power_off": Write(lambda device, _request: device.power_off(), stops=True),
    "power_on": Write(lambda device, _request: device.mining.start()),
    "set_led": Write(_led, must.LED),
    "set_low_power": Write(_mode("low")),
    "set_normal_power": Write(_mode("normal")),
    "set_high_power": Write(_mode("high")),
    "reboot": Write(lambda device, _request: device.reboot()),
    "factory_reset": Write(lambda device, _request: device.factory_reset()),
    "update_pwd": Write(
        lambda device, request: device.set_password(request["new"]),
        must.fields(old=must.ANY, new=must.PASSWORD),
        allowed=lambda device, request: request["old"] == device.tokens.password,
    ),
    "net_config": Write(_network, must.NETWORK),
    "set_target_freq": Write(
        lambda device, request: device.mining.set_frequency(int(request["percent"])),
        must.fields(percent=must.number(-100, 100)),
    ),
    "enable_btminer_fast_boot": Write(_boot_quickly(True), since=2),
    "disable_btminer_fast_boot": Write(_boot_quickly(False), since=2),
    "enable_web_pools": Write(_web_pools(True), since=2),
    "disable_web_pools": Write(_web_pools(False), since=2),
    "set_hostname": Write(
        _system("hostname_next", lambda request: request["hostname"]),
        must.fields(hostname=must.text(r"[A-Za-z0-9-]{1,63}")),
    ),
    "set_zone": Write(
        _system("zone", lambda request: (request["timezone"], request["zonename"])),
        must.fields(timezone=must.text(".+"), zonename=must.text(".+")),
    ),
    "load_log": Write(
        _system("log_server", lambda request: (request["ip"], request["port"], request["proto"])),
        must.fields(ip=must.text(".+"), port=must.number(1, 65535), proto=must.text("tcp|udp")),
    ),
    "set_power_pct": Write(
        _percent(FAST_S), must.fields(percent=must.number(0, 100)), allowed=_is_tuned
    ),
    "set_power_pct_v2": Write(
        _percent(NORMAL_S), must.fields(percent=must.number(0, 200)), since=2, allowed=_may_exceed
    ),
    "set_power": Write(
        lambda device, request: device.mining.aim(int(request["power"])),
        must.fields(power=must.number(0, 99_999)),
        since=4,
    ),
    "restore_power_pct": Write(
        lambda device, _request: device.mining.steer(percent=None, ramp_s=NORMAL_S),
        since=4,
        allowed=_is_tuned,
    ),
    "set_temp_offset": Write(
        _system("temp_offset_c", lambda request: int(request["temp_offset"])),
        must.fields(temp_offset=must.number(-30, 0)),
        since=2,
    ),
    "adjust_power_limit": Write(
        lambda device, request: device.mining.set_limit(int(request["power_limit"])),
        must.fields(power_limit=must.number(0, 99_999)),
    ),
    "adjust_upfreq_speed": Write(
        lambda device, request: device.mining.set_upfreq_speed(int(request["upfreq_speed"])),
        must.fields(upfreq_speed=must.number(0, 10)),
        since=3,
    ),
    "set_poweroff_cool": Write(
        _system("poweroff_cool", lambda request: request["poweroff_cool"] == "1"),
        must.fields(poweroff_cool=must.FLAG),
        since=2,
    ),
    "set_fan_zero_speed": Write(
        _system("fan_zero_speed", lambda request: request["fan_zero_speed"] == "1"),
        must.fields(fan_zero_speed=must.FLAG),
        since=2,
    ),
    "set_heat_mode": Write(
        _system("heat_mode", lambda request: request["mode"]),
        must.fields(mode=must.text("anti-icing|heating")),
        since=4,
        allowed=lambda device, _request: device.model.is_liquid,
    ),
    "disable_btminer_init": Write(_starts_at_boot(False), since=3),
    "enable_btminer_init": Write(_starts_at_boot(True), since=3),
    "set_customer_msg": Write(
        _customer,
        must.fields(key=must.text("CustomerSn|msg[0-9]"), val=must.text(r"[^\x00]{0,127}")),
        since=4,
    ),
    "set_fast_mining": Write(
        _fast_hash("fast_mining"),
        must.fields(fast_mining=must.FLAG),
        since=4,
        allowed=_has_fast_hash,
    ),
    "set_fast_hash": Write(
        _fast_hash("fast_hash"),
        must.fields(fast_hash=must.FLAG),
        since=4,
        allowed=_has_fast_hash,
    ),
    "pre_power_on": Write(
        lambda _device, _request: {"complete": "true", "msg": "adjust complete"}, until=3
    ),
}
