"""What single parameters cannot tell: which go together, and what form they have."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv4Address
from typing import Any

from minerbridge.errors import InvalidValue

Given = Mapping[str, Any]
_PASSWORD = re.compile(r"[A-Za-z0-9_]{1,8}")
_HOST_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_POOL = re.compile(r"(?:[a-z0-9+]+://)?[^\s/:]+(?::\d{1,5})?(?:/\S*)?", re.IGNORECASE)


def led_form(given: Given) -> None:
    _one_form("set_led", given, "param", ("color", "period", "duration", "start"))
    if "period" in given and max(given["duration"], given["start"]) > given["period"]:
        raise InvalidValue("set_led: duration and start lie within the period")


def network_form(given: Given) -> None:
    _one_form("net_config", given, "param", ("ip", "mask", "gate", "dns", "host"))
    if "ip" in given:
        for name in ("ip", "mask", "gate"):
            _address("net_config", name, given[name])
        for address in given["dns"].split(" "):
            _address("net_config", "dns", address)
        _host_name("net_config", "host", given["host"])


def new_password(given: Given) -> None:
    for name in ("old", "new"):
        if not _PASSWORD.fullmatch(given[name]):
            raise InvalidValue(f"update_pwd: {name} is not 1 to 8 letters, digits or underscores")


def some_host_name(given: Given) -> None:
    _host_name("set_hostname", "hostname", given["hostname"])


def log_target(given: Given) -> None:
    _address("load_log", "ip", given["ip"])


def some_pools(given: Given) -> None:
    for place in (1, 2, 3):
        pool = given.get(f"pool{place}")
        if pool is not None and not _POOL.fullmatch(pool):
            raise InvalidValue(f"update_pools: pool{place} is no pool address")


def _one_form(command: str, given: Given, alone: str, together: tuple[str, ...]) -> None:
    named = [name for name in together if name in given]
    if alone in given and not named:
        return
    missing = [name for name in together if name not in given]
    if alone in given or missing:
        raise InvalidValue(f"{command}: it takes either {alone}, or all of {', '.join(together)}")


def _address(command: str, name: str, value: str) -> None:
    try:
        IPv4Address(value)
    except ValueError:
        raise InvalidValue(f"{command}: {name} {value[:60]!r} is no IPv4 address") from None


def _host_name(command: str, name: str, value: str) -> None:
    if not _HOST_NAME.fullmatch(value):
        raise InvalidValue(f"{command}: {name} {value[:60]!r} is no host name")
