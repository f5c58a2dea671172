"""THE TABLE of the fleet device: what Home Assistant sees of all miners together, and sets."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, get_args

from minerbridge.errors import InvalidValue
from minerbridge.model_fleet import (
    ControlMode,
    FleetConfig,
    FleetRequest,
    FleetState,
    FleetStatus,
    OrderRequest,
    OverrideRequest,
    Strategy,
)
from minerbridge.mqtt.entity import DIAGNOSTIC, MEASURED, NOT_REPORTED, decimals, switch_text, words

SOURCE: Final = "home_assistant"
MAX_SHOWN = 60
KILOWATTS = {"device_class": "power", "unit_of_measurement": "kW", "suggested_display_precision": 2}
_TWO = decimals(2)
_TERA = 1e12


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a payload is decoded with. *override_power_w*: the power last set for an override."""

    id: str
    status: FleetStatus | None = None
    override_power_w: float | None = None
    #: Whether an override is in force, by the last switch where no status tells of it yet.
    override_active: bool = False


Decode = Callable[[str, Circumstances], FleetRequest]


@dataclass(frozen=True, slots=True)
class FleetRow:
    """One row. *text* None: a button. *is_power*: it takes 0 up to the rated power."""

    platform: str
    key: str
    name: str
    text: Callable[[FleetStatus], str] | None
    traits: Mapping[str, Any] = field(default_factory=dict)
    decode: Decode | None = None
    is_power: bool = False

    @property
    def component(self) -> str:
        return f"{self.platform}_{self.key}"


# -- how values are written --------------------------------------------------------------------


def _scaled(name: str, divisor: float) -> Callable[[FleetStatus], str]:
    def text(status: FleetStatus) -> str:
        value = getattr(status, name)
        known = value is not None and math.isfinite(value)
        return _TWO(value / divisor) if known else NOT_REPORTED

    return text


def _kilo(name: str) -> Callable[[FleetStatus], str]:
    return _scaled(name, 1000.0)


def _words(name: str) -> Callable[[FleetStatus], str]:
    return lambda status: words(getattr(status, name))


def _compliant(status: FleetStatus) -> str:
    is_so = status.dispatch.compliant
    return NOT_REPORTED if is_so is None else switch_text(is_so)


def _errors(status: FleetStatus) -> str:
    return words("; ".join(status.errors) or "none")


# -- what payloads mean ------------------------------------------------------------------------


def _power_w(payload: str) -> float:
    """Return watts; Home Assistant's number is kW."""
    try:
        power_w = float(payload) * 1000.0
    except ValueError:
        raise InvalidValue(f"{payload[:MAX_SHOWN]!r} is not a number of kW") from None
    if not 0 <= power_w < math.inf:
        raise InvalidValue(f"{payload[:MAX_SHOWN]!r} is not a power of 0 kW or more")
    return power_w


def _target(payload: str, now: Circumstances) -> FleetRequest:
    """Order a power; the end of the slider, a whole number above the rating, is all there is."""
    power_w = _power_w(payload)
    rated_w = now.status.rated_power_w if now.status is not None else 0.0
    if rated_w < power_w <= 1000.0 * max(1, math.ceil(rated_w / 1000.0)):
        power_w = rated_w
    return OrderRequest("activate", now.id, power_w, source=SOURCE)


def _stop(payload: str, now: Circumstances) -> FleetRequest:
    if payload.strip().upper() != "PRESS":
        raise InvalidValue(f"{payload[:MAX_SHOWN]!r} is not PRESS")
    return OrderRequest("deactivate", now.id, source=SOURCE)


def _override(payload: str, now: Circumstances) -> FleetRequest:
    match payload.strip().upper():
        case "ON":
            return OverrideRequest(True, _override_power_w(now), SOURCE, now.id)
        case "OFF":
            return OverrideRequest(False, None, SOURCE, now.id)
        case _:
            raise InvalidValue(f"{payload[:MAX_SHOWN]!r} is not ON or OFF")


def _override_power_w(now: Circumstances) -> float | None:
    """Return the power to override with: as set before, else what is drawn at present.

    Switching on alone shall change nothing that nobody asked for, above all not stop everything.
    """
    status = now.status
    if status is not None and status.override_active:
        return status.override_power_w
    if now.override_power_w is not None:
        return now.override_power_w
    if status is None or status.active_power_w is None:
        raise InvalidValue(
            "what the fleet draws is not known: set the override power first", code="INVALID_POWER"
        )
    return status.active_power_w


def _new_override_power(payload: str, now: Circumstances) -> FleetRequest:
    return OverrideRequest(now.override_active, _power_w(payload), SOURCE, now.id)


def _choice(setting: str, options: tuple[str, ...]) -> Decode:
    def decode(payload: str, now: Circumstances) -> FleetRequest:
        chosen = payload.strip()
        if chosen not in options:
            raise InvalidValue(f"{payload[:MAX_SHOWN]!r} is not one of {', '.join(options)}")
        changes: dict[str, Any] = {setting: chosen}
        return FleetConfig(**changes, changed=frozenset(changes), source=SOURCE, id=now.id)

    return decode


# -- the rows ----------------------------------------------------------------------------------

_MODES, _STATES, _STRATEGIES = get_args(ControlMode), get_args(FleetState), get_args(Strategy)
_TERAHASHES = {"unit_of_measurement": "TH/s", "suggested_display_precision": 2}


def _power(key: str, name: str) -> FleetRow:
    return FleetRow("sensor", key, name, _kilo(f"{key}_w"), {**KILOWATTS, **MEASURED})


def _count(key: str, name: str, counted: str, icon: str) -> FleetRow:
    return FleetRow("sensor", key, name, _words(counted), {"icon": icon, **MEASURED})


FLEET_ENTITIES: tuple[FleetRow, ...] = (
    _power("rated_power", "Rated power"),
    _power("active_power", "Active power"),
    _power("target_power", "Target power"),
    _power("allocated_power", "Allocated power"),
    FleetRow(
        "sensor", "hashrate", "Hashrate", _scaled("hashrate_hs", _TERA),
        {**_TERAHASHES, "icon": "mdi:pickaxe", **MEASURED},
    ),
    _count("miners_online", "Miners online", "online_miners", "mdi:lan-connect"),
    _count("miners_mining", "Miners mining", "mining_miners", "mdi:pickaxe"),
    FleetRow(
        "sensor", "state", "State", _words("state"),
        {"device_class": "enum", "options": list(_STATES), "icon": "mdi:state-machine"},
    ),
    FleetRow("sensor", "errors", "Errors", _errors, {"icon": "mdi:alert-circle", **DIAGNOSTIC}),
    FleetRow(
        "binary_sensor", "available", "Available for dispatch",
        lambda status: switch_text(status.is_available), {"icon": "mdi:transmission-tower"},
    ),
    FleetRow("binary_sensor", "compliant", "Compliant", _compliant, {"icon": "mdi:check-decagram"}),
    FleetRow(
        "switch", "override", "Override", lambda status: switch_text(status.override_active),
        {"icon": "mdi:hand-back-right"}, _override,
    ),
    FleetRow(
        "number", "override_power", "Override power", _kilo("override_power_w"),
        {"icon": "mdi:hand-back-right", **KILOWATTS}, _new_override_power, is_power=True,
    ),
    FleetRow(
        "number", "target_power", "Target power", _kilo("target_power_w"),
        {"icon": "mdi:target", **KILOWATTS}, _target, is_power=True,
    ),
    FleetRow(
        "select", "power_mode", "Power control mode", _words("control_mode"),
        {"icon": "mdi:speedometer", "options": list(_MODES), "entity_category": "config"},
        _choice("power_control_mode", _MODES),
    ),
    FleetRow(
        "select", "strategy", "Distribution strategy", _words("strategy"),
        {"icon": "mdi:scale-balance", "options": list(_STRATEGIES), "entity_category": "config"},
        _choice("power_distribution_strategy", _STRATEGIES),
    ),
    FleetRow("button", "stop", "Stop", None, {"icon": "mdi:stop-circle"}, _stop),
)  # fmt: skip


def fleet_rows(*, read_only: bool) -> tuple[FleetRow, ...]:
    """Return the rows that are shown; read-only, those that take nothing."""
    return tuple(row for row in FLEET_ENTITIES if row.decode is None or not read_only)
