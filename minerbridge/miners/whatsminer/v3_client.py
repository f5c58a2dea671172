"""The API of port 4433: frames of a length and JSON, one connection a request."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Callable
from typing import Any

from minerbridge.errors import (
    BadReply,
    MinerError,
    MinerLocked,
    MinerRefused,
    OutcomeUnknown,
)
from minerbridge.miners.driver import Target
from minerbridge.miners.rpc_decode import integer
from minerbridge.miners.tcp_transport import ReplyLost
from minerbridge.miners.whatsminer import cipher
from minerbridge.miners.whatsminer.codes import SWITCH_ON, UNTIL_THEN
from minerbridge.miners.whatsminer.connection import MinerConnection

Reply = dict[str, Any]
PORT = 4433
ACCOUNT = "super"
_HEAD = struct.Struct("<I")
_MOST_BYTES = 1_048_576
#: These two carry pool logins or a password: their `param` is encrypted.
_SEALED = ("set.miner.pools", "set.user.change_passwd")
_OK, _NO_PERMISSION = 0, -4
_MEANINGS = {
    -1: "the miner failed to do it; a wrong password is answered so, too",
    -2: "the miner does not know the command; a wrong token is answered so, too",
    -3: "the miner does not take this parameter",
    -5: "the miner has no memory left",
}


class V3Client:
    """Owned by one thread; only `interrupt` may be called from another."""

    def __init__(self, target: Target, wall_clock: Callable[[], float] = time.time) -> None:
        port = target.ports.get("v3", PORT)
        self._connection = MinerConnection(target.host, port, target.timeout_s)
        self._account = target.username or ACCOUNT
        self._password = target.password or self._account
        self._wall_clock = wall_clock
        self._within_s = max(target.timeout_s, min(10.0, 4 * target.timeout_s))
        self._locked: MinerLocked | None = None

    def ask(self, name: str, param: object = None) -> Reply:
        """Return the reply to a read; it needs no login."""
        reply = parsed(self.ask_raw(name, param))
        error = refusal(name, reply)
        if error is not None:
            raise error
        return reply

    def ask_raw(self, name: str, param: object = None) -> bytes:
        """Return the reply to a read as it came, without its length."""
        request: Reply = {"cmd": name} if param is None else {"cmd": name, "param": param}
        with self._connection.opened():
            self._connection.send(_framed(request))
            return self._received(None)

    def write(self, name: str, param: object) -> Reply:
        """Send a command that changes something; `OutcomeUnknown` when it went out unanswered."""
        if self._locked is not None:
            raise self._locked
        request = self._signed(name, param)
        with self._connection.opened():
            self._connection.send(_framed(request))
            try:
                reply = parsed(self._received(self._within_s))
            except (ReplyLost, BadReply) as lost:
                raise OutcomeUnknown(f"{name} was sent, but: {lost}") from lost
        error = refusal(name, reply)
        if error is None:
            return reply
        if isinstance(error, MinerLocked):
            self._locked = error
        raise error

    def change_password(self, password: str) -> None:
        self._password = password

    def keep_ready(self) -> None:
        """Do nothing: every command of v3 makes a token of its own."""

    def interrupt(self) -> None:
        self._connection.interrupt()

    def close(self) -> None:
        self._connection.close()

    def _signed(self, name: str, param: object) -> Reply:
        """Return the request with a token of this second; the salt is read anew each time."""
        told = self.ask("get.device.info", "salt").get("msg")
        salt = told.get("salt") if isinstance(told, dict) else None
        if not isinstance(salt, str):
            raise BadReply("get.device.info: the reply holds no salt", str(told))
        at_s = int(self._wall_clock())
        digest = cipher.v3_digest(name, self._password, salt, at_s)
        if name in _SEALED:
            param = cipher.v3_encrypted(digest, json.dumps(param, separators=(",", ":")))
        request = {"cmd": name, "ts": at_s, "token": cipher.v3_token(digest),
                   "account": self._account}  # fmt: skip
        return request if param is None else {**request, "param": param}

    def _received(self, within_s: float | None) -> bytes:
        """Return the JSON of the next frame; a frame of nothing is a heartbeat."""
        rest = b""
        while True:
            rest = self._at_least(_HEAD.size, rest, within_s)
            (size,) = _HEAD.unpack_from(rest)
            rest = rest[_HEAD.size :]
            if size > _MOST_BYTES:
                raise BadReply(f"the reply announces {size} bytes")
            rest = self._at_least(size, rest, within_s)
            if size:
                return rest[:size]

    def _at_least(self, size: int, begun: bytes, within_s: float | None) -> bytes:
        while len(begun) < size:
            chunk = self._connection.receive(within_s)
            if not chunk:
                raise ReplyLost("closed within the reply" if begun else "closed", len(begun))
            begun += chunk
        return begun


def _framed(request: Reply) -> bytes:
    raw = json.dumps(request, separators=(",", ":")).encode()
    return _HEAD.pack(len(raw)) + raw


def parsed(raw: bytes) -> Reply:
    try:
        reply = json.loads(raw)
    except ValueError as error:
        raise BadReply(f"the reply is no JSON: {raw[:80]!r}", raw.decode("latin-1")) from error
    if not isinstance(reply, dict):
        raise BadReply(f"the reply is no object: {raw[:80]!r}", raw.decode("latin-1"))
    return reply


def refusal(name: str, reply: Reply) -> MinerError | None:
    """Return the error that *reply* to *name* reports, ready to raise; None if it is none."""
    code = integer(reply.get("code"))
    if code == _OK:
        return None
    said = f" (the miner says {reply['msg']!r})" if isinstance(reply.get("msg"), str) else ""
    if code == _NO_PERMISSION:
        return MinerLocked(f"{name}: permission denied{said}; {SWITCH_ON}; {UNTIL_THEN}")
    return MinerRefused(f"{name}: {_MEANINGS.get(code or 0, f'code {code}')}{said}")
