"""Reads a platform: the list, each miner's statistics, now and then profiles and software."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Generator, Mapping
from datetime import UTC, datetime
from typing import Any

from minerbridge.errors import BadReply, MinerError, MinerRefused
from minerbridge.miners.driver import Target
from minerbridge.miners.mining_platform.client import PlatformClient, segment
from minerbridge.miners.mining_platform.documents import (
    SoftwareMiner,
    Stats,
    listed,
    software_miners,
    stats_of,
)
from minerbridge.miners.mining_platform.places import Places
from minerbridge.miners.mining_platform.profiles import MiningProfile, candidates, profiles_of
from minerbridge.miners.mining_platform.reading import (
    Device,
    host_reading,
    running_reading,
    shown,
    stopped_reading,
)
from minerbridge.model import MinerReading

#: How often profiles and installed software are asked for; both change by hand only.
REFRESH_S = 60.0
Event = tuple[str, Mapping[str, Any]]
Steps = Generator[None, None, list[MinerReading]]


class PlatformReader:
    """Knows every device of the host. *events* is filled by the listener's thread."""

    def __init__(self, target: Target, client: PlatformClient, clock: Callable[[], float]) -> None:
        self.host_id = target.miner_id
        self.events: deque[Event] = deque(maxlen=1000)
        self.places = Places(target.miner_id)
        self.devices: dict[str, Device] = {}
        self.seated: dict[str, SoftwareMiner] = {}
        self.profiles: list[MiningProfile] = []
        self.installed: frozenset[str] = frozenset()
        #: Profile ids by the name of the miner that was started from them.
        self.origins: dict[str, str] = {}
        self.facts: dict[str, Any] = {}
        self._client = client
        self._clock = clock
        self._refresh_due_s = clock()
        self._watch_until_s = clock()

    # -- the whole ---------------------------------------------------------------------------

    def recall(self, device_ids: Collection[str]) -> None:
        """Take up devices met before a restart: stopped until the platform lists them."""
        for device_id in device_ids:
            if device_id != self.host_id:
                self.devices.setdefault(device_id, Device(device_id))

    def watch(self, for_s: float) -> None:
        """Ask for profiles and software at every read: a command changed them."""
        self._watch_until_s = self._clock() + for_s
        self._refresh_due_s = self._clock()

    def refresh(self) -> None:
        """Ask for profiles and installed software; a server without one of them has none."""
        self.profiles = profiles_of(self._optional("/profiles"))
        self.facts = _facts(self._optional("/info"))
        self.installed = self.facts.pop("installed", frozenset())
        is_watching = self._clock() < self._watch_until_s
        self._refresh_due_s = self._clock() + (0 if is_watching else REFRESH_S)

    def steps(self) -> Steps:
        if self._clock() >= self._refresh_due_s:
            self.refresh()
            yield
        self.meet()
        yield
        at = datetime.now(UTC)
        readings = []
        for device_id, device in list(self.devices.items()):
            miner = self.seated.get(device_id)
            if miner is None or miner.status == "stopped":
                label = self.label(self.next_profile(device))
                readings.append(stopped_reading(device, label, at))
                continue
            readings.append(self._read(device, miner, at))
            yield
        details = {
            **self.facts,
            "profiles": [profile.label for profile in self.profiles],
            "profiles_running": [
                one.details["profile"]
                for one in readings
                if one.status != "stopped" and one.details["profile"]
            ],
            "installed": sorted(self.installed),
        }
        return [host_reading(self.host_id, readings, at, details), *readings]

    def meet(self) -> None:
        """Ask which miners there are now; one that is listed as stopped is there all the same."""
        self._hear()
        self.seated = self.places.seat(software_miners(self._client.get("/miners")))
        for device_id, miner in self.seated.items():
            device = self.devices.setdefault(device_id, Device(device_id))
            device.name, device.kind = miner.name, miner.kind
            device.version = miner.version or device.version
            if device.since_s is None:
                device.since_s = self._clock()
            origin = self.origins.pop(miner.name, None) or device.profile_id
            device.profile_id = origin or self._likely(device, miner)
        for device_id in self.devices.keys() - self.seated.keys():
            self.devices[device_id].since_s = None

    def is_running(self, device_id: str) -> bool:
        miner = self.seated.get(device_id)
        return miner is not None and miner.status != "stopped"

    # -- profiles ----------------------------------------------------------------------------

    def next_profile(self, device: Device) -> MiningProfile | None:
        """Return what a start takes: the chosen one, the one that ran last, the only one."""
        for wanted in (device.chosen_id, device.profile_id):
            for profile in self.profiles:
                if profile.id == wanted:
                    return profile
        possible = self.possible(device)
        return possible[0] if len(possible) == 1 else None

    def possible(self, device: Device) -> list[MiningProfile]:
        return candidates(self.profiles, device.id, device.kind, self.places)

    def label(self, profile: MiningProfile | None) -> str | None:
        return profile.label if profile is not None else None

    def _likely(self, device: Device, miner: SoftwareMiner) -> str | None:
        """Return the profile a miner was started from, where only one can be."""
        possible = self.possible(device)
        if miner.config:
            same = [
                one for one in possible
                if all(one.config.get(key) == miner.config.get(key) for key in ("pool", "algo"))
            ]  # fmt: skip
            possible = same or possible
        return possible[0].id if len(possible) == 1 else None

    # -- one miner ---------------------------------------------------------------------------

    def _read(self, device: Device, miner: SoftwareMiner, at: datetime) -> MinerReading:
        stats, problem = self._stats(miner)
        profile = next((one for one in self.profiles if one.id == device.profile_id), None)
        config = profile.config if profile is not None else {}
        reading = running_reading(
            device,
            miner,
            stats,
            problem,
            age_s=0.0 if device.since_s is None else self._clock() - device.since_s,
            at=at,
            profile=(self.label(profile), config.get("pool"), config.get("wallet")),
        )
        device.reports |= shown(reading)
        return reading

    def _stats(self, miner: SoftwareMiner) -> tuple[Stats | None, MinerError | None]:
        """Ask for statistics. They fail alone: the miner's own API may hang or be starting."""
        try:
            return stats_of(self._client.get(f"/miners/{segment(miner.name)}/stats")), None
        except (MinerRefused, BadReply) as error:
            if error.code in ("ACCESS_DENIED", "RATE_LIMITED"):
                raise
            return None, error

    def _optional(self, path: str) -> Any:
        try:
            return self._client.get(path)
        except MinerRefused as error:
            if error.code == "UNSUPPORTED":
                return None
            raise

    def _hear(self) -> None:
        """Learn from events which profile a miner was started from."""
        while self.events:
            kind, told = self.events.popleft()
            name, profile_id = told.get("name"), told.get("profileId")
            if kind == "miner.started" and isinstance(name, str) and profile_id:
                self.origins[name] = str(profile_id)


def _facts(document: Any) -> dict[str, Any]:
    """Return what `/info` says of the host, in either form."""
    told = document if isinstance(document, dict) else {}
    rows = listed(told.get("installed_miners_info") or told.get("installedMiners"))
    facts = {
        "os": told.get("os"),
        "architecture": told.get("architecture") or told.get("arch"),
        "cpu_cores": told.get("available_cpu_cores"),
    }
    found: dict[str, Any] = {name: value for name, value in facts.items() if value is not None}
    found["installed"] = frozenset(filter(None, map(_installed, rows)))
    return found


def _installed(row: Any) -> str | None:
    """Return the kind of miner a row tells of: the public code names only its files."""
    if not isinstance(row, dict) or row.get("is_installed", row.get("installed")) is not True:
        return None
    if row.get("type"):
        return str(row["type"]).lower()
    binary = str(row.get("miner_binary") or row.get("path") or "")
    name = binary.replace("\\", "/").rstrip("/").rpartition("/")[2].lower()
    return name.removesuffix(".exe") or None
