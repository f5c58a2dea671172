"""What an HTTP server answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from minerbridge.errors import MinerRefused
from minerbridge.miners.rpc_decode import decode


class HttpRefused(MinerRefused):
    """The server answered with an error status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class HttpReply:
    """One answer; header names in lower case, *raw* as it was sent."""

    status: int
    raw: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return self.raw.decode("utf-8", "replace")

    def json(self) -> dict[str, Any]:
        """Return the object in the body, mended where firmware is known to write it wrong."""
        return decode(self.raw)
