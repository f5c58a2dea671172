"""What holds of the fleet whatever happens: random orders, people, faults and restarts."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from minerbridge.fleet.listener import FleetListener
from minerbridge.fleet.member import Member
from minerbridge.fleet.memory import Ordered
from minerbridge.fleet.participant import Kept
from minerbridge.model_fleet import OrderRequest, OverrideRequest, ParticipationRequest
from minerbridge.settings_fleet import Ems, Fleet
from tests.benchmarks.fleet_swarm import SEEDS, ascend, wander
from tests.fleet_sim import FleetSim, Machine
from tests.history_rig import HistoryRig, entry
from tests.waiting import until

FULL_W, STANDBY_W = 1460.0, 51.0
#: A command that was neither refused nor overtaken is not repeated sooner.
LEAST_PATIENCE_S = 20.0
#: As the bridge's own setting: a miner that does not answer for so long is offline.
OFFLINE_AFTER_S = 30.0
TERMINAL = {"order_expired", "order_superseded", "order_aborted"}


@dataclass
class DeafMachine(Machine):
    """Answers nobody in the first part of its boot, as an S9 whose network is not up yet."""

    deaf_share: float = 0.4
    is_away: bool = False
    silent_since_s: Any = None

    def tick(self, now_s):
        super().tick(now_s)
        boots_yet_s = self.until_s - now_s if self.state == "starting" else 0.0
        is_deaf = boots_yet_s > (1 - self.deaf_share) * self.boot_s[0]
        self.is_silent = self.is_away or is_deaf
        if not self.is_silent:
            self.silent_since_s = None
        elif self.silent_since_s is None:
            self.silent_since_s = now_s


class Watched(FleetSim):
    """Looks at every step for what must never be."""

    untouchable: frozenset[str] = frozenset()
    last: dict[str, tuple[float, str]]

    def step(self):
        for machine in self.machines.values():
            since_s = machine.silent_since_s
            if since_s is not None and self.now_s - since_s >= OFFLINE_AFTER_S:
                self.controller.heard(machine.miner_id, self.now, online=False)
        states = {name: machine.state for name, machine in self.machines.items()}
        commands = super().step()
        at_s = self.now_s - 1.0
        for command in commands:
            self.look_at(command, at_s, states[command.miner_id])
        self.look_at_limit()
        return commands

    def look_at(self, command, at_s, state):
        name = command.miner_id
        assert name not in self.untouchable, f"{command.name} to {name}, which nobody may command"
        assert self.controller.participants[name].dispatch
        before_s, before = self.last.get(name, (float("-inf"), ""))
        if self.machines[name].is_silent:
            self.last.pop(name, None)  # refused: it may be tried again
        else:
            is_early = at_s - before_s < LEAST_PATIENCE_S
            assert not (is_early and before == command.name), f"{command.name} again to {name}"
            self.last[name] = at_s, command.name
        assert not (command.name == "start" and state == "mining"), f"{name} runs already"

    def look_at_limit(self):
        demand, sums = self.controller.orders.demand(), self.controller.sums
        if demand.mode != "limit" or demand.power_w is None or self.controller.plan is None:
            return
        placed = self.controller.placed
        deaf = {one.miner_id for one in placed if self.machines[one.miner_id].is_silent}
        off_w = sum(
            one.points[(one.current() or 0) if one.miner_id in deaf else 0].power_w
            for one in placed
        )  # who hears nothing cannot be told either
        told_w = sum(one.points[one.current() or 0].power_w for one in placed)
        assert told_w <= max(demand.power_w - sums.base_w, off_w) + 1.0


def swarm(count, boot_s=90.0, **options):
    machines = [DeafMachine(f"m{number}", boot_s=(boot_s, boot_s)) for number in range(count)]
    return watched(machines, **options)


def watched(machines, untouchable=frozenset(), **options):
    members = {
        one.miner_id: Member(one.miner_id, is_read_only=one.miner_id in untouchable)
        for one in machines
    }
    sim = Watched(machines, members=members, **options)
    sim.untouchable, sim.last = untouchable, {}
    return sim


def restarted(sim):
    """Return a new controller over the same machines, with what lies on disk by now."""
    kept = through_json(dict[str, Kept], sim.controller.kept(sim.now))
    ordered = through_json(Ordered, sim.controller.ordered())
    again = watched(
        list(sim.machines.values()), sim.untouchable, fleet=sim.controller.fleet,
        ems=sim.controller.orders.ems, kept=kept, ordered=ordered, now_s=sim.now_s + 3,
    )  # fmt: skip
    again.last, again.metered, again.listener = sim.last, sim.metered, sim.listener
    again.controller.listener = sim.listener
    return again


def through_json(shape, content):
    adapter = TypeAdapter(shape)
    document = json.loads(json.dumps(adapter.dump_python(content, mode="json")))
    return adapter.validate_python(document)


# -- what may happen -------------------------------------------------------------------------

SHARE = st.sampled_from([0.0, 0.1, 0.34, 0.5, 0.75, 1.0])
VALID_S = st.sampled_from([None, None, 40, 120])
INDEX = st.integers(0, 5)
EVENT = st.one_of(
    st.tuples(st.just("target"), SHARE, VALID_S),
    st.tuples(st.just("limit"), SHARE, VALID_S),
    st.tuples(st.just("deactivate")),
    st.tuples(st.just("override"), SHARE),
    st.tuples(st.just("release")),
    st.tuples(st.just("person"), INDEX, st.sampled_from(["start", "stop"])),
    st.tuples(st.just("dispatch"), INDEX, st.booleans()),
    st.tuples(st.just("away"), INDEX, st.booleans()),
    st.tuples(st.just("meter"), st.booleans()),
    st.tuples(st.just("heartbeat")),
    st.tuples(st.just("restart")),
)
SCRIPT = st.lists(
    st.tuples(EVENT, st.sampled_from([1, 3, 10, 31, 60, 150])), min_size=1, max_size=10
)
FLEETS = st.builds(
    Fleet,
    min_off_s=st.sampled_from([0, 60]),
    failsafe_power_kw=st.sampled_from([None, 0, 2]),
    after_expiry=st.sampled_from(["hold", "release", 1.5]),
    wave_miners=st.sampled_from([1, 3, 20]),
    wave_percent=st.just(0),
    wave_interval_s=st.sampled_from([0, 15]),
    power_distribution_strategy=st.sampled_from(["efficiency", "equal", "priority"]),
)


class Play:
    """Carries out a script."""

    def __init__(self, sim):
        self.sim = sim
        self.orders = 0
        self.accepted = set()

    def happen(self, event):
        return getattr(self, event[0])(*event[1:]) or self.sim

    def full_w(self):
        return FULL_W * len(self.sim.machines)

    def target(self, share, valid_s):
        self.order("activate", share * self.full_w(), valid_for_s=valid_s)

    def limit(self, share, valid_s):
        self.order("activate", share * self.full_w(), mode="limit", valid_for_s=valid_s)

    def deactivate(self):
        self.order("deactivate", 0.0)

    def order(self, kind, power_w, **more):
        self.orders += 1
        request = OrderRequest(kind, f"order-{self.orders}", power_w, **more)
        before = len(self.sim.listener.events)
        answer = self.sim.controller.request(request, self.sim.now)
        news = self.sim.listener.events[before:]
        if answer.accepted and any(facts.get("id") == request.id for _, _, facts in news):
            self.accepted.add(request.id)  # and not only a renewal of what is in force

    def override(self, share):
        self.sim.controller.request(OverrideRequest(True, share * self.full_w()), self.sim.now)

    def release(self):
        self.sim.controller.request(OverrideRequest(False), self.sim.now)

    def person(self, number, command):
        name, machine = self.pick(number)
        self.sim.controller.person(name, command)
        machine.command(command, {}, self.sim.now_s, self.sim.rng, 0.0)
        machine.told.pop()
        self.sim.last.pop(name, None)

    def dispatch(self, number, enabled):
        name, _ = self.pick(number)
        self.sim.controller.request(ParticipationRequest(name, enabled), self.sim.now)
        self.sim.last.pop(name, None)

    def away(self, number, is_away):
        _, machine = self.pick(number)
        machine.is_away = is_away

    def meter(self, is_there):
        self.sim.metered = (lambda: self.sim.power_w) if is_there else None

    def heartbeat(self):
        self.sim.controller.request(OrderRequest("heartbeat", "beat"), self.sim.now)

    def restart(self):
        self.sim = restarted(self.sim)

    def pick(self, number):
        return list(self.sim.machines.items())[number % len(self.sim.machines)]


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    count=st.integers(2, 6),
    fleet=FLEETS,
    untouchable=st.booleans(),
    heartbeat_s=st.sampled_from([None, None, 90]),
    script=SCRIPT,
)
def test_whatever_happens(count, fleet, untouchable, heartbeat_s, script):
    sim = swarm(
        count, fleet=fleet, ems=Ems(heartbeat_timeout_s=heartbeat_s),
        untouchable=frozenset({"m0"} if untouchable else ()),
    )  # fmt: skip
    play = Play(sim)
    sim.run(6)
    for event, seconds in script:
        play.happen(event)
        play.sim.run(seconds)
    sim = play.sim
    for machine in sim.machines.values():
        machine.is_away = False
    sim.run(700)

    assert sim.controller.step(sim.now) == []
    sent = len(sim.sent)
    sim.run(20)
    assert len(sim.sent) == sent
    ends_once(play)


def ends_once(play):
    """Every order that was accepted has ended, and once; what is in force has not."""
    controller = play.sim.controller
    ended = [facts["id"] for kind, _, facts in play.sim.listener.events if kind in TERMINAL]
    assert len(set(ended)) == len(ended)
    slots = {order.id for order in (controller.orders.target, controller.orders.limit) if order}
    assert play.accepted - slots <= set(ended)


# -- found by looking ------------------------------------------------------------------------


def test_who_boots_and_answers_nobody_is_not_replaced():
    """An S9 is without a network for most of a minute: longer than makes a miner offline."""
    sim = swarm(4, boot_s=100.0, fleet=Fleet(min_off_s=0, failsafe_power_kw=0))
    sim.run(6)
    sim.activate(2 * FULL_W + 2 * STANDBY_W)
    sim.run(36)

    assert [one.online for one in sim.controller.participants.values()].count(False) == 2
    assert sim.status().dispatch.counts == {"in_flight": 2, "off": 2}
    sim.run(300)
    assert [name for _, _, name, _ in sim.sent] == ["start", "start"]
    assert sim.status().dispatch.state == "achieved"


def test_a_restart_does_not_replace_who_boots_either():
    sim = swarm(4, boot_s=100.0, fleet=Fleet(min_off_s=0, failsafe_power_kw=0))
    sim.run(6)
    sim.activate(2 * FULL_W + 2 * STANDBY_W)
    sim.run(5)
    again = restarted(sim)
    for machine in again.machines.values():
        again.controller.heard(machine.miner_id, again.now, online=not machine.is_silent)
    again.run(300)

    assert again.sent == []
    assert again.status().dispatch.state == "achieved"


def test_an_order_before_the_first_step_is_taken_on_what_is_known():
    sim = swarm(2)

    assert sim.activate(FULL_W + STANDBY_W).accepted


def test_an_order_proves_that_the_broker_is_back():
    sim = swarm(2, fleet=Fleet(min_off_s=0, failsafe_power_kw=0, broker_loss_hold_s=30))
    sim.run(6)
    sim.activate(FULL_W + STANDBY_W)
    sim.controller.broker(sim.now, connected=False)
    sim.run(40)
    assert sim.controller.orders.target.is_failsafe

    assert sim.activate(2 * FULL_W).accepted  # ahead of the word that the broker is connected
    sim.run(3)

    target = sim.controller.orders.target
    assert (target.power_w, target.is_failsafe) == (2 * FULL_W, False)


def test_an_order_that_has_expired_is_not_revived_by_its_repetition():
    sim = swarm(1, fleet=Fleet(min_off_s=0, after_expiry="hold"))
    play = Play(sim)
    for _ in range(2):
        play.target(1.0, 40)
        sim.run(60)

    ended = [facts["id"] for kind, _, facts in sim.listener.events if kind in TERMINAL]
    assert ended == ["order-1", "order-2"]


def test_what_is_timed_is_due_to_the_second():
    ems = Ems(heartbeat_timeout_s=90)
    sim = swarm(2, fleet=Fleet(failsafe_power_kw=0, broker_loss_hold_s=30), ems=ems)
    orders, began_s = sim.controller.orders, sim.now_s
    assert orders.due_s(began_s) == began_s + 90
    sim.controller.request(OrderRequest("activate", "cap", 100, "limit", valid_for_s=40), sim.now)
    assert orders.due_s(began_s) == began_s + 40
    sim.controller.broker(sim.now, connected=False)
    assert orders.due_s(began_s) == began_s + 30
    assert orders.due_s(began_s + 30) == began_s + 40
    assert orders.due_s(began_s + 100) == float("inf")


class Retold(FleetListener):
    def __init__(self):
        self.entries, self.outcomes = [], []

    def retell(self, entry):
        self.entries.append(entry)

    def outcome(self, entry_id, success, state, message):
        self.outcomes.append((entry_id, success, state))


def test_after_a_restart_the_history_hears_of_the_orders_in_force_again():
    sim = swarm(2, boot_s=10.0, fleet=Fleet(min_off_s=0, failsafe_power_kw=0))
    sim.run(6)
    sim.activate(2 * FULL_W)
    sim.run(60)
    (told,) = sim.listener.entries
    again = restarted(sim)
    again.controller.listener = Retold()

    again.controller.retell()

    assert again.controller.listener.entries == [told]
    assert again.controller.listener.outcomes == [(told.id, True, "achieved")]


def test_what_is_retold_is_kept_only_where_it_was_lost(tmp_path):
    rig = HistoryRig(tmp_path)
    history = rig.start()
    history.command(entry("kept", message="as it was given"))
    history.retell(entry("kept", message="as it is put together again"))
    history.retell(entry("lost", message="as it is put together again"))
    until(lambda: "lost" in rig.ids(), 5, rig.ids)
    rig.stop()

    assert rig.rows("SELECT id, message FROM commands ORDER BY id") == [
        ("kept", "as it was given"), ("lost", "as it is put together again"),
    ]  # fmt: skip


# -- swarms and days -------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS[:3])
def test_a_swarm_that_boots_badly_is_there_in_time(seed):
    ascent = ascend(seed, seconds=600)

    assert ascent.within_5_s <= 330
    assert ascent.within_2_s <= 420
    assert ascent.overshoot <= 0.02


@pytest.mark.slow
def test_a_target_that_wanders_for_hours_wears_nobody_out_and_leaks_nothing():
    day = wander(4 * 3600, seed=2)

    assert day.mean_calm_error <= 0.015
    assert abs(day.bias) <= 0.01
    assert day.idle_moves <= 5
    first_starts = 24 / day.hours  # each miner's first, as if it were so all day
    assert day.starts_per_miner_day - first_starts <= 6
    assert day.state_bytes[-1] <= 2 * day.state_bytes[0]
