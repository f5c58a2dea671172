"""Readings of a host and its software miners. Pure.

The platform measures no power; the power of a GPU, where told, stands with the GPU alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from minerbridge.errors import MinerError
from minerbridge.miners.mining_platform.documents import SoftwareMiner, Stats
from minerbridge.model import Fault, MinerReading, Pool, Status

FAMILY = "mining_platform"
#: A miner that was just started gives no statistics, or no hashrate, for so long.
STARTING_S = 120.0
_FRESH = timedelta(seconds=60)
MAX_GPUS = 16
#: Details that are shown as entities of their own.
_SHOWN_DETAILS = ("ping_ms",)


@dataclass(slots=True)
class Device:
    """What is remembered of one software miner's device between reads.

    *profile_id* ran last; *chosen_id* is what the next start takes instead.
    """

    id: str
    name: str = ""
    kind: str = ""
    version: str | None = None
    profile_id: str | None = None
    chosen_id: str | None = None
    since_s: float | None = None
    reports: frozenset[str] = field(default_factory=frozenset)


def running_reading(
    device: Device,
    miner: SoftwareMiner,
    stats: Stats | None,
    problem: MinerError | None,
    *,
    age_s: float,
    at: datetime,
    profile: tuple[str | None, str | None, str | None],
) -> MinerReading:
    """Return what a listed miner does; *profile* is its label, pool and wallet."""
    label, pool_url, wallet = profile
    told = stats or Stats()
    hashrate_hs = told.hashrate_hs
    if stats is None:
        hashrate_hs = _newest(miner, at)
    status, is_mining = _state(miner, hashrate_hs, age_s)
    url = told.pool or _text(miner.config.get("pool")) or pool_url
    user = _text(miner.config.get("wallet")) or wallet
    pools: tuple[Pool, ...] = ()
    if url is not None:
        # The public code names no pool: a miner that hashes does so for the one it was given.
        is_active = True if told.pool or is_mining else None
        pools = (Pool(0, url, user, None, is_active, told.accepted, told.rejected),)
    return MinerReading(
        miner_id=device.id,
        at=at,
        family=FAMILY,
        model=miner.kind,
        firmware=miner.version,
        status=status,
        is_mining=is_mining,
        hashrate_hs=hashrate_hs,
        hashrate_average_hs=told.hashrate_average_hs or _average(miner),
        algorithm=told.algorithm or _text(miner.config.get("algo")),
        pools=pools,
        shares_accepted=told.accepted,
        shares_rejected=told.rejected,
        uptime_s=told.uptime_s,
        errors=_faults(problem) if status == "error" else (),
        cpu=told.cpu,
        gpus=told.gpus,
        details={"name": miner.name, "profile": label, **told.details},
    )


def stopped_reading(device: Device, label: str | None, at: datetime) -> MinerReading:
    """Return what holds of a miner the platform no longer lists; *label* is what a start takes."""
    return MinerReading(
        miner_id=device.id,
        at=at,
        family=FAMILY,
        model=device.kind or None,
        firmware=device.version,
        status="stopped",
        is_mining=False,
        hashrate_hs=0.0 if "hashrate_hs" in device.reports else None,
        details={"name": device.name or None, "profile": label},
    )


def host_reading(
    host_id: str, readings: Sequence[MinerReading], at: datetime, details: dict[str, Any]
) -> MinerReading:
    """Return what the host does as a whole; its hashrate stands with its miners alone."""
    running = [one for one in readings if one.status != "stopped"]
    status: Status = "stopped"
    if running:
        found = {one.status for one in running}
        order: tuple[Status, ...] = ("mining", "starting", "error", "unknown")
        status = next((one for one in order if one in found), "unknown")
    return MinerReading(
        miner_id=host_id,
        at=at,
        family=FAMILY,
        model="Mining Platform",
        status=status,
        is_mining=any(one.is_mining for one in running),
        details={**details, "miners_running": len(running)},
    )


def shown(reading: MinerReading) -> frozenset[str]:
    """Name what *reading* tells that entities show and that is no field of every reading."""
    found = {f"cpu_{name}" for name in reading.cpu}
    found |= {name for name in _SHOWN_DETAILS if name in reading.details}
    for number, gpu in enumerate(reading.gpus[:MAX_GPUS], 1):
        found |= {f"gpu_{number}_{name}" for name in gpu}
    if reading.hashrate_hs is not None:
        found.add("hashrate_hs")
    return frozenset(found)


def _state(
    miner: SoftwareMiner, hashrate_hs: float | None, age_s: float
) -> tuple[Status, bool | None]:
    if miner.status == "stopped":
        return "stopped", False
    if miner.status == "error":
        return "error", False
    if hashrate_hs:
        return "mining", True
    if miner.status == "starting" or age_s < STARTING_S:
        return "starting", False
    return "error", False


def _faults(problem: MinerError | None) -> tuple[Fault, ...]:
    return (Fault(problem.code, str(problem)),) if problem is not None else ()


def _newest(miner: SoftwareMiner, at: datetime) -> float | None:
    """Return the last point of the list's history, while it is one of now."""
    if not miner.history:
        return None
    point_at, hashrate_hs = max(miner.history)
    return hashrate_hs if abs(at - point_at) <= _FRESH else None


def _average(miner: SoftwareMiner) -> float | None:
    """Return the mean of the points the list carries: those of the last five minutes."""
    points = [hashrate_hs for _, hashrate_hs in miner.history]
    return sum(points) / len(points) if points else None


def _text(value: Any) -> str | None:
    return str(value) if value else None
