"""Which version of MQTT to speak."""

from __future__ import annotations

from typing import Literal

#: So often in a row a broker that once took a version may hang up on it before it is doubted.
PATIENCE = 10


class ProtocolChoice:
    """MQTT 5 where the broker takes it, else 3.1.1; what once worked is kept."""

    def __init__(self, wanted: Literal["auto", "5", "3.1.1"]) -> None:
        self._is_free = wanted == "auto"
        self._is_known = False
        self._unanswered = 0
        self.is_v5 = wanted != "3.1.1"

    @property
    def is_guess(self) -> bool:
        return self._is_free and not self._is_known

    def accepted(self) -> None:
        self._is_known = True
        self._unanswered = 0

    def refused(self) -> bool:
        """Hear that the broker does not speak it; return whether to try the other at once."""
        return self._change()

    def unanswered(self) -> bool:
        """Hear that the broker hung up or kept silent; return as `refused` does.

        Old brokers say no like that; so do proxies before a broker that is down.
        """
        self._unanswered += 1
        if self._is_known and self._unanswered < PATIENCE:
            return False
        return self._change()

    def _change(self) -> bool:
        if not self._is_free:
            return False
        self._is_known = False
        self._unanswered = 0
        self.is_v5 = not self.is_v5
        return not self.is_v5
