"""What happened, in words for people."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from minerbridge.changes import changes
from minerbridge.model import CommandResult, MinerCommand, MinerReading

Tone = Literal["good", "bad", "plain"]
KEPT = 200
LEAST_S = 0.05
_GOOD = ("confirmed", "unconfirmed")
_ORDER_TONES: Mapping[str, Tone] = {
    "order_achieved": "good", "order_aborted": "bad", "quarantined": "bad", "overheated": "bad",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """One happening."""

    at: datetime
    miner_id: str
    text: str
    tone: Tone = "plain"


class Journal:
    """Written by the threads of the miners and of MQTT, read by whoever shows it."""

    def __init__(self, now: Callable[[], datetime] = datetime.now) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self._statuses: dict[str, str] = {}
        self.count = 0
        self.commands = self.readings = 0
        self.last: dict[str, Entry] = {}

    def newest(self, number: int) -> list[Entry]:
        """Return the newest entries, the oldest of them first."""
        with self._lock:
            return list(self._entries)[-number:] if number > 0 else []

    def since(self, count: int) -> tuple[list[Entry], int]:
        """Return the entries after the first *count*, and the new count."""
        with self._lock:
            fresh = self.count - count
            return (list(self._entries)[-fresh:] if fresh else []), self.count

    def note(self, miner_id: str, text: str, tone: Tone = "plain") -> None:
        entry = Entry(self._now(), miner_id, text, tone)
        with self._lock:
            self._entries.append(entry)
            self.last[miner_id] = entry
            self.count += 1

    def command(self, command: MinerCommand) -> None:
        self.note(command.miner_id, f"{_spoken(command.key, command.value)} …")

    def rejected(self, command: MinerCommand, reason: Exception) -> None:
        self.commands += 1
        text = f"{_spoken(command.key, command.value)}: rejected, {reason}"
        self.note(command.miner_id, text, "bad")

    def result(self, result: CommandResult) -> None:
        """Note how a command ended, a person's or one of the fleet's own."""
        self.commands += 1
        text = f"{_spoken(result.key, result.value)}: {result.status}"
        if result.status in _GOOD:
            took = f" after {result.duration_s:.1f} s" if result.duration_s >= LEAST_S else ""
            self.note(result.miner_id, f"{text}{took}", "good")
        else:
            self.note(result.miner_id, f"{text}, {result.message}", "bad")

    def fleet(self, kind: str, miner_id: str | None, message: str | None) -> None:
        """Note what the fleet tells of an order or of a miner."""
        tone: Tone = _ORDER_TONES.get(kind, "plain")
        self.note(miner_id or "fleet", message or kind.replace("_", " "), tone)

    def availability(self, miner_id: str, online: bool, reason: str) -> None:
        if online:
            self.note(miner_id, "online", "good")
        else:
            self.note(miner_id, f"offline: {reason}", "bad")

    def reading(self, before: MinerReading | None, now: MinerReading) -> None:
        """Note what changed from one reading to the next."""
        self.readings += 1
        if before is not None and before.status != now.status:
            self.note(now.miner_id, f"{before.status} → {now.status}")
        for kind, facts in changes(before, now):
            said = facts.get("message") or facts.get("pool_url") or ""
            tone: Tone = "good" if kind == "error_cleared" else "bad"
            self.note(now.miner_id, f"{kind.replace('_', ' ')}: {said}", tone)


def _spoken(key: str, value: object) -> str:
    return f"{key.replace('_', ' ')} {value}" if value not in (None, "") else key.replace("_", " ")
