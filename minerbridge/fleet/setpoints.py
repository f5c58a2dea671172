"""Which set-points a miner offers the fleet: off, and what its family can be driven to. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from minerbridge.fleet.allocation import Choice
from minerbridge.fleet.member import Learned, Member
from minerbridge.model import MinerProfile, MinerReading, OperatingPoint
from minerbridge.model_fleet import ControlMode

OFF, ON = "off", "on"
#: SHA-256 hashes a joule buys on old hardware: the worth of miners whose hashrate nobody knows, and
#: of those whose hashes are others and cannot be compared. What is known to be better goes first.
HASHES_PER_J = 1e10
#: In how many steps the range of a power limit is offered.
LIMIT_STEPS = 40


@dataclass(frozen=True, slots=True)
class SetPoint:
    """One thing a miner can be told to be. *key* names it across restarts."""

    key: str
    power_w: float
    hashrate_hs: float
    #: What it is said to draw; *power_w* is that as measured since.
    nominal_w: float = 0.0
    command: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    #: What a reading shows when the miner is there; None where it does not show.
    frequency_mhz: float | None = None
    power_percent: float | None = None
    power_limit_w: float | None = None

    @property
    def choice(self) -> Choice:
        return Choice(self.power_w, self.hashrate_hs)

    def distance(self, reading: MinerReading) -> float | None:
        """Return how far a running miner is from this; None when its reading does not tell."""
        pairs = (
            (self.frequency_mhz, reading.frequency_mhz),
            (self.power_percent, reading.power_percent),
            (self.power_limit_w, reading.power_limit_w),
        )
        for own, reported in pairs:
            if own and reported is not None:
                return abs(reported - own) / own
        return None


@dataclass(frozen=True, slots=True)
class Peers:
    """What miners of the same model were found to draw and to hash."""

    factor: float | None = None
    hashrate_hs: float | None = None


NO_PEERS = Peers()


def can_switch(profile: MinerProfile, member: Member) -> bool:
    """Whether the fleet may start and stop this miner."""
    return {"start", "stop"} <= _allowed(profile, member)


def _allowed(profile: MinerProfile, member: Member) -> set[str]:
    return {name for name, spec in profile.commands.items() if not spec.is_among(member.denied)}


def set_points(
    profile: MinerProfile,
    member: Member,
    mode: ControlMode,
    learned: Learned,
    peers: Peers = NO_PEERS,
) -> tuple[SetPoint, ...]:
    """Return off and, ascending by power, what the miner can be told; () if it cannot be told.

    *peers* speak for a miner that was not measured yet.
    """
    if member.is_read_only:
        return ()
    points = _points(profile, member) if mode == "frequency" else []
    if not points:
        full_w = full_power_w(profile, member, learned)
        if full_w is None or not can_switch(profile, member):
            return ()
        points = [OperatingPoint(full_w)]
    # In whole percents, so that miners of a model share their figures.
    factor = round(learned.factor or peers.factor or 1.0, 2)
    top = max(points, key=lambda point: point.power_w)
    top_hs = _worth_hs(profile, top, learned.full_hashrate_hs or peers.hashrate_hs)
    running = {_key(point): _set_point(point, factor, top, top_hs) for point in points}
    standby_w = learned.standby_power_w
    if standby_w is None:
        standby_w = profile.standby_power_w or 0.0
    if standby_w >= max(one.power_w for one in running.values()):
        standby_w = 0.0  # measured by a plug that lags: it must not take every set-point away
    above = (one for one in running.values() if one.power_w > standby_w)
    ascending = sorted(above, key=lambda one: (one.power_w, one.key))
    return SetPoint(OFF, standby_w, 0.0), *ascending


def full_power_w(profile: MinerProfile, member: Member, learned: Learned) -> float | None:
    """Return what the miner draws at most, by the settings, its maker or measurement."""
    highest = max((one.power_w for one in profile.operating_points), default=None)
    known = (member.rated_power_w, profile.rated_power_w, highest, learned.full_power_w)
    return next((power_w for power_w in known if power_w), None)


def _points(profile: MinerProfile, member: Member) -> list[OperatingPoint]:
    commands = _allowed(profile, member)
    points = [one for one in profile.operating_points if not one.command or one.command in commands]
    if not points and "power_limit" in commands:
        points = _limit_points(profile)
    low, high = member.min_power_w or 0.0, member.max_power_w or float("inf")
    return [one for one in points if low <= one.power_w <= high]


def _limit_points(profile: MinerProfile) -> list[OperatingPoint]:
    """Return the range of a power limit in steps: such a miner draws what it is allowed."""
    parameter = next(iter(profile.commands["power_limit"].parameters), None)
    if parameter is None or parameter.minimum is None or parameter.maximum is None:
        return []
    low, high = parameter.minimum, parameter.maximum
    if not 0 < low < high:
        return []
    grain = parameter.step or 1.0
    step = max(grain, round((high - low) / LIMIT_STEPS / grain) * grain)
    values = [high - number * step for number in range(int((high - low) / step) + 1)]
    return [
        OperatingPoint(
            value,
            power_limit_w=value,
            command="power_limit",
            parameters={parameter.name: int(value) if value == int(value) else value},
        )
        for value in values
    ]


def _worth_hs(profile: MinerProfile, top: OperatingPoint, seen_hs: float | None) -> float:
    """Return the hashrate of the highest point, in hashes that can be compared."""
    compares = profile.algorithm is None or "sha256" in profile.algorithm.replace("-", "").lower()
    hashrate_hs = top.hashrate_hs or seen_hs
    return hashrate_hs if compares and hashrate_hs else top.power_w * HASHES_PER_J


def _set_point(
    point: OperatingPoint, factor: float, top: OperatingPoint, top_hs: float
) -> SetPoint:
    if point.hashrate_hs and top.hashrate_hs:
        share = point.hashrate_hs / top.hashrate_hs
    else:
        # Hashrate grows less than power: the exponent is that of WhatsMiners, as assumed there.
        share = float((point.power_w / top.power_w) ** 0.85)
    return SetPoint(
        _key(point),
        point.power_w * factor,
        top_hs * share,
        point.power_w,
        point.command,
        point.parameters,
        point.frequency_mhz,
        point.power_percent,
        point.power_limit_w,
    )


def _key(point: OperatingPoint) -> str:
    if not point.command:
        return ON
    return f"{point.command} {json.dumps(dict(point.parameters), sort_keys=True)}"
