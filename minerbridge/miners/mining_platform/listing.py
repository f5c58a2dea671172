"""Filters, order and pages of lists, for platforms that give every row. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from minerbridge.errors import InvalidValue
from minerbridge.miners.rpc_decode import number

STATUSES = ("running", "stopped", "error")
SORTS = ("name", "hashrate", "uptime")
ORDERS = ("asc", "desc")
MAX_LIMIT = 1000
_CHOICES = {"status": STATUSES, "sort": SORTS, "order": ORDERS}
NAMES = ("status", "type", "sort", "order", "page", "limit")


def checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the documented parameters in *given*; raise `InvalidValue` for a wrong one."""
    found: dict[str, Any] = {}
    for name, value in given.items():
        if name not in NAMES:
            raise InvalidValue(f"unknown parameter {name!r}; there are {', '.join(NAMES)}")
        if value is None:
            continue
        if name in _CHOICES and value not in _CHOICES[name]:
            raise InvalidValue(f"{name}: expected one of {', '.join(_CHOICES[name])}")
        if name in ("page", "limit"):
            is_whole = isinstance(value, int) and not isinstance(value, bool)
            if not is_whole or not 1 <= value <= (MAX_LIMIT if name == "limit" else 1_000_000):
                raise InvalidValue(f"{name}: {str(value)[:40]!r} is not a whole number from 1")
        found[name] = value if name in ("page", "limit") else str(value)
    return found


def answer(document: Any, rows: Sequence[Mapping[str, Any]], asked: Mapping[str, Any]) -> Any:
    """Return a page: the platform's own, or cut here from all of its *rows*."""
    if isinstance(document, dict) and isinstance(document.get("pagination"), dict):
        return {"items": list(rows), "pagination": document["pagination"]}
    kept = [row for row in rows if _matches(row, asked)]
    if "sort" in asked:
        # Rows that do not report the figure come last, whatever the order.
        down = asked.get("order") == "desc"
        told = [row for row in kept if _rank(row, asked["sort"]) is not None]
        told.sort(key=lambda row: _rank(row, asked["sort"]) or 0, reverse=down)
        kept = told + [row for row in kept if _rank(row, asked["sort"]) is None]
    page, limit = asked.get("page", 1), asked.get("limit", 100)
    return {
        "items": kept[(page - 1) * limit : page * limit],
        "pagination": {
            "page": page,
            "limit": limit,
            "total": len(kept),
            "pages": math.ceil(len(kept) / limit),
        },
    }


def _matches(row: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    status = row.get("status") or ("stopped" if row.get("running") is False else "running")
    kind = row.get("miner_type") or row.get("type") or row.get("minerType")
    return bool(asked.get("status", status) == status and asked.get("type", kind) == kind)


def _rank(row: Mapping[str, Any], name: str) -> Any:
    return str(row.get("name", "")) if name == "name" else number(row.get(name))
