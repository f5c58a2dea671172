"""The device's own answers to read commands, without pool passwords."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from minerbridge.errors import Unsupported
from minerbridge.miners.driver import finished
from minerbridge.miners.iceriver.daemon import Daemon
from minerbridge.miners.iceriver.pbfarmer import PbfarmerWeb
from minerbridge.miners.iceriver.web import StockWeb

Way = StockWeb | PbfarmerWeb | Daemon
_BLANK = "***"


def answer(source: Way, name: str) -> Any:
    """Return the answer to *name*; raise `Unsupported` naming those there are."""
    known = _queries(source)
    if name not in known:
        raise Unsupported(f"this IceRiver has no query {name}; it has {', '.join(sorted(known))}")
    return blanked(known[name]())


def blanked(told: Any) -> Any:
    """Return *told* with every pool password taken out."""
    if isinstance(told, Mapping):
        return {
            key: _BLANK if key in ("pass", "pool_password") else blanked(value)
            for key, value in told.items()
        }
    return [blanked(value) for value in told] if isinstance(told, list) else told


def _queries(source: Way) -> Mapping[str, Callable[[], Any]]:
    panel = {"userpanel": lambda: finished(source.panel())}
    match source:
        case StockWeb():
            return {
                **panel,
                "machineconfig": source.configuration,
                "ipconfig": source.network,
                "logs": lambda: {"text": source.logs()},
            }
        case PbfarmerWeb():
            return {
                "overview": panel["userpanel"],
                "machine": source.configuration,
                "network": source.network,
            }
        case Daemon():
            return {**panel, "gethw": source.configuration, "getnet": source.network}
