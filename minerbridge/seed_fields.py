"""Readings in the field names of the Net Stabilization API: kW and GH/s. Pure."""

from __future__ import annotations

from typing import Any

from minerbridge.miners.worker import MinerWorker
from minerbridge.model import Board, MinerProfile, MinerReading, Pool
from minerbridge.model_fleet import FleetConfig
from minerbridge.settings import Settings

_GIGA = 1e9
_FIRMWARE_TYPES = {"antminer": "stock", "vnish": "vnish"}


def miner_row(
    worker: MinerWorker, profile: MinerProfile | None, reading: MinerReading | None, name: str
) -> dict[str, Any]:
    """Return one row of `miners`: power is measured, or null with the estimate beside it."""
    device_id = profile.miner_id if profile else worker.plan.miner_id
    rated_w = worker.plan.rated_power_w or (profile.rated_power_w if profile else None)
    return {
        "miner_id": device_id,
        "name": name,
        "is_online": bool(worker.online),
        "is_mining": _mining(worker, reading),
        "power_kw": _kilo(reading.power_w if reading else None),
        "power_estimated_kw": _kilo(reading.power_estimated_w if reading else None),
        "rated_power_kw": _kilo(rated_w),
        "target_power_kw": None,
        "last_update": reading.at if reading else None,
        "error": worker.counters.last_error,
    }


def discovered_row(
    worker: MinerWorker, profile: MinerProfile | None, reading: MinerReading | None
) -> dict[str, Any]:
    """Return one row of `discovery/miners`."""
    rated_w = worker.plan.rated_power_w or (profile.rated_power_w if profile else None)
    active = next((pool for pool in reading.pools if pool.is_active), None) if reading else None
    return {
        "id": profile.miner_id if profile else worker.plan.miner_id,
        "ip": worker.plan.host,
        "port": worker.plan.rpc_port,
        "model": profile.model if profile else None,
        "type": "asic",
        "firmware_type": _FIRMWARE_TYPES.get(profile.family, "unknown") if profile else "unknown",
        "firmware_version": profile.firmware if profile else None,
        "is_online": bool(worker.online),
        "is_mining": _mining(worker, reading),
        "hashrate_ghs": _scaled(reading.hashrate_hs if reading else None, _GIGA),
        "power_watts": reading.power_w if reading else None,
        "power_kw": _kilo(reading.power_w if reading else None),
        "rated_power_watts": rated_w,
        "rated_power_kw": _kilo(rated_w),
        "temperature_c": reading.chip_temperature_c if reading else None,
        "fan_speed_pct": reading.details.get("fan_percent") if reading else None,
        "power_mode": _power_mode(reading),
        "pool_url": active.url if active else None,
        "uptime_seconds": reading.uptime_s if reading else None,
        "last_seen": worker.counters.last_good_at,
        "consecutive_failures": worker.failures_in_row,
    }


def details(
    profile: MinerProfile, reading: MinerReading, raw: dict[str, Any], *, with_users: bool
) -> dict[str, Any]:
    """Return `miner/details`: the seed's fields, null where the family has none."""
    config = raw.get("config") or {}
    return {
        "ip": reading.ip_address or profile.ip_address,
        "status": raw.get("status") or {},
        "system": {
            "minertype": profile.model,
            "hostname": reading.hostname,
            "macaddr": profile.mac_address,
            "ipaddress": reading.ip_address or profile.ip_address,
            "firmware_version": profile.firmware,
            "uptime": _duration(reading.uptime_s),
        },
        "config": {
            "frequency": _first(config, "bitmain-freq", "frequency"),
            "voltage": _first(config, "bitmain-voltage", "voltage"),
            "fan_ctrl": _first(config, "bitmain-fan-ctrl", "fan_ctrl"),
            "fan_pwm": _first(config, "bitmain-fan-pwm", "fan_pwm"),
            "target_temp": _first(config, "target_temp"),
            "shutdown_temp": _first(config, "tempoff", "shutdown_temp"),
            "asicboost": _first(config, "asicboost"),
        },
        "boards": [_board(_number(profile, board), board) for board in reading.boards],
        "pools": [_pool(pool, with_users=with_users) for pool in reading.pools],
        "shares": {
            "accepted": reading.shares_accepted,
            "rejected": reading.shares_rejected,
            "stale": reading.shares_stale,
            "hw_errors": reading.hardware_errors,
            "reject_rate": _rounded(reading.reject_rate_percent),
        },
        "summary": {
            "elapsed": reading.uptime_s,
            "hashrate_ghs_5s": _scaled(reading.hashrate_hs, _GIGA),
            "hashrate_ghs_avg": _scaled(reading.hashrate_average_hs, _GIGA),
            "frequency_mhz": reading.frequency_mhz,
            "fans": [{"id": n, "rpm": rpm} for n, rpm in enumerate(reading.fan_speeds_rpm, 1)],
        },
    }


def config(settings: Settings, changed: FleetConfig) -> dict[str, Any]:
    """Return the five names of the seed's configuration, as they hold now."""
    fleet = settings.fleet
    by_priority = sorted(settings.miners, key=lambda miner: -miner.priority)
    held: dict[str, Any] = {
        "rated_power_kw_override": fleet.rated_power_kw_override,
        "power_distribution_strategy": fleet.power_distribution_strategy,
        "miner_priority": [miner.id for miner in by_priority if miner.priority],
        "max_power_change_rate_kw_per_sec": fleet.max_power_change_rate_kw_per_sec,
        "min_miner_power_percent": fleet.min_miner_power_percent,
    }
    return {name: _or(getattr(changed, name), value) for name, value in held.items()}


def _or(changed: Any, value: Any) -> Any:
    return value if changed is None else changed


def _number(profile: MinerProfile, board: Board) -> int | None:
    """Return the board's number as everywhere else: it stays when another board vanishes."""
    slots = profile.board_slots
    return slots.index(board.slot) + 1 if board.slot in slots else None


def _board(number: int | None, board: Board) -> dict[str, Any]:
    return {
        "id": number,
        "hashrate_ghs": _scaled(board.hashrate_hs, _GIGA),
        "chip_temp": board.chip_temperature_c,
        "pcb_temp": board.board_temperature_c,
        "power_watts": board.power_w,
        "frequency_mhz": board.frequency_mhz,
        "chips_total": board.chips_expected,
        "chips_ok": board.chips,
        "status": board.status,
    }


def _pool(pool: Pool, *, with_users: bool) -> dict[str, Any]:
    return {
        "id": pool.slot,
        "url": pool.url,
        "worker": pool.user if with_users else None,
        "status": pool.status,
        "accepted": pool.accepted,
        "rejected": pool.rejected,
        "stratum_active": pool.is_active,
    }


def _mining(worker: MinerWorker, reading: MinerReading | None) -> bool | None:
    return reading.is_mining if reading is not None and worker.online else None


def _power_mode(reading: MinerReading | None) -> str | None:
    if reading is None or reading.status == "unknown":
        return None
    return "sleep" if reading.status in ("sleeping", "stopped") else "normal"


def _kilo(value_w: float | None) -> float | None:
    return _scaled(value_w, 1000.0, 3)


def _scaled(value: float | None, divisor: float, digits: int = 2) -> float | None:
    return None if value is None else round(value / divisor, digits)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _first(mapping: dict[str, Any], *names: str) -> Any:
    return next((mapping[name] for name in names if name in mapping), None)


def _duration(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    days, rest = divmod(int(seconds), 86_400)
    return f"{days}d {rest // 3600:02d}:{rest % 3600 // 60:02d}:{rest % 60:02d}"
