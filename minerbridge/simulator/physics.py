"""What a miner does between two questions: hashrate, power, heat, shares over time."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

Clock = Callable[[], float]
HASHES_PER_DIFFICULTY = 2.0**32


@dataclass(frozen=True, slots=True)
class Point:
    """What a device settles at: hashes per second and true watts."""

    hashrate_hs: float
    power_w: float

    def scaled(self, hashrate: float, power: float) -> Point:
        return Point(self.hashrate_hs * hashrate, self.power_w * power)


@dataclass(frozen=True, slots=True)
class Rating:
    """The constants of one model. Times are (shortest, longest); each device draws its own."""

    point: Point
    sleep_power_w: float
    boot_s: tuple[float, float] = (40.0, 60.0)
    restart_s: tuple[float, float] = (4.0, 6.0)
    hash_delay_s: tuple[float, float] = (15.0, 25.0)
    ramp_s: float = 30.0
    chip_rise_c: float = 45.0
    thermal_s: float = 90.0
    fan_limits_rpm: tuple[float, float] = (1500.0, 6000.0)
    share_difficulty: float = 65536.0
    hardware_error_rate: float = 5e-6


@dataclass(frozen=True, slots=True)
class Segment:
    """One settling towards a point: wait *delay_s*, then move linearly for *ramp_s*."""

    at_s: float
    delay_s: float
    ramp_s: float
    start: Point
    goal: Point
    rise_c: float
    hashes: float
    rise_per_w: float
    thermal_s: float

    def fraction(self, now_s: float) -> float:
        """How far along the ramp, 0 to 1."""
        moved_s = now_s - self.at_s - self.delay_s
        return 0.0 if moved_s <= 0 else 1.0 if moved_s >= self.ramp_s else moved_s / self.ramp_s

    def hashrate_hs(self, now_s: float) -> float:
        low, high = self.start.hashrate_hs, self.goal.hashrate_hs
        return low + (high - low) * self.fraction(now_s)

    def power_w(self, now_s: float) -> float:
        low, high = self.start.power_w, self.goal.power_w
        return low + (high - low) * self.fraction(now_s)

    def hashes_at(self, now_s: float) -> float:
        """Hashes since the counters were zeroed."""
        passed_s = max(0.0, now_s - self.at_s)
        ramped_s = min(max(0.0, passed_s - self.delay_s), self.ramp_s)
        after_s = max(0.0, passed_s - self.delay_s - self.ramp_s)
        gained = self.goal.hashrate_hs - self.start.hashrate_hs
        shape_s = ramped_s**2 / (2 * self.ramp_s) + after_s
        return self.hashes + self.start.hashrate_hs * passed_s + gained * shape_s

    def rise_at(self, now_s: float) -> float:
        """Degrees above ambient: first-order response to the power, exact for the linear ramp."""
        passed_s = max(0.0, now_s - self.at_s)
        low, high = (p.power_w * self.rise_per_w for p in (self.start, self.goal))
        rise = _towards(self.rise_c, low, min(passed_s, self.delay_s) / self.thermal_s)
        ramped_s = min(passed_s - self.delay_s, self.ramp_s)
        if ramped_s <= 0:
            return rise
        lag = (high - low) / self.ramp_s * self.thermal_s
        decay = math.exp(-ramped_s / self.thermal_s)
        rise = low + lag * (ramped_s / self.thermal_s - 1) + (rise - low + lag) * decay
        after_s = max(0.0, passed_s - self.delay_s - self.ramp_s)
        return _towards(rise, high, after_s / self.thermal_s)


def _towards(value: float, goal: float, constants: float) -> float:
    return goal + (value - goal) * math.exp(-constants)


class Plant:
    """One device's physics. Reads are pure functions of the clock, so any thread may ask."""

    def __init__(
        self, rating: Rating, clock: Clock, *, speed: float, seed: str, uptime_s: float | None
    ) -> None:
        self.rating = rating
        self.random = random.Random(seed)
        self._clock, self._speed = clock, speed
        draw = self.random.uniform
        self.boot_s, self.restart_s = draw(*rating.boot_s), draw(*rating.restart_s)
        self.hash_delay_s = draw(*rating.hash_delay_s)
        self.quality = draw(0.985, 1.015)
        self.reject_rate, self.stale_rate = draw(0.0008, 0.004), draw(0.0001, 0.0008)
        self._phases = tuple(draw(0.0, math.tau) for _ in range(4))
        self._ambient_c = draw(22.0, 28.0)
        self._began = clock()
        earlier_s = draw(3_600.0, 900_000.0) if uptime_s is None else uptime_s
        self.system_at_s = self.daemon_at_s = -earlier_s
        self.is_resting = False
        self._segment = self._cold(-earlier_s)
        self.run_from(-earlier_s, self.point)

    @property
    def point(self) -> Point:
        """This very device's full-power point; no two of a model are equal."""
        return self.rating.point.scaled(self.quality, 1.0)

    @property
    def now_s(self) -> float:
        """Simulated seconds since this device was made."""
        return (self._clock() - self._began) * self._speed

    def clock_at(self, at_s: float) -> float:
        """Return what the clock reads when the simulated time is *at_s*."""
        return self._began + at_s / self._speed

    # Orders

    def run_from(self, at_s: float, point: Point, ramp_s: float | None = None) -> None:
        """Bring the mining program up at *at_s*, counters zeroed, heading for *point*."""
        from_s, old = min(at_s, self.now_s), self._segment
        idle = Point(0.0, min(self.rating.sleep_power_w, point.power_w))
        delay_s = at_s - from_s + self.hash_delay_s
        self.daemon_at_s, self.is_resting = at_s, False
        ramp_s = self.rating.ramp_s if ramp_s is None else ramp_s
        self._segment = self._settle(from_s, idle, point, delay_s, ramp_s, old.rise_at(from_s), 0.0)

    def rest_from(self, at_s: float) -> None:
        """Bring the mining program up at *at_s* in sleep mode: it hashes nothing."""
        self.run_from(at_s, Point(0.0, self.rating.sleep_power_w))
        self.is_resting = True

    def retune(self, point: Point, ramp_s: float = 5.0) -> None:
        """Head for another point without a restart; counters go on."""
        self._segment = self._from_here(point, ramp_s, self.hashes)

    def zero_counters(self) -> None:
        self._segment = self._from_here(self.goal, 5.0, 0.0)
        self.daemon_at_s = self.now_s

    def save(self) -> tuple[Segment, float, float, bool]:
        """Everything an order changes, for ``restore``."""
        return self._segment, self.daemon_at_s, self.system_at_s, self.is_resting

    def restore(self, saved: tuple[Segment, float, float, bool]) -> None:
        self._segment, self.daemon_at_s, self.system_at_s, self.is_resting = saved

    # Answers

    @property
    def goal(self) -> Point:
        return self._segment.goal

    @property
    def elapsed_s(self) -> float:
        """Since the mining program started."""
        return max(0.0, self.now_s - self.daemon_at_s)

    @property
    def uptime_s(self) -> float:
        """Since the operating system started."""
        return max(0.0, self.now_s - self.system_at_s)

    @property
    def is_hashing(self) -> bool:
        return self._segment.hashrate_hs(self.now_s) > 0

    @property
    def hashes(self) -> float:
        return self._segment.hashes_at(self.now_s)

    def hashrate_hs(self, share: float = 1.0, window_s: float = 5.0, salt: int = 0) -> float:
        """Of *share* of the device (a board), averaged over *window_s* with that window's noise."""
        now_s, segment = self.now_s, self._segment
        if window_s <= 10:
            mean_hs = segment.hashrate_hs(now_s)
        else:
            since_s = max(now_s - window_s, segment.at_s)
            gained = segment.hashes_at(now_s) - segment.hashes_at(since_s)
            mean_hs = (gained + segment.start.hashrate_hs * (window_s - now_s + since_s)) / window_s
        swing = 0.02 / (1.0 + window_s / 60.0)
        return mean_hs * share * (1.0 + swing * self.noise(salt))

    @property
    def average_hs(self) -> float:
        """Since the mining program started."""
        elapsed_s = self.elapsed_s
        return self.hashes / elapsed_s if elapsed_s >= 1 else 0.0

    @property
    def power_w(self) -> float:
        """The true power, whether or not the device's API tells it; 0 never: a supply idles."""
        return self._segment.power_w(self.now_s) * (1.0 + 0.006 * self.noise(101))

    @property
    def ambient_c(self) -> float:
        return self._ambient_c + 1.5 * math.sin(self.now_s / 13_000.0 + self._phases[3])

    def chip_c(self, salt: int = 0) -> float:
        return self.ambient_c + self._segment.rise_at(self.now_s) + 1.2 * self.noise(salt)

    def board_c(self, salt: int = 0) -> float:
        return self.ambient_c + self._segment.rise_at(self.now_s) * 0.72 + 0.8 * self.noise(salt)

    def fan_rpm(self, index: int = 0) -> int:
        """Follows the chips; in steps of 60 as tachometers with one pulse a second count."""
        low, high = self.rating.fan_limits_rpm
        duty = min(
            1.0, max(0.0, self._segment.rise_at(self.now_s) / (self.rating.chip_rise_c * 1.3))
        )
        return round((low + (high - low) * duty + 40 * self.noise(7 + index)) / 60) * 60

    @property
    def shares(self) -> int:
        """Sent to the pool: accepted and rejected ones."""
        return int(self.hashes / HASHES_PER_DIFFICULTY / self.rating.share_difficulty)

    @property
    def rejected(self) -> int:
        return int(self.shares * self.reject_rate)

    @property
    def accepted(self) -> int:
        return self.shares - self.rejected

    @property
    def stale(self) -> int:
        return int(self.shares * self.stale_rate)

    @property
    def tally(self) -> tuple[int, int, int]:
        return self.accepted, self.rejected, self.stale

    @property
    def hardware_errors(self) -> int:
        return int(self.hashes / HASHES_PER_DIFFICULTY * self.rating.hardware_error_rate)

    def noise(self, salt: int = 0) -> float:
        """Between -1 and 1, the same for the same seed and time, however often it is asked."""
        now_s, (one, two, three, _) = self.now_s, self._phases
        return (
            math.sin(now_s * 0.9 + one + salt * 2.1)
            + math.sin(now_s * 0.237 + two + salt * 1.3)
            + math.sin(now_s * 0.0313 + three + salt * 0.7)
        ) / 3.0

    def _cold(self, at_s: float) -> Segment:
        off = Point(0.0, 0.0)
        return self._settle(at_s, off, off, 0.0, 1.0, 0.0, 0.0)

    def _from_here(self, goal: Point, ramp_s: float, hashes: float) -> Segment:
        now_s, old = self.now_s, self._segment
        here = Point(old.hashrate_hs(now_s), old.power_w(now_s))
        return self._settle(now_s, here, goal, 0.0, ramp_s, old.rise_at(now_s), hashes)

    def _settle(
        self, at_s: float, start: Point, goal: Point,
        delay_s: float, ramp_s: float, rise_c: float, hashes: float,
    ) -> Segment:  # fmt: skip
        rise_per_w = self.rating.chip_rise_c / self.rating.point.power_w
        thermal_s = self.rating.thermal_s
        return Segment(at_s, delay_s, ramp_s, start, goal, rise_c, hashes, rise_per_w, thermal_s)
