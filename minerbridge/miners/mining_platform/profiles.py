"""The platform's saved configurations: which there are, whose they are, what may be written."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from minerbridge.errors import InvalidValue, NotAllowed
from minerbridge.miners.driver import PoolLogin
from minerbridge.miners.mining_platform.documents import rows_of
from minerbridge.miners.mining_platform.places import Places

#: Fields of a configuration that carry a pool, a wallet, a login, or could smuggle one in.
_SECRET = re.compile(
    r"pool|wallet|pass|user|proxy|url|host|args|log|path|api|token|secret|address|rigid|fingerprint",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"://|@|\s-")
#: Fields a pool profile of the settings fills in.
_POOL_FIELDS = ("pool", "wallet", "password")


@dataclass(frozen=True, slots=True)
class MiningProfile:
    """One saved configuration. *label* is its name, made distinct where two share one."""

    id: str
    name: str
    kind: str
    config: Mapping[str, Any] = field(default_factory=dict, repr=False)
    label: str = ""

    def names(self) -> set[str]:
        """Return what the platform may call a miner that runs it."""
        algorithm = str(self.config.get("algo") or "")
        if not algorithm:
            return {self.kind}
        short = algorithm.partition("/")[0]
        return {self.kind, f"{self.kind}-{algorithm}", f"{self.kind}-{short}"}


def profiles_of(document: Any) -> list[MiningProfile]:
    found = []
    for row in rows_of(document, "/profiles"):
        if isinstance(row, dict) and row.get("id") and row.get("name"):
            config = row.get("config")
            kind = str(row.get("minerType") or "").lower()
            found.append((str(row["id"]), str(row["name"]), kind, config))
    uses = Counter(name for _, name, _, _ in found)
    return [
        MiningProfile(
            id_, name, kind, config if isinstance(config, dict) else {},
            name if uses[name] == 1 else f"{name} ({id_[:8]})",
        )
        for id_, name, kind, config in found
    ]  # fmt: skip


def named(profiles: Iterable[MiningProfile], name: str) -> MiningProfile | None:
    """Return the profile of this label, id or name."""
    every = list(profiles)
    return next((one for one in every if name in (one.label, one.id)), None) or next(
        (one for one in every if one.name == name), None
    )


def candidates(
    profiles: Sequence[MiningProfile], device_id: str, kind: str, places: Places
) -> list[MiningProfile]:
    """Return the profiles that a device may run: by its name, else by the miner's kind.

    Of one that was met before a restart the kind is not known ("").
    """
    exact = [one for one in profiles if device_id in map(places.id_of, one.names())]
    if exact:
        return exact
    return [one for one in profiles if one.kind == kind] if kind else []


def refuse_secrets(config: Mapping[str, Any]) -> None:
    """Raise `NotAllowed` where *config* carries what never travels over MQTT."""
    for name, value in _entries(config):
        if _SECRET.search(str(name)) or _ADDRESS.search(str(value)):
            raise NotAllowed(
                f"config.{str(name)[:40]}: pools, wallets, passwords and command lines are never"
                " taken over MQTT: name a pool profile of the settings as pool_profile"
            )


def _entries(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield names and values, those of objects within included."""
    if isinstance(value, Mapping):
        yield from value.items()
    if isinstance(value, Mapping | list):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _entries(inner)


def with_pool(config: Mapping[str, Any], pools: Sequence[PoolLogin]) -> dict[str, Any]:
    """Return *config* mining on the first of *pools*."""
    login = (pools[0].url, pools[0].user, pools[0].password)
    return {**config, **dict(zip(_POOL_FIELDS, login, strict=True))}


def checked_config(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict) or len(value) > 64:
        raise InvalidValue('config: expected an object such as {"algo": "rx/0", "threads": 4}')
    return value
