"""Single values of IceRiver replies: builds write one number as 18, 18.0 or "18"."""

from __future__ import annotations

import math
import re

from minerbridge.miners.rpc_decode import hashrate_hs, number
from minerbridge.miners.rpc_fields import text

_NOTHING = {"", "none", "null", "(null)"}
_UPTIME = re.compile(r"(?:(\d{1,6}):)?(\d{1,2}):(\d{1,2}):(\d{1,2})")
_IPV4 = re.compile(r"(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)")
_UNITS = "KMGTPEH"
#: Above what any machine can do: the value is none.
_MOST_HS = 1e21


def words(value: object) -> str | None:
    """Return *value* as text; the web server writes "(null)" for what its daemon left out."""
    found = text(value)
    return None if found is None or found.lower() in _NOTHING else found


def flag(value: object) -> bool | None:
    """Return whether *value* is set: true, 1.0 and "1" are; false, 0 and -1.0 are not."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    found = number(value)
    return None if found is None else found > 0


def rate_hs(value: object, unit: object) -> float | None:
    """Return a rate in H/s: "6226G", or a bare number counted in *unit* ("G")."""
    prefix = unit.strip()[:1].upper() if isinstance(unit, str) else ""
    found = hashrate_hs(value, prefix if prefix and prefix in _UNITS else "G")
    return found if found is not None and found < _MOST_HS else None


def uptime_s(value: object) -> float | None:
    """Return seconds of "dd:hh:mm:ss"."""
    match = _UPTIME.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)


def ipv4(value: object) -> str | None:
    """Return the first IPv4 address; firmware glues more to it: "192.168.1.1fe80::1"."""
    match = _IPV4.match(value.strip()) if isinstance(value, str) else None
    return match[0] if match else None


def between(value: object, low: float, high: float) -> float | None:
    found = number(value)
    return found if found is not None and math.isfinite(found) and low <= found <= high else None
