"""Where a WhatsMiner heads: mode, limit, percentage, frequency; tuning; what is set too low."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from minerbridge.simulator.physics import Point

if TYPE_CHECKING:
    from minerbridge.simulator.whatsminer import Whatsminer

MODES = {"low": 0.72, "normal": 1.0, "high": 1.2}  # shares of the nominal power
FLOOR = 0.45  # of the nominal power; below it the boards lose their balance and start anew
FAST_BOOT_S, FAST_S, NORMAL_S, OFF_S, ON_S = 60.0, 1.0, 180.0, 5.0, 10.0
CRASH_AFTER_S, UNSTABLE_S, FALLBACK_S = 180.0, 40.0, 150.0
LOST_BALANCE = (560, 561, 562)
DEFAULT_LIMIT_W = 99_999  # means: as made


@dataclass(slots=True)
class Orders:
    """What was set and outlives a restart; a percentage does not."""

    mode: str = "normal"
    limit_w: int | None = None
    watts: int | None = None
    frequency_percent: int = 0
    fast_boot: bool = False
    fast_hash: bool = False
    upfreq_speed: int = 0
    starts_at_boot: bool = True


class Mining:
    """Starts, stops and steers one device's boards."""

    def __init__(self, device: Whatsminer) -> None:
        self._device = device
        self.orders = Orders()
        self.floor_w = FLOOR * self.nominal_w
        self.percent: int | None = None
        self.is_off = False
        self.off_reason, self.off_at = "", ""
        self._run = 0  # alarms of earlier runs are void
        self._tuned_at_s = float("-inf")

    # What it says

    @property
    def nominal_w(self) -> float:
        return self._device.model.rating.point.power_w

    @property
    def default_limit_w(self) -> int:
        return round(self.nominal_w * max(1.0, MODES[self.orders.mode]) / 100) * 100 + 200

    @property
    def limit_w(self) -> int:
        return self.default_limit_w if self.orders.limit_w is None else self.orders.limit_w

    @property
    def is_tuned(self) -> bool:
        """The first ramp after a start is over: only now percentages are taken."""
        now_s = self._device.plant.now_s
        return not self.is_off and self.is_program_up and now_s >= self._tuned_at_s

    @property
    def is_program_up(self) -> bool:
        """False while the mining program itself starts."""
        plant = self._device.plant
        return plant.now_s >= plant.daemon_at_s

    def goal(self) -> Point:
        orders = self.orders
        share = min(MODES[orders.mode], self.limit_w / self.nominal_w)
        if orders.watts is not None:
            share = orders.watts / self.nominal_w
        frequency = 1 + orders.frequency_percent / 100
        power = share * frequency**1.25 * (1 if self.percent is None else self.percent / 100)
        return self._device.plant.point.scaled(power**0.8, power)

    # Orders

    def start(self, after_s: float | None = None) -> None:
        """Start the mining program: nothing is hashed, then the frequency goes up."""
        plant = self._device.plant
        self._switched_on()
        self.percent = None
        up_at_s = plant.now_s + (plant.restart_s if after_s is None else after_s)
        ramp_s = self._ramp_s()
        plant.run_from(up_at_s, self._device.startable(self.goal()), ramp_s=ramp_s)
        self._tuned_at_s = up_at_s + plant.hash_delay_s + ramp_s
        self._watch(up_at_s - plant.now_s + CRASH_AFTER_S)
        self._device.ports_changed()

    def stop(self, reason: str, *, holds: bool = True) -> None:
        """Cut the boards' power; where it does not hold they hash again though said to be off."""
        self._rest()
        self.is_off, self.off_reason, self.off_at = True, reason, self._device.local_time()
        if not holds:
            self._alarm(FALLBACK_S, self._slip)

    def resume(self) -> None:
        """Go on without restarting the mining program."""
        if not self.is_off:
            return
        plant = self._device.plant
        self._switched_on()
        plant.is_resting = False
        ramp_s = self._ramp_s()
        plant.retune(self._device.startable(self.goal()), ON_S + ramp_s)
        self._tuned_at_s = plant.now_s + ON_S + ramp_s
        self._watch(CRASH_AFTER_S)

    def boot(self, after_s: float) -> None:
        """Start with the control board, unless that was disabled."""
        if self.orders.starts_at_boot:
            self.start(after_s)
        else:
            self.percent = None
            self._device.plant.rest_from(self._device.plant.now_s + after_s)
            self.is_off, self.off_reason, self.off_at = True, "btminer init disabled", ""

    def steer(self, *, percent: int | None, ramp_s: float) -> None:
        """Take another share of the stable power, without a restart."""
        self.percent = percent
        self._retune(ramp_s)

    def aim(self, watts: int) -> None:
        """Take watts: at once when tuned, else from the next start on."""
        self.orders.watts = watts
        if self.is_tuned:
            self._retune(NORMAL_S)

    def set_mode(self, mode: str) -> None:
        self.orders.mode = mode
        self.restart()

    def set_limit(self, limit_w: int) -> None:
        self.orders.limit_w = None if limit_w == DEFAULT_LIMIT_W else limit_w
        self.restart()

    def set_frequency(self, percent: int) -> None:
        self.orders.frequency_percent = percent
        self.restart()

    def set_fast_boot(self, on: bool) -> None:
        """Hold from the next start on; it excludes a higher tuning speed, and that excludes it."""
        self.orders.fast_boot = on
        if on:
            self.orders.upfreq_speed = 0

    def set_upfreq_speed(self, speed: int) -> None:
        self.orders.upfreq_speed = speed
        if speed:
            self.orders.fast_boot = False

    def restart(self) -> None:
        """Start anew for a setting that needs it; a device that is off stays off."""
        if not self.is_off:
            self.start()

    # What goes wrong

    def _retune(self, ramp_s: float) -> None:
        self._run += 1
        self._device.plant.retune(self.goal(), ramp_s)
        self._watch(ramp_s + UNSTABLE_S)

    def _watch(self, delay_s: float) -> None:
        if self.goal().power_w < self.floor_w:
            self._alarm(delay_s, self._crash)

    def _crash(self) -> None:
        for code in LOST_BALANCE[: self._device.model.boards]:
            self._device.raise_error(code)
        self.start()

    def _slip(self) -> None:
        plant = self._device.plant
        plant.run_from(plant.now_s + plant.restart_s, self.goal(), ramp_s=self._ramp_s())
        self._tuned_at_s = float("inf")

    def _alarm(self, delay_s: float, action: object) -> None:
        run = self._run

        def unless_stale() -> None:
            if run == self._run and callable(action):
                action()

        self._device.after(delay_s, unless_stale)

    def _rest(self) -> None:
        plant = self._device.plant
        self._run += 1
        self.percent = None
        plant.retune(Point(0.0, plant.rating.sleep_power_w), OFF_S)
        plant.is_resting = True

    def _switched_on(self) -> None:
        self._run += 1
        self.is_off, self.off_reason, self.off_at = False, "", ""

    def _ramp_s(self) -> float:
        if self.orders.fast_boot:
            return FAST_BOOT_S
        return self._device.plant.rating.ramp_s * (1 - 0.06 * self.orders.upfreq_speed)
