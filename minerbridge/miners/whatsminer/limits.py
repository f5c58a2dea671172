"""The ranges of the commands that set power: half to all of the default, or as the settings say."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from minerbridge.errors import InvalidValue
from minerbridge.miners.whatsminer.readback import DEFAULT_LIMIT_W
from minerbridge.miners.whatsminer.row import Row
from minerbridge.model import Parameter

_LEAST_PERCENT, _MOST_PERCENT = 50.0, 100.0
_LEAST_SHARE = 0.5
_PERCENT = {"set_power_pct", "set_power_pct_v2", "power_percent"}
_WATTS = {"set_power", "adjust_power_limit", "power_limit"}


@dataclass(frozen=True, slots=True)
class Limits:
    """None of the watts: what the settings leave to the device."""

    min_power_w: float | None = None
    max_power_w: float | None = None
    min_percent: float = _LEAST_PERCENT
    max_percent: float = _MOST_PERCENT

    @classmethod
    def of(cls, options: Mapping[str, object]) -> Limits:
        told = {
            name: float(value)
            for name in ("min_power_w", "max_power_w", "min_percent", "max_percent")
            if isinstance(value := options.get(name), int | float)
        }
        return cls(**told)

    def parameters(self, row: Row, default_w: float | None) -> tuple[Parameter, ...]:
        """Return the parameters of *row* within these limits; *default_w* is the device's own."""
        if row.name in _PERCENT:
            return _narrowed(row, self.min_percent, self.max_percent)
        if row.name in _WATTS:
            low_w, high_w = self._watts(default_w)
            if row.name == "adjust_power_limit":
                high_w = None  # 99999 stands for the default; `check` sees to the rest
            return _narrowed(row, low_w, high_w)
        return row.parameters

    def check(self, name: str, given: Mapping[str, Any], default_w: float | None) -> None:
        """Refuse a power limit above what is allowed, the default included."""
        if name != "adjust_power_limit":
            return
        limit_w = given["power_limit"]
        _, high_w = self._watts(default_w)
        if limit_w == DEFAULT_LIMIT_W:
            limit_w = default_w
        if high_w is not None and (limit_w or math.inf) > high_w:
            told = "the default" if given["power_limit"] == DEFAULT_LIMIT_W else f"{limit_w} W"
            raise InvalidValue(f"power_limit: {told} is above the {high_w:g} W allowed here")

    def _watts(self, default_w: float | None) -> tuple[float | None, float | None]:
        low_w, high_w = self.min_power_w, self.max_power_w
        if default_w is not None:
            low_w = math.ceil(default_w * _LEAST_SHARE) if low_w is None else low_w
            high_w = math.floor(default_w) if high_w is None else high_w
        return low_w, high_w


def _narrowed(row: Row, low: float | None, high: float | None) -> tuple[Parameter, ...]:
    first, *rest = row.parameters
    assert first.minimum is not None
    assert first.maximum is not None
    changed = replace(
        first,
        minimum=first.minimum if low is None else max(first.minimum, low),
        maximum=first.maximum if high is None else min(first.maximum, high),
    )
    return (changed, *rest)
