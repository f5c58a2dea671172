"""What the platform says of miners and their statistics, from both of its forms. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from minerbridge.errors import BadReply
from minerbridge.miners.rpc_decode import integer, number

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SoftwareMiner:
    """One row of `/miners`. *status*: running, starting, stopped or error. *history* in H/s."""

    name: str
    kind: str
    version: str | None = None
    status: str = "running"
    config: Row = field(default_factory=dict)
    history: tuple[tuple[datetime, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Stats:
    """What `/miners/{name}/stats` says; None is "not reported"."""

    hashrate_hs: float | None = None
    hashrate_average_hs: float | None = None
    accepted: int | None = None
    rejected: int | None = None
    uptime_s: float | None = None
    algorithm: str | None = None
    pool: str | None = None
    cpu: Row = field(default_factory=dict)
    gpus: tuple[Row, ...] = ()
    details: Row = field(default_factory=dict)


def rows_of(document: Any, what: str) -> list[Any]:
    """Return the list in *document*: bare, a page of one, or null for none."""
    rows = document.get("items") if isinstance(document, dict) else document
    if rows is None:
        return []
    if not isinstance(rows, list):
        raise BadReply(f"{what}: expected a list", str(document))
    return rows


def software_miners(document: Any) -> list[SoftwareMiner]:
    rows = [row for row in rows_of(document, "/miners") if isinstance(row, dict)]
    return [_miner(row) for row in rows if isinstance(row.get("name"), str) and row["name"]]


def _miner(row: Row) -> SoftwareMiner:
    name = row["name"]
    kind = row.get("miner_type") or row.get("minerType") or row.get("type")
    running = "stopped" if row.get("running") is False else "running"
    return SoftwareMiner(
        name=name,
        kind=str(kind or name.partition("-")[0]).lower(),
        version=str(row["version"]) if row.get("version") else None,
        status=str(row.get("status") or running),
        config=_mapping(row.get("config")),
        history=tuple(filter(None, map(_point, listed(row.get("hashrateHistory"))))),
    )


def _point(row: Any) -> tuple[datetime, float] | None:
    """Return time and H/s; Go writes nanoseconds, which are cut off."""
    said = _mapping(row)
    found = number(said.get("hashrate"))
    text = str(said.get("timestamp") or "")
    try:
        at = datetime.fromisoformat(_without_nanoseconds(text))
    except ValueError:
        return None
    return None if found is None or at.tzinfo is None else (at, found)


def _without_nanoseconds(text: str) -> str:
    head, dot, rest = text.partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    return head + dot + digits[:6].ljust(6, "0") + rest[len(digits) :] if dot else text


def stats_of(document: Any) -> Stats:
    if not isinstance(document, dict):
        raise BadReply("stats: expected an object", str(document))
    extra = _mapping(document.get("extraData"))
    shares = document.get("shares")
    told = shares if isinstance(shares, dict) else {}
    connection = _mapping(document.get("connection")) or _mapping(extra.get("connection"))
    cpu = _mapping(document.get("cpu"))
    gpus = document.get("gpu") or document.get("gpus")
    details = {
        "ping_ms": number(connection.get("ping")),
        "pool_uptime_s": number(connection.get("uptime")),
        "pool_failures": integer(connection.get("failures")),
        "shares_invalid": integer(told.get("invalid")),
        "difficulty": number(document.get("diffCurrent")),
        "difficulty_average": number(document.get("avgDifficulty")),
    }
    algorithm, pool = document.get("algorithm"), connection.get("pool")
    return Stats(
        hashrate_hs=number(document.get("hashrate")),
        hashrate_average_hs=number(document.get("hashrateAvg")),
        accepted=integer(told.get("accepted") if told else shares),
        rejected=integer(told.get("rejected") if told else document.get("rejected")),
        uptime_s=number(document.get("uptime")),
        algorithm=str(algorithm) if algorithm else None,
        pool=str(pool) if pool else None,
        cpu=_reported(usage_percent=cpu.get("usage"), temperature_c=cpu.get("temperature")),
        gpus=tuple(_gpu(one) for one in listed(gpus) if isinstance(one, dict)),
        details={name: value for name, value in details.items() if value is not None},
    )


def _gpu(row: Row) -> Row:
    """Its `powerUsage` is of the card alone, which is not what the miner draws."""
    name = row.get("name")
    return {
        "id": integer(row.get("id")),
        "name": str(name) if name else None,
        **_reported(
            hashrate_hs=row.get("hashrate"),
            temperature_c=row.get("temperature"),
            fan_percent=row.get("fanSpeed"),
            power_w=row.get("powerUsage"),
            usage_percent=row.get("usage"),
        ),
    }


def _reported(**values: Any) -> dict[str, float]:
    found = {name: number(value) for name, value in values.items()}
    return {name: value for name, value in found.items() if value is not None}


def listed(value: Any) -> list[Any]:
    """Return *value* where it is a list."""
    return value if isinstance(value, list) else []


def _mapping(value: Any) -> Row:
    return value if isinstance(value, dict) else {}
