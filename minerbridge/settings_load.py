"""Reads the settings file; says what is wrong with it in an operator's words."""

from __future__ import annotations

import difflib
import types
from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, SecretStr, ValidationError

from minerbridge.errors import SettingsError
from minerbridge.settings import Settings

DEFAULT_PATHS = (Path("config.yaml"), Path("/etc/minerbridge/config.yaml"))


class _Loader(yaml.SafeLoader):
    """YAML in which a key given twice is an error instead of a silent loss."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key!r} is given twice", problem_mark=key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def load(path: Path | None) -> Settings:
    """Read *path* and the environment; raise `SettingsError` with a line for each mistake."""
    tree = _read(path) if path is not None else {}
    try:
        return Settings(**tree)
    except ValidationError as error:
        lines = [_explain(path, one) for one in error.errors(include_url=False)]
        raise SettingsError("\n".join(dict.fromkeys(lines))) from error
    except Exception as error:  # pydantic-settings wraps a bad environment value in its own class
        if type(error).__name__ != "SettingsError":
            raise
        raise SettingsError(f"environment: {error}") from error


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text()
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: not a text file in UTF-8") from error
    try:
        tree = yaml.load(text, Loader=_Loader)  # noqa: S506  a SafeLoader
    except yaml.YAMLError as error:
        problem = getattr(error, "problem", None) or str(error)
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise SettingsError(f"{path}: {where}{problem}") from error
    if tree is None:
        return {}
    if not isinstance(tree, dict) or not all(isinstance(key, str) for key in tree):
        raise SettingsError(f"{path}: expected settings as 'key: value' lines at the top level")
    return tree


def _explain(path: Path | None, error: Any) -> str:
    location: tuple[str | int, ...] = error["loc"]
    key = _spell(location)
    where = f"{path or 'environment'}: {key}" if key else f"{path or 'environment'}"
    if error["type"] == "extra_forbidden":
        near = _nearest(location)
        hint = f"; did you mean {near!r}?" if near else ""
        return f"{where}: unknown key{hint}"
    message = error["msg"].removeprefix("Value error, ")
    value = error.get("input")
    secret = any(word in str(location[-1:]) for word in ("password", "api_code", "token"))
    if error["type"] == "missing":
        return f"{where}: missing"
    if isinstance(value, dict | list | SecretStr | BaseModel) or secret or not location:
        return f"{where}: {message}"
    return f"{where}: {value!r}: {message}"


def _spell(location: Iterable[str | int]) -> str:
    """Write a place as people do: `miners[0].ports.rpc`, without pydantic's union members."""
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        elif not any(mark in part for mark in "[]()") and part not in (
            "float",
            "constrained-float",
        ):
            text += f".{part}" if text else part
    return text


def _nearest(location: tuple[str | int, ...]) -> str | None:
    """Return the known key most like the one at *location*, in the same section if possible."""
    section: Any = Settings
    for part in location[:-1]:
        section = _inner(section, part)
    names = list(section.model_fields) if section else []
    found = difflib.get_close_matches(str(location[-1]), names, n=1, cutoff=0.5)
    if found:
        return str(found[0])
    everywhere = difflib.get_close_matches(
        str(location[-1]), list(_all_keys(Settings)), n=1, cutoff=0.75
    )
    return str(everywhere[0]) if everywhere else None


def _inner(section: Any, part: str | int) -> Any:
    if (
        section is None
        or not isinstance(part, str)
        or part not in getattr(section, "model_fields", {})
    ):
        return section
    return _model_in(section.model_fields[part].annotation)


def _model_in(annotation: Any) -> Any:
    """Return the section class inside an annotation such as `tuple[Miner, ...] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (Union, types.UnionType, tuple, list, dict):
        for inner in get_args(annotation):
            found = _model_in(inner)
            if found is not None:
                return found
    return None


def _all_keys(section: Any, prefix: str = "") -> Iterable[str]:
    for name, field in section.model_fields.items():
        yield name
        inner = _model_in(field.annotation)
        if inner is not None:
            yield from _all_keys(inner, f"{prefix}{name}.")
