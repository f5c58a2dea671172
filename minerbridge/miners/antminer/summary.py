"""The RPC replies `summary` and `pools`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minerbridge.miners.antminer import models
from minerbridge.miners.antminer.stats import first_rate
from minerbridge.miners.rpc_decode import number
from minerbridge.miners.rpc_fields import count, first, items, text
from minerbridge.model import Pool

Fields = dict[str, Any]
_SCALES = {"": 1.0, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}


def parse_summary(reply: Mapping[str, Any] | None, model: str | None) -> Fields:
    """Return fields of a reading; *model* decides what the unit "GHS" means."""
    body = first(reply, "SUMMARY")
    unit = models.rate_unit(model, None)
    found: Fields = {
        "hashrate_hs": first_rate(body, ("GHS 5s", "RT HASHRATE"), unit),  # the latter: KS5
        "hashrate_average_hs": first_rate(body, ("GHS av", "AV HASHRATE"), unit),
        "shares_accepted": count(body.get("Accepted")),
        "shares_rejected": count(body.get("Rejected")),
        "shares_stale": count(body.get("Stale")),
        "hardware_errors": count(body.get("Hardware Errors")),
        "uptime_s": number(body.get("Elapsed")),
    }
    return {name: value for name, value in found.items() if value is not None}


def parse_pools(reply: Mapping[str, Any] | None) -> tuple[Pool, ...]:
    """Return the pools that have an address, of the RPC or of `pools.cgi`."""
    pools = items(reply, "POOLS")
    return tuple(
        _pool(entry, slot)
        for slot, entry in enumerate(pools)
        if text(entry.get("URL", entry.get("url")))
    )


def _pool(entry: Mapping[str, Any], slot: int) -> Pool:
    known = {name.lower(): value for name, value in entry.items()}
    active = known.get("stratum active")
    number_given = count(known.get("pool", known.get("index")))
    return Pool(
        slot=slot if number_given is None else number_given,
        url=text(known.get("url")),
        user=text(known.get("user")),
        status=text(known.get("status")),
        is_active=active if isinstance(active, bool) else None,
        accepted=count(known.get("accepted")),
        rejected=count(known.get("rejected")),
        stale=count(known.get("stale")),
        difficulty=_difficulty(known.get("diff")),
    )


def _difficulty(value: object) -> float | None:
    """Return 524000 of "524K"."""
    if not isinstance(value, str) or not value.strip():
        return number(value)
    written = value.strip().upper()
    scale = _SCALES.get(written[-1:] if not written[-1:].isdigit() else "")
    found = number(written.rstrip("KMGTP"))
    return None if scale is None or found is None else found * scale
