"""A nonce sent through the broker: brokers grant subscriptions that their ACL then starves."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

WITHIN_S = 10.0


@dataclass(slots=True)
class SelfTest:
    """*state* is waiting, ok or failed."""

    nonce: str = ""
    state: str = "waiting"
    _due_s: float = 0.0

    def begin(self, now_s: float) -> bytes:
        """Return the nonce to send."""
        self.nonce = uuid.uuid4().hex
        self.state = "waiting"
        self._due_s = now_s + WITHIN_S
        return self.nonce.encode()

    def came(self, payload: bytes) -> None:
        if payload == self.nonce.encode():
            self.state = "ok"

    def has_failed(self, now_s: float) -> bool:
        """Whether it just turned out that the nonce does not come back; true once a connection."""
        if self.state != "waiting" or not self.nonce or now_s < self._due_s:
            return False
        self.state = "failed"
        return True
