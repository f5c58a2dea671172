"""THE TABLE: one row is one entity, announced, published and commanded by the same words."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cache, partial
from typing import Any, get_args

from minerbridge.model import Board, MinerProfile, MinerReading, Parameter, Pool, Status
from minerbridge.mqtt.entity import (
    CELSIUS,
    COUNTED,
    DIAGNOSTIC,
    MEASURED,
    MEGAHERTZ,
    ONE_DECIMAL,
    RARE,
    WATTS,
    Control,
    Entity,
    button,
    command_switch,
    decimals,
    field,
    number,
    select,
    sensor,
    switch_text,
    timestamp,
    whole,
    words,
)

UPTIME_HOLD_S = 60
MAX_GPUS = 16

# -- what values are ---------------------------------------------------------------------------


def active_pool(reading: MinerReading) -> Pool | None:
    """Return the pool that is mined on; None when none says so."""
    return next((pool for pool in reading.pools if pool.is_active), None)


def _pool_url(reading: MinerReading) -> str | None:
    pool = active_pool(reading)
    return pool.url if pool else None


def _pool_status(reading: MinerReading) -> str | None:
    pool = active_pool(reading) or next(iter(reading.pools), None)
    return pool.status if pool else None


def _started_at(reading: MinerReading) -> datetime | None:
    if reading.uptime_s is None:
        return None
    return reading.at - timedelta(seconds=reading.uptime_s)


def _is_on(reading: MinerReading) -> bool | None:
    """Whether the device is neither stopped nor asleep; whether it hashes is another matter."""
    return None if reading.status == "unknown" else reading.status not in ("stopped", "sleeping")


def _has_problem(reading: MinerReading) -> bool | None:
    if reading.errors or reading.status == "error":
        return True
    return None if reading.status == "unknown" else False


def _errors(reading: MinerReading) -> str:
    return "; ".join(f"{fault.code}: {fault.message}" for fault in reading.errors) or "none"


def _detail(key: str) -> Callable[[MinerReading], Any]:
    return lambda reading: reading.details.get(key)


def _power(reading: MinerReading) -> float | None:
    return reading.power_estimated_w if reading.power_w is None else reading.power_w


def _config(row: Entity) -> Entity:
    """Return *row* as a setting rather than a control of every day."""
    return dataclasses.replace(row, traits={**row.traits, "entity_category": "config"})


def _rare(row: Entity) -> Entity:
    """Return *row* as a setting that Home Assistant shows only to those who ask for it."""
    traits = {**row.traits, "entity_category": "config", "enabled_by_default": False}
    return dataclasses.replace(row, traits=traits)


def _setting(
    key: str, name: str, command: str, sent: str, reported: str, icon: str, **traits: Any
) -> Entity:
    """Return the row of a rare number: *sent* is the parameter of *command*, *reported* a detail."""

    def parameter(profile: MinerProfile) -> Parameter:
        return profile.commands[command].parameters[0]

    def ranges(profile: MinerProfile) -> dict[str, Any]:
        return {"min": parameter(profile).minimum, "max": parameter(profile).maximum, "step": 1}

    return _rare(Entity(
        "number", key, name, _detail(reported), whole, lambda profile: command in profile.commands,
        {"icon": icon, "mode": "box", **traits},
        Control(lambda payload: (command, {sent: payload.strip()}), ranges),
    ))  # fmt: skip


def _frequency_range(profile: MinerProfile) -> dict[str, Any]:
    frequency = profile.commands["set_frequency"].parameters[0]
    return {"min": frequency.minimum, "max": frequency.maximum, "step": frequency.step}


def _special(key: str, name: str, report: str, *more: Any, **traits: Any) -> Entity:
    """Return the row of a value that is no field of every reading: its family reports it so."""
    return sensor(key, name, report, *more, **traits)


def _gpu_temperature(number: int) -> Entity:
    """Return the row of one graphics card, counted from 1."""

    def temperature(reading: MinerReading) -> float | None:
        gpus = reading.gpus
        return gpus[number - 1].get("temperature_c") if number <= len(gpus) else None

    return _special(
        f"gpu_{number}_temperature", f"GPU {number} temperature", f"gpu_{number}_temperature_c",
        ONE_DECIMAL, CELSIUS, value=temperature,
    )  # fmt: skip


# -- the rows ----------------------------------------------------------------------------------

MINER_ENTITIES: tuple[Entity, ...] = (
    sensor("power", "Power", "power_w", whole, WATTS, MEASURED),
    sensor(
        "energy", "Energy", "energy_kwh", decimals(2), COUNTED,
        device_class="energy", unit_of_measurement="kWh", suggested_display_precision=2,
    ),
    sensor(
        "efficiency", "Efficiency", "efficiency_j_per_th", ONE_DECIMAL, MEASURED,
        unit_of_measurement="J/TH", icon="mdi:leaf",
    ),
    sensor(
        "temperature", "Temperature", ("chip_temperature_c", "board_temperature_c"), ONE_DECIMAL, CELSIUS,
        value=lambda r: r.board_temperature_c if r.chip_temperature_c is None
        else r.chip_temperature_c,
    ),
    sensor(
        "board_temperature", "Board temperature", "board_temperature_c", ONE_DECIMAL, CELSIUS,
        DIAGNOSTIC,
    ),
    sensor("ambient_temperature", "Ambient temperature", "ambient_temperature_c", ONE_DECIMAL, CELSIUS),
    sensor("frequency", "Frequency", "frequency_mhz", whole, MEGAHERTZ, DIAGNOSTIC),
    sensor(
        "voltage", "Voltage", "voltage_v", decimals(2), MEASURED, RARE,
        device_class="voltage", unit_of_measurement="V",
    ),
    sensor("shares_accepted", "Accepted shares", "shares_accepted", whole, COUNTED, icon="mdi:check"),
    sensor("shares_rejected", "Rejected shares", "shares_rejected", whole, COUNTED, icon="mdi:close"),
    sensor("shares_stale", "Stale shares", "shares_stale", whole, COUNTED, RARE, icon="mdi:clock-alert"),
    sensor(
        "reject_rate", "Reject rate", "reject_rate_percent", decimals(2), MEASURED, DIAGNOSTIC,
        unit_of_measurement="%", icon="mdi:percent",
    ),
    sensor(
        "hardware_errors", "Hardware errors", "hardware_errors", whole, COUNTED, DIAGNOSTIC,
        icon="mdi:memory",
    ),
    sensor("pool_url", "Pool", "pools", words, DIAGNOSTIC, value=_pool_url, icon="mdi:server-network"),
    sensor(
        "pool_status", "Pool status", "pools", words, DIAGNOSTIC, value=_pool_status,
        icon="mdi:lan-connect",
    ),
    Entity(
        "sensor", "uptime", "Uptime", _started_at, timestamp, lambda p: "uptime_s" in p.reports,
        {"device_class": "timestamp", **DIAGNOSTIC}, hold_s=UPTIME_HOLD_S,
    ),
    sensor(
        "status", "Status", "status", words, device_class="enum",
        options=list(get_args(Status)), icon="mdi:state-machine",
    ),
    sensor("errors", "Errors", "status", words, DIAGNOSTIC, value=_errors, icon="mdi:alert-circle"),
    sensor("power_limit", "Power limit", "power_limit_w", whole, WATTS, DIAGNOSTIC, unless="power_limit"),
    sensor(
        "power_mode", "Power mode", "power_mode", words, DIAGNOSTIC, unless="power_mode",
        icon="mdi:speedometer",
    ),
    Entity(
        "binary_sensor", "problem", "Problem", _has_problem, switch_text, lambda _: True,
        {"device_class": "problem", **DIAGNOSTIC},
    ),
    command_switch("power", "Power", _is_on, ("start", {}), ("stop", {}), "mdi:pickaxe"),
    command_switch(
        "led", "Locate LED", field("led_on"), ("led", {"enabled": True}),
        ("led", {"enabled": False}), "mdi:led-on",
    ),
    _config(command_switch(
        "dispatch", "Takes part in dispatch", _detail("dispatch"), ("dispatch", {"enabled": True}),
        ("dispatch", {"enabled": False}), "mdi:transmission-tower",
    )),
    Entity(
        "binary_sensor", "reporting", "Reports to the rig monitor", _detail("reporting"), switch_text,
        lambda profile: "rig_monitor" in profile.reports,
        {"device_class": "connectivity", **DIAGNOSTIC},
    ),
    _special(
        "expected_status", "Expected by the rig monitor", "rig_monitor", words,
        value=_detail("expected_status"), device_class="enum", options=["on", "off"],
        icon="mdi:clipboard-check-outline",
    ),
    number("power_limit", "Power limit", "power_limit_w", WATTS, "mdi:lightning-bolt"),
    number("power_percent", "Power percent", "power_percent", {"unit_of_measurement": "%"}, "mdi:percent"),
    Entity(
        "number", "frequency", "Frequency", field("frequency_mhz"), whole,
        lambda profile: "set_frequency" in profile.commands,
        {
            "device_class": "frequency", "unit_of_measurement": "MHz", "icon": "mdi:sine-wave",
            "mode": "box",
        },
        Control(lambda payload: ("set_frequency", {"frequency_mhz": payload.strip()}), _frequency_range),
    ),
    select("power_mode", "Power mode", "mode", field("power_mode"), "mdi:speedometer"),
    _special(
        "ping", "Pool ping", "ping_ms", whole, MEASURED, DIAGNOSTIC, value=_detail("ping_ms"),
        unit_of_measurement="ms", icon="mdi:lan-pending",
    ),
    _special(
        "cpu_temperature", "CPU temperature", "cpu_temperature_c", ONE_DECIMAL, CELSIUS,
        value=lambda r: r.cpu.get("temperature_c"),
    ),
    _special(
        "cpu_load", "CPU load", "cpu_usage_percent", ONE_DECIMAL, MEASURED, DIAGNOSTIC,
        value=lambda r: r.cpu.get("usage_percent"), unit_of_measurement="%", icon="mdi:cpu-64-bit",
    ),
    *(_gpu_temperature(number) for number in range(1, MAX_GPUS + 1)),
    select("profile", "Mining profile", "profile", _detail("profile"), "mdi:text-box-check"),
    select(
        "pool_profile", "Pool profile", "profile", lambda r: r.details.get("pool_profile"),
        "mdi:server-network",
    ),
    _rare(command_switch(
        "fast_boot", "Fast boot", _detail("fast_boot"), ("enable_btminer_fast_boot", {}),
        ("disable_btminer_fast_boot", {}), "mdi:rocket-launch",
    )),
    _rare(command_switch(
        "fast_mining", "Hash while tuning", _detail("fast_mining"),
        ("set_fast_mining", {"fast_mining": True}), ("set_fast_mining", {"fast_mining": False}),
        "mdi:fast-forward",
    )),
    _setting(
        "target_frequency", "Target frequency", "set_target_freq", "percent", "target_frequency_percent", "mdi:sine-wave",
        unit_of_measurement="%",
    ),
    _setting(
        "clock_offset", "Clock offset", "clock_offset", "offset_mhz", "clock_offset_mhz", "mdi:sine-wave",
        unit_of_measurement="MHz",
    ),
    _setting("tuning_speed", "Tuning speed", "adjust_upfreq_speed", "upfreq_speed", "upfreq_speed", "mdi:speedometer-slow"),
    _rare(button("restore_power_pct", "Restore power", icon="mdi:backup-restore")),
    _rare(button("power_limit_default", "Default power limit", icon="mdi:backup-restore")),
    button("restart", "Restart mining", device_class="restart", entity_category="config"),
    button("reboot", "Reboot", device_class="restart", entity_category="config"),
)  # fmt: skip


@cache
def estimated_power() -> Entity:
    """Return the power row of a miner that measures none: labelled for what it is."""
    return sensor(
        "power", "Power (estimated)", "power_estimated_w", whole, WATTS, MEASURED, value=_power
    )


@cache
def hashrate_rows(unit: str, scale: float) -> tuple[Entity, ...]:
    """Return the hashrate rows in the unit that the miner's algorithm is counted in."""
    traits = {"unit_of_measurement": unit, "icon": "mdi:pickaxe", "suggested_display_precision": 2}
    two = decimals(2)

    def scaled(name: str) -> Callable[[MinerReading], float | None]:
        return lambda r: None if getattr(r, name) is None else getattr(r, name) / scale

    return (
        sensor("hashrate", "Hashrate", "hashrate_hs", two, MEASURED, traits, value=scaled("hashrate_hs")),
        sensor(
            "hashrate_average", "Average hashrate", "hashrate_average_hs", two, MEASURED, traits,
            DIAGNOSTIC, value=scaled("hashrate_average_hs"),
        ),
    )  # fmt: skip


@cache
def fan_row(number: int) -> Entity:
    """Return the row of one fan, counted from 1."""

    def speed(reading: MinerReading) -> int | None:
        speeds = reading.fan_speeds_rpm
        return speeds[number - 1] if number <= len(speeds) else None

    return Entity(
        "sensor", f"fan_{number}_speed", f"Fan {number} speed", speed, whole, lambda _: True,
        {"unit_of_measurement": "rpm", "icon": "mdi:fan", **MEASURED, **DIAGNOSTIC},
    )  # fmt: skip


@cache
def board_rows(number: int, slot: int, unit: str, scale: float) -> tuple[Entity, ...]:
    """Return the rows of one hashboard: *number* counts from 1, *slot* is the device's own."""
    hashrate = {"unit_of_measurement": unit, "icon": "mdi:developer-board", **MEASURED}
    rows: tuple[tuple[str, str, str, Callable[[Any], str], Mapping[str, Any], float], ...] = (
        ("hashrate", "hashrate", "hashrate_hs", decimals(2), hashrate, scale),
        ("temperature", "temperature", "board_temperature_c", ONE_DECIMAL, {**CELSIUS, **RARE}, 1),
        ("chip_temperature", "chip temperature", "chip_temperature_c", ONE_DECIMAL, CELSIUS, 1),
        ("frequency", "frequency", "frequency_mhz", whole, {**MEGAHERTZ, **RARE}, 1),
        ("chips", "chips", "chips", whole, {"icon": "mdi:chip", **MEASURED, **RARE}, 1),
    )  # fmt: skip
    return tuple(
        Entity(
            "sensor", f"board_{number}_{key}", f"Board {number} {name}",
            _board_value(slot, attribute, divisor), text,
            partial(_board_reports, attribute),
            {**DIAGNOSTIC, **traits},
        )
        for key, name, attribute, text, traits, divisor in rows
    )  # fmt: skip


def _board_reports(attribute: str, profile: MinerProfile) -> bool:
    return attribute in profile.board_reports


def _board_value(
    slot: int, attribute: str, divisor: float
) -> Callable[[MinerReading], float | None]:
    def value(reading: MinerReading) -> float | None:
        board: Board | None = next((b for b in reading.boards if b.slot == slot), None)
        found = getattr(board, attribute) if board else None
        return None if found is None else found / divisor if divisor != 1 else found

    return value
