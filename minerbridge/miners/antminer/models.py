"""What the model name tells and no reply does."""

from __future__ import annotations

import re
from typing import NamedTuple


class Series(NamedTuple):
    """*unit* is what the firmware of the series means by "GHS" where it gives no rate_unit."""

    algorithm: str
    unit: str = "GH"


#: By the letters of the name; with the number where members differ.
_SERIES = {
    "S": Series("sha256"),
    "T": Series("sha256"),
    "R": Series("sha256"),
    "L": Series("scrypt", "MH"),
    "D": Series("x11"),
    "D3": Series("x11", "MH"),
    "Z": Series("equihash", "KH"),
    "KS": Series("kheavyhash"),
    "KA": Series("blake2s"),
    "K": Series("eaglesong"),
    "HS": Series("blake2b-sia"),
    "A": Series("blake2b-sia"),
    "DR": Series("blake256r14"),
    "E": Series("ethash", "MH"),
    "X": Series("randomx", "KH"),
    "B": Series("tensority", "H"),
}
_NAME = re.compile(r"antminer\s*", re.IGNORECASE)
_LETTERS = re.compile(r"([A-Z]+)(\d*)", re.IGNORECASE)
#: What get_system_info of newer firmware calls them.
_ALGORITHMS = {
    "sha256d": "sha256",
    "sha256": "sha256",
    "kheavyhash": "kheavyhash",
    "scrypt": "scrypt",
    "x11": "x11",
    "equihash": "equihash",
    "randomx": "randomx",
    "eaglesong": "eaglesong",
    "ethash": "ethash",
}


def is_antminer(name: object) -> bool:
    return isinstance(name, str) and _NAME.match(name.strip()) is not None


def model_name(name: object) -> str | None:
    """Return "Antminer S9" of "AntminerS9" and of what an S9 with V1.3.58 says in two lines."""
    if not isinstance(name, str) or not name.strip():
        return None
    first = " ".join(name.strip().splitlines()[0].split()).rstrip(".")
    match = _NAME.match(first)
    return f"Antminer {first[match.end() :]}" if match else first


def series(model: str | None) -> Series | None:
    if model is None:
        return None
    match = _LETTERS.match(_NAME.sub("", model))
    if match is None:
        return None
    letters = match[1].upper()
    return _SERIES.get(letters + match[2]) or _SERIES.get(letters)


def rate_unit(model: str | None, reported: object) -> str:
    """Return the unit of the hashrates: what the device says, else what its series means."""
    if isinstance(reported, str) and reported.strip():
        return reported.strip()
    known = series(model)
    return known.unit if known else "GH"


def algorithm(model: str | None, reported: object = None) -> str | None:
    named = _ALGORITHMS.get(str(reported).strip().lower())
    known = series(model)
    return named or (known.algorithm if known else None)
