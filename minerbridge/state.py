"""What the bridge remembers across restarts, in small files under the state directory."""

from __future__ import annotations

import os
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from minerbridge.model import MinerProfile
from minerbridge.mqtt.publisher import Announced
from minerbridge.runtime import StateFile


@dataclass(frozen=True, slots=True)
class MinerState:
    """One miner: who it is, what of it stands on the broker, and where it was last found.

    *moved_from* is the address of the settings when it was found elsewhere: once the operator
    changes that, the finding is history.
    """

    profiles: tuple[MinerProfile, ...] = ()
    announced: dict[str, Announced] = field(default_factory=dict)
    found_at: str | None = None
    moved_from: str | None = None

    def host(self, setting: str) -> str:
        """Return where the miner is, given the address of the *setting*."""
        return self.found_at if self.found_at and self.moved_from in (None, setting) else setting


@dataclass(frozen=True, slots=True)
class FoundMiner:
    """A miner that is in no settings file: added by request or found by discovery."""

    id: str
    host: str
    family: str
    rpc_port: int | None = None
    rated_power_w: float | None = None


def state_directory(setting: Path | None) -> Path:
    """Return where state lives: the setting, systemd's directory, or the user's own."""
    if setting is not None:
        return setting
    systemd = os.environ.get("STATE_DIRECTORY")
    if systemd:
        return Path(systemd.split(":")[0])
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(home) / "minerbridge"


class Store:
    """All state files. Loaded at the start; each is written by one thread at a time."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._energy = StateFile[dict[str, float]](directory / "energy.json", dict[str, float])
        self._found = StateFile[list[FoundMiner]](directory / "found.json", list[FoundMiner])
        self._ignored = StateFile[list[str]](directory / "ignored.json", list[str])
        self._lock = threading.Lock()
        self.energy_kwh: dict[str, float] = self._energy.load() or {}
        self.found: dict[str, FoundMiner] = {one.id: one for one in self._found.load() or []}
        self.ignored: frozenset[str] = frozenset(self._ignored.load() or ())
        self.miners: dict[str, MinerState] = {}
        for path in sorted((directory / "miners").glob("*.json")):
            state = self._file(path.stem).load()
            if state is not None:
                self.miners[path.stem] = state

    def _file(self, miner_id: str) -> StateFile[MinerState]:
        return StateFile(self.directory / "miners" / f"{miner_id}.json", MinerState)

    def save_miner(self, miner_id: str, state: MinerState) -> None:
        """Write one miner's state unless it is what was written last."""
        with self._lock:
            if self.miners.get(miner_id) != state:
                self._file(miner_id).save(state)
                self.miners[miner_id] = state

    def forget_miner(self, miner_id: str) -> None:
        with self._lock:
            self.miners.pop(miner_id, None)
            self._file(miner_id).remove()
            if self.energy_kwh.pop(miner_id, None) is not None:
                self._energy.save(self.energy_kwh)

    def save_energy(self, energy_kwh: Mapping[str, float]) -> None:
        """Write the energy totals; only what is written may be published."""
        with self._lock:
            merged = {**self.energy_kwh, **energy_kwh}
            if merged != self.energy_kwh:
                self._energy.save(merged)
                self.energy_kwh = merged

    def save_ignored(self, ignored: Collection[str]) -> None:
        """Remember which found miners were sent away, so that no scan brings them back."""
        with self._lock:
            if set(ignored) != self.ignored:
                self._ignored.save(sorted(ignored))
                self.ignored = frozenset(ignored)

    def save_found(self, found: Mapping[str, FoundMiner]) -> None:
        with self._lock:
            self._found.save(list(found.values()))
            self.found = dict(found)
