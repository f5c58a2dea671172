"""What becomes of commands once their miner is ready for them: sent, watched for, answered once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import structlog

from minerbridge.errors import CommandRejected, MinerError, MinerUnreachable, OutcomeUnknown
from minerbridge.miners.confirm import Pending, Verdict, verdict
from minerbridge.miners.driver import MinerDriver
from minerbridge.miners.plan import Listener
from minerbridge.model import (
    CommandResult,
    Confirmation,
    MinerCommand,
    MinerReading,
)

log = structlog.get_logger(__name__)

SUPERSEDED: Verdict = ("superseded", None, "a newer command took its place")
NOT_SENT: Verdict = ("failed", "INTERNAL_ERROR", "not sent: see the bridge's log")
UNJUDGED: Verdict = ("failed", "INTERNAL_ERROR", "sent: see the bridge's log")
STOPPED: Verdict = ("unconfirmed", "STOPPING", "the bridge stopped before it showed")


class Errands:
    """The commands under way at one miner. Used by its worker's thread; `finish` by any."""

    def __init__(
        self,
        driver: MinerDriver,
        listener: Listener,
        clock: Callable[[], float],
    ) -> None:
        self._driver = driver
        self._listener = listener
        self._clock = clock
        self._pending: list[Pending] = []
        self._since_s: dict[str, float] = {}

    @property
    def look_again_s(self) -> float | None:
        """In what time to read again; None while nothing is waited for."""
        return min((one.confirmation.interval_s for one in self._pending), default=None)

    def send(self, command: MinerCommand, since_s: float, key: tuple[Any, ...]) -> None:
        """Send *command*, given at *since_s*, and wait for its effect or answer it at once.

        Of two that are waited for under one *key* the older ends.
        """
        try:
            confirmation = self._driver.execute(command)
        except CommandRejected as error:
            self.finish(command, since_s, ("rejected", error.code, str(error)))
        except MinerUnreachable as error:
            self.finish(command, since_s, ("rejected", "OFFLINE", f"not sent: {error}"))
        except OutcomeUnknown as error:
            confirmation = error.confirmation or Confirmation(None, 0, "the effect")
            lost = Pending(command, confirmation, self._clock(), True, key)
            self._await(lost, since_s)
        except MinerError as error:
            self.finish(command, since_s, ("failed", error.code, str(error)))
        except Exception:
            self.finish(command, since_s, UNJUDGED)
            raise
        else:
            self._await(Pending(command, confirmation, self._clock(), False, key), since_s)

    def judge(self, readings: Mapping[str, MinerReading]) -> None:
        """Answer what the fresh *readings* show, and what has waited long enough."""
        now_s = self._clock()
        for pending in list(self._pending):
            try:
                found = verdict(pending, readings.get(pending.command.miner_id), now_s)
            except Exception:
                # It must neither stay unanswered nor keep the others from being judged.
                log.exception("command_not_judged", command=pending.command.name)
                found = UNJUDGED
            if found is not None:
                self._pending.remove(pending)
                self._settle(pending, found)

    def abandon(self) -> None:
        """Answer everything: nobody will look any more."""
        for pending in self._pending:
            self._settle(pending, STOPPED)

    def finish(self, command: MinerCommand, since_s: float, found: Verdict) -> None:
        """Give the one answer to *command*."""
        status, code, message = found
        self._listener.result(
            CommandResult(
                id=command.id,
                miner_id=command.miner_id,
                key=command.key,
                value=command.value,
                status=status,
                code=code,
                message=message,
                at=datetime.now(UTC),
                duration_s=round(self._clock() - since_s, 3),
                answer_to=command.answer_to,
            )
        )

    def _await(self, pending: Pending, since_s: float) -> None:
        """Wait for the effect to show; nobody waits for an older command of the same key."""
        for older in [old for old in self._pending if old.key == pending.key]:
            self._pending.remove(older)
            self._settle(older, SUPERSEDED)
        self._since_s[pending.command.id] = since_s
        self._pending.append(pending)
        if pending.confirmation.seen is None:
            self.judge({})

    def _settle(self, pending: Pending, found: Verdict) -> None:
        since_s = self._since_s.pop(pending.command.id, pending.began_s)
        self.finish(pending.command, since_s, found)
