"""Writes minerbridge settings whose miners are a fleet's devices."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from minerbridge.simulator.device import Device
    from minerbridge.simulator.server import Fleet


def write_config(fleet: Fleet, path: str | Path) -> None:
    """Replace *path*; the fleet must run where ports are ephemeral."""
    Path(path).write_text(config_text(fleet.devices), encoding="utf-8")


def config_text(devices: list[Device]) -> str:
    """YAML, one miner a line: JSON flow maps are YAML and need no library."""
    lines = [f"  - {json.dumps(_miner(device))}" for device in devices]
    return "\n".join(["miners:", *lines]) + "\n" if lines else "miners: []\n"


def _miner(device: Device) -> dict[str, object]:
    miner: dict[str, object] = {
        "id": device.id,
        "host": device.address,
        "family": device.family,
    }
    if device.credentials is not None:
        miner["username"], miner["password"] = device.credentials
    moved = {
        name: port for name, port in device.ports.items() if port != device.default_ports[name]
    }
    if moved:
        miner["ports"] = moved
    return miner
