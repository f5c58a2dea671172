"""What the worker asks of a firmware family: one class per family answers it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

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


DriverFactory = Callable[[Target], MinerDriver]
