"""Where settings come from besides the environment and the file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from minerbridge.errors import SettingsError


def _networks(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]


#: Variables of the Net Stabilization server, accepted so that its deployments move over.
SEED_VARIABLES: dict[str, tuple[tuple[str, ...], Callable[[str], Any]]] = {
    "MINER_DISCOVERY_ENABLED": (("discovery", "enabled"), str),
    "MINER_NETWORK_CIDR": (("discovery", "networks"), _networks),
    "POLL_INTERVAL_SECONDS": (("poll_interval_s",), str),
    "SNAPSHOT_INTERVAL_SECONDS": (("history", "snapshot_interval_s"), str),
    "SNAPSHOT_RETENTION_HOURS": (("history", "snapshot_retention_h"), str),
    "POWER_CONTROL_MODE": (("fleet", "power_control_mode"), str),
    "RATED_POWER_KW": (("fleet", "rated_power_kw_override"), str),
}


def _put(tree: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        tree = tree.setdefault(name, {})
    tree[path[-1]] = value


class _Source(PydanticBaseSettingsSource):
    """A source that gives its whole tree at once."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002  the base class asks field by field
        return None, field_name, False


class SeedVariables(_Source):
    """The environment variables of seed 001 ("Auto" as rated power means: work it out)."""

    def __call__(self) -> dict[str, Any]:
        tree: dict[str, Any] = {}
        for variable, (path, convert) in SEED_VARIABLES.items():
            text = os.environ.get(variable)
            if text and text.strip().lower() != "auto":
                _put(tree, path, convert(text))
        return tree


def _secret(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: not a text file in UTF-8") from None


class CredentialFiles(_Source):
    """Files of `$CREDENTIALS_DIRECTORY` (systemd's LoadCredential).

    `mqtt_password`, `mqtt_username`; `miner_<id>_password` for one miner of the file;
    `credentials_<family>_password` for found miners.
    """

    def __init__(self, settings_cls: type[BaseSettings], file: PydanticBaseSettingsSource) -> None:
        super().__init__(settings_cls)
        self._file = file

    def __call__(self) -> dict[str, Any]:
        folder = os.environ.get("CREDENTIALS_DIRECTORY")
        if not folder or not Path(folder).is_dir():
            return {}
        tree: dict[str, Any] = {}
        passwords: dict[str, str] = {}
        for path in sorted(Path(folder).iterdir()):
            first, _, rest = path.name.partition("_")
            if first not in ("mqtt", "miner", "credentials") or path.is_dir():
                continue
            secret = _secret(path)
            if first == "mqtt" and rest in ("password", "username"):
                _put(tree, ("mqtt", rest), secret)
            elif first == "miner" and rest.endswith("_password"):
                passwords[rest.removesuffix("_password")] = secret
            elif first == "credentials" and rest.endswith("_password"):
                _put(tree, ("credentials", rest.removesuffix("_password"), "password"), secret)
        miners = self._file().get("miners")
        if passwords and isinstance(miners, list | tuple):
            tree["miners"] = [
                {**miner, "password": passwords[str(miner["id"])]}
                if isinstance(miner, dict) and str(miner.get("id")) in passwords
                else miner
                for miner in miners
            ]
        return tree
