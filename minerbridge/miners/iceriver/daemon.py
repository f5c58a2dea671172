"""The mining program's own port 4111: one line of JSON each way. It is only read here."""

from __future__ import annotations

import json
from collections.abc import Generator
from typing import Any

from minerbridge.errors import BadReply, MinerError, MinerRefused
from minerbridge.miners.driver import Target
from minerbridge.miners.iceriver.values import words
from minerbridge.miners.rpc_decode import decode, integer
from minerbridge.miners.whatsminer.connection import MinerConnection

PORT = 4111
_RPC_PORT = 4028
_READ_S = 30.0
#: What the web server asks and joins. Their order is its own.
READS = ("info", "getnet", "getlocate", "boardpow", "state", "fan", "getpool", "board")
Document = dict[str, Any]


class Daemon:
    """Requests to one miner. The connection stays open after a reply: it ends with its line."""

    def __init__(self, target: Target) -> None:
        self._connection = MinerConnection(
            target.host, port_of(target), max(_READ_S, target.timeout_s)
        )

    def panel(self) -> Generator[None, None, Document]:
        """Return what the web server would have joined, as far as the daemon tells it."""
        document: Document = {}
        for name in READS:
            try:
                told = self.ask(name)
            except (MinerRefused, BadReply):
                if name == "info":
                    raise
                continue  # builds differ in what they tell
            document |= _as_panel(name, told)
            yield
        return document

    def configuration(self) -> Document:
        told = self.ask("gethw")
        return {"ratio": told.get("getratio"), "mode": told.get("getmode")}

    def network(self) -> Document:
        return self.ask("getnet")

    def ask(self, name: str) -> Document:
        """Return `ret` of the reply to the read command *name*."""
        reply = decode(self.ask_raw(name))
        told = reply.get("ret")
        if reply.get("id") != name or not isinstance(told, dict):
            raise BadReply(f"the daemon does not answer {name}", str(reply))
        code = integer(told.get("code")) or 0
        # getlocate says 1005 and answers all the same
        if code and "on" not in told:
            raise MinerRefused(f"{name}: {words(told.get('msg')) or 'refused'} (code {code})")
        return told

    def ask_raw(self, name: str) -> bytes:
        """Return the reply to *name* as it came."""
        return self._connection.ask(json.dumps({"id": name}).encode() + b"\n")

    def interrupt(self) -> None:
        self._connection.interrupt()

    def close(self) -> None:
        self._connection.close()


def port_of(target: Target) -> int:
    """Return the daemon's port; that of other families' RPC, which discovery notes, is not it."""
    port = target.ports.get("rpc", PORT)
    return PORT if port == _RPC_PORT else port


def is_daemon(host: str, port: int, timeout_s: float) -> bool:
    """Whether an IceRiver's mining program listens at *port*."""
    try:
        connection = MinerConnection(host, port, timeout_s)
        reply = decode(connection.ask(b'{"id":"info"}\n'))
    except MinerError:
        return False
    told = reply.get("ret")
    return reply.get("id") == "info" and isinstance(told, dict) and "softver1" in told


def _as_panel(name: str, told: Document) -> Document:
    if name == "getlocate":
        return {"locate": told.get("on")}
    if name == "state":
        return {f"{key}state": value for key, value in told.items() if key not in ("code", "msg")}
    return {key: value for key, value in told.items() if key not in ("code", "msg")}
