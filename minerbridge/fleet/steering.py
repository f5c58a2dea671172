"""From the plan to commands: reductions at once, increases by waves, dwell and ramp."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from minerbridge.fleet.participant import Participant
from minerbridge.fleet.setpoints import OFF, SetPoint
from minerbridge.fleet.starts import StartRecord
from minerbridge.fleet.terms import Terms
from minerbridge.model import MinerCommand
from minerbridge.model_fleet import Moment

#: The first step of a ramp goes as far as one second allows, instead of waiting for it.
FIRST_STEP_S = 1.0


@dataclass(slots=True)
class Ramp:
    """How much power the fleet may be told to draw by now, on its way to a target."""

    allowed_w: float = 0.0
    from_w: float = 0.0
    began_s: float = 0.0
    ramp_s: float | None = None
    #: Above this no reduction waits for the ramp.
    cap_w: float = float("inf")
    _name: str = ""
    _last_s: float = 0.0

    def begin(self, name: str, told_w: float, ramp_s: float | None, now: Moment) -> None:
        """Start towards a new target from what the fleet is told to draw at present."""
        if name != self._name:
            self._name, self.ramp_s = name, ramp_s
            self.from_w = self.allowed_w = told_w
            self.began_s, self._last_s = now.s, now.s - FIRST_STEP_S

    def is_running(self, now: Moment) -> bool:
        return self.ramp_s is not None and now.s - self.began_s < self.ramp_s

    def move(self, target_w: float, rate_w_per_s: float, now: Moment) -> None:
        """Move on: never faster upwards than the rate; as the order's own ramp has it."""
        step_w = rate_w_per_s * (now.s - self._last_s)
        self._last_s = now.s
        wanted_w = target_w
        if self.ramp_s:
            share = min(1.0, (now.s - self.began_s) / self.ramp_s)
            wanted_w = self.from_w + share * (target_w - self.from_w)
        self.allowed_w = min(wanted_w, self.allowed_w + step_w)


@dataclass(slots=True)
class Moves:
    """What one step comes to. *waiting*: miners by what keeps them from their increase."""

    commands: list[MinerCommand] = field(default_factory=list)
    waiting: dict[str, str] = field(default_factory=dict)


class Steering:
    """Tells miners to go where the plan has them, no faster than the terms allow."""

    def __init__(self) -> None:
        self.ramp = Ramp()
        self._wave_began_s = float("-inf")
        self._started_in_wave = 0

    def moves(
        self,
        placed: Sequence[Participant],
        keys: Mapping[str, str],
        told_w: float,
        terms: Terms,
        now: Moment,
        starts: StartRecord | None = None,
    ) -> Moves:
        """Return the commands that are due; *told_w* is what all are told to draw, base included.

        *starts*: how often starts fail, where that is counted on.

        Every command is booked with its miner, so the same step again has nothing to say.
        """
        moves = Moves()
        ups: list[tuple[Participant, SetPoint, float]] = []
        downs: list[tuple[Participant, SetPoint, float]] = []
        for one in placed:
            number, wanted = one.current(), one.index(keys.get(one.miner_id))
            if number is None or wanted is None or wanted == number:
                continue
            change_w = one.points[wanted].power_w - one.points[number].power_w
            is_down = wanted == 0 or (number != 0 and wanted < number)
            (downs if is_down else ups).append((one, one.points[wanted], change_w))
        for one, point, change_w in sorted(downs, key=_largest_first):
            early_w = self.ramp.allowed_w - one.full_power_w / 2
            may_wait = told_w <= self.ramp.cap_w and self.ramp.is_running(now)
            if may_wait and told_w + change_w < early_w:
                moves.waiting[one.miner_id] = "RAMP"
                continue
            if one.told is not None and one.told.key == point.key:
                continue
            told_w += change_w
            self._tell(one, point, terms, now, moves, is_urgent=True)
        for one, point, change_w in sorted(ups, key=_least_failed_first):
            if starts is not None and one.current() == 0:
                change_w *= starts.chance(one.failures)
            reason = self._hindrance(one, told_w + change_w, len(placed), terms, now)
            if reason is not None:
                moves.waiting[one.miner_id] = reason
                continue
            if one.current() == 0:
                self._started_in_wave += 1
            told_w += change_w
            self._tell(one, point, terms, now, moves, is_urgent=False)
        return moves

    def _hindrance(
        self, one: Participant, power_w: float, miners: int, terms: Terms, now: Moment
    ) -> str | None:
        """Return what an increase must wait for; None when it may go."""
        if one.is_protected:
            return "TOO_HOT"
        if power_w > self.ramp.allowed_w + terms.tolerance_w(self.ramp.allowed_w) + 1.0:
            return "RAMP"
        if one.current() != 0:
            return "BACK_OFF" if one.is_blocked(now) else None
        if terms.off_wait_s(one, now) > 0:
            return "MIN_OFF"
        if one.is_blocked(now):
            return "BACK_OFF"
        if now.s - self._wave_began_s >= terms.wave_interval_s:
            self._wave_began_s, self._started_in_wave = now.s, 0
        return "WAVE" if self._started_in_wave >= terms.wave_size(miners) else None

    def _tell(
        self,
        one: Participant,
        point: SetPoint,
        terms: Terms,
        now: Moment,
        moves: Moves,
        *,
        is_urgent: bool,
    ) -> None:
        commands, expected_s = commands_to(one, point, is_urgent=is_urgent)
        until_s = now.s + terms.patience_s(expected_s)
        # A start that the set-point cannot be given along with leads to full power first.
        key = point.key
        if len(commands) == 1 and commands[0].name == "start" and point.command:
            key = one.points[-1].key
        one.tell(key, until_s, {command.id for command in commands}, now)
        moves.commands += commands


def commands_to(
    one: Participant, point: SetPoint, *, is_urgent: bool
) -> tuple[list[MinerCommand], float]:
    """Return what takes a miner to *point*, and how long that takes."""
    assert one.profile is not None
    specs = one.profile.commands
    names: list[tuple[str, Mapping[str, object]]] = []
    if point.key == OFF:
        names.append(("stop", {}))
    else:
        spec = specs.get(point.command)
        is_off = one.current() == 0
        if spec is not None and (not is_off or spec.works_asleep):
            names.append((point.command, point.parameters))
        if is_off:
            names.append(("start", {}))
    commands = [
        MinerCommand(
            one.miner_id, name, uuid.uuid4().hex[:12], name, parameters, source="fleet",
            value=dict(parameters) or None, is_urgent=is_urgent,
        )
        for name, parameters in names
    ]  # fmt: skip
    return commands, sum(specs[name].expected_s for name, _ in names if name in specs)


def _largest_first(move: tuple[Participant, SetPoint, float]) -> tuple[float, str]:
    return move[2], move[0].miner_id


def _least_failed_first(move: tuple[Participant, SetPoint, float]) -> tuple[int, float, str]:
    return move[0].failures, move[2], move[0].miner_id
