"""Steers the fleet to what is ordered. Time and readings are inputs, commands the output.

Each step works out anew, from the orders and the readings, where every miner is to be; two steps
with the same input send nothing twice, because what was sent is booked with its miner.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from minerbridge.fleet import planner, records
from minerbridge.fleet.balance import Balance, MeterLoop, balance, load_circuits
from minerbridge.fleet.learning import peers_of
from minerbridge.fleet.listener import FleetListener
from minerbridge.fleet.member import Learned, Member
from minerbridge.fleet.memory import Ordered
from minerbridge.fleet.order_rules import SWITCHED_OFF, Standing
from minerbridge.fleet.orders import Demand, Order, Orders
from minerbridge.fleet.participant import Kept, Participant
from minerbridge.fleet.progress import progress, resume
from minerbridge.fleet.setpoints import NO_PEERS, OFF, Peers, SetPoint
from minerbridge.fleet.starts import LEAST_STARTS, StartRecord
from minerbridge.fleet.steering import Moves, Steering, commands_to
from minerbridge.fleet.terms import terms_of
from minerbridge.model import CommandResult, MinerCommand, MinerProfile, MinerReading
from minerbridge.model_fleet import (
    FleetConfig,
    FleetRequest,
    Moment,
    OrderAnswer,
    OrderRequest,
    OverrideRequest,
    ParticipationRequest,
)
from minerbridge.settings_fleet import Ems, Fleet

#: After the start the miners get this long to be read before the fleet is steered upwards.
MEET_WITHIN_S = 20.0
#: A plan that does not fit is not thought over more often than this while nothing else changes.
RETHINK_S = 5.0
#: So long an EMS may order the rated power it read: it falls while what miners draw is learned.
RATED_HOLDS_S = 60.0
OFF_POINT = SetPoint(OFF, 0.0, 0.0)


class Controller:
    """Everything the fleet's thread knows. No clock, no thread, no network."""

    def __init__(
        self,
        fleet: Fleet,
        ems: Ems,
        listener: FleetListener,
        now: Moment,
        ordered: Ordered | None = None,
        kept: Mapping[str, Kept] | None = None,
    ) -> None:
        ordered = ordered or Ordered()
        self.fleet = fleet
        self.listener = listener
        self.config = ordered.config
        self.terms = terms_of(fleet, self.config)
        self.orders = Orders(fleet, ems, now, self._order_changed, ordered.orders)
        self.participants: dict[str, Participant] = {}
        self._kept = dict(kept or {})
        self.started_s = now.s
        self.steering = Steering()
        self.starts = StartRecord()
        self.meter = MeterLoop()
        self.metered_w: float | None = None
        self.sums = Balance()
        self.placed: list[Participant] = []
        self.plan: planner.Plan | None = None
        self.moves = Moves()
        self.ceilings = ordered.ceilings
        self.published_rated_w = 0.0
        self._rated: deque[tuple[float, float]] = deque()
        self._demand_name = ""
        self._dirty = True
        self._thought_s = float("-inf")
        self.moved_s = now.s
        self._protected: set[str] = set()
        self._peers: dict[tuple[str, str | None], Peers] = {}

    # -- what comes in -----------------------------------------------------------------------

    def apply(self, fleet: Fleet, members: Mapping[str, Member], now: Moment) -> None:
        """Take over the settings: who is in the fleet, and on what terms."""
        self.fleet = self.orders.fleet = fleet
        self.terms = terms_of(fleet, self.config)
        for miner_id in self.participants.keys() - members.keys():
            self._kept[miner_id] = self.participants.pop(miner_id).kept(now)
        for miner_id, member in members.items():
            known = self.participants.get(miner_id)
            if known is not None:
                known.replan(member)
            else:
                kept = self._kept.pop(miner_id, None)
                self.participants[miner_id] = Participant(member, now, kept)
        self._renew()

    def meet(self, profile: MinerProfile) -> None:
        one = self.participants.get(profile.miner_id)
        if one is not None:
            one.meet(profile)

    def heard(self, miner_id: str, now: Moment, *, online: bool) -> None:
        one = self.participants.get(miner_id)
        if one is not None and one.online is not online:
            one.heard(online=online, now=now)
            self._dirty = True

    def sees(self, reading: MinerReading, now: Moment) -> None:
        one = self.participants.get(reading.miner_id)
        if one is not None:
            one.sees(reading, now)

    def answered(self, result: CommandResult, now: Moment) -> None:
        """Hear the outcome of a command that the fleet sent."""
        one = self.participants.get(result.miner_id)
        if one is not None:
            one.answered(result, now)
            self._dirty = True

    def person(self, miner_id: str, command: str) -> None:
        """Hear that a person commands a miner: it is no longer driven by orders."""
        one = self.participants.get(miner_id)
        if one is None or not one.dispatch:
            return
        if self.ceilings is not None:  # what a person changed is not given back any more
            self.ceilings = {k: v for k, v in self.ceilings.items() if k != miner_id}
        if self.orders.demand().power_w is None:
            one.told = None
            return
        one.chosen_dispatch, one.told = False, None
        self._dirty = True
        self.listener.event("dispatch_off", miner_id, command=command,
                            message="a person commands this miner: it left the fleet's orders, "
                            "and returns by its dispatch switch")  # fmt: skip

    def broker(self, now: Moment, *, connected: bool) -> None:
        self.orders.broker(connected=connected, now=now)

    # -- requests ----------------------------------------------------------------------------

    def request(self, request: FleetRequest, now: Moment) -> OrderAnswer:
        """Answer *request*; nothing is sent to miners before the next step."""
        if isinstance(request, OrderRequest):
            return self._order(request, now)
        if not self.fleet.enabled:
            return OrderAnswer(request.id, SWITCHED_OFF, "NOT_ALLOWED")
        if isinstance(request, OverrideRequest):
            return self._override(request, now)
        if isinstance(request, ParticipationRequest):
            return self._participation(request)
        return self._configure(request, now)

    def _order(self, request: OrderRequest, now: Moment) -> OrderAnswer:
        before = (self.orders.target, self.orders.limit)
        known = request.id in self.orders.answers
        answer = self.orders.take(request, self._standing(now), now)
        is_new = {order and order.id for order in (self.orders.target, self.orders.limit)} - {
            order and order.id for order in before
        }
        if request.kind != "heartbeat" and not known and (is_new or not answer.accepted):
            self.listener.remember(records.entry(request, answer, now))
        return answer

    def _override(self, request: OverrideRequest, now: Moment) -> OrderAnswer:
        if request.enabled:
            self.orders.take_over(request.power_w or 0.0, request.source, now)
            message = f"Manual override enabled at {(request.power_w or 0) / 1000:g} kW"
        else:
            self.orders.give_back()
            message = "Manual override disabled. Resuming EMS control."
        answer = OrderAnswer(request.id, message)
        self.listener.remember(records.override_entry(request, answer, now))
        return answer

    def _participation(self, request: ParticipationRequest) -> OrderAnswer:
        one = self.participants.get(request.miner_id)
        if one is None:
            return OrderAnswer(request.id, f"no miner {request.miner_id!r}", "NOT_FOUND")
        if one.member.is_read_only and request.enabled:
            return OrderAnswer(request.id, f"{request.miner_id} is read-only", "READ_ONLY")
        one.chosen_dispatch = request.enabled
        one.forget_blocks()
        self._dirty = True
        says = "takes part in" if request.enabled else "is left out of"
        return OrderAnswer(request.id, f"{request.miner_id} {says} the fleet's orders")

    def _configure(self, request: FleetConfig, now: Moment) -> OrderAnswer:
        changes: dict[str, Any] = {name: getattr(request, name) for name in request.changed}
        self.config = replace(self.config, **changes)
        self.terms = terms_of(self.fleet, self.config)
        self._renew()
        answer = OrderAnswer(request.id, records.config_words(changes) or "nothing to change")
        self.listener.remember(records.config_entry(request, answer, now))
        return answer

    def _renew(self) -> None:
        """Let everything be worked out from scratch."""
        for one in self.participants.values():
            one.is_new = True
        self._dirty, self.plan = True, None

    def _standing(self, now: Moment) -> Standing:
        self._build()  # an order may come before the first step
        reachable = self.reachable(now)
        return Standing(
            enabled=self.fleet.enabled,
            published_rated_w=self.published_rated_w,
            rated_w=self.rated_w(now),
            power_w=self.active_w(),
            reachable=len(reachable),
            controllable=sum(len(one.points) > 1 and one.dispatch for one in reachable),
            tolerance_w=self.terms.tolerance_w,
            achievable_w=lambda power_w: self._achievable_w(power_w, now),
        )

    def _achievable_w(self, power_w: float, now: Moment) -> float | None:
        if not self.placed:
            return None
        return self._think(power_w, Demand(power_w, "target", None), now, warm=False).total_w

    def would_be(self, power_w: float, now: Moment) -> list[tuple[Participant, SetPoint]]:
        """Return where everyone would be for a target, without telling anyone."""
        kept = self._thought_s
        plan = self._think(power_w, Demand(power_w, "target", None), now, warm=False)
        self._thought_s = kept
        chosen = [(one, one.index(plan.keys.get(one.miner_id))) for one in self.placed]
        return [(one, one.points[number or 0]) for one, number in chosen]

    # -- the fleet as it is ------------------------------------------------------------------

    def reachable(self, now: Moment) -> list[Participant]:
        grace_s = self.terms.offline_grace_s
        return [one for one in self.participants.values() if one.is_reachable(now, grace_s)]

    def counted(self) -> list[Participant]:
        """Return the miners whose power is the fleet's."""
        return [one for one in self.participants.values() if not one.is_outside]

    def rated_w(self, now: Moment) -> float:
        """Return what the fleet can be told to draw: asleep and booting miners included."""
        if self.terms.rated_override_w is not None:
            return self.terms.rated_override_w
        after = self.terms.quarantine_after
        return sum(
            one.full_power_w
            for one in self.reachable(now)
            if one.dispatch and not one.is_quarantined(now, after)
        )

    def note_rated(self, rated_w: float, now: Moment) -> None:
        """Remember what is published: an order by a rating of just now is not too much."""
        self._rated.append((now.s, rated_w))
        while now.s - self._rated[0][0] > RATED_HOLDS_S:
            self._rated.popleft()
        self.published_rated_w = max(rated_w for _, rated_w in self._rated)

    def active_w(self) -> float:
        """Return what the fleet draws: by the meter, else measured plus estimates."""
        return self.sums.total_w if self.metered_w is None else self.metered_w

    def is_ready(self, now: Moment) -> bool:
        """Whether the miners were met, so that a running fleet is adopted and not reset."""
        if now.s - self.started_s >= MEET_WITHIN_S:
            return True
        return all(
            one.reading is not None or one.online is False for one in self.participants.values()
        )

    # -- the step ----------------------------------------------------------------------------

    def step(self, now: Moment, metered_w: float | None = None) -> list[MinerCommand]:
        """Return the commands that are due now. Powers are W."""
        self.metered_w = metered_w
        self._tick(now)
        demand = self.orders.demand()
        self.placed = planner.placeable(list(self.participants.values()), now, self.terms)
        placed = {one.miner_id for one in self.placed}
        grace_s = self.terms.offline_grace_s
        self.sums = balance(self.counted(), placed, now, demand.mode, grace_s)
        outside = [one for one in self.participants.values() if one.is_outside]
        load_circuits(self.sums, outside, now)
        self._compare_meter(demand, now)
        commands = self._protect(now)
        self.moves = Moves()
        if not self.fleet.enabled:
            return commands
        if demand.power_w is None:
            self._restore(now)
        elif self.is_ready(now) or demand.power_w < self.sums.expected_w:
            self._follow(demand, demand.power_w, now)
        else:
            self.plan = None
        commands += self.moves.commands
        if commands or any(one.told is not None for one in self.placed):
            self.moved_s = now.s
        progress(self, demand, now)
        return commands

    def _tick(self, now: Moment) -> None:
        if self.orders.tick(now):
            self._dirty = True
        self._build()
        self.starts.tick(now.s)
        for one in self.participants.values():
            if one.start_ended is not None:
                until_s, succeeded = one.start_ended
                self.starts.note(until_s, succeeded=succeeded)
                one.start_ended = None
            if one.give_up(now, self.terms.quarantine_after):
                self._dirty = True
                if one.is_quarantined(now, self.terms.quarantine_after):
                    self.listener.event(
                        "quarantined", one.miner_id, failures=one.failures,
                        message="it did not do as told; its share goes to others for a while",
                    )  # fmt: skip

    def _build(self) -> None:
        """Bring the set-points up to what is known; peers speak for those not measured yet."""
        changed = [one for one in self.participants.values() if one.is_new]
        if not changed:
            return
        by_model: dict[tuple[str, str | None], list[Learned]] = {}
        for one in self.participants.values():
            if one.profile is not None:
                model = one.profile.family, one.profile.model
                by_model.setdefault(model, []).append(one.learned)
        peers = {model: peers_of(found) for model, found in by_model.items()}
        if peers != self._peers:
            self._peers, changed = peers, list(self.participants.values())
        for one in changed:
            kind = (one.profile.family, one.profile.model) if one.profile is not None else None
            one.build(self.terms.control_mode, peers[kind] if kind is not None else NO_PEERS)

    def _compare_meter(self, demand: Demand, now: Moment) -> None:
        over = demand.power_w is not None and self.active_w() > demand.power_w
        self.meter.compare(
            self.metered_w, self.sums, now.s - self.moved_s, now,
            urgent=over and demand.mode == "limit",
        )  # fmt: skip

    def _follow(self, demand: Demand, power_w: float, now: Moment) -> None:
        """Plan where it is due, and tell the miners what may be told by now."""
        correction_w = self.meter.correction_w(self.sums, self.metered_w)
        told_w = self.sums.expected_w + correction_w
        self.plan = self._planned(demand, power_w, told_w, now)
        is_overloaded = planner.overloads(self.placed, {}, self.sums.base_by_circuit, self.terms)
        self.steering.ramp.cap_w = 0.0 if is_overloaded else demand.cap_w
        self.steering.ramp.move(power_w, self.terms.max_rate_w_per_s, now)
        starts = self._expectation(demand)
        told_w -= self._not_expected_w(starts)
        self.moves = self.steering.moves(
            self.placed, self.plan.keys, told_w, self.terms, now, starts
        )

    def _planned(self, demand: Demand, power_w: float, told_w: float, now: Moment) -> planner.Plan:
        """Return the plan in force, thought over where something asks for it."""
        plan = self.plan
        if demand.name != self._demand_name:
            was_still = plan is None or plan.power_w <= 0
            self.steering.ramp.begin(demand.name, told_w, demand.ramp_s, now)
            self._note_ceilings(demand)
            self._demand_name = demand.name
            resume(self, demand)
            return self._think(power_w, demand, now, warm=not was_still)
        if plan is None:
            return self._think(power_w, demand, now, warm=False)
        if self._exceeds(demand, power_w, now):
            # What runs is enough: what is still on its way up would be too much.
            pending: planner.Pending = "drop" if demand.mode == "target" else "free"
            return self._think(power_w, demand, now, warm=True, pending=pending)
        if self._overloads():
            return self._think(power_w, demand, now, warm=True)
        is_time = self._dirty or now.s - self._thought_s >= RETHINK_S
        if is_time and self._falls_short(demand, power_w, now):
            self._dirty = False
            return self._think(power_w, demand, now, warm=True, pending="keep")
        return plan

    def _not_expected_w(self, starts: StartRecord | None) -> float:
        """Return what of the starts under way will on average not come; 0 where all are counted."""
        if starts is None:
            return 0.0
        starting = [(one, one.current() or 0) for one in self.placed if one.is_starting]
        return sum(
            one.points[number].power_w - planner.choices_of(one, starts)[number].power_w
            for one, number in starting
        )

    def _note_ceilings(self, demand: Demand) -> None:
        """Remember, as a limit begins, where everyone is: it starts nothing, its end gives back."""
        alone = demand.mode == "limit" and self.orders.target is None
        if not alone or self.orders.override is not None:
            self.ceilings = None
        else:
            self.ceilings = self.ceilings or {}

    def _think(
        self,
        power_w: float,
        demand: Demand,
        now: Moment,
        *,
        warm: bool,
        pending: planner.Pending = "free",
    ) -> planner.Plan:
        self._thought_s = now.s
        keys = self.plan.keys if self.plan is not None else {}
        ceilings = None
        if self.ceilings is not None and demand.mode == "limit":
            # Who is met later is noted as he comes: the limit may take from him as well.
            self.ceilings = {one.miner_id: one.key for one in self.placed} | self.ceilings
            ceilings = self.ceilings
        return planner.plan(
            self.placed,
            self.sums.base_w + self.meter.correction_w(self.sums, self.metered_w),
            self.sums.base_by_circuit,
            power_w,
            demand.mode,
            self.terms,
            now,
            keys,
            warm=warm,
            ceilings=ceilings,
            starts=self._expectation(demand) if pending == "keep" else None,
            pending=pending,
        )

    def _expectation(self, demand: Demand) -> StartRecord | None:
        """Return how often starts fail, where that may be counted on: many starts, no limit."""
        starting = sum(one.is_starting for one in self.placed)
        if demand.mode == "limit" or starting < LEAST_STARTS:
            return None
        return self.starts

    def _exceeds(self, demand: Demand, power_w: float, now: Moment) -> bool:
        """Whether too much runs; under a limit also what is still on its way counts."""
        total_w = self._planned_w(None, now, certain=demand.mode == "target")
        slack_w = self.terms.tolerance_w(power_w) / 2 if demand.mode == "target" else 0.0
        return total_w > power_w + slack_w

    def _overloads(self) -> bool:
        keys = self.plan.keys if self.plan is not None else {}
        return planner.overloads(self.placed, keys, self.sums.base_by_circuit, self.terms)

    def _falls_short(self, demand: Demand, power_w: float, now: Moment) -> bool:
        total_w = self._planned_w(self._expectation(demand), now, certain=False)
        return total_w < power_w - self.terms.tolerance_w(power_w) / 2

    def _planned_w(self, starts: StartRecord | None, now: Moment, *, certain: bool) -> float:
        """Return what the plan comes to by what is known now; *certain*: by what is up."""
        keys = self.plan.keys if self.plan is not None else {}
        total_w = self.sums.base_w + self.meter.correction_w(self.sums, self.metered_w)
        for one in self.placed:
            number = one.index(keys.get(one.miner_id, one.key)) or 0
            is_up = one.current() != 0 and not one.is_starting
            if (certain and not is_up) or (
                one.current() == 0 and (one.is_protected or one.is_blocked(now))
            ):
                number = 0
            total_w += planner.choices_of(one, starts)[number].power_w
        return total_w

    def _restore(self, now: Moment) -> None:
        """After a limit give back what it took; otherwise leave the fleet alone."""
        self._demand_name, self.plan = "", None
        if self.ceilings is None:
            return
        self.steering.ramp.begin("restore", self.sums.expected_w, None, now)
        self.steering.ramp.move(float("inf"), self.terms.max_rate_w_per_s, now)
        self.moves = self.steering.moves(
            self.placed, self.ceilings, self.sums.expected_w, self.terms, now
        )
        if (
            self.is_ready(now)
            and not self.moves.commands
            and not self.moves.waiting
            and not self._awaits_return(now)
            and not any(one.told is not None for one in self.placed)
        ):
            self.ceilings = None

    def _awaits_return(self, now: Moment) -> bool:
        """Whether one that a limit took from is away, but not for long enough to be given up."""
        placed = {one.miner_id for one in self.placed}
        away = (one for one in self.reachable(now) if one.miner_id not in placed and one.dispatch)
        return any(one.miner_id in (self.ceilings or ()) for one in away)

    def _protect(self, now: Moment) -> list[MinerCommand]:
        """Stop what is too hot, whatever is ordered and by whom."""
        commands: list[MinerCommand] = []
        protected = {one.miner_id for one in self.participants.values() if one.is_protected}
        for miner_id in protected ^ self._protected:
            self._dirty = True
            kind, words = records.protection(self.participants.get(miner_id), miner_id in protected)
            self.listener.event(kind, miner_id, message=words)
        self._protected = protected
        for miner_id in protected:
            one = self.participants[miner_id]
            can_stop = one.profile is not None and "stop" in one.profile.commands
            is_off = one.reading is None or one.reading.status in ("stopped", "sleeping")
            stopping = one.told is not None and one.told.key == OFF
            if is_off or stopping or not can_stop or one.member.is_read_only or one.is_blocked(now):
                continue
            stop, expected_s = commands_to(one, OFF_POINT, is_urgent=True)
            one.tell(OFF, now.s + self.terms.patience_s(expected_s), {stop[0].id}, now)
            commands += stop
        return commands

    # -- what goes out -----------------------------------------------------------------------

    def retell(self) -> None:
        """Tell of the orders in force once more, after a restart that nobody announced."""
        for order in (self.orders.target, self.orders.limit):
            if order is None:
                continue
            if order.id in self.orders.answers:  # given by somebody, unlike a failsafe
                self.listener.retell(records.entry_again(order, self.orders.answers[order.id]))
            self._tell_outcome(order)

    def _order_changed(self, order: Order) -> None:
        self.listener.event(f"order_{order.state}", None, **records.order_facts(order))
        self._tell_outcome(order)

    def _tell_outcome(self, order: Order) -> None:
        if order.state != "accepted":
            success = {"achieved": True, "started": None, "superseded": None}.get(
                order.state, False
            )
            self.listener.outcome(order.id, success, order.state, records.order_words(order))

    def ordered(self) -> Ordered:
        return Ordered(self.orders.kept(), self.config, self.ceilings)

    def kept(self, now: Moment) -> dict[str, Kept]:
        known = {name: one.kept(now) for name, one in self.participants.items()}
        return self._kept | known
