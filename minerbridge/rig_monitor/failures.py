"""What can go wrong with a report, named for what to do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from minerbridge.errors import BridgeError


class MonitorError(BridgeError):
    """The server did not take a report or give an answer."""

    code = "RIG_MONITOR"


class ServerTrouble(MonitorError):
    """It answers, but not as a Mining Rig Monitor in order does. Try again later."""

    code = "RIG_MONITOR_TROUBLE"


class ServerAway(ServerTrouble):
    """Nothing answers, or not in time. Ask for nobody until it is back."""

    code = "UNREACHABLE"


class WrongCode(MonitorError):
    """The server does not know this miner's API code. An operator must act."""

    code = "ACCESS_DENIED"


class FieldsRefused(MonitorError):
    """The server finds fault with values; *fields* holds its words by field name."""

    code = "FIELDS_REFUSED"

    def __init__(self, fields: Mapping[str, Sequence[str]]) -> None:
        said = "; ".join(f"{name} {', '.join(words)}" for name, words in fields.items())
        super().__init__(f"the server refuses {said}")
        self.fields = fields
