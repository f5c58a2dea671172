"""The thread that searches the networks: new miners, and known ones at new addresses."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from ipaddress import IPv4Network

import structlog

from minerbridge.miners.scan import Discovered, Logins, addresses_of, scan
from minerbridge.runtime import Service

log = structlog.get_logger(__name__)

SHORTEST_PAUSE_S = 60.0
FIRST_AFTER_S = 15.0


class Discoverer(Service):
    """Scans every *interval_s*, sooner when a miner was lost at its address."""

    def __init__(
        self,
        networks: Iterable[IPv4Network],
        interval_s: float,
        logins: Logins,
        on_found: Callable[[Discovered], None],
    ) -> None:
        super().__init__("discovery")
        self._networks = tuple(networks)
        self._interval_s = interval_s
        self._logins = logins
        self._on_found = on_found
        self._soon = False

    def search_soon(self) -> None:
        """Search before the interval has passed: a known miner may have moved."""
        self._soon = True

    def run(self) -> None:
        # The miners of the settings are met first, or they would be found a second time.
        due_s = time.monotonic() + FIRST_AFTER_S
        last_s = -SHORTEST_PAUSE_S
        while not self.stopping.wait(1.0):
            now_s = time.monotonic()
            is_due = now_s >= due_s or (self._soon and now_s - last_s >= SHORTEST_PAUSE_S)
            if not is_due:
                continue
            self._soon = False
            for found in scan(addresses_of(self._networks), self._logins, self.stopping):
                self._on_found(found)
            last_s = time.monotonic()
            due_s = last_s + self._interval_s
