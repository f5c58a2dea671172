"""Power measured by somebody else on a topic, such as a smart plug."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

from minerbridge.errors import InvalidValue

log = structlog.get_logger(__name__)
_TO_WATTS = {"W": 1.0, "kW": 1000.0}


@dataclass(slots=True)
class Meter:
    """The newest value of one meter topic. Written by the MQTT thread, read by any."""

    topic: str
    value_path: str | None = None
    unit: str = "W"
    max_age_s: float = 30
    clock: Callable[[], float] = time.monotonic
    _newest: tuple[float, float] | None = None
    _is_bad: bool = False

    def take(self, payload: bytes) -> None:
        """Keep what *payload* says; complain once about one that says nothing usable."""
        try:
            power_w = parse_power_w(payload, self.value_path, self.unit)
        except InvalidValue as error:
            if not self._is_bad:
                log.warning("meter_payload_rejected", topic=self.topic, reason=str(error))
            self._is_bad = True
            return
        self._is_bad = False
        self._newest = (power_w, self.clock())

    def power_w(self) -> float | None:
        """Return the newest measurement; None when there is none or it is too old."""
        if self._newest is None or self.clock() - self._newest[1] > self.max_age_s:
            return None
        return self._newest[0]


def parse_power_w(payload: bytes, value_path: str | None, unit: str) -> float:
    """Return watts from a bare number, or from the *value_path* (a.b.0.c) of a JSON document."""
    try:
        value: Any = json.loads(payload)
    except (ValueError, RecursionError):
        raise InvalidValue(f"{payload[:60]!r} is neither a number nor JSON") from None
    for name in value_path.split(".") if value_path else ():
        try:
            value = value[int(name)] if isinstance(value, list) else value[name]
        except (KeyError, IndexError, TypeError, ValueError):
            raise InvalidValue(f"no {value_path} in {payload[:60]!r}") from None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise InvalidValue(f"{str(value)[:60]!r} is not a number")
    try:
        power_w = float(value) * _TO_WATTS[unit]
    except (ValueError, OverflowError):
        raise InvalidValue(f"{str(value)[:60]!r} is not a number") from None
    if not math.isfinite(power_w):
        raise InvalidValue(f"{str(value)[:60]!r} is not a number")
    return power_w
