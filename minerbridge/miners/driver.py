"""What the worker asks of a firmware family: one class per family answers it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, runtime_checkable

from minerbridge.model import (
    Confirmation,
    Identity,
    MinerCommand,
    MinerProfile,
    MinerReading,
)

T = TypeVar("T")
#: One read: yields between its requests, so that a command can go first; returns readings.
ReadSteps = Generator[None, None, Sequence[MinerReading]]
#: Hears of a long transfer now and then: the command, bytes done, bytes in all. Must not block.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class PoolLogin:
    """One pool of a pool profile."""

    url: str
    user: str
    password: str = field(default="x", repr=False)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a miner is and how to log in. Ports: `rpc`, `http`, `v3`; absent means default."""

    miner_id: str
    host: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ports: Mapping[str, int] = field(default_factory=dict)
    algorithm: str | None = None
    pool_profiles: Mapping[str, tuple[PoolLogin, ...]] = field(default_factory=dict, repr=False)
    timeout_s: float = 3.0
    options: Mapping[str, object] = field(default_factory=dict)
    progress: Progress | None = None


def finished(steps: Generator[None, None, T]) -> T:
    """Run *steps* to their end without a pause; return what they come to."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            outcome: T = end.value
            return outcome


class MinerDriver(Protocol):
    """One device. Owned by one thread; only `interrupt` may be called from another.

    Every method but `close` and `interrupt` may raise `MinerUnreachable`, `BadReply`,
    `MinerRefused`, `MinerLocked`; `execute` also `OutcomeUnknown`, `InvalidValue`, `Unsupported`.
    """

    def contact(self) -> Sequence[MinerProfile]:
        """Ask who is there and what it can do. One profile per miner at this address."""

    def identity(self) -> Identity:
        """Ask the device for its identity now, with the cheapest request that tells it."""

    def read(self) -> ReadSteps:
        """Read everything once."""

    def execute(self, command: MinerCommand) -> Confirmation:
        """Send *command*, already validated against the profile; say how to see its effect."""

    def query(self, name: str, parameters: Mapping[str, Any]) -> Any:
        """Return the device's own answer to a read-only command; raise `Unsupported`."""

    def interrupt(self) -> None:
        """Cut whatever request is running: it raises `MinerUnreachable` at once."""

    def close(self) -> None:
        """Release sockets. Never raises; the driver may be used again afterwards."""


@runtime_checkable
class HostDriver(Protocol):
    """What a driver of several devices has besides: they come and go while it runs.

    Its read returns a reading of every device it knows, stopped ones included.
    """

    def attend(self, known: Collection[str], wake: Callable[[], None]) -> None:
        """Hear, once, which devices were met before; *wake* makes the next read come at once."""

    def has_news(self) -> bool:
        """Whether `contact` would now tell of other devices or abilities than it last did."""


DriverFactory = Callable[[Target], MinerDriver]
