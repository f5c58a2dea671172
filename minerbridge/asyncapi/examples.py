"""The examples that were heard on a real bridge, from `examples.yaml` beside this."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import yaml

Examples = tuple[tuple[str, Any], ...]


@cache
def _heard() -> dict[str, Any]:
    text = files(__package__).joinpath("examples.yaml").read_text(encoding="utf-8")
    heard: dict[str, Any] = yaml.load(text, Loader=_Plain)  # noqa: S506  a SafeLoader
    return heard


def exchanges(group: str, name: str) -> list[dict[str, Any]]:
    """Return request and answer of each example: `{"summary", "request", "answer"}`."""
    found: list[dict[str, Any]] = _heard()[group].get(name, [])
    return found


def asked(group: str, name: str) -> Examples:
    """Return the requests, but for those whose own mistake is what they show."""
    return tuple(
        (one["summary"], one["request"])
        for one in exchanges(group, name)
        if not _code(one["answer"]).startswith("INVALID_")
    )


def answered(group: str, name: str, *, well: bool) -> Examples:
    """Return the answers that went *well*, or the refusals."""
    return tuple(
        (one["summary"], one["answer"])
        for one in exchanges(group, name)
        if is_good(one["answer"]) is well
    )


def _code(answer: dict[str, Any]) -> str:
    """Return the code of a refusal, else nothing."""
    return str(answer.get("errorCode") or answer.get("error", {}).get("code", ""))


def is_good(answer: dict[str, Any]) -> bool:
    return answer.get("status", "ok") == "ok" and answer.get("accepted", True) is True


def document(name: str) -> Examples:
    """Return the example of a document; none where it was never heard."""
    found = _heard()["documents"].get(name)
    return () if found is None else (("", found),)


def value_of(component: str) -> str:
    """Return a value that a number or a choice of the tables takes."""
    return str(_heard()["values"][component])


class _Plain(yaml.SafeLoader):
    """YAML whose times stay text, as JSON has them."""


_Plain.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:timestamp"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
