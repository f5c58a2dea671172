"""The RPC replies of Vnish 3: bmminer's, with a voltage and the watts of each board."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from minerbridge.miners.antminer import stats, summary
from minerbridge.miners.rpc_decode import number
from minerbridge.miners.rpc_fields import items, positive, text
from minerbridge.model import Board, Pool

Fields = dict[str, Any]
_NAME = re.compile(r"\s*\(vnish\s*([^)]*)\)", re.IGNORECASE)
_DEVELOPERS = "devfee"


def parse(replies: Mapping[str, Mapping[str, Any]]) -> Fields:
    """Return fields of a reading from the replies to `stats`, `summary` and `pools`."""
    reply = replies["stats"]
    found = stats.parse(reply)
    model, version = split_model(found.get("model"))
    body = _body(reply)
    build = version or text(body.get("build_version"))
    named: Fields = {
        "model": model,
        "firmware": f"vnish {build}" if build else found.get("firmware"),
        "voltage_v": _voltage_v(body),
        "boards": tuple(_with_state(board, body) for board in found.get("boards", ())),
        "pools": _pools(replies.get("pools")),
    }
    known = {name: value for name, value in named.items() if value is not None}
    return {**summary.parse_summary(replies.get("summary"), model), **found, **known}


def split_model(name: str | None) -> tuple[str | None, str | None]:
    """Return ("Antminer S9", "3.9.0") of "Antminer S9 (vnish 3.9.0)"."""
    match = _NAME.search(name or "")
    if name is None or match is None:
        return name, None
    return name[: match.start()] or None, match[1].strip() or None


def _pools(reply: Mapping[str, Any] | None) -> tuple[Pool, ...]:
    """Return the operator's pools; the firmware's developers mine at one of their own."""
    found = summary.parse_pools(reply)
    return tuple(pool for pool in found if _DEVELOPERS not in _words(pool))


def _words(pool: Pool) -> set[str]:
    return {(pool.url or "").rpartition("://")[2].lower(), (pool.user or "").lower()}


def _body(reply: Mapping[str, Any]) -> Mapping[str, Any]:
    bodies = [entry for entry in items(reply, "STATS") if "Elapsed" in entry]
    return bodies[-1] if bodies else {}


def _voltage_v(body: Mapping[str, Any]) -> float | None:
    """Return the mean of the boards, told in hundredths: 890 is 8.90 V."""
    told = [number(value) for name, value in body.items() if name.startswith("chain_vol")]
    found = [value / 100 for value in told if value]
    return round(sum(found) / len(found), 3) if found else None


def _with_state(board: Board, body: Mapping[str, Any]) -> Board:
    """Add what the firmware says of the board, such as "Warm up"; numbers there count bad chips."""
    told = text(body.get(f"chain_bchips{board.slot}"))
    is_word = told is not None and positive(told) is None and told != "0"
    return replace(board, status=told) if is_word else board
