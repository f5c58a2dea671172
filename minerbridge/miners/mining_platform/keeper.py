"""Changes what a platform keeps: its profiles, and the mining software it has installed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from minerbridge.errors import InvalidValue, Unsupported
from minerbridge.miners.driver import PoolLogin
from minerbridge.miners.mining_platform.client import PlatformClient, segment
from minerbridge.miners.mining_platform.effects import profile_named, written
from minerbridge.miners.mining_platform.profiles import (
    MiningProfile,
    checked_config,
    named,
    refuse_secrets,
    with_pool,
)
from minerbridge.miners.mining_platform.reader import PlatformReader
from minerbridge.model import Confirmation, MinerCommand

_STORE_S = 15.0
_INSTALL_S = 300.0


class Keeper:
    """What it changes is asked for at every read until it shows."""

    def __init__(
        self,
        client: PlatformClient,
        reader: PlatformReader,
        pool_profiles: Mapping[str, Sequence[PoolLogin]],
    ) -> None:
        self._client = client
        self._reader = reader
        self._pool_profiles = pool_profiles

    def execute(self, command: MinerCommand) -> Confirmation:
        given = command.parameters
        match command.name:
            case "profile_set":
                return self._save(given, is_local=command.source == "command line")
            case "profile_delete":
                return self._delete(profile_named(self._reader, given["profile"]))
            case "install":
                force = "true" if given.get("force") else None
                return self._install(given["type"], version=given.get("version"), force=force)
            case "uninstall":
                return self._uninstall(given["type"])
            case _:
                raise Unsupported(f"the Mining Platform has no command {command.name}")

    def _save(self, given: Mapping[str, Any], *, is_local: bool) -> Confirmation:
        """Create or change a profile; pool and wallet stay, or come from the settings."""
        try:
            config = checked_config(json.loads(given["config"]) if "config" in given else None)
        except (ValueError, RecursionError) as error:
            raise InvalidValue(f"config: {error}") from None
        if not is_local:
            refuse_secrets(config)
        before = named(self._reader.profiles, given["name"])
        merged = {**(before.config if before else {}), **config}
        pools = given.get("pool_profile")
        if pools is not None:
            if pools not in self._pool_profiles:
                raise InvalidValue("pool_profile: no pool profile of the settings has this name")
            merged = with_pool(merged, self._pool_profiles[pools])
        kind = given.get("type") or (before.kind if before else None)
        if kind is None:
            raise InvalidValue("type: a new profile needs the type of its miner, as in xmrig")
        name = before.name if before else str(given["name"])
        body = {"name": name, "minerType": kind, "config": merged}
        if "description" in given:
            body["description"] = given["description"]
        seen = Confirmation(
            lambda _: self._is_saved(name, merged), _STORE_S, "the profile is saved"
        )
        self._reader.watch(_STORE_S)
        if before is None:
            written(self._client, seen, "POST", "/profiles", body)
        else:
            path = f"/profiles/{segment(before.id)}"
            written(self._client, seen, "PUT", path, {"id": before.id, **body})
        return seen

    def _is_saved(self, name: str, config: Mapping[str, Any]) -> bool:
        return any(
            one.name == name and {**one.config, **config} == one.config
            for one in self._reader.profiles
        )

    def _delete(self, profile: MiningProfile) -> Confirmation:
        seen = Confirmation(
            lambda _: all(one.id != profile.id for one in self._reader.profiles), _STORE_S,
            "the profile is gone",
        )  # fmt: skip
        self._reader.watch(_STORE_S)
        written(self._client, seen, "DELETE", f"/profiles/{segment(profile.id)}")
        return seen

    def _install(self, kind: str, **query: str | None) -> Confirmation:
        seen = Confirmation(
            lambda _: kind.lower() in self._reader.installed, _INSTALL_S, f"{kind} is installed"
        )
        self._reader.watch(_INSTALL_S)
        written(self._client, seen, "POST", f"/miners/{segment(kind)}/install", **query)
        return seen

    def _uninstall(self, kind: str) -> Confirmation:
        seen = Confirmation(
            lambda _: kind.lower() not in self._reader.installed, _STORE_S, f"{kind} is removed"
        )
        self._reader.watch(_STORE_S)
        written(self._client, seen, "DELETE", f"/miners/{segment(kind)}/uninstall")
        return seen
