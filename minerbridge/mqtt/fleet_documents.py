"""How the fleet stands, as documents: the EMS's own, and the fields of the dashboard. Pure."""

from __future__ import annotations

from typing import Any

from minerbridge.model_fleet import FleetStatus

STANDBY, RUNNING = 1, 2
MAX_EXCEPTIONS = 20
MAX_ERRORS = 50


def ems_status(status: FleetStatus | None) -> dict[str, Any]:
    """Return the four keys an EMS polls. *status* None: nothing is known yet.

    A power that nobody knows is null: an EMS that read 0 would count on power that may well be
    drawn. A fleet without miners is known to draw 0.
    """
    if status is None:
        return _ems_status(is_available=False, is_running=False, rated_w=0.0, active_w=None)
    active_w = status.active_power_w
    if active_w is None and not status.total_miners:
        active_w = 0.0
    return _ems_status(
        is_available=status.is_available,
        is_running=status.is_running,
        rated_w=status.rated_power_w,
        active_w=active_w,
    )


def _ems_status(
    *, is_available: bool, is_running: bool, rated_w: float, active_w: float | None
) -> dict[str, Any]:
    return {
        "isAvailableForDispatch": is_available,
        "runningStatus": RUNNING if is_running else STANDBY,
        "ratedPowerInKw": _kilo(rated_w, 2),
        "activePowerInKw": _kilo(active_w, 2),
    }


def dispatch(status: FleetStatus) -> dict[str, Any]:
    """Return the life of the order in force; without one its id, mode and state are null."""
    order = status.dispatch
    return {
        "id": order.id,
        "mode": order.mode,
        "state": order.state,
        "reason": order.reason,
        "targetPowerInKw": _kilo(order.target_power_w),
        "allocatedPowerInKw": _kilo(order.allocated_power_w),
        "activePowerInKw": _kilo(order.active_power_w),
        "estimatedPowerInKw": _kilo(order.estimated_power_w),
        "achievablePowerInKw": _kilo(order.achievable_power_w),
        "deviationInKw": _kilo(order.deviation_w),
        "compliant": order.compliant,
        "inFlight": order.in_flight,
        "oldestReadingS": None
        if order.oldest_reading_s is None
        else round(order.oldest_reading_s, 1),
        "counts": dict(order.counts),
        "exceptions": list(order.exceptions[:MAX_EXCEPTIONS]),
        "since": order.since,
        "validUntil": order.valid_until,
    }


def capability(status: FleetStatus) -> dict[str, Any]:
    """Return what the fleet could do: its range, its finest step, and what it has in hand."""
    able = status.capability
    return {
        "minPowerInKw": _kilo(able.min_power_w),
        "maxPowerInKw": _kilo(able.max_power_w),
        "smallestStepInKw": _kilo(able.smallest_step_w),
        "headroomUpNowInKw": _kilo(able.up_now_w),
        "headroomUp10sInKw": _kilo(able.up_10_s_w),
        "headroomUp5minInKw": _kilo(able.up_5_min_w),
        "headroomDownNowInKw": _kilo(able.down_now_w),
        "headroomDown10sInKw": _kilo(able.down_10_s_w),
        "headroomDown5minInKw": _kilo(able.down_5_min_w),
    }


def seed_status(status: FleetStatus) -> dict[str, Any]:
    """Return the fleet status in the field names of the Net Stabilization API."""
    return {
        "state": status.state,
        "is_available_for_dispatch": status.is_available,
        "running_status": RUNNING if status.is_running else STANDBY,
        "rated_power_kw": _kilo(status.rated_power_w, 2),
        "active_power_kw": _kilo(status.active_power_w, 2),
        "target_power_kw": _kilo(status.target_power_w, 2),
        "total_miners": status.total_miners,
        "online_miners": status.online_miners,
        "mining_miners": status.mining_miners,
        "manual_override_active": status.override_active,
        "override_target_power_kw": _kilo(status.override_power_w, 2),
        "last_update": status.at,
        "last_ems_command": status.last_order_at,
        "errors": _errors(status.errors),
        "power_control_mode": status.control_mode,
    }


def _errors(errors: tuple[str, ...]) -> list[str]:
    """Return the errors, as many as a message holds."""
    more = len(errors) - MAX_ERRORS
    return list(errors) if more <= 0 else [*errors[:MAX_ERRORS], f"and {more} more"]


def _kilo(power_w: float | None, digits: int = 3) -> float | None:
    """Return kW; three digits are whole watts."""
    return None if power_w is None else round(power_w / 1000.0, digits) + 0.0  # never -0
