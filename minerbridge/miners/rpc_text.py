"""The text form of replies: `STATUS=S,Code=11|SUMMARY,Elapsed=17|`."""

from __future__ import annotations

import re
from typing import Any

from minerbridge.errors import BadReply

_SECTION_END = re.compile(r"(?<!\\)(?:\\\\)*\|")
_FIELD_END = re.compile(r"(?<!\\)(?:\\\\)*,")
_EQUALS = re.compile(r"(?<!\\)(?:\\\\)*=")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
# The text form names the item (`POOL=0`) where JSON names the list.
_LISTS = {"POOL": "POOLS", "ASC": "DEVS", "PGA": "DEVS", "GPU": "DEVS", "CPU": "DEVS"}
# One device asked for by its number: JSON then names the list after the item.
_SINGLE = {"106": "ASC", "57": "PGA", "18": "CPU", "17": "GPU"}


def decode_text(text: str) -> dict[str, Any]:
    """Return what the server would have said in JSON; every value stays text."""
    joined: dict[str, Any] = {}
    reply: dict[str, Any] = {}
    for section in _split(text, _SECTION_END):
        if not section.strip():
            continue
        name, fields = _fields(section)
        if name == "CMD":
            reply = {}
            joined[fields["CMD"]] = [reply]
            continue
        if name in _LISTS:
            code = str(reply.get("STATUS", [{}])[0].get("Code"))
            name = _SINGLE.get(code, _LISTS[name])
        reply.setdefault(name, []).append(fields)
    found = joined or reply
    if not found:
        raise BadReply(f"the reply is neither JSON nor text: {text[:80]!r}", text)
    return found


def _fields(section: str) -> tuple[str, dict[str, str]]:
    first, *rest = _split(section, _FIELD_END)
    name, *value = _split(first, _EQUALS, 1)
    fields = {name: _plain(value[0])} if value else {}
    last = name
    for part in rest:
        key, *value = _split(part, _EQUALS, 1)
        if value:
            last = _plain(key)
            fields[last] = _plain(value[0])
        elif last in fields:  # Avalon writes commas unescaped: `SYSTEMSTATU[Work: In Work, Hash …]`
            fields[last] += "," + _plain(part)
    return _plain(name), fields


def _split(text: str, separator: re.Pattern[str], times: int = 0) -> list[str]:
    parts: list[str] = []
    start = 0
    for match in separator.finditer(text):
        parts.append(text[start : match.end() - 1])
        start = match.end()
        if times and len(parts) == times:
            break
    return [*parts, text[start:]]


def _plain(text: str) -> str:
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text
