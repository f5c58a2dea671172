"""What the fleet tells the rest of the bridge."""

from __future__ import annotations

from typing import Any

from minerbridge.model import MinerCommand
from minerbridge.model_fleet import FleetStatus, HistoryEntry


class FleetListener:
    """Called in the fleet's thread; must not block."""

    def send(self, command: MinerCommand) -> None:
        """Hand *command* to its miner; raise `CommandRejected` if it cannot reach it."""

    def event(self, kind: str, miner_id: str | None = None, **facts: Any) -> None:
        """Hear what happened, for automations."""

    def status(self, status: FleetStatus) -> None:
        """Hear how the fleet stands, after every step."""

    def remember(self, entry: HistoryEntry) -> None:
        """Hear of a request to the fleet that is to be found in the history."""

    def retell(self, entry: HistoryEntry) -> None:
        """Hear of an order of an earlier run, which may have been killed before it was kept."""

    def outcome(self, entry_id: str, success: bool | None, state: str, message: str) -> None:
        """Hear what came of an order that was told before."""
