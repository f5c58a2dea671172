"""What a worker is told by the settings, counts for diagnostics, and tells the bridge."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from minerbridge.miners.driver import PoolLogin
from minerbridge.miners.permission import Policy
from minerbridge.miners.rush import Rush
from minerbridge.model import CommandResult, MinerProfile, MinerReading


@dataclass(frozen=True, slots=True)
class Plan:
    """What the settings say about polling and commanding one miner."""

    miner_id: str
    host: str
    rpc_port: int = 4028
    poll_interval_s: float = 10.0
    offline_after_s: float = 30.0
    rated_power_w: float | None = None
    algorithm: str | None = None
    policy: Policy = field(default_factory=Policy)
    pool_profiles: dict[str, tuple[PoolLogin, ...]] = field(default_factory=dict, repr=False)
    metered_power_w: Callable[[], float | None] = lambda: None
    rush: Rush = field(default_factory=Rush)


@dataclass(slots=True)
class Counters:
    """What diagnostics tell of a worker; written by its thread alone."""

    polls: int = 0
    failures: int = 0
    commands: int = 0
    read_s: float = 0.0
    latest_s: float = 0.0
    last_good_at: datetime | None = None
    last_error: str | None = None


#: The question that is answered by a poll.
REFRESH = ""


@dataclass(slots=True)
class Query:
    """A question for the device itself, asked by another thread that waits for *answer*."""

    name: str
    parameters: Mapping[str, Any]
    answer: Future[Any] = field(default_factory=Future)


class Listener:
    """What a worker tells the rest of the bridge. Called in the worker's thread; must not block."""

    def profile(self, profile: MinerProfile) -> None:
        """Hear who the miner is and what it can do, whenever that grows."""

    def known(self, profile: MinerProfile) -> None:
        """Hear who a miner was before the restart, ahead of any contact."""

    def reading(self, reading: MinerReading) -> None:
        """Hear a fresh reading."""

    def availability(self, miner_id: str, online: bool, code: str, reason: str) -> None:
        """Hear of a change between reachable and not; *code* is empty when online."""

    def progress(self, miner_id: str, command: str, done: int, total: int) -> None:
        """Hear how many of how many bytes a command has moved, every tenth of the way."""

    def result(self, result: CommandResult) -> None:
        """Hear the one outcome of a command."""
