"""Energy, integrated from measured power."""

from __future__ import annotations

import math


class EnergyMeter:
    """Counts kWh of one miner. Gaps longer than *longest_gap_s* are not guessed over."""

    def __init__(self, longest_gap_s: float, energy_kwh: float | None = None) -> None:
        self._longest_gap_s = longest_gap_s
        self.energy_kwh = energy_kwh
        self._last: tuple[float, float] | None = None

    def add(self, power_w: float | None, now_s: float) -> float | None:
        """Count up to *now_s* (monotonic) and return the total; None before any measurement."""
        if power_w is None or not math.isfinite(power_w):
            self._last = None
            return self.energy_kwh
        power_w = max(0.0, power_w)  # a plug may jitter below zero; energy never decreases
        if self.energy_kwh is None:
            self.energy_kwh = 0.0
        if self._last is not None:
            before_w, before_s = self._last
            gap_s = now_s - before_s
            if 0 < gap_s <= self._longest_gap_s:
                self.energy_kwh += (before_w + power_w) / 2 * gap_s / 3_600_000
        self._last = (power_w, now_s)
        return self.energy_kwh
