"""How soon a swarm of S9 that boot badly is where it is ordered, and by how much it overshoots.

    python -m tests.benchmarks.fleet_swarm --seeds 20 --day 1

No network and no clock: the real controller on simulated machines. 171 miners asleep, of which 12 %
are dead; a boot takes 80 to 130 s and fails the oftener the more boot at once; each draws 1.2 kW
where its nameplate says 1.46 kW. They are ordered to 60 % of the nameplates' sum.

The day: 50 of them with a target that wanders every five minutes, for wear, error and leaks.
"""

import argparse
import json
import random
import statistics
import time
from dataclasses import dataclass

from pydantic import TypeAdapter

from minerbridge.fleet.memory import Ordered
from minerbridge.fleet.participant import Kept
from minerbridge.settings_fleet import Fleet
from tests.fleet_sim import FleetSim, Machine

MINERS, RATED_W, TRUE_W, SPREAD = 171, 1460.0, 1200.0, 0.03
DEAD = 0.12
TARGET_W = 0.6 * MINERS * RATED_W
RUN_S = 1200
SEEDS = range(1, 21)


@dataclass(frozen=True)
class Ascent:
    """One run. *within_5_s*: from the order until the power is in that band for good."""

    seed: int
    within_5_s: float
    within_2_s: float
    overshoot: float
    wakes: int
    final_error: float


def failure(booting):
    """Return how likely a wake fails while so many boot."""
    return 0.05 + 0.20 * min(1.0, booting / 100)


def ascend(seed, seconds=RUN_S):
    """Run one swarm up to its target."""
    dice = random.Random(seed)
    machines = [
        Machine(
            f"s9_{number:03d}",
            power_w=TRUE_W * dice.uniform(1 - SPREAD, 1 + SPREAD),
            is_dead=dice.random() < DEAD,
        )
        for number in range(MINERS)
    ]
    fleet = Fleet(failsafe_power_kw=0, wave_miners=20, wave_percent=0, wave_interval_s=15)
    sim = FleetSim(machines, fleet=fleet, seed=seed, failure=failure)
    sim.run(6)
    began_s = sim.now_s
    assert sim.activate(TARGET_W).accepted
    sim.run(seconds)
    trace = [(at_s - began_s, power_w) for at_s, power_w in sim.trace if at_s >= began_s]
    return Ascent(
        seed,
        settled_s(trace, 0.05),
        settled_s(trace, 0.02),
        max(power_w for _, power_w in trace) / TARGET_W - 1,
        sum(name == "start" for _, _, name, _ in sim.sent),
        trace[-1][1] / TARGET_W - 1,
    )


def settled_s(trace, band):
    """Return when the power came within *band* of the target to stay there."""
    last_out_s = max((at_s for at_s, power_w in trace if not is_within(power_w, band)), default=0.0)
    return last_out_s + 1.0


def is_within(power_w, band):
    return abs(power_w - TARGET_W) <= band * TARGET_W


# -- a day -----------------------------------------------------------------------------------

WANDERERS, WANDER_EVERY_S, WANDER_BY = 50, 300, 0.03
#: A start shows after two minutes at most: from here on the power should be where it is ordered.
CALM_AFTER_S = 150


@dataclass(frozen=True)
class Day:
    """Errors are shares of the target; *state_bytes* is what would lie on disk, by the hour."""

    hours: float
    starts_per_miner_day: float
    stops_per_miner_day: float
    mean_error: float
    mean_calm_error: float
    worst_calm_error: float
    bias: float
    state_bytes: list[int]
    idle_moves: int


def wander(seconds=86_400, seed=1, **terms):
    """Follow a target that wanders; miners are as above, none dead, starts fail rarely."""
    dice = random.Random(seed)
    machines = [
        Machine(f"s9_{n:02d}", power_w=TRUE_W * dice.uniform(1 - SPREAD, 1 + SPREAD))
        for n in range(WANDERERS)
    ]
    fleet = Fleet(failsafe_power_kw=0, **terms)
    sim = FleetSim(machines, fleet=fleet, seed=seed, failure=lambda _: 0.05, poll_s=10)
    sim.run(10)
    share, all_w = 0.6, WANDERERS * TRUE_W
    errors, calm, sizes, idle_moves = [], [], [], 0
    for second in range(int(seconds)):
        if second % WANDER_EVERY_S == 0:
            share = min(0.9, max(0.3, share + dice.uniform(-WANDER_BY, WANDER_BY)))
            target_w = share * all_w
            assert sim.activate(target_w).accepted
        commands = sim.step()
        error = sim.power_w / target_w - 1
        if second >= WANDER_EVERY_S:
            errors.append(error)
        if second >= WANDER_EVERY_S and second % WANDER_EVERY_S >= CALM_AFTER_S:
            calm.append(error)
            idle_moves += len(commands)
        if second % 3600 == 3599:
            sizes.append(state_bytes(sim))
            sim.trace.clear()
            sim.listener.events.clear()
    days = seconds / 86_400 * WANDERERS
    names = [name for _, _, name, _ in sim.sent]
    return Day(
        seconds / 3600, names.count("start") / days, names.count("stop") / days,
        statistics.fmean(map(abs, errors)), statistics.fmean(map(abs, calm)),
        max(map(abs, calm)), statistics.fmean(calm), sizes, idle_moves,
    )  # fmt: skip


def state_bytes(sim):
    kept = TypeAdapter(dict[str, Kept]).dump_python(sim.controller.kept(sim.now), mode="json")
    ordered = TypeAdapter(Ordered).dump_python(sim.controller.ordered(), mode="json")
    return len(json.dumps(kept)) + len(json.dumps(ordered))


def report_day(day, took_s):
    print(f"{day.hours:.0f} h of a target that wanders by {WANDER_BY:.0%} every "
          f"{WANDER_EVERY_S} s on {WANDERERS} S9, in {took_s:.0f} s: "
          f"{day.starts_per_miner_day:.1f} starts and {day.stops_per_miner_day:.1f} stops per "
          f"miner and day; |error| {day.mean_error:.2%} on average, {day.mean_calm_error:.2%} "
          f"({day.worst_calm_error:.2%} at worst, {day.bias:+.2%} biased) from {CALM_AFTER_S} s "
          f"after a change on, where {day.idle_moves} commands were sent; state on disk "
          f"{day.state_bytes[0]} bytes after an hour, {day.state_bytes[-1]} later")  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=len(SEEDS))
    parser.add_argument("--day", type=float, default=1.0, help="days of the wandering target")
    options = parser.parse_args()
    if options.seeds:
        report_ascents(options)
    if options.day:
        began_s = time.monotonic()
        report_day(wander(86_400 * options.day), time.monotonic() - began_s)


def report_ascents(options):
    began_s = time.monotonic()
    ascents = [ascend(seed) for seed in SEEDS[: options.seeds]]
    print(
        f"{MINERS} S9 to {TARGET_W / 1000:.1f} kW, seeds {SEEDS[0]} to {SEEDS[options.seeds - 1]}"
    )
    for one in ascents:
        print(f"seed {one.seed:2d}: +-5 % after {one.within_5_s:4.0f} s, +-2 % after "
              f"{one.within_2_s:4.0f} s, overshoot {one.overshoot:+.1%}, {one.wakes} wakes, "
              f"at the end {one.final_error:+.1%}")  # fmt: skip
    print(f"median: +-5 % after {statistics.median(a.within_5_s for a in ascents):.0f} s, "
          f"+-2 % after {statistics.median(a.within_2_s for a in ascents):.0f} s, "
          f"overshoot {statistics.median(a.overshoot for a in ascents):.1%} "
          f"(largest {max(a.overshoot for a in ascents):.1%}), "
          f"{statistics.median(a.wakes for a in ascents):.0f} wakes; "
          f"{(time.monotonic() - began_s) / len(ascents):.1f} s a run")  # fmt: skip


if __name__ == "__main__":
    main()
