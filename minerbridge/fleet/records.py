"""How orders are told: as events, in words, and as entries of the history. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from minerbridge.fleet.orders import Order
from minerbridge.fleet.participant import Participant
from minerbridge.model_fleet import (
    FleetConfig,
    HistoryEntry,
    Moment,
    OrderAnswer,
    OrderKind,
    OrderRequest,
    OverrideRequest,
    Source,
)

#: What the reasons of orders mean, for people.
REASONS: Mapping[str, str] = {
    "STEP_SIZE": "the set-points of the miners come no closer",
    "BASE_LOAD": "miners that cannot be told, or were taken out by a person, draw more",
    "CAPACITY": "every miner that can be told already runs as it is allowed to",
    "QUARANTINE": "miners that did not do as told are left out for a while",
    "DEVIATION": "what is measured differs from what the set-points should draw",
    "ESTIMATED": "part of the power is estimated: without a measurement nothing is confirmed",
    "STALE_READINGS": "miners have not answered lately",
    "HEARTBEAT_LOST": "the heartbeat of the EMS was lost",
    "BROKER_LOST": "the broker was lost",
}


def kilowatts(power_w: float | None) -> float | None:
    return None if power_w is None else round(power_w / 1000, 3)


def order_facts(order: Order) -> dict[str, Any]:
    """Return what the event of an order's change carries beside its type."""
    return {
        "id": order.id,
        "mode": order.mode,
        "power_kw": kilowatts(order.power_w),
        "source": order.source,
        "reason": order.reason,
        "message": order_words(order),
    }


def order_words(order: Order) -> str:
    words = f"{order.mode} {order.power_w / 1000:g} kW {order.state}"
    return f"{words}: {REASONS.get(order.reason, order.reason)}" if order.reason else words


def protection(one: Participant | None, begins: bool) -> tuple[str, str]:
    """Return the event of a miner that became too hot, or has cooled down."""
    if not begins or one is None or one.reading is None:
        return "protection_ended", "it has cooled down and may be started again"
    hottest_c, limit_c = one.reading.chip_temperature_c, one.member.max_chip_temperature_c
    return "overheated", f"stopped at {hottest_c:g} °C, above {limit_c:g} °C in three readings"


def entry(request: OrderRequest, answer: OrderAnswer, now: Moment) -> HistoryEntry:
    """Return the history's entry of an order; an accepted one's outcome is told later."""
    parameters: dict[str, Any] = {}
    if request.kind == "activate":
        parameters["power_kw"] = kilowatts(request.power_w)
    if request.mode != "target":
        parameters["mode"] = request.mode
    given = {"valid_for_s": request.valid_for_s, "ramp_s": request.ramp_s}
    parameters |= {name: value for name, value in given.items() if value is not None}
    return HistoryEntry(
        request.id,
        now.at,
        request.source,
        request.kind,
        parameters,
        None if answer.accepted else False,
        answer.message,
        "accepted" if answer.accepted else answer.code,
    )


def entry_again(order: Order, answer: OrderAnswer) -> HistoryEntry:
    """Return the history's entry of an order that was accepted before a restart."""
    kind: OrderKind = "activate" if order.power_w or order.mode == "limit" else "deactivate"
    source = cast(Source, order.source)
    request = OrderRequest(kind, order.id, order.power_w, order.mode, source, ramp_s=order.ramp_s)
    return entry(request, answer, Moment(0.0, order.since))


def override_entry(request: OverrideRequest, answer: OrderAnswer, now: Moment) -> HistoryEntry:
    power_kw = kilowatts(request.power_w)
    parameters = {"enabled": request.enabled, "target_power_kw": power_kw}
    return HistoryEntry(
        request.id, now.at, request.source, "override", parameters, answer.accepted, answer.message
    )


def config_words(changes: Mapping[str, Any]) -> str:
    """Return what was changed, for people: without a value it is as in the settings file."""
    words = []
    for name, value in sorted(changes.items()):
        shown = ", ".join(value) if isinstance(value, tuple) else value
        words.append(f"{name} is {'as in the settings file' if value is None else shown}")
    return "; ".join(words)


def config_entry(request: FleetConfig, answer: OrderAnswer, now: Moment) -> HistoryEntry:
    parameters = {name: getattr(request, name) for name in sorted(request.changed)}
    return HistoryEntry(
        request.id, now.at, request.source, "config", parameters, answer.accepted, answer.message
    )
