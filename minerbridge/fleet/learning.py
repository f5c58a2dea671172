"""What a settled miner's readings teach of its power. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from statistics import median

from minerbridge.fleet.member import Learned
from minerbridge.fleet.setpoints import OFF, Peers, SetPoint
from minerbridge.model import MinerReading

#: Two readings in a row that differ by less are a steady state.
STEADY = 0.03
#: Below this a new finding is noise, and changing the figures would only unsettle the plan.
WORTH_NOTING = 0.01
#: Less than this share of what a set-point is said to draw is a meter that lags, not a finding.
LEAST_FACTOR = 0.1
#: A running miner's power means something this long after it got there.
SETTLE_S = 8.0


def learn(
    learned: Learned,
    point: SetPoint,
    before: MinerReading | None,
    reading: MinerReading,
    settled_for_s: float,
) -> Learned:
    """Return *learned* with what a steady reading at *point* adds; itself where it adds nothing."""
    power_w = reading.power_w
    earlier_w = before.power_w if before is not None else None
    if power_w is None or earlier_w is None or settled_for_s < SETTLE_S:
        return learned
    if point.key == OFF:
        return _with_standby(learned, power_w, earlier_w)
    is_steady = abs(power_w - earlier_w) <= STEADY * max(power_w, earlier_w)
    if not is_steady or not reading.is_mining or reading.status != "mining" or power_w <= 0:
        return learned
    factor = power_w / point.nominal_w
    if factor < LEAST_FACTOR:
        return learned
    if learned.factor is None or abs(factor - learned.factor) > WORTH_NOTING:
        learned = learned.with_factor(factor)
    return learned


def with_full(learned: Learned, reading: MinerReading) -> Learned:
    """Return *learned* with the most this miner was seen to draw and hash, for want of a rating."""
    power_w, hashrate_hs = reading.power_w, reading.hashrate_hs
    if reading.status != "mining" or not reading.is_mining:
        return learned
    if power_w and power_w > (learned.full_power_w or 0) * (1 + WORTH_NOTING):
        learned = replace(learned, full_power_w=power_w)
    if hashrate_hs and hashrate_hs > (learned.full_hashrate_hs or 0) * (1 + STEADY):
        learned = replace(learned, full_hashrate_hs=hashrate_hs)
    return learned


def peers_of(found: Iterable[Learned]) -> Peers:
    """Return what miners of one model have in common; coarse, so that it seldom moves."""
    found = list(found)
    factors = [one.factor for one in found if one.factor is not None]
    hashrates = [one.full_hashrate_hs for one in found if one.full_hashrate_hs is not None]
    return Peers(
        round(median(factors), 2) if factors else None,
        float(f"{median(hashrates):.2g}") if hashrates else None,
    )


def _with_standby(learned: Learned, power_w: float, earlier_w: float) -> Learned:
    known_w = learned.standby_power_w
    if abs(power_w - earlier_w) > 5 or (known_w is not None and abs(power_w - known_w) <= 2):
        return learned
    return replace(learned, standby_power_w=power_w)
