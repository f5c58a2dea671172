"""Readings and results as JSON. Pure."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError

from minerbridge.model import CommandResult, MinerReading

#: Lone surrogates, which JSON can carry and UTF-8 cannot, become "?".
LENIENT = "replace"

_READING: TypeAdapter[MinerReading] = TypeAdapter(MinerReading)


def reading_json(reading: MinerReading, *, with_pool_users: bool = False) -> bytes:
    """Return the whole reading, nulls included; pool users are often wallets and stay out."""
    hidden = None if with_pool_users else {"pools": {"__all__": {"user"}}}
    try:
        return _READING.dump_json(reading, exclude=hidden)
    except PydanticSerializationError:
        return to_json(_READING.dump_python(reading, exclude=hidden))


def result_json(result: CommandResult) -> bytes:
    """Return the answer to a command."""
    return to_json(
        {
            field.name: getattr(result, field.name)
            for field in dataclasses.fields(result)
            if field.name != "answer_to"
        }
    )


def to_json(value: Any) -> bytes:
    """Return compact JSON; NaN and infinity, which JSON lacks, become null."""
    text = json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"))
    return text.encode(errors=LENIENT)


def _plain(value: Any) -> Any:
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            finite = value - value == 0  # false for NaN and both infinities
            return value if finite else None
        case datetime():
            return value.isoformat(timespec="seconds")
        case Enum():
            return value.value
        case Mapping():
            return {str(key): _plain(inner) for key, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(inner) for inner in value]
        case _ if dataclasses.is_dataclass(value):
            return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        case _:
            return str(value)
