"""What ``set.*`` of the v3 API takes and does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from minerbridge.simulator.whatsminer_accounts import USERS
from minerbridge.simulator.whatsminer_mining import FAST_S, MODES, NORMAL_S

if TYPE_CHECKING:
    from minerbridge.simulator.whatsminer import Whatsminer

Act = Callable[["Whatsminer", Any], object]
ENCRYPTED = ("set.miner.pools", "set.user.change_passwd")


class ParameterError(ValueError):
    """The firmware does not take this."""


def _within(value: object, low: int, high: int) -> int:
    try:
        number = int(str(value))
    except ValueError as error:
        raise ParameterError("not a number") from error
    if not low <= number <= high:
        raise ParameterError("out of range")
    return number


def _one_of(value: object, *allowed: str) -> str:
    if value not in allowed:
        raise ParameterError("unknown value")
    return str(value)


def _text(param: object, name: str) -> str:
    value = param.get(name) if isinstance(param, Mapping) else None
    if not isinstance(value, str):
        raise ParameterError(f"{name} must be a string")
    return value


def _service(device: Whatsminer, param: object) -> None:
    mining = device.mining
    wanted = _one_of(param, "start", "stop", "restart", "enable", "disable")
    if wanted in ("enable", "disable"):
        mining.orders.starts_at_boot = wanted == "enable"
    else:
        actions: dict[str, Callable[[], None]] = {
            "start": mining.resume,
            "restart": mining.restart,
            "stop": partial(mining.stop, "by whatsminer api"),
        }
        actions[wanted]()


def _percent(device: Whatsminer, param: object) -> None:
    mode = _one_of(_text(param, "mode"), "fast", "normal")
    highest = 200 if device.model.is_liquid and mode == "normal" else 100
    percent = _within(_text(param, "percent"), 0, highest)
    if not device.mining.is_tuned:
        raise ParameterError("not tuned yet")
    device.mining.steer(percent=percent, ramp_s=FAST_S if mode == "fast" else NORMAL_S)


def _pools(device: Whatsminer, param: object) -> None:
    if not isinstance(param, list) or not param:
        raise ParameterError("no pools")
    device.set_pools(
        [(_text(one, "pool"), _text(one, "worker"), _text(one, "passwd")) for one in param[:3]]
    )


def _led(device: Whatsminer, param: object) -> None:
    if param == "auto":
        device.system.led = "auto"
        return
    if not isinstance(param, list) or not param:
        raise ParameterError("no LED")
    numbers = {"red": 0, "green": 1}
    device.system.led = "".join(
        f"{numbers[one['color']]},{one['period']},{one['duration']},{one['start']} "
        for one in param
    )


def _network(device: Whatsminer, param: object) -> None:
    wanted: dict[str, str] = {}
    if param != "dhcp":
        names = {"ip": "ip", "mask": "netmask", "gate": "gateway", "dns": "dns"}
        wanted = {name: _text(param, sent) for name, sent in names.items()}
    device.system.set_network(wanted)
    device.reboot()


def _randomized(device: Whatsminer, param: Any) -> None:
    limits = (_within(param["start"], 0, 120), _within(param["stop"], 0, 120))
    device.system.randomized_s = limits


def _change_password(device: Whatsminer, param: object) -> None:
    account = _one_of(_text(param, "account"), "super", *USERS)
    device.set_password(_text(param, "new"), account)


def _permit(device: Whatsminer, param: object) -> None:
    account = _one_of(_text(param, "account"), *USERS)
    device.accounts.allowed[account] = set(_text(param, "permission").split(","))


def _order(name: str, value: Callable[[Any], object]) -> Act:
    return lambda device, param: setattr(device.mining.orders, name, value(param))


def _system(name: str, value: Callable[[Any], object]) -> Act:
    return lambda device, param: setattr(device.system, name, value(param))


def _restore(device: Whatsminer, _param: object) -> None:
    device.mining.orders = type(device.mining.orders)()
    device.mining.restart()


WRITES: dict[str, Act] = {
    "set.miner.service": _service,
    "set.miner.power": lambda device, param: device.mining.aim(_within(param, 0, 99_999)),
    "set.miner.power_limit": lambda device, param: device.mining.set_limit(
        _within(param, 0, 99_999)
    ),
    "set.miner.power_mode": lambda device, param: device.mining.set_mode(_one_of(param, *MODES)),
    "set.miner.power_percent": _percent,
    "set.miner.upfreq_speed": lambda device, param: device.mining.set_upfreq_speed(
        _within(param, 0, 10)
    ),
    "set.miner.target_freq": lambda device, param: device.mining.set_frequency(
        _within(param, -100, 100 if device.model.is_liquid else 0)
    ),
    "set.miner.fastboot": lambda device, param: device.mining.set_fast_boot(
        _one_of(param, "enable", "disable") == "enable"
    ),
    "set.miner.fast_hash": _order("fast_hash", lambda param: _within(param, 0, 1) == 1),
    "set.miner.heat_mode": _system(
        "heat_mode", lambda param: _one_of(param, "heating", "normal", "anti-freezing")
    ),
    "set.miner.pools": _pools,
    "set.miner.restore_setting": _restore,
    "set.miner.cointype": _system("coin", str),
    "set.fan.poweroff_cool": _system("poweroff_cool", lambda param: _within(param, 0, 1) == 1),
    "set.fan.zero_speed": _system("fan_zero_speed", lambda param: _within(param, 0, 1) == 1),
    "set.fan.temp_offset": _system("temp_offset_c", lambda param: _within(param, -30, 0)),
    "set.system.led": _led,
    "set.system.reboot": lambda device, _param: device.reboot(),
    "set.system.factory_reset": lambda device, _param: device.factory_reset(),
    "set.system.hostname": _system("hostname_next", lambda param: _text(param, "hostname")),
    "set.system.net_config": _network,
    "set.system.ntp_server": _system("ntp_servers", str),
    "set.system.timezone": _system(
        "zone", lambda param: (_text(param, "timezone"), _text(param, "zonename"))
    ),
    "set.system.time_randomized": _randomized,
    "set.system.webpools": _system(
        "web_pools", lambda param: _one_of(param, "enable", "disable") == "enable"
    ),
    "set.log.upload": _system(
        "log_server",
        lambda param: (_text(param, "ip"), _text(param, "port"), _text(param, "proto")),
    ),
    "set.user.change_passwd": _change_password,
    "set.user.permission": _permit,
    "set.device.custom_data": _system("custom_data", str),
}
