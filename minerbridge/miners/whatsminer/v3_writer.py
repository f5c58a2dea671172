"""Writes rows of the table over port 4433."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minerbridge.errors import Unsupported
from minerbridge.miners.whatsminer.row import Given, Row
from minerbridge.miners.whatsminer.v3_client import V3Client

#: The reads of the manual by what tells the same here.
_READS: Mapping[str, tuple[str, str | None]] = {
    "summary": ("get.miner.status", "summary"),
    "pools": ("get.miner.status", "summary+pools"),
    "edevs": ("get.miner.status", "edevs"),
    "devs": ("get.miner.status", "edevs"),
    "status": ("get.miner.setting", None),
    "get_psu": ("get.device.info", "power"),
    "get_version": ("get.device.info", "system"),
    "get_miner_info": ("get.device.info", "network"),
    "get_error_code": ("get.device.info", "error-code"),
}


class V3Writer:
    """Nothing is repeated: the token of a write is good for that write alone."""

    def __init__(self, client: V3Client) -> None:
        self._client = client

    def offers(self, row: Row) -> bool:
        return row.name in _READS if row.is_read else row.v3 is not None

    def write(self, row: Row, given: Given) -> None:
        if row.v3 is None:
            raise Unsupported(f"API v3 has no {row.name}")
        name, param = row.v3
        self._client.write(name, param(given))
        if row.name == "update_pwd":
            self._client.change_password(given["new"])

    def query(self, row: Row, _given: Given) -> Mapping[str, Any]:
        name, param = _READS[row.name]
        return self._client.ask(name, param)
