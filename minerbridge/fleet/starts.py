"""How often starts fail, so that enough are sent where many fail. No clock of its own.

A start counts once its time is up, the successful ones too: those that are quick would otherwise
make the rest look better than they are.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

#: What is assumed before anything was seen, and how fast the past is forgotten.
PRIOR_STARTS, KEEP = 4.0, 0.98
PRIOR_FAILED = 0.4
MOST_FAILING = 0.5
#: One that failed before succeeds this much more rarely.
AFTER_FAILURE = 0.5
#: An expectation means something for so many starts; with fewer each one counts whole.
LEAST_STARTS = 10


@dataclass(slots=True)
class StartRecord:
    """Successes and failures of the starts whose time is up."""

    starts: float = PRIOR_STARTS
    failed: float = PRIOR_FAILED
    _waiting: list[tuple[float, bool]] = field(default_factory=list)

    def note(self, until_s: float, *, succeeded: bool) -> None:
        heapq.heappush(self._waiting, (until_s, succeeded))

    def tick(self, now_s: float) -> None:
        while self._waiting and self._waiting[0][0] <= now_s:
            _, succeeded = heapq.heappop(self._waiting)
            self.starts = self.starts * KEEP + 1
            self.failed = self.failed * KEEP + (not succeeded)

    @property
    def failing(self) -> float:
        return min(MOST_FAILING, self.failed / self.starts)

    def chance(self, failures: int) -> float:
        """Return how likely a start succeeds of a miner that failed *failures* times running."""
        return (1 - self.failing) * (AFTER_FAILURE if failures else 1.0)
