"""Reads the settings file and the environment."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from minerbridge.errors import SettingsError
from minerbridge.settings import Settings
from minerbridge.settings_mistakes import explain, misspelt_variables

DEFAULT_PATHS = (Path("config.yaml"), Path("/etc/minerbridge/config.yaml"))
_MERGE = "tag:yaml.org,2002:merge"


class _Loader(yaml.SafeLoader):
    """YAML in which a key given twice is an error instead of a silent loss."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if key_node.tag == _MERGE:
                continue
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise _marked("expected a name as key", key_node)
            if key in seen:
                raise _marked(f"the key {key!r} is given twice", key_node)
            seen.add(key)
        return super().construct_mapping(node, deep)


def load(path: Path | None) -> Settings:
    """Read *path* and the environment; raise `SettingsError` with a line for each mistake."""
    tree = _read(path) if path is not None else {}
    misspelt = misspelt_variables()
    # Their own causes hold what was given, secrets too: none is chained.
    try:
        settings = Settings(**tree)
    except ValidationError as error:
        raise SettingsError("\n".join(explain(path, error) + misspelt)) from None
    except SettingsError:
        raise
    except Exception as error:  # pydantic-settings wraps a bad environment value in its own class
        if type(error).__name__ != "SettingsError":
            raise
        words = str(error).replace("error parsing value", "expected JSON", 1)
        raise SettingsError(f"environment: {words}") from None
    if misspelt:
        raise SettingsError("\n".join(misspelt))
    return settings


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: not a text file in UTF-8") from None
    try:
        tree = yaml.load(text, Loader=_Loader)  # noqa: S506  a SafeLoader
    except yaml.YAMLError as error:
        problem = getattr(error, "problem", None) or " ".join(str(error).split())
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise SettingsError(f"{path}: {where}{problem}") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict) or not all(isinstance(key, str) for key in tree):
        raise SettingsError(f"{path}: expected settings as 'key: value' lines at the top level")
    private = [key for key in tree if key.startswith("_")]
    if private:  # pydantic-settings would take them for its own options
        raise SettingsError(f"{path}: {private[0]}: unknown key")
    return {key: value for key, value in tree.items() if not _is_left_empty(key, value)}


def _is_left_empty(key: str, value: Any) -> bool:
    """Whether *key* is a section whose every line is commented out."""
    field = Settings.model_fields.get(key)
    return value is None and field is not None and field.default is not None


def _marked(problem: str, node: yaml.Node) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
