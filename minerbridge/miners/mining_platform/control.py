"""Starts and stops miners; every effect shows in a later reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from minerbridge.errors import MinerRefused, NotFound, Unsupported
from minerbridge.miners.driver import PoolLogin
from minerbridge.miners.mining_platform.client import PlatformClient, segment
from minerbridge.miners.mining_platform.effects import profile_named, written
from minerbridge.miners.mining_platform.keeper import Keeper
from minerbridge.miners.mining_platform.profiles import MiningProfile
from minerbridge.miners.mining_platform.reader import PlatformReader
from minerbridge.miners.mining_platform.reading import Device
from minerbridge.model import Confirmation, MinerCommand, MinerReading

_START_S = 30.0
_STOP_S = 15.0


class PlatformControl:
    """Every command first asks what there is, so that nothing is sent on old knowledge."""

    def __init__(
        self,
        client: PlatformClient,
        reader: PlatformReader,
        pool_profiles: Mapping[str, Sequence[PoolLogin]],
    ) -> None:
        self._client = client
        self._reader = reader
        self._keeper = Keeper(client, reader, pool_profiles)
        self._stopped_together: list[str] = []

    def execute(self, command: MinerCommand) -> Confirmation:
        self._reader.refresh()
        self._reader.meet()
        if command.miner_id == self._reader.host_id:
            return self._to_host(command)
        device = self._reader.devices.get(command.miner_id)
        if device is None:
            raise NotFound(f"the platform has no miner {command.miner_id}")
        match command.name:
            case "start":
                return self._start(device)
            case "stop":
                return self._stop(device)
            case "profile":
                return self._choose(
                    device, profile_named(self._reader, command.parameters["profile"])
                )
            case _:
                raise Unsupported(f"a software miner has no command {command.name}")

    def _to_host(self, command: MinerCommand) -> Confirmation:
        given = command.parameters
        match command.name:
            case "start":
                return self._start_all()
            case "stop":
                return self._stop_all()
            case "start_profile":
                profile = profile_named(self._reader, given["profile"])
                return self._launch(profile, _ran(profile.label))
            case _:
                return self._keeper.execute(command)

    # -- start and stop ----------------------------------------------------------------------

    def _start(self, device: Device) -> Confirmation:
        seen = Confirmation(_is_on, _START_S, "the miner runs")
        if self._reader.is_running(device.id):
            return seen
        profile = self._reader.next_profile(device)
        if profile is None:
            labels = ", ".join(one.label for one in self._reader.possible(device)) or "none"
            raise MinerRefused(
                f"nothing tells which profile to start: choose one first ({labels})",
                code="PROFILE_NOT_FOUND",
            )
        return self._launch(profile, seen, device)

    def _launch(
        self, profile: MiningProfile, seen: Confirmation, device: Device | None = None
    ) -> Confirmation:
        started = written(self._client, seen, "POST", f"/profiles/{segment(profile.id)}/start")
        if isinstance(started, dict):
            name = started.get("name") or started.get("minerName")
            self._reader.origins[str(name)] = profile.id
        if device is not None:
            device.profile_id, device.chosen_id = profile.id, None
        return seen

    def _stop(self, device: Device) -> Confirmation:
        """Stop exactly this one: the platform takes the name for the beginning of one."""
        seen = Confirmation(lambda r: r.status == "stopped", _STOP_S, "the miner is stopped")
        miner = self._reader.seated.get(device.id)
        if miner is None or miner.status == "stopped":
            return seen
        name = miner.name.lower()
        others = sorted(
            one.name
            for one in self._reader.seated.values()
            if one.name != miner.name and one.name.lower().startswith(name)
        )
        if others:
            raise MinerRefused(
                f"the platform would stop any miner whose name begins with {miner.name}:"
                f" stop {', '.join(others)} first",
                code="AMBIGUOUS",
            )
        written(self._client, seen, "DELETE", f"/miners/{segment(miner.name)}")
        return seen

    def _choose(self, device: Device, profile: MiningProfile) -> Confirmation:
        """Remember the profile for the next start; a running miner is started anew with it."""
        is_running = self._reader.is_running(device.id)

        def shows(reading: MinerReading) -> bool:
            return reading.details.get("profile") == profile.label and (
                _is_on(reading) or not is_running
            )

        seen = Confirmation(shows, _START_S, f"the profile is {profile.label}")
        if not is_running:
            device.chosen_id = profile.id
            return seen
        if device.profile_id == profile.id:
            return seen
        self._stop(device)
        device.chosen_id = profile.id
        return self._launch(profile, seen, device)

    def _stop_all(self) -> Confirmation:
        reader = self._reader
        running = [id_ for id_ in reader.devices if reader.is_running(id_)]
        if running:
            self._stopped_together = running
        # The longest name first: none is then the beginning of another that still runs.
        for device_id in sorted(running, key=lambda id_: -len(reader.seated[id_].name)):
            self._stop(reader.devices[device_id])
            reader.seated.pop(device_id, None)
        return Confirmation(lambda r: r.status == "stopped", _STOP_S, "no miner runs")

    def _start_all(self) -> Confirmation:
        reader = self._reader
        seen = Confirmation(_is_on, _START_S, "a miner runs")
        if any(reader.is_running(id_) for id_ in reader.devices):
            return seen
        wanted = [reader.devices[id_] for id_ in self._stopped_together if id_ in reader.devices]
        if not wanted:
            wanted = [one for one in reader.devices.values() if reader.next_profile(one)]
        if wanted:
            for device in wanted:
                self._start(device)
        elif len(reader.profiles) == 1:
            self._launch(reader.profiles[0], seen)
        else:
            raise MinerRefused(
                "nothing tells which profile to start: name one with start_profile",
                code="PROFILE_NOT_FOUND",
            )
        return seen


def _is_on(reading: MinerReading) -> bool:
    return reading.status in ("mining", "starting")


def _ran(label: str) -> Confirmation:
    """Seen in the host's reading, which names the profiles that run."""
    return Confirmation(
        lambda r: label in r.details.get("profiles_running", ()), _START_S, f"{label} runs"
    )
