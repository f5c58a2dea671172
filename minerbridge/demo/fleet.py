"""How the fleet stands in one line, and an order that suits it. Pure."""

from __future__ import annotations

from minerbridge.demo.rows import DASH
from minerbridge.model_fleet import Capability, FleetStatus

ON_ITS_WAY = ("accepted", "started")


def line(status: FleetStatus | None) -> str:
    """Return what the fleet draws, what it may draw, and how far its order has come."""
    if status is None:
        return f"fleet {DASH}"
    words = f"fleet {_kw(status.active_power_w)} of {_kw(status.rated_power_w)} kW"
    target_w = status.dispatch.target_power_w
    if target_w is None:
        return f"{words}, no order"
    kind = "override" if status.override_active else status.dispatch.mode or "target"
    return f"{words}, {kind} {_kw(target_w)} kW: {_progress(status)}"


def suitable_kw(able: Capability, rated_w: float) -> float | None:
    """Return an order that has something to do; None where nothing would follow it.

    Half way between the least and the most, in round figures; 0 where there is no between.
    """
    room_w = able.max_power_w - able.min_power_w
    if room_w <= 0:
        return None
    if able.smallest_step_w is not None and able.smallest_step_w >= room_w:
        return 0.0
    middle_kw = (able.min_power_w + able.max_power_w) / 2000
    return float(f"{middle_kw:.2g}") if middle_kw * 1000 <= rated_w else None


def _progress(status: FleetStatus) -> str:
    order = status.dispatch
    words: str = order.state or status.state
    if order.state in ON_ITS_WAY and status.state in ("activating", "deactivating"):
        words = status.state
    if order.reason:
        words += f" ({order.reason.replace('_', ' ').lower()})"
    return f"{words}, {order.in_flight} under way" if order.in_flight else words


def _kw(power_w: float | None) -> str:
    return DASH if power_w is None else f"{power_w / 1000:.1f}"
