"""Why an order is refused. Each rule is one function; the first that speaks decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from minerbridge.model_fleet import Moment, OrderAnswer, OrderRequest

if TYPE_CHECKING:
    from minerbridge.fleet.orders import Orders

#: Published powers are rounded to 10 W: a target read from them may lie this much above.
ROUNDING_W = 5.0
SWITCHED_OFF = "Fleet control is switched off in the settings (fleet.enabled)."
Words = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Standing:
    """How the fleet stands when an order comes in."""

    enabled: bool
    published_rated_w: float
    rated_w: float
    power_w: float
    reachable: int
    controllable: int
    tolerance_w: Callable[[float], float]
    #: What the set-points come to for a target; None when that is not known yet.
    achievable_w: Callable[[float], float | None]


def refusal(
    request: OrderRequest, orders: Orders, standing: Standing, now: Moment
) -> OrderAnswer | None:
    """Return the refusal of *request*; None when it is to be carried out."""
    for rule in (_disabled, _retained, _out_of_date, _overtaken, _under_override, _too_much, _dead):
        words = rule(request, orders, standing, now)
        if words is not None:
            code, message = words
            return OrderAnswer(request.id, message, code)
    return None


def _disabled(
    request: OrderRequest, _orders: Orders, standing: Standing, _now: Moment
) -> Words | None:
    if standing.enabled or request.kind == "heartbeat":
        return None
    return "NOT_ALLOWED", SWITCHED_OFF


def _retained(
    request: OrderRequest, _orders: Orders, _standing: Standing, _now: Moment
) -> Words | None:
    if not request.is_retained:
        return None
    return "STALE", "The message was retained by the broker: nobody knows how old it is."


def _out_of_date(
    request: OrderRequest, orders: Orders, _standing: Standing, now: Moment
) -> Words | None:
    if request.at is None:
        return None
    age_s = (now.at - request.at).total_seconds()
    if abs(age_s) <= orders.ems.max_age_s:
        return None
    how = "old" if age_s > 0 else "in the future"
    return "STALE", (
        f"The message is {abs(age_s):.0f} s {how}: it says {request.at.isoformat()},"
        f" here it is {now.at.isoformat(timespec='seconds')}."
    )


def _overtaken(
    request: OrderRequest, orders: Orders, _standing: Standing, _now: Moment
) -> Words | None:
    newest = orders.last_said_at
    if request.kind == "heartbeat" or request.at is None or newest is None or request.at >= newest:
        return None
    return "STALE", f"A newer order, of {newest.isoformat()}, was accepted already."


def _under_override(
    request: OrderRequest, orders: Orders, _standing: Standing, _now: Moment
) -> Words | None:
    if orders.override is None or request.mode == "limit" or request.kind == "heartbeat":
        return None
    return "MANUAL_OVERRIDE", "Manual override is active. Command rejected."


def _too_much(
    request: OrderRequest, orders: Orders, standing: Standing, _now: Moment
) -> Words | None:
    if request.mode == "limit" or request.kind != "activate":
        return None
    most_w = max(standing.published_rated_w, standing.rated_w)
    if orders.renews(request):
        return None  # what is in force may be kept up: its miners may only be away for a while
    if request.power_w <= most_w + ROUNDING_W or most_w <= 0:
        return None
    return "INVALID_POWER", (
        "Requested power exceeds rated limits."
        f" Asked: {request.power_w / 1000:g} kW, rated: {most_w / 1000:.2f} kW."
    )


def _dead(request: OrderRequest, orders: Orders, standing: Standing, _now: Moment) -> Words | None:
    """Refuse increases of a fleet that cannot follow; what sheds load is kept for its return."""
    if request.mode == "limit" or request.kind != "activate":
        return None
    running = orders.target.power_w if orders.target is not None else standing.power_w
    if request.power_w <= running or standing.controllable:
        return None
    if standing.reachable:
        return "FAULT_STATE", "Fleet is in a fault state: no reachable miner can be controlled."
    return "FLEET_OFFLINE", "Fleet is offline: no miner answers."
