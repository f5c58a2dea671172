"""Profiles and readings of imagined miners, whole or bare."""

import dataclasses
from datetime import UTC, datetime
from typing import Any

from minerbridge.model import (
    Board,
    CommandSpec,
    Fault,
    MinerProfile,
    MinerReading,
    Parameter,
    Pool,
)

AT = datetime(2026, 1, 20, 12, 0, tzinfo=UTC)
MAC = "02:00:00:00:00:01"
COMMANDS = {
    spec.name: spec
    for spec in (
        CommandSpec("start", topic_key="power"),
        CommandSpec("stop", topic_key="power"),
        CommandSpec("restart"),
        CommandSpec("reboot"),
        CommandSpec("reset", access="guarded"),
        CommandSpec("led", (Parameter("enabled", "boolean"),)),
        CommandSpec("power_limit", (Parameter("power_limit_w", "number", 1000, 3600, unit="W"),)),
        CommandSpec("power_percent", (Parameter("power_percent", "number", 0, 100, unit="%"),)),
        CommandSpec("power_mode", (Parameter("mode", "choice", choices=("normal", "sleep")),)),
        CommandSpec("pool_profile", (Parameter("profile", "choice", choices=("home", "away")),)),
    )
}
NOT_VALUES = {"miner_id", "at", "family", "boards", "fan_speeds_rpm", "cpu", "gpus", "details"}
BOARD_VALUES = frozenset(field.name for field in dataclasses.fields(Board)) - {"slot"}


def board(slot, **values):
    facts: dict[str, Any] = {
        "hashrate_hs": 33.3333e12,
        "chip_temperature_c": 71.26,
        "board_temperature_c": 60.04,
        "frequency_mhz": 545.4,
        "chips": 76,
        "chips_expected": 76,
    }
    return Board(slot, **facts | values)


def reading(miner_id="m", **values):
    """Everything a miner may report."""
    facts: dict[str, Any] = {
        "model": "Antminer S19",
        "firmware": "1.2.3",
        "mac_address": MAC,
        "status": "mining",
        "is_mining": True,
        "algorithm": "sha256",
        "hashrate_hs": 95.12345e12,
        "hashrate_average_hs": 94.9e12,
        "power_w": 3249.6,
        "power_limit_w": 3250.0,
        "power_percent": 100.0,
        "power_mode": "normal",
        "energy_kwh": 12.3456,
        "efficiency_j_per_th": 34.162,
        "chip_temperature_c": 71.26,
        "board_temperature_c": 60.04,
        "ambient_temperature_c": 24.95,
        "frequency_mhz": 545.4,
        "voltage_v": 12.818,
        "fan_speeds_rpm": (4200, None),
        "boards": (board(0), board(1), board(2)),
        "pools": (
            Pool(0, "stratum+tcp://pool.example.com:3333", "wallet.worker", "Alive", False),
            Pool(1, "stratum+tcp://two.example.com:3333", "wallet.worker", "Alive", True),
        ),
        "shares_accepted": 1234,
        "shares_rejected": 5,
        "shares_stale": 2,
        "reject_rate_percent": 0.4035,
        "hardware_errors": 7,
        "uptime_s": 432_000.0,
        "led_on": False,
    }
    return MinerReading(miner_id, AT, "antminer", **facts | values)


def profile(miner_id="m", *, boards=(0, 1, 2), fans=2, **values):
    """A miner that has reported all there is and takes every command."""
    names = {field.name for field in dataclasses.fields(MinerReading)}
    facts: dict[str, Any] = {
        "manufacturer": "Bitmain",
        "model": "Antminer S19",
        "firmware": "1.2.3",
        "mac_address": MAC,
        "ip_address": "192.0.2.7",
        "algorithm": "sha256",
        "commands": COMMANDS,
        "reports": frozenset(names - NOT_VALUES),
        "board_slots": tuple(boards),
        "board_reports": BOARD_VALUES,
        "fan_count": fans,
    }
    return MinerProfile(miner_id, "antminer", **facts | values)


def fault(code="E1", message="a fan stands still"):
    return Fault(code, message)
