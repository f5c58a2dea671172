"""What the Mining Rig Monitor server's database takes, field by field (nguyenvinhlinh's code)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

CANT_BE_BLANK, IS_INVALID = "can't be blank", "is invalid"
UNITS = ("H/s", "KH/s", "MH/s", "GH/s", "TH/s", "PH/s")
MAX_TEXT, MAX_INTEGER = 255, 2**31 - 1


def _of(kind: str, *names: str) -> dict[str, str]:
    return dict.fromkeys(names, kind)


def _numbered(kind: str, pattern: str, last: int) -> dict[str, str]:
    return {pattern.format(number): kind for number in range(1, last + 1)}


ASIC_SPECS = _of("text", "model", "model_variant", "firmware_version", "software_version")
ASIC_LOGS = {
    **_of("float", "hashrate_5_min", "hashrate_30_min", "pool_rejection_rate"),
    **_of("text", "hashrate_uom", "uptime", "lan_ip", "wan_ip", "coin_name"),
    **_of("integer", "power"),
    **_numbered("text", "pool_{}_address", 3),
    **_numbered("text", "pool_{}_user", 3),
    **_numbered("text", "pool_{}_state", 3),
    **_numbered("integer", "pool_{}_accepted_share", 3),
    **_numbered("integer", "pool_{}_rejected_share", 3),
    **_numbered("float", "hashboard_{}_hashrate_5_min", 3),
    **_numbered("float", "hashboard_{}_hashrate_30_min", 3),
    **_numbered("integer", "hashboard_{}_temp_1", 3),
    **_numbered("integer", "hashboard_{}_temp_2", 3),
    **_numbered("integer", "fan_{}_speed", 4),
}
RIG_SPECS = {
    **_of("text", "motherboard_name", "cpu_name", "ram_size"),
    **_numbered("text", "gpu_{}_name", 8),
}
_OF_A_GPU = ("core_temp", "mem_temp", "hashrate_1", "hashrate_2", "core_clock", "mem_clock",
             "power", "fan")  # fmt: skip
_OF_ALL_GPUS = ("hashrate_uom", "algorithm", "coin_name", "pool_address", "wallet_address")
RIG_LOGS = {
    **_of("integer", "cpu_temp", "cpu_hashrate", "cpu_power"),
    **_of("text", "cpu_hashrate_uom", "cpu_algorithm", "cpu_coin_name", "cpu_pool_address"),
    **_of("text", "cpu_wallet_address", "gpu_fan_uom", "lan_ip", "wan_ip", "uptime"),
    **{f"gpu_{n}_{one}": "integer" for one in _OF_A_GPU for n in range(1, 9)},
    **{f"gpu_{one}_{n}": "text" for one in _OF_ALL_GPUS for n in (1, 2)},
}
REQUIRED = {
    "asic_miners/specs": ("model", "firmware_version", "software_version"),
    "asic_miners/logs": (
        "hashrate_5_min", "hashrate_uom", "uptime", "pool_1_address", "pool_1_user",
        "pool_1_state", "hashboard_1_temp_1", "fan_1_speed", "lan_ip", "coin_name", "power",
    ),
    "cpu_gpu_miners/specs": ("motherboard_name", "cpu_name", "ram_size"),
    "cpu_gpu_miners/logs": (),
}  # fmt: skip
FIELDS = {
    "asic_miners/specs": ASIC_SPECS,
    "asic_miners/logs": ASIC_LOGS,
    "cpu_gpu_miners/specs": RIG_SPECS,
    "cpu_gpu_miners/logs": RIG_LOGS,
}
TOGETHER = (
    ("cpu_hashrate", "cpu_hashrate_uom", "cpu_algorithm", "cpu_coin_name"),
    ("gpu_hashrate_uom_1", "gpu_algorithm_1", "gpu_coin_name_1"),
    ("gpu_hashrate_uom_2", "gpu_algorithm_2", "gpu_coin_name_2"),
)


def _is_integer(value: Any) -> bool:
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return is_whole and abs(value) <= MAX_INTEGER


def _is_float(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MAX_TEXT


_IS: dict[str, Callable[[Any], bool]] = {
    "integer": _is_integer,
    "float": _is_float,
    "text": _is_text,
}


def faults_of(endpoint: str, body: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return what is wrong with *body*, by field; unknown fields are ignored, as the server does.

    A number in a text field is invalid, and so is 3500.0 in an integer one.
    """
    found: dict[str, list[str]] = {}
    taken: dict[str, Any] = {}
    for name, kind in FIELDS[endpoint].items():
        value = body.get(name)
        if value is None or (isinstance(value, str) and not value.strip()):
            continue
        if _IS[kind](value):
            taken[name] = value
        else:
            found[name] = [IS_INVALID]
    for name in REQUIRED[endpoint]:
        if name not in taken and name not in found:
            found[name] = [CANT_BE_BLANK]
    if endpoint == "cpu_gpu_miners/logs":
        found.update(_faults_of_hashrates(taken))
    return found


def _faults_of_hashrates(taken: Mapping[str, Any]) -> dict[str, list[str]]:
    found = {
        name: [IS_INVALID] for name in taken if "hashrate_uom" in name and taken[name] not in UNITS
    }
    for group in TOGETHER:
        if not _all_or_none(name in taken for name in group):
            found.setdefault(group[0], []).append(f"Must be exist as {','.join(group)}")
    return found


def _all_or_none(present: Iterable[bool]) -> bool:
    return len(set(present)) == 1
