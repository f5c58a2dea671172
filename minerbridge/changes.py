"""What happened between two readings of a miner, as events for automations. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from minerbridge.model import MinerReading

Event = tuple[str, dict[str, Any]]
_LOST = ("dead", "unreachable", "disconnected", "unconnected", "stopped")


def changes(before: MinerReading | None, now: MinerReading) -> Iterator[Event]:
    """Yield the kind and facts of each event: errors raised and cleared, the pool lost."""
    old = {fault.code: fault for fault in before.errors} if before else {}
    new = {fault.code: fault for fault in now.errors}
    for code, fault in new.items():
        if code not in old:
            yield "error_raised", {"code": code, "message": fault.message}
    for code, fault in old.items():
        if code not in new:
            yield "error_cleared", {"code": code, "message": fault.message}
    # A sleeping or starting miner leaves its pool on purpose.
    should_have = before is not None and now.status in ("mining", "tuning", "error")
    if should_have and now.pools and _has_pool(before) and not _has_pool(now):
        urls = [pool.url for pool in (before.pools if before else ()) if pool.is_active]
        yield "pool_lost", {"pool_url": urls[0] if urls else None}


def _has_pool(reading: MinerReading | None) -> bool:
    return reading is not None and any(
        pool.is_active and (pool.status or "").lower() not in _LOST for pool in reading.pools
    )
