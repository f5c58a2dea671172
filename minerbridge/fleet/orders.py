"""What is ordered of the fleet: the slots, who outranks whom, and which orders are refused.

Rank: EMS limit over a person's override over EMS target. A limit caps what stands below it and
starts nothing. A target that expires ends as the settings say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from minerbridge.fleet.order_rules import Standing, refusal
from minerbridge.model_fleet import Moment, OrderAnswer, OrderMode, OrderRequest, OrderState
from minerbridge.settings_fleet import Ems, Fleet

#: How many answers are remembered, so that a repeated id gets the same one.
REMEMBERED = 64
LIVE: frozenset[OrderState] = frozenset({"accepted", "started", "achieved", "partial"})
Emit = Callable[["Order"], None]


@dataclass(frozen=True, slots=True)
class Order:
    """One order in its slot. *until_s* is *valid_until* on the monotonic clock."""

    id: str
    mode: OrderMode
    power_w: float
    source: str
    since: datetime
    since_s: float
    state: OrderState = "accepted"
    reason: str | None = None
    valid_until: datetime | None = None
    until_s: float | None = None
    ramp_s: float | None = None
    is_failsafe: bool = False


@dataclass(frozen=True, slots=True)
class Override:
    """A person holds the fleet at a power."""

    power_w: float
    since: datetime
    source: str = "dashboard"


@dataclass(frozen=True, slots=True)
class Demand:
    """What is to be reached now. *order*: whose life it is; None under a person's override."""

    power_w: float | None
    mode: OrderMode
    order: Order | None
    ramp_s: float | None = None
    since_s: float = 0.0
    #: The same text for the same demand: a change of it is a new order.
    name: str = ""
    #: What may not be exceeded on the way either, where a limit stands above a lower target.
    cap_w: float = float("inf")


@dataclass(frozen=True, slots=True)
class KeptOrders:
    """The slots as they lie on disk."""

    target: Order | None = None
    limit: Order | None = None
    override: Override | None = None
    last_said_at: datetime | None = None
    last_order_at: datetime | None = None
    answers: dict[str, OrderAnswer] = field(default_factory=dict)


Lost = Literal["HEARTBEAT_LOST", "BROKER_LOST"]


class Orders:
    """The slots. Every change that must survive is told by `kept`, before it is answered."""

    def __init__(
        self, fleet: Fleet, ems: Ems, now: Moment, changed: Emit, kept: KeptOrders | None = None
    ) -> None:
        kept = kept or KeptOrders()
        self.fleet, self.ems = fleet, ems
        self._changed = changed
        self.target = _restored(kept.target, now)
        self.limit = _restored(kept.limit, now)
        self.override = kept.override
        self.last_said_at = kept.last_said_at
        self.last_order_at = kept.last_order_at
        self.answers = dict(kept.answers)
        self._heard_s = now.s
        self._broker_lost_s: float | None = None

    # -- orders ------------------------------------------------------------------------------

    def take(self, request: OrderRequest, standing: Standing, now: Moment) -> OrderAnswer:
        """Return the answer to *request*; the caller saves the slots before it leaves."""
        before = self.answers.get(request.id)
        if before is not None and request.kind != "heartbeat":
            return before
        answer = refusal(request, self, standing, now)
        if answer is None:
            answer = self._accept(request, standing, now)
        if request.kind != "heartbeat":
            self.answers[request.id] = answer
            while len(self.answers) > REMEMBERED:
                del self.answers[next(iter(self.answers))]
        return answer

    def _accept(self, request: OrderRequest, standing: Standing, now: Moment) -> OrderAnswer:
        self._heard_s = now.s
        self._broker_lost_s = None  # that it was heard proves the broker is back
        if request.at is not None:
            self.last_said_at = max(filter(None, (self.last_said_at, request.at)))
        if request.kind == "heartbeat":
            return OrderAnswer(request.id, "alive")
        self.last_order_at = now.at
        slot = self.limit if request.mode == "limit" else self.target
        if slot is not None and self._is_same(request, slot):
            renewed = replace(_valid(slot, request, now), power_w=request.power_w)
            self._put(renewed)
            return OrderAnswer(request.id, _same_message(renewed))
        if slot is not None:
            self._end(slot, "superseded")
        order = _valid(
            Order(
                request.id, request.mode, request.power_w, request.source, now.at, now.s,
                ramp_s=request.ramp_s,
            ), request, now,
        )  # fmt: skip
        self._put(order)
        self._changed(order)
        return OrderAnswer(request.id, _message(order, standing))

    def _is_same(self, request: OrderRequest, slot: Order) -> bool:
        """Whether *request* only renews *slot*: a new order would begin its life anew."""
        if slot.is_failsafe or slot.state not in LIVE:
            return False  # what has ended once does not end again
        return abs(request.power_w - slot.power_w) <= self.tolerance_w(slot.power_w)

    def renews(self, request: OrderRequest) -> bool:
        """Whether *request* keeps up the target in force, and asks for no more."""
        running = self.target
        if running is None or request.power_w > running.power_w:
            return False
        return self._is_same(request, running)

    def tolerance_w(self, power_w: float) -> float:
        return self.fleet.tolerance_percent / 100 * power_w

    def _put(self, order: Order) -> None:
        if order.mode == "limit":
            self.limit = order
        else:
            self.target = order

    def _end(self, order: Order, state: OrderState, reason: str | None = None) -> None:
        if order.state in LIVE:
            self._changed(replace(order, state=state, reason=reason))

    def progress(self, state: OrderState, reason: str | None) -> None:
        """Book how far the order in force has come; tell where that is news."""
        order = self.demand().order
        if (
            order is None
            or order.state not in LIVE
            or (order.state, order.reason) == (state, reason)
        ):
            return
        changed = replace(order, state=state, reason=reason)
        self._put(changed)
        if order.state != state:
            self._changed(changed)

    # -- a person ----------------------------------------------------------------------------

    def take_over(self, power_w: float, source: str, now: Moment) -> None:
        self.override = Override(power_w, now.at, source)

    def give_back(self) -> None:
        """End the override: the last valid order of the EMS is in force again."""
        self.override = None

    # -- time --------------------------------------------------------------------------------

    def tick(self, now: Moment) -> bool:
        """Let what is due expire or fail safe; return whether a slot changed."""
        before = (self.target, self.limit)
        if self.limit is not None and _is_over(self.limit, now):
            self._end(self.limit, "expired")
            self.limit = None
        if self.target is not None and _is_over(self.target, now):
            self._expire(self.target, now)
        self._fail_safe(now)
        return before != (self.target, self.limit)

    def _expire(self, order: Order, now: Moment) -> None:
        after = self.fleet.after_expiry
        self._end(order, "expired")
        if after == "release":
            self.target = None
        elif after == "hold":
            self.target = replace(order, state="expired", until_s=None)
        else:
            self.target = Order(
                f"{order.id}-after", "target", 1000 * float(after), "after_expiry", now.at, now.s
            )
            self._changed(self.target)

    def broker(self, *, connected: bool, now: Moment) -> None:
        if connected:
            self._broker_lost_s = None
        elif self._broker_lost_s is None:
            self._broker_lost_s = now.s

    def lost(self, now: Moment) -> Lost | None:
        """Return what of the EMS has gone silent for longer than the settings allow."""
        timeout_s = self.ems.heartbeat_timeout_s
        if timeout_s is not None and now.s - self._heard_s >= timeout_s:
            return "HEARTBEAT_LOST"
        gone_s = self._broker_lost_s
        if gone_s is not None and now.s - gone_s >= self.fleet.broker_loss_hold_s:
            return "BROKER_LOST"
        return None

    def due_s(self, now_s: float) -> float:
        """Return when a slot is next due to change by itself: what is timed must not be late."""
        slots = (self.target, self.limit)
        moments = [order.until_s for order in slots if order and order.until_s is not None]
        if self.ems.heartbeat_timeout_s is not None:
            moments.append(self._heard_s + self.ems.heartbeat_timeout_s)
        if self._broker_lost_s is not None:
            moments.append(self._broker_lost_s + self.fleet.broker_loss_hold_s)
        return min((at_s for at_s in moments if at_s > now_s), default=float("inf"))

    def _fail_safe(self, now: Moment) -> None:
        """Put the failsafe power in the place, mode and rank of the order that was lost."""
        lost, power_kw = self.lost(now), self.fleet.failsafe_power_kw
        if lost is None or power_kw is None:
            return
        for order in (self.target, self.limit):
            if order is None or order.is_failsafe:
                continue
            self._end(order, "aborted", lost)
            failsafe = Order(
                f"{order.id}-failsafe", order.mode, 1000 * power_kw, "failsafe", now.at, now.s,
                reason=lost, is_failsafe=True,
            )  # fmt: skip
            self._put(failsafe)
            self._changed(failsafe)

    # -- what holds --------------------------------------------------------------------------

    def demand(self) -> Demand:
        """Return what the fleet is to do now; power None: nothing is asked of it."""
        wanted: Demand
        target, limit = self.target, self.limit
        if self.override is not None:
            since = self.override.since.isoformat()
            wanted = Demand(self.override.power_w, "target", None, name=f"override {since}")
        elif target is not None:
            wanted = Demand(
                target.power_w, "target", target, target.ramp_s, target.since_s, target.id
            )
        else:
            wanted = Demand(None, "target", None)
        if limit is None:
            return wanted
        if wanted.power_w is not None and wanted.power_w <= limit.power_w:
            return replace(wanted, cap_w=limit.power_w)
        # The limit is what binds: its life is the one to report.
        name = f"{limit.id} over {wanted.name}"
        return Demand(limit.power_w, "limit", limit, limit.ramp_s, limit.since_s, name)

    def restore(self, kept: KeptOrders) -> None:
        """Go back to *kept*, of this same run."""
        self.target, self.limit, self.override = kept.target, kept.limit, kept.override
        self.last_said_at, self.last_order_at = kept.last_said_at, kept.last_order_at
        self.answers = dict(kept.answers)

    def kept(self) -> KeptOrders:
        return KeptOrders(
            self.target, self.limit, self.override, self.last_said_at, self.last_order_at,
            dict(self.answers),
        )  # fmt: skip


def _valid(order: Order, request: OrderRequest, now: Moment) -> Order:
    """Return *order* valid for as long as *request* says from now on."""
    if request.valid_for_s is None:
        return replace(order, valid_until=None, until_s=None)
    return replace(
        order,
        valid_until=now.at + timedelta(seconds=request.valid_for_s),
        until_s=now.s + request.valid_for_s,
    )


def _is_over(order: Order, now: Moment) -> bool:
    return order.until_s is not None and now.s >= order.until_s


def _restored(order: Order | None, now: Moment) -> Order | None:
    """Return an order read from disk, its end put on this run's monotonic clock."""
    if order is None:
        return None
    until_s = None
    if order.valid_until is not None and order.state in LIVE:
        until_s = now.s + (order.valid_until - now.at).total_seconds()
    return replace(order, since_s=now.s - 1e6, until_s=until_s)


def _kw(power_w: float) -> str:
    return f"{power_w / 1000:.2f} kW"


def _same_message(order: Order) -> str:
    if order.mode == "target" and order.power_w == 0:
        return "Fleet is already in standby"
    return f"{order.mode.capitalize()} {_kw(order.power_w)} is already in force and was renewed"


def _message(order: Order, standing: Standing) -> str:
    if order.mode == "limit":
        return f"Limit accepted: at most {_kw(order.power_w)}"
    if order.power_w == 0:
        return "Fleet deactivation command accepted. All miners stopping."
    message = f"Target {_kw(order.power_w)} accepted"
    achievable_w = standing.achievable_w(order.power_w)
    if achievable_w is None:
        return message
    if abs(achievable_w - order.power_w) <= standing.tolerance_w(order.power_w):
        return f"{message}; the set-points come to {_kw(achievable_w)}"
    return f"{message}; achievable now: {_kw(achievable_w)}, as near as the set-points come"
