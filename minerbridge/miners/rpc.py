"""The RPC of cgminer and its descendants: one JSON request per connection."""

from __future__ import annotations

import json
from typing import Any

from minerbridge.errors import (
    BadReply,
    InvalidValue,
    MinerLocked,
    MinerRefused,
    OutcomeUnknown,
)
from minerbridge.miners.rpc_decode import decode
from minerbridge.miners.tcp_transport import ReplyLost, TcpTransport

#: cgminer reads a request with one recv() of this size (api.c, TMPBUFSIZ / 2 - 1).
MAX_REQUEST = 4095
_ACCESS_DENIED = 45


class _Silence(ReplyLost):
    """The server hung up without a byte."""

    def __init__(self) -> None:
        super().__init__(
            "closed without an answer: this address may be missing in the miner's api-allow, "
            "or the miner is starting"
        )


class RpcClient:
    """Asks one RPC server. Owned by one thread; only `interrupt` may be called from another."""

    def __init__(self, host: str, port: int = 4028, timeout_s: float = 3.0) -> None:
        self._transport = TcpTransport(host, port, timeout_s)
        self._joins: bool | None = None

    @property
    def joins(self) -> bool | None:
        """Whether the server answers several commands at once; None until it was asked."""
        return self._joins

    @property
    def was_interrupted(self) -> bool:
        """Whether `interrupt` cut the last request."""
        return self._transport.was_interrupted

    def ask(
        self, command: str, parameter: str | int | None = None, **top_level: object
    ) -> dict[str, Any]:
        """Return the reply; an error in it is raised as `MinerRefused` or `MinerLocked`."""
        reply = self._reply(command, parameter, top_level)
        refusal = refused(reply)
        if refusal is not None:
            raise refusal
        return reply

    def ask_many(self, *commands: str) -> dict[str, dict[str, Any]]:
        """Return the reply per command, in one request where the server joins.

        A command that is refused or answered unreadably is absent; `BadReply` when all are.
        """
        if len(commands) > 1 and self._joins is not False:
            replies = self._ask_joined(commands)
            if replies is not None:
                return replies
        return self._ask_singly(commands)

    def write(self, command: str, parameter: str | int | None = None) -> dict[str, Any]:
        """Send a command that changes something; `OutcomeUnknown` when it went out unanswered."""
        try:
            return self.ask(command, parameter)
        except (ReplyLost, BadReply) as error:
            raise OutcomeUnknown(f"{command} was sent, but: {error}") from error

    def interrupt(self) -> None:
        self._transport.interrupt()

    def close(self) -> None:
        self._transport.close()

    def _ask_joined(self, commands: tuple[str, ...]) -> dict[str, dict[str, Any]] | None:
        try:
            reply = self._reply("+".join(commands), None, {})
        except BadReply:
            self._joins = False
            return None
        except _Silence:
            if self._joins:
                raise
            replies = self._ask_singly(commands)  # some servers hang up on a "+"
            self._joins = False
            return replies
        found = {name: _unwrapped(reply.get(name)) for name in commands}
        if not any(found.values()):
            self._joins = False
            return None
        self._joins = True
        return {name: part for name, part in found.items() if part and refused(part) is None}

    def _ask_singly(self, commands: tuple[str, ...]) -> dict[str, dict[str, Any]]:
        replies: dict[str, dict[str, Any]] = {}
        unreadable: BadReply | None = None
        for command in commands:
            try:
                replies[command] = self.ask(command)
            except MinerRefused:
                continue
            except BadReply as error:
                unreadable = error
        if unreadable is not None and not replies:
            raise unreadable
        return replies

    def _reply(
        self, command: str, parameter: str | int | None, top_level: dict[str, object]
    ) -> dict[str, Any]:
        request: dict[str, object] = {"command": command}
        if parameter is not None:
            request["parameter"] = str(parameter)
        request.update(top_level)
        raw = json.dumps(request, separators=(",", ":"), ensure_ascii=False).encode()
        if len(raw) > MAX_REQUEST:
            raise InvalidValue(f"{command}: the request exceeds {MAX_REQUEST} bytes")
        answer = self._transport.exchange(raw)
        if not answer.strip(b"\0\r\n "):
            raise _Silence
        if answer.strip(b"\0\r\n ") == b"failed":  # all that old Avalon firmware says
            raise MinerRefused(f"{command}: the miner only says 'failed'")
        return decode(answer)


def refused(reply: dict[str, Any]) -> MinerRefused | None:
    """Return the error that *reply* reports, if any, ready to raise."""
    status = reply.get("STATUS")
    if isinstance(status, list):
        first = status[0] if status and isinstance(status[0], dict) else {}
        letter, code, message = first.get("STATUS"), first.get("Code"), first.get("Msg")
    else:
        letter, code, message = status, reply.get("Code"), reply.get("Msg")
    if letter not in ("E", "F"):
        return None
    # cgminer answers `dbgstats` with STATUS F and the statistics.
    if any(isinstance(part, list) and part for key, part in reply.items() if key != "STATUS"):
        return None
    text = str(message) if message not in (None, "", "(null)") else f"code {code}"
    return MinerLocked(text) if str(code) == str(_ACCESS_DENIED) else MinerRefused(text)


def _unwrapped(part: object) -> dict[str, Any] | None:
    first = part[0] if isinstance(part, list) and part else part
    return first if isinstance(first, dict) else None
