"""One host under the Mining Platform: itself a device, and one for each software miner."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from minerbridge.errors import MinerRefused, UnknownDevice
from minerbridge.miners.driver import ReadSteps, Target
from minerbridge.miners.mining_platform import commands
from minerbridge.miners.mining_platform.client import PlatformClient
from minerbridge.miners.mining_platform.control import PlatformControl
from minerbridge.miners.mining_platform.events import EventListener
from minerbridge.miners.mining_platform.questions import PlatformQuestions
from minerbridge.miners.mining_platform.reader import PlatformReader
from minerbridge.miners.mining_platform.reading import FAMILY
from minerbridge.model import Confirmation, Identity, MinerCommand, MinerProfile


class MiningPlatformDriver:
    """Polls over HTTP; an event over the WebSocket only makes the next poll come at once."""

    def __init__(self, target: Target, clock: Callable[[], float] = time.monotonic) -> None:
        self._target = target
        self._is_cut = threading.Event()
        self._client = PlatformClient(target, clock, self._is_cut.wait)
        self._reader = PlatformReader(target, self._client, clock)
        self._control = PlatformControl(self._client, self._reader, target.pool_profiles)
        self._questions = PlatformQuestions(self._client, self._reader)
        self._events = EventListener(self._client, target.timeout_s, self._heard)
        self._wake: Callable[[], None] | None = None
        self._told: list[MinerProfile] = []

    def attend(self, known: Collection[str], wake: Callable[[], None]) -> None:
        """Hear which devices were met before, and whom to wake when something happens."""
        self._reader.recall(known)
        self._wake = wake

    def has_news(self) -> bool:
        return self._profiles() != self._told

    def contact(self) -> Sequence[MinerProfile]:
        self._is_cut.clear()
        try:
            self._reader.refresh()
            self._reader.meet()
        except MinerRefused as error:
            if error.code == "UNSUPPORTED":
                raise UnknownDevice(f"{self._target.host} is no Mining Platform: {error}") from None
            raise
        if self._wake is not None:
            self._events.start()
        self._told = self._profiles()
        return self._told

    def identity(self) -> Identity:
        """Return nothing: the platform says nothing that would tell it from another."""
        return Identity()

    def read(self) -> ReadSteps:
        self._is_cut.clear()
        return (yield from self._reader.steps())

    def execute(self, command: MinerCommand) -> Confirmation:
        self._is_cut.clear()
        return self._control.execute(command)

    def query(self, name: str, parameters: Mapping[str, Any] | None = None) -> Any:
        self._is_cut.clear()
        return self._questions.answer(name, parameters or {})

    def interrupt(self) -> None:
        self._is_cut.set()
        self._client.interrupt()

    def close(self) -> None:
        self._events.stop()
        self._client.close()

    def _heard(self, kind: str, told: Mapping[str, Any]) -> None:
        self._reader.events.append((kind, told))
        if self._wake is not None:
            self._wake()

    def _profiles(self) -> list[MinerProfile]:
        reader = self._reader
        host = MinerProfile(
            miner_id=self._target.miner_id,
            family=FAMILY,
            evidence=f"HTTP API at {self._client.base}",
            model="Mining Platform",
            commands=commands.OF_HOST,
        )
        return [
            host,
            *(
                MinerProfile(
                    miner_id=device.id,
                    family=FAMILY,
                    evidence=f"software miner of {self._target.miner_id}",
                    model=device.kind or None,
                    firmware=device.version,
                    commands=commands.of_miner(one.label for one in reader.possible(device)),
                    reports=device.reports,
                )
                for device in reader.devices.values()
            ),
        ]
