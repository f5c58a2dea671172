"""How a table of fields becomes the body of a report: types, rounding, what is missing."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from minerbridge.model import MinerProfile, MinerReading
from minerbridge.settings import RigMiner

#: What a column of the server's database holds.
MAX_TEXT_LENGTH = 255
MAX_INTEGER = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Sources:
    """What a field's value may come from."""

    reading: MinerReading
    profile: MinerProfile | None
    settings: RigMiner

    def known(self, name: str) -> str | None:
        """Return a fact of identity: as read just now, else as known from before."""
        return getattr(self.reading, name) or getattr(self.profile, name, None)

    def detail(self, name: str) -> Any:
        return self.reading.details.get(name)


def rests(reading: MinerReading) -> bool:
    """Whether the miner is switched off, as `switch/power` has it."""
    return reading.status in ("sleeping", "stopped")


Source = Callable[[Sources], Any]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the server: its type there, and where its value comes from.

    *setting*: the key of `rig_monitor.miners.<id>` that stands in where no device reports it.
    """

    name: str
    kind: Literal["integer", "number", "text"]
    source: Source
    required: bool = False
    setting: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """A body to post; *missing* names a required field nobody gives, then it is not posted.

    *setting* would give that field; *note* says what was left out although it was reported.
    """

    body: dict[str, Any]
    missing: str | None = None
    setting: str = ""
    note: str = ""


def filled(fields: Iterable[Field], sources: Sources) -> Report:
    """Return the body of *fields*; a value that nobody reported is left out."""
    body: dict[str, Any] = {}
    missing: Field | None = None
    for field in fields:
        value = _typed(field.kind, field.source(sources))
        if value is not None:
            body[field.name] = value
        elif field.required and missing is None:
            missing = field
    return Report(body) if missing is None else Report(body, missing.name, missing.setting)


def _typed(kind: str, value: Any) -> int | float | str | None:
    if kind == "text":
        # The server takes a blank text for none, and a number for no text.
        text = "" if value is None else str(value).replace("\0", "").strip()
        return text[:MAX_TEXT_LENGTH] or None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    if kind == "number":
        return float(f"{value:.9g}")
    # An integer column refuses 3500.0, and what has no room in it breaks the request.
    whole = round(value)
    return whole if abs(whole) <= MAX_INTEGER else None


def as_uptime(uptime_s: float | None) -> str | None:
    """Return seconds as the server wants them, as in "07:23:50:20" (days first)."""
    if uptime_s is None or not math.isfinite(uptime_s) or uptime_s < 0:
        return None
    minutes, seconds = divmod(int(uptime_s), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"{days:02}:{hours:02}:{minutes:02}:{seconds:02}"
