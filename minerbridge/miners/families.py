"""The firmware families: one row is one driver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from minerbridge.errors import UnknownDevice
from minerbridge.miners.antminer import AntminerDriver
from minerbridge.miners.cgminer import CgminerDriver
from minerbridge.miners.driver import DriverFactory, MinerDriver, ReadSteps, Target
from minerbridge.miners.identify import Found, identify
from minerbridge.miners.whatsminer import WhatsminerDriver
from minerbridge.model import Confirmation, Identity, MinerCommand, MinerProfile

DRIVERS: Mapping[str, DriverFactory] = {
    "antminer": AntminerDriver,
    "cgminer": CgminerDriver,
    "whatsminer": WhatsminerDriver,
}

#: Families that can at least be read as cgminer: their commands are other, their RPC is not.
_SPEAK_RPC = frozenset({"vnish"})


def driver_for(family: str, target: Target) -> MinerDriver:
    """Return the driver of *family*; `auto` finds the family at first contact."""
    if family == "auto":
        return AutoDriver(target)
    if family not in DRIVERS:
        raise UnknownDevice(
            f"family {family} is not part of this version; it has {', '.join(sorted(DRIVERS))}"
        )
    return DRIVERS[family](target)


def _drivable(found: Found) -> Found:
    """Read by the common RPC what has one and no driver of its own."""
    if found.family in DRIVERS or found.family not in _SPEAK_RPC:
        return found
    return Found("cgminer", f"{found.evidence}, read by the RPC it shares with cgminer")


class AutoDriver:
    """Asks the device what it is, then is that family's driver. A change of firmware is noticed."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._driver: MinerDriver | None = None
        self._found: Found | None = None

    def contact(self) -> Sequence[MinerProfile]:
        """Identify anew at every contact: another firmware may have been installed meanwhile."""
        found = _drivable(identify(self._target))
        if self._driver is None or self._found is None or found.family != self._found.family:
            self.close()
            self._driver = driver_for(found.family, self._target)
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
