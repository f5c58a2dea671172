"""What an error number of IceRiver's web server means for whoever asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minerbridge.errors import (
    BadReply,
    MinerError,
    MinerLocked,
    MinerRefused,
    MinerUnreachable,
    OutcomeUnknown,
)
from minerbridge.miners.iceriver.values import words
from minerbridge.miners.rpc_decode import integer

NOT_LOGGED_IN = 1004
_GONE = {
    1: "its web server answers, but its mining program does not",
    7001: "its web server says that the miner is offline",
    7002: "its web server says that the miner is offline",
    7003: "its web server says that the miner is offline",
}
_UNHEARD = {
    2: "its mining program did not answer its web server",
    3: "its web server did not understand its mining program",
}
_LOCKED = {
    1001: "it has no such user: set the miner's username",
    1002: "wrong password: set the miner's password",
    NOT_LOGGED_IN: "it asks for a login: set the miner's username and password",
}
_REFUSED = {1017: "it does not take the new password"}


class ProgramGone(MinerUnreachable):
    """The web server answers for a mining program that does not: nothing was carried out."""


def failure(reply: Mapping[str, Any], *, write: bool) -> MinerError | None:
    """Return what *reply* says went wrong; None when nothing did."""
    code = integer(reply.get("error"))
    if code is None:
        return BadReply(f"the reply has no error number: {str(reply)[:80]}", str(reply))
    if code == 0:
        return None
    said = f"(error {code}: {words(reply.get('message')) or 'no reason given'})"
    if code in _GONE:
        return ProgramGone(f"{_GONE[code]} {said}")
    if code in _UNHEARD:
        text = f"{_UNHEARD[code]} {said}"
        return OutcomeUnknown(text) if write else ProgramGone(text) if code == 2 else BadReply(text)
    if code in _LOCKED:
        return MinerLocked(f"{_LOCKED[code]} {said}")
    return MinerRefused(f"{_REFUSED.get(code, 'the miner refuses')} {said}")
