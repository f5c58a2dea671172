"""Says a thing once."""

from __future__ import annotations

from collections.abc import Hashable

#: Topics can be invented by anyone who asks for an answer; beyond this all count as new again.
MAX_KEYS = 20_000


class Once:
    """Remembers what was said already, within bounds."""

    def __init__(self) -> None:
        self._said: set[Hashable] = set()

    def first(self, key: Hashable) -> bool:
        """Return whether *key* comes for the first time."""
        if key in self._said:
            return False
        if len(self._said) >= MAX_KEYS:
            self._said.clear()
        self._said.add(key)
        return True

    def forget(self, key: Hashable) -> None:
        self._said.discard(key)

    def clear(self) -> None:
        self._said.clear()
