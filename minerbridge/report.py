"""What the bridge says of itself: `bridge/info` and `bridge/diagnostics`."""

from __future__ import annotations

import os
import platform
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minerbridge import __version__
from minerbridge.miners.worker import MinerWorker

if TYPE_CHECKING:
    from minerbridge.bridge import Bridge

WORST = 20


def summary(bridge: Bridge) -> dict[str, Any]:
    """Return version, counts and the settings that matter, without secrets."""
    settings = bridge.settings
    workers = list(bridge.workers.values())
    return {
        "version": __version__,
        "python": platform.python_version(),
        "site": settings.site,
        "miners": len(workers),
        "miners_online": sum(bool(worker.online) for worker in workers),
        "poll_interval_s": settings.poll_interval_s,
        "offline_after_s": settings.offline_after_s,
        "read_only": settings.read_only,
        "discovery_networks": [str(network) for network in settings.discovery.networks],
        "pool_profiles": sorted(settings.pool_profiles),
        "base_topic": bridge.topics.root,
        "discovery_prefix": bridge.topics.prefix,
    }


def diagnostics(bridge: Bridge) -> dict[str, Any]:
    """Return totals and the miners that give most trouble."""
    workers = list(bridge.workers.values())
    counters = [worker.counters for worker in workers]
    latest_s = max((one.latest_s for one in counters), default=0.0)
    for one in counters:
        one.latest_s = 0.0
    reads = sorted(one.read_s for one in counters if one.read_s)
    return {
        "uptime_s": round(time.monotonic() - bridge.started_s),
        "miners": len(workers),
        "miners_online": sum(bool(worker.online) for worker in workers),
        "polls": sum(one.polls for one in counters),
        "poll_failures": sum(one.failures for one in counters),
        "commands": sum(one.commands for one in counters),
        "read_ms_median": _ms(reads[len(reads) // 2]) if reads else None,
        "read_ms_max": _ms(reads[-1]) if reads else None,
        "poll_late_ms_max": _ms(latest_s),
        "mqtt": {
            "connections": bridge.client.connections,
            "waiting": len(bridge.client.outbox),
            "dropped": bridge.client.outbox.dropped,
            "requests_arrive": bridge.self_test,
        },
        "failing": dict(bridge.housekeeping.failing),
        "threads": threading.active_count(),
        "memory_mib": memory_mib(),
        "worst": [_row(worker) for worker in _worst(workers)],
    }


def _worst(workers: list[MinerWorker]) -> list[MinerWorker]:
    troubled = [worker for worker in workers if worker.counters.failures]
    return sorted(troubled, key=lambda worker: -worker.counters.failures)[:WORST]


def _row(worker: MinerWorker) -> dict[str, Any]:
    return {
        "miner_id": worker.plan.miner_id,
        "online": worker.online,
        "polls": worker.counters.polls,
        "failures": worker.counters.failures,
        "last_error": worker.counters.last_error,
        "last_good_at": worker.counters.last_good_at,
    }


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)


def memory_mib() -> float | None:
    """Return the resident memory; None where /proc is missing."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return None
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)
