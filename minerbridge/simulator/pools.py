"""The pool list of one device and cgminer's rules for changing it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from minerbridge.simulator.rpc_api import Answer

Tally = tuple[int, int, int]  # accepted, rejected, stale
ZERO: Tally = (0, 0, 0)
HOST = re.compile(r"(?:\w+(?:\+\w+)?://)?([^:/]+)")


@dataclass(slots=True)
class PoolEntry:
    """One configured pool; *priority* 0 is the one in use while it is enabled."""

    url: str
    user: str
    password: str
    enabled: bool = True
    quota: int = 1
    priority: int = 0
    tally: Tally = ZERO  # up to when it was last left
    alive_from_s: float = float("-inf")  # simulated; inf: a dead pool

    @property
    def host(self) -> str:
        match = HOST.match(self.url)
        return match.group(1) if match else ""


CONNECT_S = 3.0  # a new pool is Dead until it has answered
DEFAULT_POOLS = (
    ("stratum+tcp://pool.example.com:3333", "worker.1"),
    ("stratum+tcp://backup.example.com:3333", "worker.1"),
    ("stratum+tcp://third.example.com:3333", "worker.1"),
)


def default_pools(count: int) -> list[PoolEntry]:
    return [
        PoolEntry(url, user, "x", priority=index)
        for index, (url, user) in enumerate(DEFAULT_POOLS[:count])
    ]


class PoolList:
    """What the RPC pool commands do, with cgminer 4.11.1's codes and messages."""

    def __init__(self, entries: list[PoolEntry], now_s: Callable[[], float]) -> None:
        self.entries, self._now_s = entries, now_s
        self.mark = ZERO  # the device's counters when the current pool was taken up

    def tally(self, entry: PoolEntry, total: Tally) -> Tally:
        """Of this pool, when the device's own counters read *total*."""
        return _sum(entry.tally, total, self.mark) if entry is self.current else entry.tally

    def left(self, before: PoolEntry, total: Tally) -> None:
        """Keep what was counted at *before*, unless it is still the one in use."""
        if before is not self.current:
            before.tally, self.mark = _sum(before.tally, total, self.mark), total

    def zero(self) -> None:
        self.mark = ZERO
        for entry in self.entries:
            entry.tally = ZERO

    @property
    def current(self) -> PoolEntry:
        """The best living pool; a disabled one stays in use while no other lives."""
        return min(
            self.entries,
            key=lambda entry: (not self.lives(entry), not entry.enabled, entry.priority),
        )

    def lives(self, entry: PoolEntry) -> bool:
        return self._now_s() >= entry.alive_from_s

    def find(self, parameter: str | None) -> int | Answer:
        """Find the pool a parameter names. Like atoi(), text that is no number means pool 0."""
        if not parameter:
            return Answer("E", 25, "Missing pool id parameter")
        number = leading_integer(parameter)
        if 0 <= number < len(self.entries):
            return number
        last = len(self.entries) - 1
        return Answer("E", 26, f"Invalid pool id {number} - range is 0 - {last}")

    def switch(self, number: int) -> Answer:
        entry = self.entries[number]
        entry.enabled = True
        self._rank([number])
        return Answer("S", 27, f"Switching to pool {number}:'{entry.url}'")

    def enable(self, number: int) -> Answer:
        entry = self.entries[number]
        if entry.enabled:
            return Answer("I", 49, f"Pool {number}:'{entry.url}' already enabled")
        entry.enabled = True
        return Answer("S", 47, f"Enabling pool {number}:'{entry.url}'")

    def disable(self, number: int) -> Answer:
        entry = self.entries[number]
        if not entry.enabled:
            return Answer("I", 50, f"Pool {number}:'{entry.url}' already disabled")
        if sum(pool.enabled for pool in self.entries) <= 1:
            return Answer("E", 51, f"Cannot disable last active pool {number}:'{entry.url}'")
        entry.enabled = False
        return Answer("S", 48, f"Disabling pool {number}:'{entry.url}'")

    def remove(self, number: int) -> Answer:
        entry = self.entries[number]
        if len(self.entries) <= 1:
            return Answer("E", 66, f"Cannot remove last pool {number}:'{entry.url}'")
        if entry is self.current:
            return Answer("E", 67, f"Cannot remove active pool {number}:'{entry.url}'")
        del self.entries[number]
        self._rank([])
        return Answer("S", 68, f"Removed pool {number}:'{entry.url}'")

    def add(self, parameter: str | None) -> Answer:
        if not parameter:
            return Answer("E", 52, "Missing addpool details")
        parts = unescaped_parts(parameter)
        if len(parts) < 3:
            return Answer("E", 53, f"Invalid addpool details '{parameter}'")
        number = len(self.entries)
        url, user, password = parts[0], parts[1], ",".join(parts[2:])
        alive_from_s = self._now_s() + CONNECT_S
        entry = PoolEntry(url, user, password, priority=number, alive_from_s=alive_from_s)
        self.entries.append(entry)
        return Answer("S", 55, f"Added pool {number}: '{url}'")

    def prioritise(self, parameter: str | None) -> Answer:
        wanted: list[int] = []
        for part in (parameter or "").split(","):
            number = self.find(part)
            if isinstance(number, Answer):
                return number
            if number in wanted:
                return Answer("E", 74, f"Duplicate pool specified {number}")
            wanted.append(number)
        self._rank(wanted)
        return Answer("S", 73, "Changed pool priorities")

    def set_quota(self, parameter: str | None) -> Answer:
        first, comma, quota = (parameter or "").partition(",")
        number = self.find(first)
        if isinstance(number, Answer):
            return number
        if not comma:
            return Answer("E", 86, f"Missing config value N for '{first},N'")
        entry = self.entries[number]
        entry.quota = leading_integer(quota)
        return Answer("S", 122, f"Set pool '{entry.url}' to quota {entry.quota}'")

    def _rank(self, first: list[int]) -> None:
        ahead = [self.entries[number] for number in first]
        others = [entry for entry in self.entries if entry not in ahead]
        others.sort(key=lambda entry: entry.priority)
        for priority, entry in enumerate(ahead + others):
            entry.priority = priority


def _sum(kept: Tally, total: Tally, mark: Tally) -> Tally:
    accepted, rejected, stale = (k + t - m for k, t, m in zip(kept, total, mark, strict=True))
    return accepted, rejected, stale


def leading_integer(text: str) -> int:
    """Return what C's atoi() makes of it."""
    match = re.match(r"\s*[+-]?\d+", text)
    return int(match.group()) if match else 0


def unescaped_parts(text: str) -> list[str]:
    r"""Split at commas; ``\,`` and ``\\`` are literal."""
    parts, part, characters = [], "", iter(text)
    for character in characters:
        if character == "\\":
            part += next(characters, "")
        elif character == ",":
            parts.append(part)
            part = ""
        else:
            part += character
    return [*parts, part]
