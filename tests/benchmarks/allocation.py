"""The allocator beside two simpler rules: error, lost hashrate, moves and time.

python -m tests.benchmarks.allocation --miners 2 10 100 1000 10000 --targets 20
"""

import argparse
import random
import statistics
import time
from dataclasses import replace
from math import ceil

from minerbridge.fleet.allocator import Ask, Choice, Unit, allocate
from tests.allocator_fleets import ALL_ALIKE, S9_STEPS, power_of

#: Watts and TH/s at full power.
WHATSMINERS = ((3268, 86), (3400, 100), (3344, 112), (3420, 120), (3441, 126), (6700, 240))
ON_OFF = ((1372, 13.5), (2200, 40), (3250, 110), (3068, 100), (3400, 112), (5360, 198), (3010, 140))
#: Up to so many miners the exact optimum is computed; above, its bound by linear programming.
EXACT_MINERS = 10
TOLERANCE = 0.005


def percent_steps(power_w, hashrate):
    running = [
        Choice(round(power_w * p / 100), hashrate * (p / 100) ** 0.85) for p in range(50, 101)
    ]
    return (Choice(15, 0.0), *running)


KINDS = {
    "S9, 25 MHz": [S9_STEPS],
    "WhatsMiner, 1 %": [percent_steps(*model) for model in (*WHATSMINERS, (5500, 212))],
    "on/off, mixed": [(Choice(10, 0.0), Choice(*size)) for size in ON_OFF],
    "on/off, alike": [ALL_ALIKE],
}
KINDS["mix"] = [choices for kind in list(KINDS.values())[:3] for choices in kind]


def fleet(kind, miners, *, learned=False):
    """Return a fleet; *learned*: no two miners draw the same."""
    dice = random.Random(miners)
    units = []
    for number in range(miners):
        choices = dice.choice(KINDS[kind])
        if learned:
            factor = dice.uniform(0.9, 1.1)
            choices = tuple(Choice(c.power_w * factor, c.hashrate_hs) for c in choices)
        # To set the frequency of an S9 restarts it.
        cost = 8.0 if choices is S9_STEPS else 1.0
        units.append(Unit(f"m{number:05}", choices, setpoint_cost=cost))
    return units


def merit_order(units, ask):
    """Fill miner after miner, the best efficiency at full power first."""
    left_w, chosen = ask.power_w - sum(u.choices[0].power_w for u in units), {}
    for unit in sorted(units, key=lambda u: -u.choices[-1].hashrate_hs / u.choices[-1].power_w):
        rises = [c.power_w - unit.choices[0].power_w for c in unit.choices]
        index = max(i for i, rise in enumerate(rises) if i == 0 or rise <= left_w)
        chosen[unit.miner_id], left_w = index, left_w - rises[index]
    return chosen


def full_and_swing(units, ask):
    """Miners in order of id at full power, the next at the nearest set-point, the rest off."""
    left_w, chosen, has_swung = ask.power_w, {}, False
    for unit in units:
        full_w, index = unit.choices[-1].power_w, 0
        if left_w >= full_w:
            index, left_w = len(unit.choices) - 1, left_w - full_w
        elif not has_swung and left_w >= unit.choices[1].power_w:
            has_swung = True
            if left_w >= 0.95 * full_w:
                index = len(unit.choices) - 1
            else:
                nearest = [abs(choice.power_w - left_w) for choice in unit.choices]
                index = nearest.index(min(nearest))
        chosen[unit.miner_id] = index
    return chosen


def cold(units, ask):
    return allocate(units, ask, warm=False).chosen


def warm(units, ask):
    return allocate(units, ask, warm=True).chosen


def summed(units, chosen):
    picked = [unit.choices[chosen[unit.miner_id]] for unit in units]
    return sum(c.power_w for c in picked), sum(c.hashrate_hs for c in picked)


def by_whole_watts(units):
    """Return the most hashrate at every sum of whole watts, by dynamic programming."""
    best = [0.0]
    for unit in units:
        length = len(best) + int(unit.choices[-1].power_w)
        found = [float("-inf")] * length
        for choice in unit.choices:
            power_w = int(choice.power_w)
            raised = [hashrate + choice.hashrate_hs for hashrate in best]
            end = power_w + len(best)
            found[power_w:end] = map(max, found[power_w:end], raised)
        best = found
    return best


def lp_bound(units, power_w):
    """Return the most hashrate if set-points could be mixed: an upper bound, by its dual."""
    kinds: dict[tuple[Choice, ...], int] = {}
    for unit in units:
        kinds[unit.choices] = kinds.get(unit.choices, 0) + 1

    def dual(price):
        best = (n * max(c.hashrate_hs - price * c.power_w for c in k) for k, n in kinds.items())
        return sum(best) + price * power_w

    low, high = -0.1, 0.2
    for _ in range(60):
        one, two = low + (high - low) / 3, high - (high - low) / 3
        low, high = (low, two) if dual(one) < dual(two) else (one, high)
    return dual(low)


def static(kind, miners, targets):
    """Print how near each rule comes to targets over the fleet's range, from scratch."""
    units = fleet(kind, miners)
    exact = by_whole_watts(units) if miners <= EXACT_MINERS else None
    powers_w = [round(power_of(units) * (0.25 + 0.72 * n / targets)) for n in range(targets)]
    for rule in (full_and_swing, merit_order, cold):
        errors_w, gaps, over, times_ms = [], [], 0, []
        for power_w in powers_w:
            ask = Ask(power_w, TOLERANCE * power_w)
            begun = time.perf_counter()
            chosen = rule(units, ask)
            times_ms.append((time.perf_counter() - begun) * 1000)
            drawn_w, hashrate = summed(units, chosen)
            errors_w.append(abs(drawn_w - power_w))
            over += drawn_w > power_w * (1 + TOLERANCE)
            if exact is None:
                best = lp_bound(units, power_w)
            else:
                best = max(exact[ceil(power_w * 0.998) : power_w + 1])
            # Outside of the band, or where nothing lands in it, hashrates don't compare.
            if best > 0 and drawn_w <= power_w and (drawn_w >= power_w * 0.998 or rule is not cold):
                gaps.append(100 * (1 - hashrate / best))
        gap = f"{statistics.mean(gaps):6.2f} {max(gaps):6.2f}" if gaps else "     -      -"
        times = f"{statistics.median(times_ms):8.2f} {max(times_ms):8.2f}"
        error = f"{statistics.mean(errors_w):8.1f} {100 * over / targets:4.0f} %"
        print(f"{kind:16} {miners:6} {rule.__name__:15} {error} {gap} {times}")


def moving(kind, miners, steps, *, learned=False):
    """Print what following costs: five-minute steps of 3 %, now and then an event."""
    units = fleet(kind, miners, learned=learned)
    for rule in (full_and_swing, cold, warm):
        dice, power_w, now = random.Random(7), 0.7 * power_of(units), units
        errors, moved, switched, times_ms = [], 0, 0, []
        for step in range(steps + 1):
            walked = power_w + power_of(units) * 0.03 * dice.gauss(0, 1)
            if dice.random() < 0.05:
                walked = power_of(units) * dice.uniform(0.3, 0.95)
            power_w = min(max(walked, 0.3 * power_of(units)), 0.97 * power_of(units))
            begun = time.perf_counter()
            chosen = rule(now, Ask(power_w, TOLERANCE * power_w))
            if step:
                times_ms.append((time.perf_counter() - begun) * 1000)
                errors.append(100 * abs(summed(units, chosen)[0] / power_w - 1))
                changes = [(u.current, chosen[u.miner_id]) for u in now]
                moved += sum(a != b for a, b in changes)
                switched += sum((a == 0) != (b == 0) for a, b in changes)
            now = [replace(unit, current=chosen[unit.miner_id]) for unit in units]
        times = f"{statistics.median(times_ms):8.2f} {max(times_ms):8.2f}"
        name = f"{kind}{', learned' if learned else ''}"
        print(
            f"{name:25} {miners:6} {rule.__name__:15} {statistics.mean(errors):6.2f} %"
            f" {moved / steps:8.1f} {switched / steps:8.1f} {times}"
        )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--miners", type=int, nargs="+", default=[2, 10, 100, 1000, 10_000])
    parser.add_argument("--targets", type=int, default=20)
    options = parser.parse_args()
    print(
        "fleet            miners rule            |error| W  over  gap % mean, max   ms median, max"
    )
    for kind in KINDS:
        for miners in options.miners:
            static(kind, miners, options.targets)
    print("\nfleet                     miners rule             |error|    moved on/off a step   ms")
    for kind in KINDS:
        for miners in options.miners:
            moving(kind, miners, options.targets)
    for miners in options.miners:
        moving("WhatsMiner, 1 %", miners, options.targets, learned=True)


if __name__ == "__main__":
    main()
