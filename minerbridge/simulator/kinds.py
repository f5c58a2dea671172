"""Every kind of device by name; a further kind is one file and one row here."""

from __future__ import annotations

from minerbridge.simulator.antminer_s9 import AntminerS9
from minerbridge.simulator.antminer_s17 import AntminerS17
from minerbridge.simulator.antminer_s19 import AntminerS19
from minerbridge.simulator.cgminer import Cgminer
from minerbridge.simulator.device import Device
from minerbridge.simulator.iceriver import IceRiver
from minerbridge.simulator.iceriver_pbfarmer import IceRiverPbfarmer
from minerbridge.simulator.mining_platform import MiningPlatform
from minerbridge.simulator.vnish_s9 import VnishS9
from minerbridge.simulator.whatsminer import Whatsminer

KINDS: dict[str, type[Device]] = {
    one.kind: one
    for one in (
        AntminerS9,
        AntminerS17,
        AntminerS19,
        Cgminer,
        VnishS9,
        Whatsminer,
        IceRiver,
        IceRiverPbfarmer,
        MiningPlatform,
    )
}
ALIASES = {"antminer": "antminer_s19", "s19": "antminer_s19", "s17": "antminer_s17",
           "s9": "antminer_s9", "vnish": "vnish_s9"}  # fmt: skip


class UnknownKindError(ValueError):
    """No device of this name; the message names those there are."""


def kind_named(name: str) -> type[Device]:
    found = KINDS.get(ALIASES.get(name, name))
    if found is None:
        raise UnknownKindError(f"unknown kind {name!r}; known: {', '.join(sorted(KINDS))}")
    return found
