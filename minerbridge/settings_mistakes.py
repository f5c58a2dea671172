"""What is wrong with the settings, in an operator's words: place, key, value, what is allowed."""

from __future__ import annotations

import difflib
import os
import re
import types
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from minerbridge.settings import Settings
from minerbridge.settings_sources import SEED_VARIABLES

PREFIX = "MINERBRIDGE_"
_Place = tuple[str | int, ...]
_SECRET = re.compile(r"password|credentials|api_code|pool_profiles")
_UNION_MEMBERS = ("float", "constrained-float")
_LOGIN = re.compile(r"//[^/\s]*@")
#: pydantic's kinds of error that need other words.
_WORDS = {
    "extra_forbidden": "unknown key",
    "missing": "missing",
    "string_type": "expected text: put it in quotes",
    "bool_parsing": "expected true or false",
    "bool_type": "expected true or false",
    "tuple_type": "expected a list",
    "dict_type": "expected key: value lines below it",
    "model_type": "expected key: value lines below it",
    "model_attributes_type": "expected key: value lines below it",
}
_VALUELESS = {*_WORDS} - {"bool_parsing", "bool_type"}


def explain(path: Path | None, error: ValidationError) -> list[str]:
    """Return one line for each mistake. What may be a secret is not repeated."""
    found: dict[str, list[str]] = {}
    for one in error.errors(include_url=False):
        start = _start(path, one["loc"], one["type"], one.get("input"))
        found.setdefault(start, []).append(_words(one))
    return [f"{start}: {_joined(messages)}" for start, messages in found.items()]


def misspelt_variables() -> list[str]:
    """Return a line for each variable that looks like a setting and is none.

    Others may share the prefix (Kubernetes sets `<SERVICE>_PORT`), so only near misses count.
    """
    known = {"__".join(place).upper() for place in places(Settings)}
    lines = []
    for variable in sorted(os.environ):
        name = variable.upper().removeprefix(PREFIX)
        if not variable.upper().startswith(PREFIX) or name.partition("__")[0].lower() in (
            Settings.model_fields
        ):
            continue
        near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.85)
        if near:
            lines.append(f"environment: {variable}: unknown; did you mean {PREFIX}{near[0]}?")
    return lines


def _start(path: Path | None, place: _Place, kind: str, value: Any) -> str:
    parts = [_source(path, place), _spell(place)]
    is_simple = value is None or isinstance(value, str | int | float)
    if place and is_simple and kind not in _VALUELESS and not _SECRET.search(str(place)):
        shown = value if not isinstance(value, str) else _LOGIN.sub("//…@", value)
        parts.append(repr(shown)[:80])
    return ": ".join(part for part in parts if part)


def _source(path: Path | None, place: _Place) -> str:
    """Name the environment variable that a value came from, else the file."""
    variables = {name.upper(): name for name in os.environ}
    for length in range(len(place), 0, -1):
        name = PREFIX + "__".join(str(part).upper() for part in place[:length])
        if name in variables:
            return f"environment {variables[name]}"
    for name, (target, _) in SEED_VARIABLES.items():
        if target == place[: len(target)] and os.environ.get(name):
            return f"environment {name}"
    return str(path or "environment")


def _words(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        near = _nearest(error["loc"])
        return "unknown key" + (f"; did you mean {near!r}?" if near else "")
    if error["type"] in _WORDS:
        return _WORDS[error["type"]]
    message = str(error["msg"]).removeprefix("Value error, ").partition(", unable to")[0]
    return message.replace("Input should be ", "expected ", 1)


def _joined(messages: list[str]) -> str:
    """Write the alternatives of one value as one sentence."""
    first, *others = dict.fromkeys(messages)
    return " or ".join([first, *(other.removeprefix("expected ") for other in others)])


def _spell(place: _Place) -> str:
    """Write a place as people do: `miners[0].ports.rpc`, without pydantic's union members."""
    text = ""
    for part in place:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part not in _UNION_MEMBERS and not any(mark in part for mark in "[]()"):
            text += f".{part}" if text else part
    return text


def _nearest(place: _Place) -> str | None:
    """Return the known key most like the one at *place*, in the same section if possible."""
    section: Any = Settings
    for part in place[:-1]:
        section = _inner(section, part)
    name = str(place[-1])
    here = list(section.model_fields) if section else []
    found = difflib.get_close_matches(name, here, n=1, cutoff=0.5)
    if found:
        return str(found[0])
    elsewhere = {one[-1]: ".".join(one) for one in places(Settings)}
    found = difflib.get_close_matches(name, sorted(elsewhere), n=1, cutoff=0.75)
    return elsewhere[found[0]] if found else None


def _inner(section: Any, part: str | int) -> Any:
    fields = getattr(section, "model_fields", {})
    return _model_in(fields[part].annotation) if part in fields else section


def _model_in(annotation: Any) -> Any:
    """Return the section class inside an annotation such as `tuple[Miner, ...] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (Union, types.UnionType, tuple, list, dict):
        found: Iterable[Any] = (_model_in(inner) for inner in get_args(annotation))
        return next((one for one in found if one is not None), None)
    return None


def places(section: Any, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, field in section.model_fields.items():
        yield (*before, name)
        inner = _model_in(field.annotation)
        if inner is not None:
            yield from places(inner, (*before, name))
