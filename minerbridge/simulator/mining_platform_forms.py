"""The two forms of the platform's answers: the public code's, and its documentation's."""

from __future__ import annotations

import json
import math
from typing import Any
from urllib.parse import parse_qsl

from minerbridge.simulator.device import Reply

#: The public code's status and code, and what the documentation says instead.
_DOCUMENTED = {
    "START_FAILED": (409, "MINER_ALREADY_RUNNING"),
    "STOP_FAILED": (404, "MINER_NOT_FOUND"),
    "PROFILE_EXISTS": (409, "PROFILE_ALREADY_EXISTS"),
}
NOT_ROUTED = Reply(b"404 page not found", status=404, content_type="text/plain")


class Refused(Exception):
    """An error reply of the public code; *status* and *code* as it gives them."""

    def __init__(self, status: int, code: str, message: str, *headers: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, headers


def written(content: Any, *, envelope: bool, status: int = 200, is_write: bool = False) -> Reply:
    document = {"success": True, "data": content} if envelope else content
    return Reply(
        json.dumps(document).encode(), is_write, status=status, content_type="application/json"
    )


def refusal(error: Refused, *, envelope: bool) -> Reply:
    status, code = error.status, error.code
    document: dict[str, Any]
    if envelope:
        status, code = _DOCUMENTED.get(code, (status, code))
        inner = {"code": code, "message": error.message, "details": {"requestId": "req_123456"}}
        document = {"success": False, "error": inner}
    else:
        document = {"code": code, "message": error.message, "retryable": status in (429, 503)}
    return Reply(
        json.dumps(document).encode(),
        status=status,
        content_type="application/json",
        headers=error.headers,
    )


def page(rows: list[dict[str, Any]], query: str, *, envelope: bool) -> Any:
    """Filter, sort and page as documented; the public code gives everything to everyone."""
    asked = dict(parse_qsl(query))
    if not envelope:
        return rows
    if "status" in asked:
        rows = [row for row in rows if row.get("status") == asked["status"]]
    kind = asked.get("type") or asked.get("miner_type")
    if kind:
        rows = [row for row in rows if kind in (row.get("type"), row.get("minerType"))]
    if "sort" in asked:
        rows = sorted(
            rows, key=lambda row: row.get(asked["sort"]) or 0, reverse=asked.get("order") == "desc"
        )
    if "page" not in asked and "limit" not in asked:
        return rows
    number, limit = int(asked.get("page", "1")), int(asked.get("limit", "10"))
    return {
        "items": rows[(number - 1) * limit : number * limit],
        "pagination": {
            "page": number,
            "limit": limit,
            "total": len(rows),
            "pages": math.ceil(len(rows) / limit),
        },
    }
