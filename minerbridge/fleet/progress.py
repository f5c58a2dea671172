"""How far the order in force has come: started, achieved, or settled beside its target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minerbridge.fleet.orders import Demand
from minerbridge.model_fleet import Moment

if TYPE_CHECKING:
    from minerbridge.fleet.controller import Controller

#: With nothing under way for so long, where the fleet stands is where it stays.
SETTLED_S = 10.0
#: Waiting that ends by itself soon; a miner's back-off may last an hour and is not waited for.
UNDER_WAY = frozenset({"WAVE", "RAMP", "MIN_OFF"})


def in_flight(controller: Controller) -> int:
    """Return how many miners are on their way, or about to be sent."""
    told = sum(one.told is not None for one in controller.placed)
    return told + sum(reason in UNDER_WAY for reason in controller.moves.waiting.values())


def is_met(controller: Controller, demand: Demand) -> bool:
    """Whether the power is where it is ordered, within the tolerance and never wider."""
    power_w = demand.power_w
    if power_w is None:
        return False
    active_w = controller.active_w()
    tolerance_w = controller.terms.tolerance_w(power_w)
    if power_w == 0:
        # Off is as low as it gets, what sleeps still draws a little; but nobody may mine on.
        mining = (one.reading is not None and one.reading.is_mining and one.online is not False
                  for one in controller.counted())  # fmt: skip
        return not any(mining) and all(one.current() == 0 for one in controller.placed)
    if demand.mode == "limit":
        return active_w <= power_w + tolerance_w
    return abs(active_w - power_w) <= tolerance_w


def is_measured(controller: Controller, power_w: float) -> bool:
    """Whether what is not measured is too little to matter."""
    if controller.metered_w is not None:
        return True
    return controller.sums.guessed_w <= max(controller.terms.tolerance_w(power_w), 1.0)


def progress(controller: Controller, demand: Demand, now: Moment) -> None:
    """Move the order in force along its life."""
    order, power_w = demand.order, demand.power_w
    if order is None or power_w is None or order.state == "expired":
        return
    orders = controller.orders
    flying = in_flight(controller)
    if is_met(controller, demand) and (flying == 0 or power_w > 0):
        if power_w == 0 or is_measured(controller, power_w):
            orders.progress("achieved", None)
            return
        if flying == 0:
            orders.progress("partial", "ESTIMATED")
            return
    if flying:
        reason = "MIN_OFF" if "MIN_OFF" in controller.moves.waiting.values() else None
        if order.state in ("accepted", "partial", "started"):
            orders.progress("started", reason)
        return
    if now.s - controller.moved_s >= SETTLED_S and controller.is_ready(now):
        orders.progress("partial", why_not(controller, demand, power_w, now))


def resume(controller: Controller, demand: Demand) -> None:
    """Let an order that is in force again, after a limit or an override, be under way again."""
    order = demand.order
    if order is not None and order.state == "achieved" and not is_met(controller, demand):
        controller.orders.progress("started", None)


def why_not(controller: Controller, demand: Demand, power_w: float, now: Moment) -> str:
    """Return what keeps a settled fleet from its target."""
    plan = controller.plan
    tolerance_w = controller.terms.tolerance_w(power_w)
    planned_w = plan.total_w if plan is not None else controller.sums.expected_w
    if planned_w > power_w + tolerance_w and all(one.current() == 0 for one in controller.placed):
        return "BASE_LOAD"
    if abs(planned_w - power_w) > tolerance_w and demand.mode == "target":
        after = controller.terms.quarantine_after
        if any(one.is_blocked(now) for one in controller.participants.values()):
            quarantined = any(
                one.is_quarantined(now, after) for one in controller.participants.values()
            )
            return "QUARANTINE" if quarantined else "BACK_OFF"
        tops = all(one.current() == len(one.points) - 1 for one in controller.placed)
        return "CAPACITY" if tops and planned_w < power_w else "STEP_SIZE"
    if not is_measured(controller, power_w):
        return "ESTIMATED"
    return "DEVIATION"
