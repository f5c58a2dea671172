"""Writes rows of the table over port 4028."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from minerbridge.errors import MinerRefused, OutcomeUnknown
from minerbridge.miners.driver import Target
from minerbridge.miners.whatsminer import binary
from minerbridge.miners.whatsminer.row import Given, Row
from minerbridge.miners.whatsminer.v2_client import V2Client
from minerbridge.model import Confirmation, MinerReading

#: Switching and changing modes is often answered late, sometimes not at all.
_REPLY_S = 10.0
_KEPT_S = 60.0
_TAKES_IT = (
    "the miner takes the new password: set it as `password` of this miner in the settings,"
    " or of all under credentials.whatsminer"
)
_VERSION = re.compile(r"(\d+)\.(\d+)")


class V2Writer:
    """*last* gives the newest reading, which tells the version of the API."""

    def __init__(
        self, target: Target, client: V2Client, last: Callable[[], MinerReading | None]
    ) -> None:
        self._target = target
        self._client = client
        self._last = last
        self._within_s = max(target.timeout_s, min(_REPLY_S, 4 * target.timeout_s))

    def offers(self, row: Row) -> bool:
        return row.name != "pre_power_on" or self._is_old()

    def write(self, row: Row, given: Given) -> Confirmation | None:
        """Send; return how the effect shows where the row does not say."""
        match row.name:
            case "update_firmware":
                binary.install(self._target, self._client, given["file"])
            case "download_logs":
                return binary.save_logs(self._target, self._client)
            case "update_pwd":
                return self._change_password(row, given)
            case _:
                told = request(row, given)
                if row.name == "power_off" and self._is_old():
                    told["respbefore"] = "true"  # else up to V2.0.5 it answers when all is off
                self._client.write(row.name, told, within_s=self._within_s)
        return None

    def query(self, row: Row, given: Given) -> Mapping[str, Any]:
        if row.is_sealed:
            return self._client.ask_encrypted(row.name, request(row, given))
        return self._client.ask(row.name, request(row, given))

    def _change_password(self, row: Row, given: Given) -> Confirmation | None:
        """Send, then ask with the new password whether it holds, which also tells a lost reply."""
        lost: OutcomeUnknown | None = None
        try:
            self._client.write(row.name, request(row, given), within_s=self._within_s)
        except OutcomeUnknown as error:
            lost = error
        is_taken = self._client.takes_password(given["new"])
        if is_taken is False:
            raise MinerRefused(
                "update_pwd: the miner does not take the new password, the old holds"
            )
        if is_taken is None and lost is not None:
            raise lost
        self._client.session.change_password(given["new"])
        return Confirmation(lambda _reading: True, _KEPT_S, _TAKES_IT) if is_taken else None

    def _is_old(self) -> bool:
        reading = self._last()
        told = _VERSION.search(str(reading.details.get("api_version", ""))) if reading else None
        return told is not None and (int(told[1]), int(told[2])) < (2, 1)


def request(row: Row, given: Given) -> dict[str, Any]:
    """Return the parameters as the firmware reads them: as text, but for the times of an LED."""
    if row.name == "update_pools":  # all nine, or the miner refuses
        return {parameter.name: given.get(parameter.name, "") for parameter in row.parameters}
    words = ("false", "true") if row.name == "pre_power_on" else ("0", "1")
    found: dict[str, Any] = {}
    for name, value in given.items():
        if isinstance(value, bool):
            found[name] = words[value]
        else:
            found[name] = value if row.name == "set_led" else str(value)
    return found
