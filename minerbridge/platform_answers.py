"""What requests about a Mining Platform are answered with: seed 003's endpoints."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from minerbridge.blanking import BLANK, blanked
from minerbridge.errors import InvalidValue, NotFound, Unsupported
from minerbridge.miners.mining_platform.profiles import checked_config, refuse_secrets
from minerbridge.miners.worker import MinerWorker
from minerbridge.model import MinerCommand, MinerProfile
from minerbridge.mqtt.requests import Answerer
from minerbridge.request_fields import ADDRESS_FIELDS, known

if TYPE_CHECKING:
    from minerbridge.bridge import Bridge

FAMILY = "mining_platform"
_WALLET = re.compile(r"wallet", re.IGNORECASE)
_LOGIN = re.compile(r"proxy|args", re.IGNORECASE)
SHORTEST_USER = 4
_PAGE = ("status", "type", "sort", "order", "page", "limit")
_HISTORY = ("resolution", "duration", "since", "until", "limit")

#: What asks the platform, which may take its time.
SLOW_PLATFORM_REQUESTS = frozenset(
    f"platform/{name}"
    for name in ("info", "miners", "miner", "stats", "history", "logs", "profiles")
)


class PlatformAnswers:
    """One method per request. *miner_id* names the host or one of its miners.

    With one platform it may be left out; a miner may also go by the platform's own name, as *name*.
    """

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge

    def table(self) -> dict[str, Answerer]:
        return {
            "platform/info": lambda document: self._asked("info", document),
            "platform/miners": lambda document: self._asked("miners", document, _PAGE),
            "platform/miner": lambda document: self._of_miner("miner", document),
            "platform/stats": lambda document: self._of_miner("stats", document),
            "platform/history": lambda document: self._of_miner("history", document, _HISTORY),
            "platform/logs": self.logs,
            "platform/profiles": self.profiles,
            "platform/profile/set": self.save_profile,
            "platform/profile/delete": self.delete_profile,
            "platform/start": self.start,
            "platform/stop": self.stop,
            "platform/install": self.install,
            "platform/uninstall": self.uninstall,
        }

    # -- reads -------------------------------------------------------------------------------

    def _asked(
        self, name: str, document: dict[str, Any], fields: tuple[str, ...] = (), **more: Any
    ) -> Any:
        worker, _ = self._platform(document)
        given = {field: document[field] for field in fields if document.get(field) is not None}
        return self._clean(worker, worker.query(name, {**given, **more}))

    def _of_miner(self, name: str, document: dict[str, Any], fields: tuple[str, ...] = ()) -> Any:
        worker, profile = self._platform(document)
        miner = document.get("name") or profile.miner_id
        if miner == worker.plan.miner_id:
            raise InvalidValue(f"{miner} is the host: name one of its miners")
        return self._asked(name, document, fields, miner=miner)

    def logs(self, document: dict[str, Any]) -> Any:
        """Answer with the newest lines; a wallet of any profile may stand in them."""
        found: set[str] = set()
        if not self._bridge.settings.publish_pool_users:
            worker, _ = self._platform(document)
            _without(_WALLET, worker.query("profiles", {}), found)
        lines = self._of_miner("logs", document, ("limit",))
        return blanked(lines, users=_telling(found))

    def profiles(self, document: dict[str, Any]) -> Any:
        """Answer with every profile, or with the one named as *profile* (its id)."""
        if document.get("profile") is None:
            return self._asked("profiles", document, _PAGE)
        return self._asked("profiles", document, ("profile",))

    # -- writes: each is answered at once, and its result follows ----------------------------

    def save_profile(self, document: dict[str, Any]) -> Any:
        config = checked_config(document.get("config"))
        refuse_secrets(config)
        kind = document.get("minerType") or document.get("type")
        given = {
            "name": _text(document, "name") or _text(document, "profile"),
            "type": kind,
            "config": json.dumps(config) if config else None,
            "description": document.get("description"),
            "pool_profile": document.get("pool_profile"),
        }
        return self._sent("profile_set", document, given)

    def delete_profile(self, document: dict[str, Any]) -> Any:
        return self._sent("profile_delete", document, {"profile": _text(document, "profile")})

    def start(self, document: dict[str, Any]) -> Any:
        """Start a profile; without one the named miner, or what was stopped together."""
        if document.get("config") is not None:
            raise Unsupported(
                "starting a miner from a configuration (POST /miners/{type}) is not supported by"
                " the Mining Platform since 2025-12: save a profile and start that"
            )
        if document.get("profile") is None:
            return self._sent("start", document, {}, to_host=False)
        return self._sent("start_profile", document, {"profile": document["profile"]})

    def stop(self, document: dict[str, Any]) -> Any:
        return self._sent("stop", document, {}, to_host=False)

    def install(self, document: dict[str, Any]) -> Any:
        fields = ("type", "version", "force")
        return self._sent("install", document, {name: document.get(name) for name in fields})

    def uninstall(self, document: dict[str, Any]) -> Any:
        return self._sent("uninstall", document, {"type": document.get("type")})

    # -- inside ------------------------------------------------------------------------------

    def _platform(self, document: dict[str, Any]) -> tuple[MinerWorker, MinerProfile]:
        if any(document.get(field) is not None for field in ADDRESS_FIELDS):
            worker, profile = known(self._bridge, document)
            if profile.family != FAMILY:
                raise Unsupported(f"{profile.miner_id} is no Mining Platform")
            return worker, profile
        found = [
            (worker, profile)
            for worker in list(self._bridge.workers.values())
            for profile in list(worker.profiles.values())
            if profile.family == FAMILY and profile.miner_id == worker.plan.miner_id
        ]
        if len(found) != 1:
            raise InvalidValue("miner_id is missing (an id or an address of a Mining Platform)")
        return found[0]

    def _sent(
        self,
        name: str,
        document: dict[str, Any],
        parameters: Mapping[str, Any],
        *,
        to_host: bool = True,
    ) -> Any:
        worker, profile = self._platform(document)
        miner_id = worker.plan.miner_id if to_host else profile.miner_id
        if not to_host and document.get("name"):
            miner_id = _named(worker, str(document["name"]))
        given = {key: value for key, value in parameters.items() if value is not None}
        command = MinerCommand(
            miner_id,
            name,
            str(document["id"]) if document.get("id") is not None else uuid.uuid4().hex[:12],
            name,
            given,
            given or None,
            source="request",
        )
        worker.submit(command)
        return {
            "miner_id": miner_id,
            "command": name,
            "message": "under way; its result follows",
            "id": command.id,
        }

    def _clean(self, worker: MinerWorker, reply: Any) -> Any:
        """Blank passwords, and wallets unless pool users may be published."""
        if self._bridge.settings.publish_pool_users:
            return blanked(_without(_LOGIN, reply))
        readings = list(worker.readings.values())
        wallets = {pool.user for reading in readings for pool in reading.pools if pool.user}
        found: set[str] = set()
        hidden = _without(_WALLET, _without(_LOGIN, reply), found)
        return blanked(hidden, users=_telling(wallets | found))


def _named(worker: MinerWorker, name: str) -> str:
    """Return the device that goes by the platform's own *name*."""
    for device_id, reading in list(worker.readings.items()):
        if reading.details.get("name") == name:
            return device_id
    raise NotFound(f"the platform has no miner {name[:60]!r}", code="MINER_NOT_FOUND")


def _telling(users: set[str]) -> set[str]:
    """Leave out what is too short to be anybody, and would be blanked in any text."""
    return {user for user in users if len(user) >= SHORTEST_USER}


def _text(document: dict[str, Any], name: str) -> str | None:
    value = document.get(name)
    if value is not None and not isinstance(value, str):
        raise InvalidValue(f"{name}: expected text")
    return value


def _without(hidden: re.Pattern[str], value: Any, found: set[str] | None = None) -> Any:
    """Return *value* with the texts under keys that match blanked; *found* collects them."""
    match value:
        case dict():
            kept = {}
            for key, inner in value.items():
                is_hidden = hidden.search(str(key)) and isinstance(inner, str)
                if is_hidden and inner and found is not None:
                    found.add(inner)
                kept[key] = BLANK if is_hidden and inner else _without(hidden, inner, found)
            return kept
        case list():
            return [_without(hidden, inner, found) for inner in value]
        case _:
            return value
