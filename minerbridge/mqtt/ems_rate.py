"""How many requests a second are served, and what is said about the others."""

from __future__ import annotations

import math
from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)

ANSWER_EVERY_S = 1.0
#: So long without a refusal ends a flood.
QUIET_S = 10.0


class TokenBucket:
    """Lets *rate_per_s* through, at most a second's worth (and at least one) at once."""

    def __init__(self, rate_per_s: float, clock: Callable[[], float]) -> None:
        self._rate_per_s = rate_per_s
        self._most = max(1.0, rate_per_s)
        self._clock = clock
        self._tokens = self._most
        self._filled_s = clock()

    def take(self) -> bool:
        now_s = self._clock()
        gained = (now_s - self._filled_s) * self._rate_per_s
        self._tokens = min(self._most, self._tokens + gained)
        self._filled_s = now_s
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


class Flood:
    """Counts what was refused; words for one answer a second, one log line per flood."""

    def __init__(self, rate_per_s: float, clock: Callable[[], float]) -> None:
        self._rate_per_s = rate_per_s
        self._clock = clock
        self._refused_s = -math.inf
        self._told_s = -math.inf
        self._untold = 0
        self.refused = 0

    def refuse(self) -> str | None:
        """Count one refusal; return the reason where it is time to give it."""
        now_s = self._clock()
        self.refused += 1
        self._untold += 1
        if now_s - self._refused_s >= QUIET_S:
            log.warning("ems_rate_limited", max_requests_per_s=self._rate_per_s)
        self._refused_s = now_s
        if now_s - self._told_s < ANSWER_EVERY_S:
            return None
        self._told_s = now_s
        count, self._untold = self._untold, 0
        return f"more than {self._rate_per_s:g} requests a second; refused since last told: {count}"
