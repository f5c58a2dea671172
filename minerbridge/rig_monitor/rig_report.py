"""The CPU/GPU form: which value of a reading feeds which field of the server. Pure.

Keys read from `MinerReading.cpu`: name, temperature_c, power_w, hashrate_hs, algorithm. From each
of `gpus`: name, temperature_c, memory_temperature_c, hashrate_hs, hashrate_2_hs, algorithm,
algorithm_2, core_clock_mhz, memory_clock_mhz, power_w, and fan_percent or fan_speed_rpm.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from minerbridge.model import MinerProfile, MinerReading, Pool
from minerbridge.rig_monitor.form import Field, Report, Source, Sources, as_uptime, filled
from minerbridge.settings import RigMiner

GPUS = 8
#: The only spellings the server takes.
UNITS = {"PH/s": 1e15, "TH/s": 1e12, "GH/s": 1e9, "MH/s": 1e6, "KH/s": 1e3, "H/s": 1.0}
#: Hashrates are whole numbers there: a unit must leave this many of it.
LEAST_FIGURE = 1000
#: Fields the server wants together or not at all; the hashrates of GPUs hang on them too.
GROUPS = {
    "cpu": ("cpu_hashrate", "cpu_hashrate_uom", "cpu_algorithm", "cpu_coin_name"),
    "gpu_1": ("gpu_hashrate_uom_1", "gpu_algorithm_1", "gpu_coin_name_1"),
    "gpu_2": ("gpu_hashrate_uom_2", "gpu_algorithm_2", "gpu_coin_name_2"),
}
_LOGINS = {
    "cpu": ("cpu_pool_address", "cpu_wallet_address"),
    "gpu_1": ("gpu_pool_address_1", "gpu_wallet_address_1"),
    "gpu_2": ("gpu_pool_address_2", "gpu_wallet_address_2"),
}
_HASHRATES = {1: "hashrate_hs", 2: "hashrate_2_hs"}


def specification(
    reading: MinerReading, profile: MinerProfile | None, settings: RigMiner
) -> Report:
    """Return the body of `/cpu_gpu_miners/specs`."""
    return filled(SPECIFICATION, Sources(reading, profile, settings))


def monitor_values(
    reading: MinerReading, profile: MinerProfile | None, settings: RigMiner
) -> Report:
    """Return the body of `/cpu_gpu_miners/logs`; half a group is left out, and noted."""
    report = filled(MONITOR, Sources(reading, profile, settings))
    body = dict(report.body)
    notes = []
    for group, names in GROUPS.items():
        absent = [name for name in names if name not in body]
        if not absent:
            continue
        hashes = [name for name in body if _is_hashrate_of(name, group)]
        if hashes:
            notes.append(f"{', '.join(absent)} missing: {', '.join(hashes)} left out")
        for name in (*names, *hashes, *_LOGINS[group]):
            body.pop(name, None)
    return replace(report, body=body, note="; ".join(notes))


def unit_for(hashrates_hs: Iterable[float | None]) -> str | None:
    """Return the unit in which the highest still has figures; None where none is reported."""
    known = [value for value in hashrates_hs if value is not None and math.isfinite(value)]
    if not known:
        return None
    highest = max(known)
    return next((u for u, scale in UNITS.items() if highest >= scale * LEAST_FIGURE), "H/s")


# -- sources ---------------------------------------------------------------------------------


def _is_hashrate_of(name: str, group: str) -> bool:
    if group == "cpu":
        return name == "cpu_hashrate"
    return name.startswith("gpu_") and name.endswith(f"_hashrate_{group[-1]}")


def _gpu(s: Sources, number: int) -> Mapping[str, Any]:
    return s.reading.gpus[number - 1] if number <= len(s.reading.gpus) else {}


def _cpu_hashrate_hs(s: Sources) -> float | None:
    """Return the CPU's; on a rig without GPUs all hashes are its."""
    own: float | None = s.reading.cpu.get("hashrate_hs")
    return s.reading.hashrate_hs if own is None and not s.reading.gpus else own


def _gpu_hashrates_hs(s: Sources, which: int) -> list[float | None]:
    return [gpu.get(_HASHRATES[which]) for gpu in s.reading.gpus[:GPUS]]


def _in_unit(hashrate_hs: float | None, unit: str | None) -> float | None:
    return None if hashrate_hs is None or unit is None else hashrate_hs / UNITS[unit]


def _gpu_algorithm(s: Sources, which: int) -> str | None:
    key = "algorithm" if which == 1 else "algorithm_2"
    own = next((str(gpu[key]) for gpu in s.reading.gpus if gpu.get(key)), None)
    return own if which == 2 else own or s.reading.algorithm


def _gpu_coin(s: Sources) -> str | None:
    # One coin name is the CPU's where the CPU mines too: it may mine another.
    shared = s.settings.coin_name if _cpu_hashrate_hs(s) is None else None
    return s.settings.gpu_coin_name_1 or shared


def _pool(s: Sources, group: str) -> Pool | None:
    """Return the pool whose hashes these are, as far as the reading tells."""
    pools = [pool for pool in s.reading.pools if pool.url]
    if group == "gpu_2":
        return pools[1] if len(pools) > 1 else None
    both = _cpu_hashrate_hs(s) is not None and unit_for(_gpu_hashrates_hs(s, 1)) is not None
    if both and _cpu_algorithm(s) != _gpu_algorithm(s, 1):
        return None
    return next((pool for pool in pools if pool.is_active), pools[0] if pools else None)


def _cpu_algorithm(s: Sources) -> str | None:
    return s.reading.cpu.get("algorithm") or s.reading.algorithm


def _fan_unit(s: Sources) -> str | None:
    if any(gpu.get("fan_percent") is not None for gpu in s.reading.gpus):
        return "%"
    return "RPM" if any(gpu.get("fan_speed_rpm") is not None for gpu in s.reading.gpus) else None


def _fan(s: Sources, number: int) -> float | None:
    key = "fan_percent" if _fan_unit(s) == "%" else "fan_speed_rpm"
    speed: float | None = _gpu(s, number).get(key)
    return speed


# -- the table -------------------------------------------------------------------------------


def _of_gpu(n: int) -> Iterator[Field]:
    def of(key: str) -> Source:
        return lambda s: _gpu(s, n).get(key)

    def hashrate(which: int) -> Source:
        return lambda s: _in_unit(
            _gpu(s, n).get(_HASHRATES[which]), unit_for(_gpu_hashrates_hs(s, which))
        )

    yield Field(f"gpu_{n}_core_temp", "integer", of("temperature_c"))
    yield Field(f"gpu_{n}_mem_temp", "integer", of("memory_temperature_c"))
    yield Field(f"gpu_{n}_hashrate_1", "integer", hashrate(1))
    yield Field(f"gpu_{n}_hashrate_2", "integer", hashrate(2))
    yield Field(f"gpu_{n}_core_clock", "integer", of("core_clock_mhz"))
    yield Field(f"gpu_{n}_mem_clock", "integer", of("memory_clock_mhz"))
    yield Field(f"gpu_{n}_power", "integer", of("power_w"))
    yield Field(f"gpu_{n}_fan", "integer", lambda s: _fan(s, n))


def _gpu_name(n: int) -> Field:
    return Field(f"gpu_{n}_name", "text", lambda s: _gpu(s, n).get("name"))


def _login(group: str) -> Iterator[Field]:
    address, wallet = _LOGINS[group]
    yield Field(address, "text", lambda s: getattr(_pool(s, group), "url", None))
    yield Field(wallet, "text", lambda s: getattr(_pool(s, group), "user", None))


def _cpu_name(s: Sources) -> str | None:
    return s.reading.cpu.get("name") or s.settings.cpu_name


SPECIFICATION: tuple[Field, ...] = (
    Field("motherboard_name", "text", lambda s: s.settings.motherboard_name, True,
          "motherboard_name"),
    Field("cpu_name", "text", _cpu_name, True, "cpu_name"),
    Field("ram_size", "text", lambda s: s.settings.ram_size, True, "ram_size"),
    *(_gpu_name(number) for number in range(1, GPUS + 1)),
)  # fmt: skip
MONITOR: tuple[Field, ...] = (
    Field("cpu_temp", "integer", lambda s: s.reading.cpu.get("temperature_c")),
    Field("cpu_hashrate", "integer",
          lambda s: _in_unit(_cpu_hashrate_hs(s), unit_for([_cpu_hashrate_hs(s)]))),
    Field("cpu_hashrate_uom", "text", lambda s: unit_for([_cpu_hashrate_hs(s)])),
    Field("cpu_algorithm", "text", _cpu_algorithm),
    Field("cpu_coin_name", "text", lambda s: s.settings.coin_name),
    Field("cpu_power", "integer", lambda s: s.reading.cpu.get("power_w")),
    *(field for number in range(1, GPUS + 1) for field in _of_gpu(number)),
    Field("gpu_fan_uom", "text", _fan_unit),
    Field("gpu_hashrate_uom_1", "text", lambda s: unit_for(_gpu_hashrates_hs(s, 1))),
    Field("gpu_hashrate_uom_2", "text", lambda s: unit_for(_gpu_hashrates_hs(s, 2))),
    Field("gpu_algorithm_1", "text", lambda s: _gpu_algorithm(s, 1)),
    Field("gpu_algorithm_2", "text", lambda s: _gpu_algorithm(s, 2)),
    Field("gpu_coin_name_1", "text", _gpu_coin),
    Field("gpu_coin_name_2", "text", lambda s: s.settings.gpu_coin_name_2),
    *(field for group in GROUPS for field in _login(group)),
    Field("lan_ip", "text", lambda s: s.known("ip_address")),
    Field("wan_ip", "text", lambda s: s.settings.wan_ip),
    Field("uptime", "text", lambda s: as_uptime(s.reading.uptime_s)),
)  # fmt: skip
