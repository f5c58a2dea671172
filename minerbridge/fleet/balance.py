"""What the fleet draws: measured, estimated and expected, and how the meter corrects it."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from minerbridge.fleet.participant import Participant
from minerbridge.fleet.setpoints import OFF
from minerbridge.model_fleet import Moment, OrderMode

#: How much of a new finding is taken over at once, and how far a correction may go.
GAIN = 0.7
LEAST_RATIO, MOST_RATIO = 0.5, 1.5
MOST_RESIDUAL = 0.25
#: The meter is compared when nothing was told for so long; sooner when a limit is exceeded.
STEADY_S, URGENT_S = 20.0, 5.0
#: From this share of estimates on, the meter tells more of them than of what else it measures.
MANY_ESTIMATES = 0.2


@dataclass(slots=True)
class Balance:
    """All miners added up, in W. *base_w*: what is not placed; *expected_w*: once all obey."""

    measured_w: float = 0.0
    estimated_w: float = 0.0
    base_w: float = 0.0
    expected_w: float = 0.0
    expected_estimated_w: float = 0.0
    #: What of the estimates is of miners that run: the little that others draw confirms nothing.
    guessed_w: float = 0.0
    base_by_circuit: dict[str, float] = field(default_factory=dict)
    oldest_reading_s: float | None = None

    @property
    def total_w(self) -> float:
        return self.measured_w + self.estimated_w


def balance(
    participants: Iterable[Participant],
    placed: AbstractSet[str],
    now: Moment,
    mode: OrderMode,
    grace_s: float,
) -> Balance:
    """Add up what every miner draws; only *placed* ones can be told otherwise."""
    sums = Balance()
    for one in participants:
        power_w, kind = one.power_w(now)
        if kind == "stale":
            power_w = _stale_w(one, power_w, now, mode, grace_s)
        if kind == "measured":
            sums.measured_w += power_w
        else:
            sums.estimated_w += power_w
            sums.guessed_w += power_w if one.observed() != OFF or kind == "stale" else 0.0
        if one.read_s is not None and one.online is not False:
            age_s = now.s - one.read_s
            sums.oldest_reading_s = max(age_s, sums.oldest_reading_s or 0.0)
        if one.miner_id not in placed:
            sums.base_w += power_w
            _load_circuit(sums, one, power_w, now)
            continue
        number = one.current()
        expected_w = one.points[number].power_w if number is not None else power_w
        sums.expected_w += expected_w
        if kind != "measured":
            sums.expected_estimated_w += expected_w
    sums.expected_w += sums.base_w
    return sums


def load_circuits(sums: Balance, outside: Iterable[Participant], now: Moment) -> None:
    """Add what the fleet leaves out: no part of its power, but the cables carry it all the same."""
    for one in outside:
        _load_circuit(sums, one, 0.0, now)


def _load_circuit(sums: Balance, one: Participant, counted_w: float, now: Moment) -> None:
    """Count a miner that is not placed; a silent one may mine on for longer than any grace."""
    circuit = one.member.circuit
    if circuit is not None:
        before_w = sums.base_by_circuit.get(circuit, 0.0)
        sums.base_by_circuit[circuit] = before_w + max(counted_w, one.power_w(now)[0])


def _stale_w(
    one: Participant, last_w: float, now: Moment, mode: OrderMode, grace_s: float
) -> float:
    """Return what to count for a silent miner: it may still be mining.

    Under a limit it counts as much as it can draw, for as long as it is silent. Towards a target
    it counts at its last power for the grace; after that it is taken for gone.
    """
    if last_w <= 0:
        return 0.0
    if mode == "limit":
        return max(last_w, one.full_power_w)
    return last_w if now.s - one.seen_s <= grace_s else 0.0


class MeterLoop:
    """Compares the fleet's meter with the sum of its miners, in steady state only."""

    def __init__(self) -> None:
        self._ratio = 1.0
        self._residual_w = 0.0
        self._compared_s = float("-inf")

    def compare(
        self, metered_w: float | None, sums: Balance, quiet_s: float, now: Moment, *, urgent: bool
    ) -> None:
        """Learn from the meter once nothing has been told for *quiet_s*."""
        wait_s = URGENT_S if urgent else STEADY_S
        if metered_w is None or quiet_s < wait_s or now.s - self._compared_s < wait_s:
            return
        self._compared_s = now.s
        if sums.estimated_w > MANY_ESTIMATES * max(1.0, metered_w):
            ratio = (metered_w - sums.measured_w) / sums.estimated_w
            ratio = min(MOST_RATIO, max(LEAST_RATIO, ratio))
            self._ratio += GAIN * (ratio - self._ratio)
            self._residual_w = 0.0
            return
        residual_w = metered_w - sums.total_w
        bound_w = MOST_RESIDUAL * max(metered_w, sums.total_w)
        residual_w = min(bound_w, max(-bound_w, residual_w))
        self._residual_w += GAIN * (residual_w - self._residual_w)
        self._ratio = 1.0

    def correction_w(self, sums: Balance, metered_w: float | None) -> float:
        """Return what the fleet will draw beyond the sum of its set-points; 0 without a meter."""
        if metered_w is None:
            return 0.0
        return self._residual_w + (self._ratio - 1) * sums.expected_estimated_w
