"""Whether an executed command has shown its effect: the only way to "confirmed"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from minerbridge.errors import OutcomeUnknown
from minerbridge.model import Confirmation, MinerCommand, MinerReading, Outcome

Verdict = tuple[Outcome, str | None, str]


@dataclass(slots=True)
class Pending:
    """A command that was executed and has not been seen in a reading.

    *began_s*: when it was sent, by the monotonic clock; the time it waited before does not count.
    *key*: a newer command that shares it takes its place.
    """

    command: MinerCommand
    confirmation: Confirmation
    began_s: float
    reply_lost: bool = False
    key: tuple[Any, ...] = ()


def verdict(pending: Pending, reading: MinerReading | None, now_s: float) -> Verdict | None:
    """Judge *pending* by a *reading* made after it (None: no reading); None means wait on."""
    wait = pending.confirmation
    if wait.seen is not None and reading is not None and wait.seen(reading):
        return "confirmed", None, wait.message
    if wait.seen is not None and now_s - pending.began_s < wait.within_s:
        return None
    if pending.reply_lost:
        message = f"sent, but its reply was lost and its effect was not seen ({wait.message})"
        return "failed", OutcomeUnknown.code, message
    if wait.seen is None:
        return "unconfirmed", "NOT_READABLE", "accepted; the effect cannot be read back"
    message = f"accepted, but not seen within {wait.within_s:.0f} s: {wait.message}"
    return "unconfirmed", "NOT_SEEN", message
