"""What the reply codes of the manual (V2.2.2, chapter 2) mean, and what an operator does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from minerbridge.errors import BridgeError, MinerLocked, MinerRefused, Unsupported
from minerbridge.miners.rpc_decode import integer

INVALID_COMMAND = 14
INVALID_JSON = 23
MISSING_COMMAND = 24
PERMISSION_DENIED = 45
TOKEN_REFUSED = 135
TOO_MANY_TOKENS = 136


UNTIL_THEN = "nothing is written until the settings of this miner change or the bridge restarts"


class Meaning(NamedTuple):
    """*error* None: the code is no error."""

    message: str
    error: type[BridgeError] | None
    remedy: str = ""
    code: str | None = None


SWITCH_ON = (
    "in WhatsMinerTool set a password other than admin (Password), then switch the API on"
    " (Remote Ctrl, Miner API Switch)"
)
CODES: Mapping[int, Meaning] = {
    14: Meaning("invalid API command or data", Unsupported,
                "this firmware does not have the command: update the firmware, or do without"),
    23: Meaning("the miner cannot read what was encrypted: the password is wrong", MinerLocked,
                "set `password` of this miner to the one set in WhatsMinerTool (Password);"
                f" {UNTIL_THEN}"),
    45: Meaning("permission denied: writing is switched off", MinerLocked,
                f"{SWITCH_ON}; {UNTIL_THEN}"),
    131: Meaning("command OK", None),
    132: Meaning("command error", MinerRefused,
                 "the miner cannot do this now, or its model or firmware cannot at all"),
    134: Meaning("token OK", None),
    135: Meaning("the token does not hold", MinerRefused,
                 "twice in a row: see that no other program changes the miner's password",
                 "TOKEN_REFUSED"),
    136: Meaning("too many tokens are in use", MinerRefused,
                 "other programs hold them; they expire after 30 minutes", "TOKEN_LIMIT"),
    137: Meaning("base64 cannot be decoded", MinerRefused,
                 "something between bridge and miner changes what is sent"),
}  # fmt: skip


def status_of(reply: Mapping[str, Any]) -> tuple[str, int | None, str]:
    """Return letter, code and message; older firmware has them in a list of one."""
    status = reply.get("STATUS")
    told: Mapping[str, Any] = reply
    if isinstance(status, list):
        told = status[0] if status and isinstance(status[0], dict) else {}
    message = told.get("Msg")
    code = integer(told.get("Code"))
    return str(told.get("STATUS", "")), code, message if isinstance(message, str) else ""


def refusal(name: str, reply: Mapping[str, Any], *, encrypted: bool) -> BridgeError | None:
    """Return the error that *reply* to command *name* reports, ready to raise; None if it is none.

    *encrypted*: the request was. Only then does "invalid JSON" speak of the password.
    """
    letter, code, message = status_of(reply)
    if letter not in ("E", "F"):
        return None
    if code == TOO_MANY_TOKENS or "over max connect" in message:
        code = TOO_MANY_TOKENS
    meaning = CODES.get(code or 0)
    if meaning is None or meaning.error is None or (code == INVALID_JSON and not encrypted):
        return MinerRefused(f"{name}: {message or 'refused'} (code {code})")
    said = f" (the miner says {message!r})" if message else ""
    text = f"{name}: {meaning.message}{said}; {meaning.remedy}"
    return meaning.error(text, code=meaning.code)
