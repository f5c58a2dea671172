"""The API of port 4028: plain and encrypted requests, one connection each."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from minerbridge.errors import (
    BadReply,
    BridgeError,
    MinerError,
    MinerLocked,
    MinerRefused,
    MinerUnreachable,
    OutcomeUnknown,
    Unsupported,
)
from minerbridge.miners.driver import Target
from minerbridge.miners.rpc_decode import decode
from minerbridge.miners.tcp_transport import ReplyLost
from minerbridge.miners.whatsminer import cipher, codes
from minerbridge.miners.whatsminer.connection import MinerConnection
from minerbridge.miners.whatsminer.session import Session, Token

Reply = dict[str, Any]
PORT = 4028
_JSON = json.JSONDecoder(strict=False)
#: What btminer's front says in plain text while btminer itself is down.
_DOWN = b"Socket connect failed"


class BtminerDown(MinerRefused):
    """The mining program does not run; `status` and `get_*` are still answered."""


class V2Client:
    """Owned by one thread; only `interrupt` may be called from another."""

    def __init__(self, target: Target, clock: Callable[[], float]) -> None:
        self.connection = MinerConnection(
            target.host, target.ports.get("rpc", PORT), target.timeout_s
        )
        self._clock = clock
        self.session = Session(self._get_token, target.password, clock)
        self._reads_encrypted = bool(target.options.get("encrypted_reads"))
        self._key_name = "cmd"
        self._joins: bool | None = None

    def ask(self, name: str, parameters: Mapping[str, Any] | None = None) -> Reply:
        """Return the reply to a read; raise `MinerRefused`, `MinerLocked` or `Unsupported`."""
        if self._reads_encrypted:
            return self.ask_encrypted(name, parameters)
        reply = self._plain(name, parameters, self._key_name)
        if self._key_name == "cmd" and _wants_command(reply):
            # cgminer-based firmware up to 2020 wants "command" here, but "cmd" for `get_token`.
            self._key_name = "command"
            reply = self._plain(name, parameters, self._key_name)
        return _accepted(name, reply, encrypted=False)

    def ask_joined(self, first: str, second: str) -> dict[str, Reply]:
        """Return both replies over one connection; nothing where the firmware does not join."""
        if self._joins is False:
            return {}
        try:
            joined = self.ask(f"{first}+{second}")
        except BtminerDown:
            return {}
        except (MinerRefused, Unsupported, BadReply):
            self._joins = False
            return {}
        parts = {name: part for name in (first, second) if (part := _unwrapped(joined.get(name)))}
        self._joins = len(parts) == 2
        return parts if self._joins else {}

    def ask_encrypted(self, name: str, parameters: Mapping[str, Any] | None = None) -> Reply:
        """Return the reply to a read that goes encrypted."""

        def exchange(token: Token) -> Reply:
            return decoded(self.connection.ask(_sealed(name, parameters, token)), token)

        return self._with_token(name, exchange)

    def write(
        self,
        name: str,
        parameters: Mapping[str, Any],
        *,
        within_s: float | None = None,
        then: Callable[[Reply, Token], None] | None = None,
    ) -> Reply:
        """Send a command that changes something; `OutcomeUnknown` when it went out unanswered.

        *then* goes on with the conversation over the same connection.
        """

        def exchange(token: Token) -> Reply:
            with self.connection.opened():
                self.connection.send(_sealed(name, parameters, token))
                reply = self._reply_to_write(name, token, within_s)
                if then is not None and codes.refusal(name, reply, encrypted=True) is None:
                    then(reply, token)
            return reply

        return self._with_token(name, exchange)

    def keep_ready(self) -> None:
        """Have a token at hand for the next command."""
        self.session.keep()

    def takes_password(self, password: str) -> bool | None:
        """Whether the miner reads what *password* encrypts; None when that cannot be told."""
        try:
            token = Session(self._get_token, password, self._clock).token()
            raw = self.connection.ask(_sealed("get_version", None, token))
            letter, code, _ = codes.status_of(decoded(raw, token))
        except MinerError:
            return None
        if code == codes.INVALID_JSON:
            return False
        # Whatever it says, what can be decrypted was encrypted with this password.
        return True if letter == "S" or b'"enc"' in raw else None

    def interrupt(self) -> None:
        self.connection.interrupt()

    def close(self) -> None:
        self.connection.close()

    def _with_token(self, name: str, exchange: Callable[[Token], Reply]) -> Reply:
        """Exchange; once more with another token when the first no longer holds.

        A command that came with a refused token was not carried out: repeating it is safe.
        """
        renewed = False
        while True:
            reply = exchange(self.session.token())
            error = codes.refusal(name, reply, encrypted=True)
            if error is None:
                return reply
            self._note(error)
            if error.code != "TOKEN_REFUSED" or renewed:
                raise error
            renewed = True

    def _note(self, error: BridgeError) -> None:
        if isinstance(error, MinerLocked):
            self.session.lock(error)
        elif error.code == "TOKEN_LIMIT":
            self.session.back_off()
        elif error.code == "TOKEN_REFUSED":
            self.session.drop()

    def _reply_to_write(self, name: str, token: Token, within_s: float | None) -> Reply:
        try:
            raw = self.connection.receive_object(within_s)
            if not raw.strip(b"\0\r\n "):
                raise OutcomeUnknown(f"{name} was sent, but closed without an answer")
            return decoded(raw, token, strictly=True)
        except (ReplyLost, BadReply) as error:
            raise OutcomeUnknown(f"{name} was sent, but: {error}") from error

    def _get_token(self) -> Reply:
        """Ask for a token; without a readable one, nothing that needs it is sent."""
        try:
            reply = self._plain("get_token", None, "cmd")
            if _wants_command(reply):
                reply = self._plain("get_token", None, "command")
        except BadReply as error:
            raise MinerUnreachable(f"get_token: {error}") from error
        refusal = codes.refusal("get_token", reply, encrypted=False)
        if refusal is not None:
            self._note(refusal)
            raise refusal
        return reply

    def _plain(self, name: str, parameters: Mapping[str, Any] | None, key_name: str) -> Reply:
        request = _json({key_name: name, **(parameters or {})})
        raw = self.connection.ask(request.encode())
        if raw.lstrip().startswith(_DOWN):
            raise BtminerDown(f"{name}: the mining program does not run ({_said(raw)})")
        return decode(raw)


def _sealed(name: str, parameters: Mapping[str, Any] | None, token: Token) -> bytes:
    text = _json({"cmd": name, **(parameters or {}), "token": token.sign})
    return _json({"enc": 1, "data": cipher.encrypted(token.key, text)}).encode()


def decoded(raw: bytes, token: Token, *, strictly: bool = False) -> Reply:
    """Return the reply; encrypted ones carry their text as the value of `enc`.

    *strictly*: what a write was answered is taken at its word or not at all.
    """
    if raw.lstrip().startswith(_DOWN):
        raise BtminerDown(f"the mining program does not run ({_said(raw)})")
    reply = _strict(raw.decode("utf-8", "replace")) if strictly else decode(raw)
    sealed = reply.get("enc")
    if not isinstance(sealed, str):
        return reply
    try:
        text = cipher.decrypted(token.key, sealed)
    except ValueError as error:
        raise BadReply(f"the reply cannot be decrypted: {error}", sealed) from error
    return _strict(text) if strictly else decode(_trimmed(text).encode())


def _strict(text: str) -> Reply:
    try:
        reply, _ = _JSON.raw_decode(text.lstrip("\0\r\n\t "))
    except ValueError as error:
        raise BadReply(f"the reply is no JSON: {text[:80]!r}", text) from error
    if not isinstance(reply, dict):
        raise BadReply(f"the reply is no object: {text[:80]!r}", text)
    return reply


def _trimmed(text: str) -> str:
    """Return *text* without what fills the last block: zeros, or bytes as PKCS#7 counts them."""
    end = text.rfind("}")
    return text[: end + 1] if end >= 0 else text


def _accepted(name: str, reply: Reply, *, encrypted: bool) -> Reply:
    error = codes.refusal(name, reply, encrypted=encrypted)
    if error is not None:
        raise error
    return reply


def _wants_command(reply: Reply) -> bool:
    _, code, message = codes.status_of(reply)
    return code == codes.MISSING_COMMAND and "command" in message


def _unwrapped(part: object) -> Reply | None:
    """Return the one reply in a list, as joined commands are answered."""
    first = part[0] if isinstance(part, list) and part else part
    return first if isinstance(first, dict) and codes.status_of(first)[0] != "E" else None


def _json(request: Mapping[str, Any]) -> str:
    return json.dumps(request, separators=(",", ":"))


def _said(raw: bytes) -> str:
    return raw.decode("utf-8", "replace").strip()[:80]
