"""The firmware families: one row is one driver."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from minerbridge.errors import UnknownDevice
from minerbridge.miners.antminer import AntminerDriver
from minerbridge.miners.cgminer import CgminerDriver
from minerbridge.miners.driver import DriverFactory, HostDriver, MinerDriver, ReadSteps, Target
from minerbridge.miners.iceriver import IceRiverDriver
from minerbridge.miners.identify import Found, identify
from minerbridge.miners.mining_platform import MiningPlatformDriver
from minerbridge.miners.vnish import VnishDriver
from minerbridge.miners.vnish.recognise import vnish_page
from minerbridge.miners.whatsminer import WhatsminerDriver
from minerbridge.model import Confirmation, Identity, MinerCommand, MinerProfile

DRIVERS: Mapping[str, DriverFactory] = {
    "antminer": AntminerDriver,
    "cgminer": CgminerDriver,
    "iceriver": IceRiverDriver,
    "vnish": VnishDriver,
    "mining_platform": MiningPlatformDriver,
    "whatsminer": WhatsminerDriver,
}


def driver_for(family: str, target: Target) -> MinerDriver:
    """Return the driver of *family*; `auto` finds the family at first contact."""
    if family == "auto":
        return AutoDriver(target)
    if family not in DRIVERS:
        raise UnknownDevice(
            f"family {family} is not part of this version; it has {', '.join(sorted(DRIVERS))}"
        )
    return DRIVERS[family](target)


def _told_apart(target: Target, found: Found, before: Found | None) -> Found:
    """Look once more at an Antminer that sleeps: its own password may open what the factory's not.

    One that was Vnish *before* still is: while it boots, its pages come up one by one.
    """
    if found.family != "antminer" or found.rpc_answers:
        return found
    if before is not None and before.family == "vnish":
        return before
    if target.password is None:
        return found
    page = vnish_page(target, with_own_password=True)
    return replace(found, family="vnish", evidence=f"{page} of Vnish answers") if page else found


class AutoDriver:
    """Asks the device what it is, then is that family's driver. A change of firmware is noticed."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._driver: MinerDriver | None = None
        self._found: Found | None = None
        self._attended: tuple[Collection[str], Callable[[], None]] | None = None

    def attend(self, known: Collection[str], wake: Callable[[], None]) -> None:
        """Pass it on to a driver that wants to know, once the family is."""
        self._attended = (known, wake)

    def has_news(self) -> bool:
        return isinstance(self._driver, HostDriver) and self._driver.has_news()

    def contact(self) -> Sequence[MinerProfile]:
        """Identify anew at every contact: another firmware may have been installed meanwhile."""
        found = _told_apart(self._target, identify(self._target), self._found)
        if self._driver is None or self._found is None or found.family != self._found.family:
            self.close()
            self._driver = driver_for(found.family, self._target)
            if self._attended is not None and isinstance(self._driver, HostDriver):
                self._driver.attend(*self._attended)
        self._found = found
        profiles = self._driver.contact()
        return [
            profile.replace(evidence="; ".join(filter(None, (found.evidence, profile.evidence))))
            for profile in profiles
        ]

    def identity(self) -> Identity:
        return self._ready().identity()

    def read(self) -> ReadSteps:
        return self._ready().read()

    def execute(self, command: MinerCommand) -> Confirmation:
        return self._ready().execute(command)

    def query(self, name: str, parameters: Mapping[str, Any]) -> Any:
        return self._ready().query(name, parameters)

    def interrupt(self) -> None:
        driver = self._driver
        if driver is not None:
            driver.interrupt()

    def close(self) -> None:
        if self._driver is not None:
            self._driver.close()

    def _ready(self) -> MinerDriver:
        if self._driver is None:
            self.contact()
        assert self._driver is not None
        return self._driver
