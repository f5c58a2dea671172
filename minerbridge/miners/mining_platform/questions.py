"""What can be asked of a platform: its own answers, with its filters and pages."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from minerbridge.errors import InvalidValue, Unsupported
from minerbridge.miners.mining_platform import listing
from minerbridge.miners.mining_platform.client import PlatformClient, PlatformRefused, segment
from minerbridge.miners.mining_platform.documents import rows_of
from minerbridge.miners.mining_platform.reader import PlatformReader

_SPAN = re.compile(r"\d{1,4}[smhd]")
_MAX_POINTS = 500
_MAX_LINES = 500
_LINE_LENGTH = 500
Given = Mapping[str, Any]


class PlatformQuestions:
    """*miner* in a question is a device id or the platform's own name."""

    def __init__(self, client: PlatformClient, reader: PlatformReader) -> None:
        self._client = client
        self._reader = reader
        self._table: Mapping[str, Callable[[Given], Any]] = {
            "info": lambda given: self._plain("/info", given),
            "ready": lambda given: self._plain("/ready", given),
            "available": lambda given: self._plain("/miners/available", given),
            "miners": self._miners,
            "miner": self._miner,
            "stats": self._stats,
            "history": self._history,
            "logs": self._logs,
            "profiles": self._profiles,
        }

    def answer(self, name: str, given: Given) -> Any:
        question = self._table.get(name)
        if question is None:
            raise Unsupported(f"the Mining Platform has no query {name}")
        return question(given)

    def _plain(self, path: str, given: Given) -> Any:
        if given:
            raise InvalidValue(f"{path} takes no parameters")
        return self._client.get(path)

    def _miners(self, given: Given) -> Any:
        """Return rows as the platform gives them; sorting by a figure adds it."""
        asked = listing.checked(given)
        document = self._client.get("/miners", asked)
        rows = [row for row in rows_of(document, "/miners") if isinstance(row, dict)]
        if asked.get("sort") in ("hashrate", "uptime") and "pagination" not in document:
            rows = [{**self._figures(str(row.get("name"))), **row} for row in rows]
        return listing.answer(document, [_without_histories(row) for row in rows], asked)

    def _figures(self, name: str) -> dict[str, Any]:
        try:
            stats = self._client.get(f"/miners/{segment(name)}/stats")
        except PlatformRefused:
            return {}
        return {key: stats.get(key) for key in ("hashrate", "uptime")}

    def _miner(self, given: Given) -> Any:
        """There is no endpoint of one miner: its row of the list, and its statistics."""
        name = self._name(given)
        rows = rows_of(self._client.get("/miners"), "/miners")
        row = next((row for row in rows if isinstance(row, dict) and row.get("name") == name), None)
        if row is None:
            raise PlatformRefused(f"the platform lists no miner {name}", "MINER_NOT_FOUND", 404)
        try:
            stats = self._client.get(f"/miners/{segment(name)}/stats")
        except PlatformRefused:
            stats = None
        return {**_without_histories(row), "stats": stats}

    def _stats(self, given: Given) -> Any:
        return self._client.get(f"/miners/{segment(self._name(given))}/stats")

    def _history(self, given: Given) -> Any:
        name = segment(self._name(given))
        spans = {
            key: _span(key, given[key]) for key in ("resolution", "duration") if given.get(key)
        }
        times = {key: _time(key, given[key]) for key in ("since", "until") if given.get(key)}
        if times:
            document = self._client.get(f"/history/miners/{name}/hashrate", times)
        else:
            document = self._client.get(f"/miners/{name}/hashrate-history", spans)
        told = document if isinstance(document, dict) else {}
        if spans and not told:
            raise Unsupported(
                "resolution and duration are not supported by this Mining Platform: it gives"
                " points of 10 s for five minutes, then of a minute for a day; use since and until"
            )
        points = told.get("points") if told else rows_of(document, "history")
        limit = _limit(given, _MAX_POINTS)
        every = points if isinstance(points, list) else []
        return {**told, "points": every[-limit:], "total": len(every)}

    def _logs(self, given: Given) -> Any:
        """Return the newest lines as text; the platform sends each in base64."""
        document = self._client.get(f"/miners/{segment(self._name(given))}/logs")
        lines = [_line(row) for row in rows_of(document, "logs")]
        limit = _limit(given, _MAX_LINES)
        return {"lines": lines[-limit:], "total": len(lines)}

    def _profiles(self, given: Given) -> Any:
        if given.get("profile"):
            return self._client.get(f"/profiles/{segment(str(given['profile']))}")
        asked = listing.checked(given)
        query = {("miner_type" if name == "type" else name): one for name, one in asked.items()}
        document = self._client.get("/profiles", query)
        rows = [row for row in rows_of(document, "/profiles") if isinstance(row, dict)]
        return listing.answer(document, rows, asked)

    def _name(self, given: Given) -> str:
        wanted = given.get("miner")
        if not isinstance(wanted, str) or not 0 < len(wanted) <= 200:
            raise InvalidValue("miner is missing (a device id, or the platform's name of a miner)")
        device = self._reader.devices.get(wanted)
        return device.name or wanted if device is not None else wanted


def _without_histories(row: Given) -> dict[str, Any]:
    """Leave out the points of a whole day that each row carries: `history` gives them."""
    return {key: value for key, value in row.items() if not key.endswith("ashrateHistory")}


def _span(name: str, value: Any) -> str:
    if not isinstance(value, str) or not _SPAN.fullmatch(value):
        raise InvalidValue(f"{name}: expected a span of time such as 10s, 5m or 24h")
    return value


def _time(name: str, value: Any) -> str:
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        raise InvalidValue(f"{name}: expected a time such as 2025-12-31T12:00:00Z") from None
    if at.tzinfo is None:
        raise InvalidValue(f"{name}: the time needs its zone, as in 2025-12-31T12:00:00Z")
    return at.isoformat().replace("+00:00", "Z")


def _limit(given: Given, most: int) -> int:
    value = given.get("limit", 100)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise InvalidValue(f"limit: {str(value)[:40]!r} is not a whole number from 1 to {most}")
    return value


def _line(value: Any) -> str:
    try:
        text = base64.b64decode(str(value), validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        text = str(value)
    return text[:_LINE_LENGTH]
