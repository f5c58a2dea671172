"""What a row of the table is, and how rows are written."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from minerbridge.errors import InvalidValue
from minerbridge.model import EMPTY, MinerProfile, MinerReading, Parameter

#: Home Assistant's word for "unknown"; an empty state would be ignored.
NOT_REPORTED = "None"
MAX_STATE_LENGTH = 255
UNLIMITED = 1_000_000
Request = tuple[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Control:
    """What a payload on `/set` means: a command's name and its parameters."""

    decode: Callable[[str], Request]
    ranges: Callable[[MinerProfile], Mapping[str, Any]] = lambda _: EMPTY


@dataclass(frozen=True, slots=True)
class Entity:
    """One row. *text* rounds the value as Home Assistant is to see it."""

    platform: str
    key: str
    name: str
    value: Callable[[MinerReading], Any]
    text: Callable[[Any], str]
    is_supported: Callable[[MinerProfile], bool]
    traits: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    control: Control | None = None
    hold_s: float = 0

    @property
    def component(self) -> str:
        return f"{self.platform}_{self.key}"

    def state(self, reading: MinerReading) -> str:
        value = self.value(reading)
        if value is None or (isinstance(value, float) and not math.isfinite(value)):
            return NOT_REPORTED
        return self.text(value)


# -- how values are written --------------------------------------------------------------------


def whole(value: float) -> str:
    return str(round(value))


def decimals(digits: int) -> Callable[[float], str]:
    return lambda value: f"{value:.{digits}f}".replace("-" + f"{0:.{digits}f}", f"{0:.{digits}f}")


def switch_text(value: bool) -> str:
    return "ON" if value else "OFF"


def words(value: Any) -> str:
    return str(value)[:MAX_STATE_LENGTH]


def timestamp(value: datetime) -> str:
    return value.isoformat(timespec="seconds")


# -- how rows are written ----------------------------------------------------------------------

MEASURED = {"state_class": "measurement"}
COUNTED = {"state_class": "total_increasing"}
WATTS = {"device_class": "power", "unit_of_measurement": "W"}
CELSIUS = {
    "device_class": "temperature",
    "unit_of_measurement": "°C",
    "suggested_display_precision": 1,
    **MEASURED,
}
MEGAHERTZ = {"device_class": "frequency", "unit_of_measurement": "MHz", **MEASURED}
DIAGNOSTIC = {"entity_category": "diagnostic"}
RARE = {"enabled_by_default": False, **DIAGNOSTIC}
ONE_DECIMAL = decimals(1)


def field(name: str) -> Callable[[MinerReading], Any]:
    return lambda reading: getattr(reading, name)


def sensor(
    key: str,
    name: str,
    reported: str | tuple[str, ...],
    text: Callable[[Any], str],
    *traits: Mapping[str, Any],
    value: Callable[[MinerReading], Any] | None = None,
    unless: str = "",
    **more: Any,
) -> Entity:
    """Return the row of a reported value; the command *unless* makes it a control instead."""
    fields = (reported,) if isinstance(reported, str) else reported
    return Entity(
        "sensor",
        key,
        name,
        value or field(fields[0]),
        text,
        lambda profile: bool(profile.reports & set(fields)) and unless not in profile.commands,
        {k: v for trait in traits for k, v in trait.items()} | more,
    )


def command_switch(
    key: str, name: str, value: Callable[[MinerReading], Any], on: Request, off: Request, icon: str
) -> Entity:
    def decode(payload: str) -> Request:
        requests = {"ON": on, "OFF": off}
        try:
            return requests[payload.strip().upper()]
        except KeyError:
            raise InvalidValue(f"{payload[:60]!r} is not ON or OFF") from None

    names = {on[0], off[0]}
    return Entity(
        "switch", key, name, value, switch_text, lambda p: names <= set(p.commands), {"icon": icon},
        Control(decode),
    )  # fmt: skip


def _parameter(profile: MinerProfile, command: str) -> Parameter:
    return profile.commands[command].parameters[0]


def number(key: str, name: str, reported: str, unit: Mapping[str, Any], icon: str) -> Entity:
    """Return the row of a set-point whose command of the same name takes one number."""

    def ranges(profile: MinerProfile) -> dict[str, Any]:
        parameter = _parameter(profile, key)
        # Left out, Home Assistant would take 1 to 100.
        return {
            "min": 0 if parameter.minimum is None else parameter.minimum,
            "max": UNLIMITED if parameter.maximum is None else parameter.maximum,
            "step": parameter.step or 1,
        }

    return Entity(
        "number", key, name, field(reported), whole, lambda p: key in p.commands,
        {"icon": icon, "mode": "box", **unit},
        Control(lambda payload: (key, {reported: payload.strip()}), ranges),
    )  # fmt: skip


def select(
    key: str, name: str, parameter: str, value: Callable[[MinerReading], Any], icon: str
) -> Entity:
    """Return the row of a choice whose command of the same name takes one of a list."""
    return Entity(
        "select", key, name, value, words,
        lambda p: key in p.commands and bool(_parameter(p, key).choices), {"icon": icon},
        Control(
            lambda payload: (key, {parameter: payload.strip()}),
            lambda profile: {"options": list(_parameter(profile, key).choices)},
        ),
    )  # fmt: skip


def button(key: str, name: str, **traits: Any) -> Entity:
    def decode(payload: str) -> Request:
        if payload.strip().upper() != "PRESS":
            raise InvalidValue(f"{payload[:60]!r} is not PRESS")
        return key, {}

    return Entity(
        "button", key, name, lambda _: None, words, lambda p: key in p.commands, traits,
        Control(decode),
    )  # fmt: skip
