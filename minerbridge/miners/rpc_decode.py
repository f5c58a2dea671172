"""Replies of cgminer-like servers, including the broken ones, as dictionaries."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from minerbridge.errors import BadReply
from minerbridge.miners.rpc_text import decode_text

_STRING = r'"(?:[^"\\]|\\.)*"'
_TOKENS = re.compile(rf'({_STRING})|([^"]+)', re.DOTALL)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
# BTMiner API 2.0.4 writes the dictionary of error codes between list brackets.
_ERROR_CODES = re.compile(
    rf'("error_code"\s*:\s*)\[((?:\s*{_STRING}\s*:\s*{_STRING}\s*,?)+)\]', re.DOTALL
)
# What is wrong outside of strings, and the firmware that wrote it.
_OUTSIDE = (
    (re.compile(r"\}(\s*)\{"), r"},\1{"),  # bmminer stats: S9, L3+, DR5, Z9
    (re.compile(r",(\s*[}\]])"), r"\1"),  # BTMiner
    (re.compile(r"([\[{]\s*),"), r"\1"),  # bmminer
    (re.compile(r":(\s*)(?=[,}])"), r":\1null"),  # Vnish S9 while starting, S19 get_miner_conf
    (re.compile(r"(?<![\w.])[-+]?(?:nan|inf(?:inity)?)(?![\w.])", re.IGNORECASE), "null"),  # Avalon
)
_SUFFIXED = re.compile(r"([-+]?\d[\d.]*(?:e[-+]?\d+)?)\s*(?:W|V|A|s|Hz|rpm|%|°?C|℃)", re.IGNORECASE)
_RATE = re.compile(
    r"(\d[\d.]*(?:e[-+]?\d+)?)\s*([kmgtpez]?)(?:(?:h(?:ash)?|sols?)?(?:/?s)?)", re.IGNORECASE
)
_MOST_COMMAS = 20
_PREFIXES = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12, "p": 1e15, "e": 1e18, "z": 1e21}


def _nothing(_constant: str) -> None:
    """NaN and the infinities are numbers nobody measured."""


_JSON = json.JSONDecoder(strict=False, parse_constant=_nothing)


def decode(raw: bytes) -> dict[str, Any]:
    """Return the first document in *raw*; raise `BadReply` when it cannot be understood."""
    # cgminer 4.11.1 answers a cut request twice: two documents, each with its NUL.
    text = raw.lstrip(b"\0").split(b"\0", 1)[0].decode("utf-8", "replace").strip("\ufeff \t\r\n")
    if text.startswith(("STATUS=", "CMD=")):
        return decode_text(text)
    try:
        reply = _JSON.decode(text)
    except (ValueError, RecursionError):
        reply = _decode_with_commas(text)
    if not isinstance(reply, dict):
        raise BadReply(f"the reply is no object: {text[:80]!r}", text)
    return reply


def _decode_with_commas(text: str) -> Any:
    """Put in the commas between objects that bmminer leaves out, where the parser misses them.

    Every reply of an S9 needs it, so it must cost little: nothing is searched.
    """
    mended = text
    for _ in range(_MOST_COMMAS):
        try:
            return _JSON.decode(mended)
        except json.JSONDecodeError as error:
            before, after = mended[: error.pos], mended[error.pos :]
            if not (before.rstrip().endswith("}") and after.startswith("{")):
                break
            mended = f"{before},{after}"
        except (ValueError, RecursionError):
            break
    return _decode_repaired(text)


def _decode_repaired(text: str) -> Any:
    repaired = _repair(text)
    for candidate in (repaired, _ERROR_CODES.sub(r"\1{\2}", repaired)):
        try:
            return _JSON.decode(candidate)
        except (ValueError, RecursionError):
            continue
    raise BadReply(f"the reply is neither JSON nor text: {text[:80]!r}", text)


def _repair(text: str) -> str:
    """Mend what firmware is known to get wrong, never inside a string."""
    # cgminer 4.11.1 leaves its first answer to `setconfig|queue` unfinished and appends a second.
    second = text.find(']{"STATUS":[')
    if text.startswith('{"STATUS":[') and second >= 0:
        text = text[second + 1 :]
    if text.startswith(","):  # BTMiner: `,"id":1}`
        text = "{" + text[1:]
    pieces: list[str] = []
    after_string = False
    for string, outside in _TOKENS.findall(text):
        if string:
            # BTMiner forgets the comma between two strings: `"12""temp0":…`
            pieces.append("," + _mend_escapes(string) if after_string else _mend_escapes(string))
        else:
            for pattern, replacement in _OUTSIDE:
                outside = pattern.sub(replacement, outside)
            pieces.append(outside)
        after_string = bool(string)
    return "".join(pieces)


def _mend_escapes(string: str) -> str:
    """Drop the backslash of escapes JSON does not know: WhatsMiner M20S escapes the apostrophe."""
    return _ESCAPE.sub(_known_escape, string) if "\\" in string else string


def _known_escape(match: re.Match[str]) -> str:
    escaped = match[1]
    return match[0] if len(escaped) > 1 or escaped in '"\\/bfnrt' else escaped


def number(value: object) -> float | None:
    """Return *value* as a number, text and unscaled units ("3250 W") included; else None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return float(value) if abs(value) < 1e300 else None
    if not isinstance(value, str):
        return None
    text = value.strip()
    suffixed = _SUFFIXED.fullmatch(text)
    try:
        found = float(suffixed.group(1) if suffixed else text)
    except ValueError:
        return None
    return found if math.isfinite(found) and "_" not in text else None


def integer(value: object) -> int | None:
    """Return *value* as a whole number, rounded where the device wrote a fraction; else None."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    found = number(value)
    return None if found is None else round(found)


def hashrate_hs(value: object, default_unit: str) -> float | None:
    """Return *value* in H/s; a unit in the text ("21632.89GH/s", "6226G") outranks *default_unit*.

    *default_unit* is "H", "KH", "MH", "GHS", "TH/s", … of which only the prefix counts.
    """
    if isinstance(value, str):
        match = _RATE.fullmatch(value.strip())
        if match is None:
            return None
        has_unit = match.end(1) < match.end()
        if has_unit:
            found = number(match.group(1))
            return None if found is None else found * _PREFIXES[match.group(2).lower()]
    found = number(value)
    if found is None or found < 0:
        return None
    rate_hs = found * _PREFIXES[default_unit[0].lower() if default_unit[0] not in "Hh" else ""]
    return rate_hs if math.isfinite(rate_hs) else None
