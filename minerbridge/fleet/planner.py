"""Which set-point each miner is to be at: the allocator asked with what may be moved now. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from minerbridge.fleet.allocation import Allocation, Ask, Cap, Choice, Unit
from minerbridge.fleet.allocator import allocate
from minerbridge.fleet.participant import Participant
from minerbridge.fleet.setpoints import OFF
from minerbridge.fleet.starts import StartRecord
from minerbridge.fleet.terms import Terms
from minerbridge.model_fleet import Moment, OrderMode

#: What a move costs that restarts mining, where moving to another set-point without costs 1.
RESTART_COST = 8.0


Pending = Literal["free", "keep", "drop"]


@dataclass(frozen=True, slots=True)
class Plan:
    """Where everyone is to be. *keys*: set-points by miner; *base_w*: what is not placed here."""

    keys: Mapping[str, str] = field(default_factory=dict)
    power_w: float = 0.0
    base_w: float = 0.0

    @property
    def total_w(self) -> float:
        return self.power_w + self.base_w


def placeable(participants: Sequence[Participant], now: Moment, terms: Terms) -> list[Participant]:
    """Return the miners that can be placed; the others are base load, at what they draw."""
    return [one for one in participants if is_placeable(one, now, terms)]


def is_placeable(one: Participant, now: Moment, terms: Terms) -> bool:
    if len(one.points) < 2 or not one.dispatch:
        return False
    if one.online is False and not one.is_on_its_way_up:  # who boots has no ears for a while
        return False
    number = one.current()
    if number is None:
        return False
    # What does not obey while it runs is load; what does not start is simply not there.
    return not (one.is_quarantined(now, terms.quarantine_after) and number > 0)


def plan(
    placed: Sequence[Participant],
    base_w: float,
    base_by_circuit: Mapping[str, float],
    power_w: float,
    mode: OrderMode,
    terms: Terms,
    now: Moment,
    keys: Mapping[str, str],
    *,
    warm: bool,
    ceilings: Mapping[str, str] | None = None,
    starts: StartRecord | None = None,
    pending: Pending = "free",
) -> Plan:
    """Return the plan for *power_w* in total; *keys* is the plan so far.

    *ceilings*: what no miner may be raised above; a limit alone starts nothing. *starts*: how
    often starts fail; one that is not up yet counts for what it will draw on average.
    *pending*: what is on its way up may be recalled (free), arrives (keep), or is one too many
    (drop).

    First without the starts that would have to wait and the stops that come early: these are
    preferences, which yield where the target cannot be met otherwise.
    """
    tolerance_w = terms.tolerance_w(power_w)
    ask = Ask(
        power_w=max(0.0, power_w - base_w),
        tolerance_w=tolerance_w,
        mode=mode,
        strategy=terms.strategy,
        circuits={
            name: Cap(circuit.max_power_w, circuit.parent, base_by_circuit.get(name, 0.0))
            for name, circuit in terms.circuits.items()
        },
        min_fraction=terms.min_fraction,
    )

    def unit(one: Participant, *, strict: bool) -> Unit:
        ceiling = one.index((ceilings or {}).get(one.miner_id))
        number = one.current() or 0
        if one.is_starting and pending == "keep":
            low, high = number, number
        elif pending == "drop" and (one.is_starting or number == 0):
            low, high = 0, 0
        else:
            low, high = _allowed(one, now, terms, strict=strict)
        if ceiling is not None:
            low, high = min(low, ceiling), min(high, ceiling)
        current, planned = one.current(), one.index(keys.get(one.miner_id))
        return Unit(
            one.miner_id,
            choices_of(one, starts),
            current=current if planned is None else planned,
            allowed=(low, high),
            priority=terms.priority(one.member),
            circuit=one.member.circuit,
            setpoint_cost=RESTART_COST if one.restarts_to_move else 1.0,
        )

    units = [unit(one, strict=True) for one in placed]
    found = allocate(units, ask, warm=warm)
    if _misses(found, ask):
        loose = [unit(one, strict=False) for one in placed]
        if loose != units:
            found = allocate(loose, ask, warm=warm)
    points = {one.miner_id: one.points for one in placed}
    chosen = {name: points[name][number].key for name, number in found.chosen.items()}
    return Plan(chosen, found.power_w, base_w)


def overloads(
    placed: Sequence[Participant],
    keys: Mapping[str, str],
    base_by_circuit: Mapping[str, float],
    terms: Terms,
) -> bool:
    """Whether the plan overloads a circuit of which something can be reduced."""
    loads_w = dict.fromkeys(terms.circuits, 0.0)
    reducible: set[str] = set()
    for name, base_w in base_by_circuit.items():
        for above in _circuits_above(name, terms):
            loads_w[above] += base_w
    for one in placed:
        number = one.index(keys.get(one.miner_id, one.key)) or 0
        for above in _circuits_above(one.member.circuit, terms):
            loads_w[above] += one.points[number].power_w
            reducible |= {above} if number > 0 else set()
    return any(loads_w[name] > terms.circuits[name].max_power_w for name in reducible)


def _circuits_above(name: str | None, terms: Terms) -> list[str]:
    """Return a circuit and what feeds it; a circle of parents ends where it began."""
    above: list[str] = []
    while name is not None and name in terms.circuits and name not in above:
        above.append(name)
        name = terms.circuits[name].parent
    return above


def _misses(found: Allocation, ask: Ask) -> bool:
    if found.power_w > ask.power_w + (ask.tolerance_w if ask.mode == "target" else 0):
        return True
    return found.power_w < ask.power_w - ask.tolerance_w


def choices_of(one: Participant, starts: StartRecord | None) -> tuple[Choice, ...]:
    """Return what each set-point comes to; of a miner that is not up, on average."""
    if starts is None or not (one.is_starting or one.current() == 0):
        return one.choices
    off_w, chance = one.points[0].power_w, round(starts.chance(one.failures), 2)
    return tuple(
        Choice(off_w + chance * (point.power_w - off_w), chance * point.hashrate_hs)
        for point in one.points
    )


def _allowed(one: Participant, now: Moment, terms: Terms, *, strict: bool) -> tuple[int, int]:
    """Return the range it may be placed in. Down is always open, save early stops for a while."""
    number = one.current() or 0
    top = len(one.points) - 1
    if one.is_protected:
        return 0, 0
    lowest = 0 if _can_stop(one) else min(1, top)
    if one.told is not None and one.told.key != OFF:
        return lowest, number  # on its way: not told to go higher before it arrived
    if number == 0:
        waits = one.is_blocked(now) or (strict and terms.off_wait_s(one, now) > 0)
        return (0, 0) if waits or not _can_start(one) else (0, top)
    if one.is_blocked(now):
        return lowest, number
    if strict and now.s - one.settled_s < terms.min_on_s:
        return min(1, top), top
    return lowest, top


def _can_stop(one: Participant) -> bool:
    return one.profile is not None and "stop" in one.profile.commands


def _can_start(one: Participant) -> bool:
    return one.profile is not None and "start" in one.profile.commands
