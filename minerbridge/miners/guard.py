"""Makes sure that the device at a miner's address is still that miner."""

from __future__ import annotations

from minerbridge.errors import WrongDevice
from minerbridge.model import Identity, MinerProfile


class IdentityGuard:
    """Remembers who the miner is. Every method that finds another device raises `WrongDevice`."""

    def __init__(self, host: str, known: Identity) -> None:
        self._host = host
        self._known = known
        self._is_verified = False

    @property
    def _name(self) -> str | None:
        return self._known.mac_address or self._known.serial_number

    def compare(self, identity: Identity) -> None:
        """Hold *identity*, told just now, against the known one; learn what was not known."""
        self._is_verified = self._known.is_same_as(identity)
        if self._known.differs_from(identity):
            raise WrongDevice(
                f"another device answers at {self._host}: "
                f"{identity.mac_address or identity.serial_number} instead of {self._name}"
            )
        self._known = Identity(
            self._known.mac_address or identity.mac_address,
            self._known.serial_number or identity.serial_number,
        )

    def compare_family(self, before: MinerProfile | None, now: MinerProfile) -> None:
        """Take new firmware on the same device, but no device of another kind in its place."""
        is_other = before is not None and before.family != now.family
        if is_other and self._name and not self._is_verified:
            raise WrongDevice(f"a {now.family} answers at {self._host} instead of {self._name}")

    def refuse_stranger(self) -> None:
        """Let no command go to a device that does not say what the known one said of itself."""
        if self._name and not self._is_verified:
            raise WrongDevice(
                f"the device at {self._host} does not say whether it is {self._name}"
                " (is the web password right?)"
            )
