"""Who a cgminer-like server is, from its answers to `version`, `config` and others."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from minerbridge.miners.rpc_fields import items, mac_address, text
from minerbridge.model import Identity

Replies = Mapping[str, Mapping[str, Any]]
#: The commands that may tell, the cheapest first, with the list each answers with.
IDENTITY_SOURCES = {"version": "VERSION", "config": "CONFIG", "stats": "STATS"}
_SOURCES = {**IDENTITY_SOURCES, "devdetails": "DEVDETAILS"}
_MODEL_KEYS = ("PROD", "Type", "Model", "MODEL")
_FIRMWARE_KEYS = ("VERSION", "CGVERSION", "Miner", "Firmware")
_MAC_KEYS = ("MAC", "MACAddr")
_SERIAL_KEYS = ("SerialNumber", "DNA", "Ctrl Board SN")
_MAKERS = (
    (re.compile(r"antminer|\bS19|am\d-s\d", re.IGNORECASE), "Bitmain"),
    (re.compile(r"avalon", re.IGNORECASE), "Canaan"),
    (re.compile(r"hammer", re.IGNORECASE), "Hammer"),
    (re.compile(r"bdminer", re.IGNORECASE), "Bitdeer"),
    (re.compile(r"gcminer|fluxos", re.IGNORECASE), "Auradine"),
)
#: Machines and firmware that can do only one thing.
_PROOFS = (
    (
        re.compile(r"avalon|antminer ?[st]\d|am\d-s\d|\bS19|bdminer|gcminer|fluxos", re.IGNORECASE),
        "sha256",
    ),
    (re.compile(r"bosminer|boser|luxminer", re.IGNORECASE), "sha256"),
    (re.compile(r"antminer ?l\d|hammer d\d", re.IGNORECASE), "scrypt"),
    (re.compile(r"antminer ?ks\d", re.IGNORECASE), "kheavyhash"),
    (re.compile(r"antminer ?d\d", re.IGNORECASE), "x11"),
    (re.compile(r"antminer ?z\d", re.IGNORECASE), "equihash"),
)
# What `Algorithm` of bfgminer says besides ("c", "sse2", …) names a way to compute, no algorithm.
_ALGORITHMS = {
    "sha256d": "sha256",
    **{name: name for name in ("sha256", "scrypt", "x11", "equihash", "kheavyhash", "randomx")},
}


# These write their rate under "GHS": Z9 15.8 for 15.8 kSol/s, L3+ 504 and E3 190 for MH/s.
_RATE_SCALES = (
    (re.compile(r"antminer ?z\d", re.IGNORECASE), 1e-6),
    (re.compile(r"antminer ?(l3|e3)", re.IGNORECASE), 1e-3),
)


def rate_scale(model: str | None) -> float:
    """Return by what hashrates of *model* are to be multiplied because it names a wrong unit."""
    return next((scale for key, scale in _RATE_SCALES if key.match(model or "")), 1.0)


def describe(replies: Replies, dialect: str, algorithm: str | None) -> dict[str, str | None]:
    """Return the fields that profile and reading share. *algorithm*: what the operator stated."""
    told = [item for name, key in _SOURCES.items() for item in items(replies.get(name), key)]
    model = _first(told, _MODEL_KEYS)
    description = next(
        (
            text(status.get("Description"))
            for r in replies.values()
            for status in items(r, "STATUS")
        ),
        None,
    )
    described = " / ".join(word for word in (dialect, model, description) if word)
    identity = identity_in(replies)
    return {
        "manufacturer": next((maker for key, maker in _MAKERS if key.search(described)), None),
        "model": model,
        "firmware": _first(told, _FIRMWARE_KEYS) or description,
        "mac_address": identity.mac_address,
        "serial_number": identity.serial_number,
        "hostname": _first(told, ("Hostname",)),
        "algorithm": algorithm or _algorithm(replies, described),
    }


def identity_in(replies: Replies) -> Identity:
    told = [
        item for name, key in IDENTITY_SOURCES.items() for item in items(replies.get(name), key)
    ]
    addresses = (mac_address(item[key]) for item in told for key in _MAC_KEYS if key in item)
    serial = _first(told, _SERIAL_KEYS)
    return Identity(
        next((address for address in addresses if address), None),
        serial if serial and serial.strip("0") and serial.isalnum() else None,
    )


def _first(told: list[dict[str, Any]], keys: tuple[str, ...]) -> str | None:
    for key in keys:
        for item in told:
            # bmminer of some S9 writes a line break and its version behind the model.
            found = (text(item.get(key)) or "").split("\n")[0].strip()
            if found:
                return found
    return None


def _algorithm(replies: Replies, described: str) -> str | None:
    coin = items(replies.get("coin"), "COIN")
    summary = items(replies.get("summary"), "SUMMARY")
    for value in [item.get("Hash Method") for item in coin] + [s.get("Algorithm") for s in summary]:
        known = _ALGORITHMS.get(str(value).lower())
        if known:
            return known
    return next((algorithm for key, algorithm in _PROOFS if key.search(described)), None)
