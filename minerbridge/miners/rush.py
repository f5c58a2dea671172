"""Commands that must not wait, anywhere: while some are not sent yet, reading waits for them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

#: Reading waits no longer than this, whatever hangs.
LONGEST_S = 3.0


class Rush:
    """Shared by all workers: a thousand polls beside a thousand stops would delay the stops."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._unsent: dict[str, float] = {}

    def begin(self, command_id: str) -> None:
        with self._lock:
            self._unsent[command_id] = self._clock()

    def end(self, command_id: str) -> None:
        """Note that a command was sent, or never will be."""
        with self._lock:
            self._unsent.pop(command_id, None)

    @property
    def is_on(self) -> bool:
        if not self._unsent:
            return False
        with self._lock:
            oldest_s = next(iter(self._unsent.values()), None)
        return oldest_s is not None and self._clock() - oldest_s < LONGEST_S
