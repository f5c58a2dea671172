"""Which device a software miner is: its name as an id, the same after every restart."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from itertools import count

from minerbridge.miners.mining_platform.documents import SoftwareMiner

_OTHER = re.compile(r"[^a-z0-9]+")
_ID_LENGTH = 64
_SHORTEST = 12


class Places:
    """Device ids of one host: `rig1_xmrig_rx`.

    A name that ends in a number drawn at the start (`xmrig-417`, given where no algorithm is
    configured) tells nothing: such miners take the first free of `rig1_xmrig`, `rig1_xmrig_2`, …
    """

    def __init__(self, host_id: str) -> None:
        self._host_id = host_id
        self._drawn: dict[str, str] = {}

    def id_of(self, name: str) -> str:
        room = max(_ID_LENGTH - len(self._host_id) - 1, _SHORTEST)
        return f"{self._host_id}_{slug(name, room)}"

    def seat(self, miners: Iterable[SoftwareMiner]) -> dict[str, SoftwareMiner]:
        """Return the miners by device id."""
        here = sorted(miners, key=lambda miner: miner.name)
        drawn = [miner for miner in here if _is_drawn(miner)]
        seated = {self.id_of(miner.name): miner for miner in here if not _is_drawn(miner)}
        names = {miner.name for miner in drawn}
        self._drawn = {name: id_ for name, id_ in self._drawn.items() if name in names}
        for miner in drawn:
            if miner.name not in self._drawn:
                taken = set(seated) | set(self._drawn.values())
                tries = (f"{miner.kind}-{n}" if n > 1 else miner.kind for n in count(1))
                self._drawn[miner.name] = next(
                    id_ for id_ in map(self.id_of, tries) if id_ not in taken
                )
            seated[self._drawn[miner.name]] = miner
        return seated


def _is_drawn(miner: SoftwareMiner) -> bool:
    return re.fullmatch(rf"{re.escape(miner.kind)}-\d{{1,3}}", miner.name.lower()) is not None


def slug(name: str, room: int) -> str:
    """Return *name* as Home Assistant takes it: `-` becomes `_`, as it would there.

    Where more than that is lost, a digest keeps the names apart.
    """
    plain = _OTHER.sub("_", name.lower()).strip("_")
    if plain.replace("_", "-") == name and len(plain) <= room:
        return plain
    digest = hashlib.blake2s(name.encode(), digest_size=3).hexdigest()
    return f"{plain[: room - 7]}_{digest}" if plain else digest
