"""What of the fleet outlives a restart: orders, choices of people, what was learned and told."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from minerbridge.fleet.orders import KeptOrders
from minerbridge.fleet.participant import Kept
from minerbridge.model_fleet import FleetConfig
from minerbridge.runtime import StateFile


@dataclass(frozen=True, slots=True)
class Ordered:
    """The content of orders.json: small, since it is on disk before an order is accepted."""

    orders: KeptOrders = field(default_factory=KeptOrders)
    config: FleetConfig = field(default_factory=FleetConfig)
    #: Set-points before a limit began, by miner: what its end gives back.
    ceilings: dict[str, str] | None = None


class Memory:
    """Both files: what is ordered, and what was told to and learned of each miner."""

    def __init__(self, directory: Path) -> None:
        self._orders = StateFile[Ordered](directory / "orders.json", Ordered)
        self._miners = StateFile[dict[str, Kept]](directory / "fleet.json", dict[str, Kept])
        self.ordered = self._orders.load() or Ordered()
        self.miners = self._miners.load() or {}

    def save_orders(self, ordered: Ordered) -> None:
        if ordered != self.ordered:
            self._orders.save(ordered)
            self.ordered = ordered

    def save_miners(self, miners: dict[str, Kept]) -> None:
        if miners != self.miners:
            self._miners.save(miners)
            self.miners = miners
