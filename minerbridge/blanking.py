"""Takes passwords and pool users out of what a device said, before it leaves the bridge. Pure."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from typing import Any

_PASSWORD = re.compile(r"(?<!by)pass(w(or)?d)?\d*$|pwd|(^|[_\d])pw\d*$|secret|token", re.IGNORECASE)
_USER = re.compile(r"user(name)?\d*$|^worker(name)?\d*$", re.IGNORECASE)
_URL_LOGIN = re.compile(r"(?<=://)[^/@\s]+(?=@)")
BLANK = "***"


def blanked(value: Any, users: AbstractSet[str] | None = None) -> Any:
    """Return *value* without passwords; with *users*, also without any user, those named least.

    Names are blanked wherever they stand, in a log's text too; keys tell of the others.
    """
    match value:
        case dict():
            return {key: _inner(str(key), inner, users) for key, inner in value.items()}
        case list() | tuple():
            return [blanked(inner, users) for inner in value]
        case str():
            text = _URL_LOGIN.sub(BLANK, value)
            for user in sorted(users or (), key=len, reverse=True):
                text = text.replace(user, BLANK)
            return text
        case _:
            return value


def _inner(key: str, value: Any, users: AbstractSet[str] | None) -> Any:
    is_hidden = _PASSWORD.search(key) or (users is not None and _USER.search(key))
    return None if is_hidden and not isinstance(value, dict | list) else blanked(value, users)
