"""How the fleet stands, in the vocabulary that every topic and answer is made from. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from minerbridge.fleet.orders import Demand
from minerbridge.fleet.participant import Participant
from minerbridge.fleet.progress import in_flight, is_met
from minerbridge.model_fleet import Capability, Dispatch, FleetState, FleetStatus, Moment

if TYPE_CHECKING:
    from minerbridge.fleet.controller import Controller

MAX_EXCEPTIONS = 20
NO_FAILSAFE = (
    "fleet.failsafe_power_kw is not set: when the EMS or the broker is lost, the last order holds"
)
#: What the three headrooms are about: at once, in 10 s, in 5 minutes.
_WITHIN_S = (2.0, 10.0, 300.0)


def status_of(controller: Controller, now: Moment) -> FleetStatus:
    """Return the status; books the rated power as published."""
    demand = controller.orders.demand()
    fleet, orders = controller.counted(), controller.orders
    rated_w = controller.rated_w(now)
    controller.note_rated(rated_w, now)
    everyone = controller.participants.values()
    mining = sum(_is_mining(one) for one in fleet)
    reachable = controller.reachable(now)
    controllable = sum(len(one.points) > 1 and one.dispatch for one in reachable)
    state = _state(controller, demand, len(reachable), controllable, mining, now)
    hashrates = [
        one.reading.hashrate_hs
        for one in fleet
        if one.reading is not None and one.is_fresh(now) and one.reading.hashrate_hs is not None
    ]
    slots = (orders.target, orders.limit)
    return FleetStatus(
        at=now.at,
        state=state,
        is_available=bool(
            controllable and controller.fleet.enabled and orders.override is None
            and state not in ("initializing", "fault")
        ),
        is_running=mining > 0,
        rated_power_w=rated_w,
        active_power_w=_known_active_w(controller),
        target_power_w=demand.power_w if demand.mode == "target" else None,
        limit_power_w=orders.limit.power_w if orders.limit is not None else None,
        allocated_power_w=_allocated_w(controller, demand),
        hashrate_hs=sum(hashrates) if hashrates else None,
        total_miners=len(controller.participants),
        online_miners=sum(one.online is True for one in everyone),
        mining_miners=sum(_is_mining(one) for one in everyone),
        override_active=orders.override is not None,
        override_power_w=orders.override.power_w if orders.override is not None else None,
        last_order_at=orders.last_order_at,
        errors=tuple(_errors(controller, now)),
        control_mode=controller.terms.control_mode,
        strategy=controller.terms.strategy,
        is_failsafe=any(order is not None and order.is_failsafe for order in slots),
        dispatch=_dispatch(controller, demand, now),
        capability=capability_of(controller, now),
    )  # fmt: skip


def _is_mining(one: Participant) -> bool:
    return bool(one.online and one.reading is not None and one.reading.is_mining)


def _state(
    controller: Controller,
    demand: Demand,
    reachable: int,
    controllable: int,
    mining: int,
    now: Moment,
) -> FleetState:
    if not controller.is_ready(now):
        return "initializing"
    if controller.participants and (not reachable or not controllable):
        return "fault"
    if demand.power_w is not None and in_flight(controller):
        planned_w = controller.plan.total_w if controller.plan is not None else demand.power_w
        return "activating" if planned_w > controller.active_w() else "deactivating"
    return "active" if mining else "standby"


def _known_active_w(controller: Controller) -> float | None:
    """Return the active power; None while nobody has said anything yet."""
    fleet = controller.counted()
    if controller.metered_w is None and fleet and all(one.reading is None for one in fleet):
        return None
    return controller.active_w()


def _allocated_w(controller: Controller, demand: Demand) -> float | None:
    if demand.power_w is None:
        return None
    return controller.sums.expected_w


def _errors(controller: Controller, now: Moment) -> list[str]:
    errors = []
    if controller.fleet.enabled and controller.fleet.failsafe_power_kw is None:
        errors.append(NO_FAILSAFE)
    lost = controller.orders.lost(now)
    if lost is not None:
        errors.append({"HEARTBEAT_LOST": "the heartbeat of the EMS is missing",
                       "BROKER_LOST": "the broker is not connected"}[lost])  # fmt: skip
    if controller.metered_w is None and controller.fleet.meter is not None:
        errors.append("the fleet's meter sends nothing: power is the sum of the miners")
    after = controller.terms.quarantine_after
    fleet = controller.participants.values()
    quarantined = sum(one.is_quarantined(now, after) for one in fleet)
    if quarantined:
        errors.append(f"{quarantined} miners did not do as told and are left out for a while")
    errors += [f"{one.miner_id} was stopped: too hot" for one in fleet if one.is_protected]
    return errors


def _dispatch(controller: Controller, demand: Demand, now: Moment) -> Dispatch:
    order, sums = demand.order, controller.sums
    active_w = controller.active_w()
    outcomes = {one.miner_id: outcome_of(controller, one, now)
                for one in controller.participants.values()}  # fmt: skip
    exceptions = [
        {"miner_id": name, "outcome": outcome, "reason": _reason(controller, name)}
        for name, outcome in sorted(outcomes.items())
        if outcome in ("quarantined", "failed", "offline", "protected", "unknown_power")
    ]
    return Dispatch(
        id=order.id if order is not None else None,
        mode=demand.mode if demand.power_w is not None else None,
        state=order.state if order is not None else None,
        reason=order.reason if order is not None else None,
        target_power_w=demand.power_w,
        allocated_power_w=_allocated_w(controller, demand),
        active_power_w=active_w,
        estimated_power_w=sums.estimated_w,
        achievable_power_w=controller.plan.total_w if controller.plan is not None else None,
        deviation_w=active_w - demand.power_w if demand.power_w is not None else None,
        compliant=is_met(controller, demand) if demand.power_w is not None else None,
        in_flight=in_flight(controller),
        oldest_reading_s=sums.oldest_reading_s,
        counts=dict(Counter(outcomes.values())),
        exceptions=tuple(exceptions[:MAX_EXCEPTIONS]),
        since=order.since if order is not None else None,
        valid_until=order.valid_until if order is not None else None,
    )


def outcome_of(controller: Controller, one: Participant, now: Moment) -> str:
    """Return in one word what became of what a miner was told."""
    if one.is_protected:
        return "protected"
    if not one.dispatch or one.member.is_read_only:
        return "not_in_dispatch"
    if one.profile is None or (one.online is False and not one.is_on_its_way_up):
        return "offline"
    if len(one.points) < 2:
        return "unknown_power" if one.profile.commands.keys() >= {"start", "stop"} else "no_control"
    if one.is_quarantined(now, controller.terms.quarantine_after):
        return "quarantined"
    if one.told is not None:
        return "in_flight"
    waiting = controller.moves.waiting.get(one.miner_id)
    if waiting is not None:
        return "failed" if waiting == "BACK_OFF" else "waiting"
    return "off" if one.current() == 0 else "running" if one.current() is not None else "unknown"


def _reason(controller: Controller, miner_id: str) -> str | None:
    one = controller.participants[miner_id]
    if one.is_protected:
        return "OVERHEATED"
    if one.online is False:
        return "OFFLINE"
    if len(one.points) < 2:
        return "set rated_power_w: what it draws is not known"
    return one.block_reason


def capability_of(controller: Controller, now: Moment) -> Capability:
    """Return what can be added and shed from here, by how long the families say it takes."""
    base_w = controller.sums.base_w
    low = high = 0.0
    step_w: float | None = None
    up, down = dict.fromkeys(_WITHIN_S, 0.0), dict.fromkeys(_WITHIN_S, 0.0)
    for one in controller.placed:
        number = one.current()
        if number is None:
            continue
        here_w, top, off_w = one.points[number].power_w, one.points[-1], one.points[0].power_w
        low, high = low + off_w, high + top.power_w
        step_w = min(step_w or float("inf"), one.smallest_step_w)
        up_s = one.takes_s("start" if number == 0 else top.command)
        may_rise = number < len(one.points) - 1 and not one.is_blocked(now)
        for within_s in _WITHIN_S:
            if number > 0 and one.takes_s("stop") <= within_s:
                down[within_s] += here_w - off_w
            if may_rise and not one.is_protected and up_s <= within_s:
                up[within_s] += top.power_w - here_w
    return Capability(
        base_w + low, base_w + high, step_w,
        *(up[within_s] for within_s in _WITHIN_S), *(down[within_s] for within_s in _WITHIN_S),
    )  # fmt: skip


def as_rows(controller: Controller, now: Moment) -> list[dict[str, Any]]:
    """Return what each miner was told and does, for the request `fleet/allocation`."""
    rows: list[dict[str, Any]] = []
    keys = controller.plan.keys if controller.plan is not None else {}
    for one in controller.participants.values():
        power_w, kind = one.power_w(now)
        told = one.index(keys.get(one.miner_id))
        number = one.current()
        rows.append({
            "miner_id": one.miner_id,
            "outcome": outcome_of(controller, one, now),
            "waiting_for": controller.moves.waiting.get(one.miner_id),
            "planned": one.points[told].key if told is not None else None,
            "planned_power_w": round(one.points[told].power_w) if told is not None else None,
            "set_point": one.points[number].key if number is not None else None,
            "power_w": round(power_w) if kind == "measured" else None,
            "power_estimated_w": round(power_w) if kind in ("estimated", "stale") else None,
            "dispatch": one.dispatch,
            "priority": controller.terms.priority(one.member),
            "failures": one.failures,
            "reason": _reason(controller, one.miner_id),
        })  # fmt: skip
    return rows
