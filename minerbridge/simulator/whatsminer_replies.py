"""The wrappers of v2 replies."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minerbridge.simulator.whatsminer import Whatsminer

Document = dict[str, Any]
OK, REFUSED, TOKEN, BAD_TOKEN, TOO_MANY, BAD_BASE64 = 131, 132, 134, 135, 136, 137
INVALID, BAD_JSON, NO_COMMAND, DENIED = 14, 23, 24, 45
BTMINER_DOWN = b"Socket connect failed: Connection refused\n"


class RefusedError(Exception):
    """The answer to a request is an error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def said(device: Whatsminer, message: object, code: int = OK) -> Document:
    return _wrapped(device, "S", code, message)


def refusal(device: Whatsminer, code: int, message: str) -> Document:
    return _wrapped(device, "E", code, message)


def listed(
    device: Whatsminer, code: int, message: str, name: str, rows: list[Document]
) -> Document:
    """Wrap rows as cgminer did; other firmwares left out the code and the time."""
    status: Document = {"STATUS": "S", "Msg": message}
    if device.generation.number in (1, 3):
        status |= {"When": int(time.time()), "Code": code, "Description": "cgminer 4.9.2"}
    return {"STATUS": [status], name: rows, "id": 1}


def encoded(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _wrapped(device: Whatsminer, letter: str, code: int, message: object) -> Document:
    return {
        "STATUS": letter,
        "When": int(time.time()),
        "Code": code,
        "Msg": message,
        "Description": device.generation.describes,
    }
