"""Starts and stops miners; every effect shows in a later reading."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from minerbridge.errors import (
    MinerError,
    MinerRefused,
    MinerUnreachable,
    NotFound,
    OutcomeUnknown,
    Unsupported,
)
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
        told = started if isinstance(started, dict) else {}
        if name := told.get("name") or told.get("minerName"):
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
        try:
            self._stop(device)
        except OutcomeUnknown as error:
            error.confirmation = seen  # that it stopped is not what was asked for
            raise
        device.chosen_id = profile.id
        try:
            return self._launch(profile, seen, device)
        except (MinerRefused, MinerUnreachable) as error:
            raise MinerError(f"stopped, but not started again: {error}", code=error.code) from error

    def _stop_all(self) -> Confirmation:
        reader = self._reader
        running = [id_ for id_ in reader.devices if reader.is_running(id_)]
        if running:
            self._stopped_together = running

        def stop(device: Device) -> None:
            self._stop(device)
            reader.seated.pop(device.id, None)

        # The longest name first: none is then the beginning of another that still runs.
        running.sort(key=lambda id_: -len(reader.seated[id_].name))
        seen = Confirmation(lambda r: r.status == "stopped", _STOP_S, "no miner runs")
        return _for_each([reader.devices[id_] for id_ in running], stop, seen)

    def _start_all(self) -> Confirmation:
        reader = self._reader
        if any(reader.is_running(id_) for id_ in reader.devices):
            return _running(1)
        wanted = [reader.devices[id_] for id_ in self._stopped_together if id_ in reader.devices]
        if not wanted:
            ready = [(reader.next_profile(one), one) for one in reader.devices.values()]
            # Two devices of one profile would be one miner, started twice.
            wanted = list({profile.id: one for profile, one in ready if profile}.values())
        if wanted:
            return _for_each(wanted, self._start, _running(len(wanted)))
        if len(reader.profiles) == 1:
            return self._launch(reader.profiles[0], _running(1))
        raise MinerRefused(
            "nothing tells which profile to start: name one with start_profile",
            code="PROFILE_NOT_FOUND",
        )


def _for_each(
    devices: Sequence[Device], act: Callable[[Device], object], seen: Confirmation
) -> Confirmation:
    """Do *act* for every device, also after one that refuses; then raise what went wrong first."""
    done = 0
    problem: MinerError | None = None
    for device in devices:
        try:
            act(device)
            done += 1
        except MinerError as error:
            problem = problem or error
            if isinstance(error, MinerUnreachable):
                break
    if isinstance(problem, OutcomeUnknown):
        problem.confirmation = seen
    if problem is None:
        return seen
    if done == 0 or isinstance(problem, OutcomeUnknown):
        raise problem
    raise MinerError(
        f"{done} of {len(devices)} miners followed: {problem}", code=problem.code
    ) from problem


def _is_on(reading: MinerReading) -> bool:
    return reading.status in ("mining", "starting")


def _running(count: int) -> Confirmation:
    """Seen in the host's reading, which counts its miners."""
    what = "a miner runs" if count == 1 else f"{count} miners run"
    return Confirmation(
        lambda r: _is_on(r) and r.details.get("miners_running", 0) >= count, _START_S, what
    )


def _ran(label: str) -> Confirmation:
    """Seen in the host's reading, which names the profiles that run."""
    return Confirmation(
        lambda r: label in r.details.get("profiles_running", ()), _START_S, f"{label} runs"
    )
