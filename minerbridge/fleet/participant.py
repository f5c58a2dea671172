"""One miner as the fleet sees it: where it is, and what it was told and made of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal

from minerbridge.fleet.allocation import Choice
from minerbridge.fleet.learning import learn, with_full
from minerbridge.fleet.member import Learned, Member
from minerbridge.fleet.setpoints import OFF, Peers, SetPoint, set_points
from minerbridge.model import CommandResult, CommandSpec, MinerProfile, MinerReading
from minerbridge.model_fleet import ControlMode, Moment

#: How near a reading must be to a set-point to count as there.
NEAR = 0.03
#: A running miner draws at least this share of its lowest set-point; less is a failed start.
ALIVE = 0.5
FIRST_BACK_OFF_S, LONGEST_BACK_OFF_S = 30.0, 3600.0
#: After codes that only an operator can mend, the miner is asked again this much later.
REFUSED_BACK_OFF_S = 900.0
RATE_LIMITED_BACK_OFF_S = 60.0
HOT_READINGS = 3
COOLING_S, COOLER_BY_C = 600.0, 10.0
_NEVER_SENT = frozenset({"OFFLINE", "UNREACHABLE", "STOPPING", "WRONG_DEVICE"})

PowerKind = Literal["measured", "estimated", "stale", "unknown"]


@dataclass(slots=True)
class Told:
    """What the miner was last told and has not shown yet."""

    key: str
    before: str | None
    since_s: float
    until_s: float
    #: Ids of the commands that carry it; the last is the one that must come true.
    commands: set[str] = field(default_factory=set)
    answered: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """What of a participant outlives a restart."""

    dispatch: bool | None = None
    learned: Learned = field(default_factory=Learned)
    off_since: datetime | None = None
    told_key: str | None = None
    told_before: str | None = None
    told_at: datetime | None = None
    told_for_s: float = 0.0
    failures: int = 0
    protected_at: datetime | None = None
    power_w: float | None = None


class Participant:
    """Owned by the fleet's thread."""

    def __init__(self, member: Member, now: Moment, kept: Kept | None = None) -> None:
        kept = kept or Kept()
        self.member = member
        self.profile: MinerProfile | None = None
        self.reading: MinerReading | None = None
        self.read_s: float | None = None
        self.online: bool | None = None
        self.seen_s = now.s
        self.points: tuple[SetPoint, ...] = ()
        self.choices: tuple[Choice, ...] = ()
        #: What the set-points follow from has changed.
        self.is_new = True
        #: None: as the settings say.
        self.chosen_dispatch = kept.dispatch
        self.learned = kept.learned
        self.told = _restored(kept, now)
        self.settled_s = now.s
        self.failures = kept.failures
        self.blocked_until_s = 0.0
        self.block_reason: str | None = None
        self.off_s = _since_s(kept.off_since, now)
        self.hot = 0
        self.protected_s = _since_s(kept.protected_at, now)
        #: A start whose end is known: when its time is up, and whether it came true.
        self.start_ended: tuple[float, bool] | None = None
        self._observed: str | None = None
        self._last_key: str | None = None
        self._last_power_w = kept.power_w

    # -- what is known -----------------------------------------------------------------------

    @property
    def miner_id(self) -> str:
        return self.member.miner_id

    @property
    def dispatch(self) -> bool:
        chosen = self.chosen_dispatch
        return self.member.dispatch if chosen is None else chosen

    @property
    def is_outside(self) -> bool:
        """Whether the settings leave it out: it is no part of the fleet's power at all.

        Whom a person takes out of an order instead remains in its sum, as base load.
        """
        return not self.member.dispatch and self.chosen_dispatch is None

    def meet(self, profile: MinerProfile) -> None:
        self.profile, self.is_new = profile, True

    def build(self, mode: ControlMode, peers: Peers) -> bool:
        """Work out the set-points anew; return whether they differ."""
        self.is_new = False
        points: tuple[SetPoint, ...] = ()
        if self.profile is not None:
            points = set_points(self.profile, self.member, mode, self.learned, peers)
        if points == self.points:
            return False
        self.points = points
        self.choices = tuple(point.choice for point in points)
        self._observed = self._observe()
        return True

    def heard(self, *, online: bool, now: Moment) -> None:
        self.online = online
        if online:
            self.seen_s = now.s

    def is_reachable(self, now: Moment, grace_s: float) -> bool:
        """Whether it answers, or did so lately; a miner known from before counts as just seen."""
        return self.profile is not None and (self.online is True or now.s - self.seen_s <= grace_s)

    def is_fresh(self, now: Moment) -> bool:
        return self.read_s is not None and now.s - self.read_s <= self.member.stale_after_s

    def index(self, key: str | None) -> int | None:
        """Return which set-point *key* names; a running one that is gone leads to the nearest."""
        if key is None or not self.points:
            return None
        for number, point in enumerate(self.points):
            if point.key == key:
                return number
        return len(self.points) - 1

    def current(self) -> int | None:
        """Return the set-point it is at or on its way to; None when that cannot be told."""
        return self.index(self.told.key if self.told is not None else self.observed())

    @property
    def key(self) -> str:
        """Return the name of the set-point it is at or on its way to; off when that is unknown."""
        number = self.current()
        return OFF if number is None else self.points[number].key

    def observed(self) -> str | None:
        """Return the set-point that the newest reading shows."""
        return self._observed

    def _observe(self) -> str | None:
        reading, running = self.reading, self.points[1:]
        if reading is None or not running:
            return None
        if reading.status in ("stopped", "sleeping"):
            return OFF
        if not self._runs(reading):
            return None
        distances = [(point.distance(reading), number) for number, point in enumerate(running)]
        told = [(distance, number) for distance, number in distances if distance is not None]
        if told:
            return running[min(told)[1]].key
        if self._last_key in {point.key for point in running}:
            return self._last_key
        return running[-1].key

    def _runs(self, reading: MinerReading) -> bool:
        if reading.is_mining or reading.status in ("mining", "starting", "tuning"):
            return True
        return reading.power_w is not None and reading.power_w >= ALIVE * self.points[1].power_w

    # -- power -------------------------------------------------------------------------------

    def power_w(self, now: Moment) -> tuple[float, PowerKind]:
        """Return what it draws now, and how that is known; stale is its last known power."""
        reading = self.reading
        if reading is None and self.online is False and self._last_power_w:
            return self._last_power_w, "stale"  # it fell silent before a restart
        if reading is None:
            return 0.0, "unknown"
        if not self.is_fresh(now):
            return self._last_power_w or 0.0, "stale"
        if reading.power_w is not None:
            return reading.power_w, "measured"
        if reading.power_estimated_w is not None:
            return reading.power_estimated_w, "estimated"
        number = self.index(self.observed())
        if number is not None and reading.status == "starting":
            number = 0  # it boots: next to nothing until it hashes
        if number is not None:
            return self.points[number].power_w, "estimated"
        return 0.0, "estimated" if reading.status in ("stopped", "sleeping") else "unknown"

    @property
    def full_power_w(self) -> float:
        return self.points[-1].power_w if len(self.points) > 1 else 0.0

    @property
    def is_starting(self) -> bool:
        return self.told is not None and self.told.key != OFF and self.told.before == OFF

    @property
    def is_on_its_way_up(self) -> bool:
        """Whether it was told to run and may still come to it."""
        return self.told is not None and self.told.key != OFF

    @property
    def smallest_step_w(self) -> float:
        """Return the least that a move of this miner changes its power by."""
        powers = [point.power_w for point in self.points]
        return min((b - a for a, b in pairwise(powers)), default=0.0)

    @property
    def restarts_to_move(self) -> bool:
        """Whether another set-point costs it a restart of mining."""
        spec = self._spec(self.points[-1].command) if self.points else None
        return spec is not None and spec.restarts_mining

    def takes_s(self, command: str) -> float:
        """Return how long *command* takes to show; for ever where there is no such command."""
        spec = self._spec(command)
        return spec.expected_s if spec is not None else float("inf")

    def _spec(self, command: str) -> CommandSpec | None:
        return self.profile.commands.get(command) if self.profile is not None else None

    # -- what comes in -----------------------------------------------------------------------

    def sees(self, reading: MinerReading, now: Moment) -> None:
        """Take a reading: what it confirms, what it teaches, whether it is too hot."""
        before = self.reading
        self.reading, self.read_s, self.seen_s, self.online = reading, now.s, now.s, True
        self._observed = self._observe()
        self._last_power_w = self.power_w(now)[0]
        self._learn(with_full(self.learned, reading))
        self._watch_temperature(reading, now)
        if self.told is not None:
            if self._shows(reading):
                self._confirmed(now)
            return
        key = self.observed()
        if key == OFF and self._last_key not in (None, OFF):
            self.off_s = now.s
        if key != self._last_key:
            self._last_key, self.settled_s = key, now.s
        elif key is not None:
            point = self.points[self.index(key) or 0]
            self._learn(learn(self.learned, point, before, reading, now.s - self.settled_s))

    def _learn(self, learned: Learned) -> None:
        if learned is not self.learned:
            self.learned, self.is_new = learned, True

    def _shows(self, reading: MinerReading) -> bool:
        """Whether *reading* shows what the miner was told."""
        told = self.told
        assert told is not None
        number = self.index(told.key)
        if number is None:
            return False
        if number == 0:
            return reading.status in ("stopped", "sleeping")
        measured = reading.power_w
        alive = measured is None or measured >= ALIVE * self.points[1].power_w
        if not reading.is_mining or not alive:
            return False
        distance = self.points[number].distance(reading)
        if distance is None:
            return told.before == OFF or told.answered
        return distance <= NEAR

    def _confirmed(self, now: Moment) -> None:
        told = self.told
        assert told is not None
        if told.before == OFF:
            self.start_ended = told.until_s, True
        self._last_key, self.settled_s, self.told = told.key, now.s, None
        self.failures, self.block_reason = 0, None

    def answered(self, result: CommandResult, now: Moment) -> None:
        """Take the outcome of one of the fleet's own commands."""
        told = self.told
        if told is None or result.id not in told.commands:
            return
        if result.status in ("confirmed", "unconfirmed"):
            told.commands.discard(result.id)
            told.answered = not told.commands
            if self.reading is not None and told.answered and result.status == "confirmed":
                number = self.index(told.key)
                if (
                    number
                    and self.points[number].distance(self.reading) is None
                    and (told.before != OFF)
                ):
                    self._confirmed(now)
        elif result.status == "superseded":
            self.told = None
        else:
            self._refused(result.code or "", result.message, now)

    def _refused(self, code: str, message: str, now: Moment) -> None:
        self.told = None
        self.block_reason = code or message
        if code in _NEVER_SENT:
            self.blocked_until_s = now.s + 10.0
        elif code == "RATE_LIMITED":
            self.blocked_until_s = now.s + RATE_LIMITED_BACK_OFF_S
        else:
            self.failures += 1
            self.blocked_until_s = now.s + REFUSED_BACK_OFF_S

    def tell(self, key: str, until_s: float, commands: set[str], now: Moment) -> None:
        """Note that it is being told to go to *key*."""
        number = self.current()
        before = self.points[number].key if number is not None else None
        self.told = Told(key, before, now.s, until_s, commands)
        if key == OFF:
            self.off_s = now.s

    def give_up(self, now: Moment, quarantine_after: int) -> bool:
        """Book a failure when it has not done in time as told; return whether it had not."""
        told = self.told
        if told is None or now.s < told.until_s:
            return False
        self.told = None
        if told.before == OFF:
            self.start_ended = told.until_s, False
        self.failures += 1
        self.block_reason = "NO_EFFECT"
        times = max(0, self.failures - 1)
        back_off_s = FIRST_BACK_OFF_S * 2 ** min(times, 10)
        if self.failures >= quarantine_after:
            back_off_s *= 10
        elif told.key == OFF:
            back_off_s = 0.0  # a stop that did not take is sent again at once
        self.blocked_until_s = now.s + min(back_off_s, LONGEST_BACK_OFF_S)
        return True

    def is_blocked(self, now: Moment) -> bool:
        return now.s < self.blocked_until_s

    def is_quarantined(self, now: Moment, quarantine_after: int) -> bool:
        return self.is_blocked(now) and self.failures >= quarantine_after

    # -- device protection -------------------------------------------------------------------

    def _watch_temperature(self, reading: MinerReading, now: Moment) -> None:
        limit_c = self.member.max_chip_temperature_c
        hottest_c = reading.chip_temperature_c
        if limit_c is None:
            self.hot, self.protected_s = 0, None
            return
        self.hot = self.hot + 1 if hottest_c is not None and hottest_c > limit_c else 0
        if self.hot >= HOT_READINGS and self.protected_s is None:
            self.protected_s = now.s
        is_cool = hottest_c is None or hottest_c <= limit_c - COOLER_BY_C
        if self.protected_s is not None and is_cool and now.s - self.protected_s >= COOLING_S:
            self.protected_s = None

    @property
    def is_protected(self) -> bool:
        return self.protected_s is not None

    # -- across restarts ---------------------------------------------------------------------

    def kept(self, now: Moment) -> Kept:
        told = self.told
        return Kept(
            dispatch=self.chosen_dispatch,
            learned=self.learned,
            off_since=_wall(self.off_s, now),
            told_key=told.key if told is not None else None,
            told_before=told.before if told is not None else None,
            told_at=_wall(told.since_s, now) if told is not None else None,
            told_for_s=told.until_s - told.since_s if told is not None else 0.0,
            failures=self.failures,
            protected_at=_wall(self.protected_s, now),
            power_w=_coarse(self._last_power_w),
        )

    def replan(self, member: Member) -> None:
        """Take over new settings; a choice made meanwhile outlives what it was made against."""
        if member.dispatch != self.member.dispatch:
            self.chosen_dispatch = None
        self.member, self.is_new = member, True

    def forget_blocks(self) -> None:
        self.blocked_until_s, self.failures, self.block_reason = 0.0, 0, None


def _coarse(power_w: float | None) -> float | None:
    """Return so much of a power as is worth keeping, so that what is kept seldom changes."""
    return None if power_w is None else float(f"{power_w:.2g}")


def _wall(then_s: float | None, now: Moment) -> datetime | None:
    return None if then_s is None else now.at - timedelta(seconds=now.s - then_s)


def _since_s(then: datetime | None, now: Moment) -> float | None:
    """Return *then* on the monotonic clock; a clock that was turned back counts as now."""
    return None if then is None else now.s - max(0.0, (now.at - then).total_seconds())


def _restored(kept: Kept, now: Moment) -> Told | None:
    """Return what was told before the restart, as long as it may still come true."""
    since_s = _since_s(kept.told_at, now)
    if kept.told_key is None or since_s is None or now.s >= since_s + kept.told_for_s:
        return None
    until_s = since_s + kept.told_for_s
    return Told(kept.told_key, kept.told_before, since_s, until_s, answered=True)
