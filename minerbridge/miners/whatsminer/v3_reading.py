"""From the replies of port 4433 to the fields of a reading; hashrates are in TH/s here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minerbridge.miners.rpc_decode import integer, number
from minerbridge.miners.rpc_fields import (
    count,
    fan_rpm,
    hottest_c,
    items,
    mac_address,
    positive,
    temperature_c,
    text,
)
from minerbridge.miners.whatsminer import error_codes
from minerbridge.miners.whatsminer.reading import fans, flag, led_on
from minerbridge.miners.whatsminer.state import decide
from minerbridge.model import Board, Pool

Fields = dict[str, Any]
_TERA = 1e12


def reading_fields(told: Mapping[str, Any]) -> Fields:
    """Return the fields of a `MinerReading` from the parts of device info, status and settings."""
    summary, miner, setting = (_part(told, name) for name in ("summary", "miner", "setting"))
    now_hs = _hs(summary.get("hash-realtime"))
    power_w = number(summary.get("power-realtime"))
    limit_w = positive(miner.get("power-limit-set")) or positive(setting.get("power-limit"))
    limit_w = limit_w or positive(summary.get("power-limit"))
    faults = error_codes.faults(told.get("error-code"))
    working, is_tuned = flag(miner.get("working")), flag(summary.get("up-freq-finish"))
    elapsed_s = number(summary.get("elapsed"))
    state, is_mining = decide(
        now_hs, power_w, limit_w, is_off=None if working is None else not working,
        is_tuned=is_tuned, elapsed_s=elapsed_s, has_faults=bool(faults),
    )  # fmt: skip
    boards = read_boards(told, summary)
    return {
        **_identity(told),
        "status": state,
        "is_mining": is_mining,
        "hashrate_hs": 0.0 if state == "stopped" else now_hs,
        "hashrate_average_hs": _hs(summary.get("hash-average")),
        "power_w": power_w if power_w is not None and power_w >= 0 else None,
        "power_limit_w": limit_w,
        # 0 is how "no percentage set" is told.
        "power_percent": positive(setting.get("power-percent")),
        "power_mode": _mode(setting.get("power-mode")),
        "chip_temperature_c": temperature_c(summary.get("chip-temp-max")),
        "board_temperature_c": hottest_c(board.board_temperature_c for board in boards),
        "ambient_temperature_c": number(summary.get("environment-temperature")),
        "frequency_mhz": positive(summary.get("freq-avg")),
        "fan_speeds_rpm": fans(summary.get("fan-speed-in"), summary.get("fan-speed-out")),
        "boards": boards,
        "pools": read_pools(told),
        "uptime_s": elapsed_s,
        "errors": faults,
        "led_on": led_on(_part(told, "system").get("ledstatus")),
        "details": _details(told, is_off=None if working is None else not working),
    }


def _identity(told: Mapping[str, Any]) -> Fields:
    miner, network = _part(told, "miner"), _part(told, "network")
    return {
        "model": text(miner.get("type")),
        "firmware": text(_part(told, "system").get("fwversion")),
        "mac_address": mac_address(network.get("mac")),
        "serial_number": text(miner.get("miner-sn")),
        "hostname": text(network.get("hostname")),
    }


def read_boards(told: Mapping[str, Any], summary: Mapping[str, Any]) -> tuple[Board, ...]:
    """Return the boards; their temperatures are a list in the summary, their serials in `miner`."""
    temperatures = summary.get("board-temperature")
    by_place = temperatures if isinstance(temperatures, list) else []
    miner = _part(told, "miner")
    found = []
    for place, one in enumerate(items(told, "edevs")):
        slot = integer(one.get("slot", one.get("id")))
        slot = place if slot is None else slot
        rate_hs = _hs(one.get("hash-realtime"))
        found.append(
            Board(
                slot=slot,
                hashrate_hs=_hs(one.get("hash-average")) if rate_hs is None else rate_hs,
                chip_temperature_c=temperature_c(one.get("chip-temp-max")),
                board_temperature_c=temperature_c(by_place[place])
                if place < len(by_place)
                else None,
                frequency_mhz=positive(one.get("freq")),
                chips=count(one.get("effective-chips")),
                status=text(one.get("status")),
                serial_number=text(miner.get(f"pcbsn{slot}")),
            )
        )
    return tuple(found)


def read_pools(told: Mapping[str, Any]) -> tuple[Pool, ...]:
    return tuple(
        Pool(
            slot=place,
            url=text(one.get("url")),
            user=text(one.get("account")),
            status=text(one.get("status")),
            is_active=flag(one.get("stratum-active")),
        )
        for place, one in enumerate(items(told, "pools"))
    )


def _details(told: Mapping[str, Any], *, is_off: bool | None) -> Fields:
    summary, miner, setting = (_part(told, name) for name in ("summary", "miner", "setting"))
    power = _part(told, "power")
    limit, factory_hs = miner.get("power-limit-set"), _hs(summary.get("factory-hash"))
    found = {
        "api_version": text(_part(told, "system").get("api")),
        "is_switched_off": is_off,
        "is_tuned": flag(summary.get("up-freq-finish")),
        "system_uptime_s": number(summary.get("bootup-time")),
        "factory_hashrate_hs": factory_hs,
        "fast_boot": flag(miner.get("fast-boot", setting.get("fast-boot"))),
        "fast_mining": flag(setting.get("fast-hash")),
        "target_frequency_percent": number(miner.get("hash-percent")),
        "upfreq_speed": integer(setting.get("upfreq-speed")),
        "power_limit_is_default": None if limit is None else not positive(limit),
        "liquid_temperature_c": temperature_c(power.get("liquid-temperature")),
        "writes_enabled": flag(_part(told, "system").get("apiswitch")),
        "psu_model": text(power.get("model")),
        "psu_serial_number": text(power.get("sn")),
        "psu_input_voltage_v": positive(power.get("vin")),
        "psu_input_current_a": positive(power.get("iin")),
        "psu_input_power_w": positive(power.get("pin")),
        "psu_temperature_c": temperature_c(power.get("temp0")),
        "psu_fan_rpm": fan_rpm(power.get("fanspeed")) or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _part(told: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = told.get(name)
    return found if isinstance(found, dict) else {}


def _hs(value: object) -> float | None:
    found = number(value)
    return found * _TERA if found is not None and found >= 0 else None


def _mode(told: object) -> str | None:
    found = text(told)
    return found.lower() if found else None
