"""Keeps below the platform's rate limit, and waits when it says so."""

from __future__ import annotations

from collections.abc import Callable

from minerbridge.errors import MinerRefused, MinerUnreachable

#: The platform takes 10 requests a second and 20 at once from an address, which others share.
PER_SECOND = 8.0
AT_ONCE = 12.0
#: A longer pause is not waited for: the poll or command fails, and nothing is sent meanwhile.
LONGEST_WAIT_S = 3.0
LONGEST_PAUSE_S = 300.0


class Pace:
    """Lets one request through at a time.

    *wait* sleeps so many seconds and returns whether it was cut short.
    """

    def __init__(self, clock: Callable[[], float], wait: Callable[[float], bool]) -> None:
        self._clock = clock
        self._wait = wait
        self._free = AT_ONCE
        self._counted_s = clock()
        self._closed_until_s = clock()

    def enter(self) -> None:
        """Wait for the next request's turn.

        Raise `MinerRefused` where the platform wants a longer pause, `MinerUnreachable` when cut.
        """
        self._count()
        pause_s = self._closed_until_s - self._counted_s
        wait_s = max(pause_s, (1.0 - self._free) / PER_SECOND)
        if wait_s > LONGEST_WAIT_S:
            raise MinerRefused(
                f"the platform limits requests: again in {pause_s:.0f} s", code="RATE_LIMITED"
            )
        if wait_s > 0 and self._wait(wait_s):
            raise MinerUnreachable("interrupted")
        self._count()
        self._free -= 1.0

    def pause(self, seconds: float) -> None:
        """Send nothing for *seconds*: the platform answered 429."""
        self._count()
        self._free = 0.0
        self._closed_until_s = self._counted_s + min(seconds, LONGEST_PAUSE_S)

    def _count(self) -> None:
        now_s = self._clock()
        self._free = min(AT_ONCE, self._free + (now_s - self._counted_s) * PER_SECOND)
        self._counted_s = now_s
