"""A cgminer-like server on loopback that answers from recordings, or misbehaves as told."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

Serve = Callable[[socket.socket], None]
_SUFFIXES = (".json", ".txt", ".bin")
_NOT_RPC = ("http", "web", "gql", "requests", "recording", "text_")
_UNKNOWN = b'{"STATUS":[{"STATUS":"E","When":1,"Code":14,"Msg":"Invalid command"}],"id":1}\0'
_UNKNOWN_IN_TEXT = b"STATUS=E,When=1,Code=14,Msg=Invalid command|\0"


def recorded(folder: Path) -> dict[str, bytes]:
    """Return the replies in *folder* by command ("switchpool|1" with its parameter)."""
    index = folder / "requests.json"
    facts = json.loads(index.read_text()) if index.exists() else {}
    if facts:
        return _indexed(folder, facts)
    replies: dict[str, bytes] = {}
    for path in sorted(folder.iterdir()):
        name = path.stem.removeprefix("rpc_")
        if path.suffix not in _SUFFIXES or name.startswith(_NOT_RPC):
            continue
        if "+" in name and path.suffix == ".json":
            parts = json.loads(path.read_bytes().rstrip(b"\0"))
            replies.update(
                {
                    key: json.dumps(part[0]).encode()
                    for key, part in parts.items()
                    if isinstance(part, list)
                }
            )
        else:
            replies.setdefault(name, path.read_bytes())
    return replies


def _indexed(folder: Path, index: Mapping[str, Mapping[str, str]]) -> dict[str, bytes]:
    replies: dict[str, bytes] = {}
    for name, facts in index.items():
        try:
            request = json.loads(facts["request"])
            key = _key(request)
        except (ValueError, AttributeError, KeyError):  # a malformed request was recorded
            continue
        replies.setdefault(key, (folder / f"{name}.bin").read_bytes())
    return replies


def _key(request: Mapping[str, object]) -> str:
    parameter = request.get("parameter")
    return f"{request['command']}" if parameter is None else f"{request['command']}|{parameter}"


class ReplayServer:
    """Answers requests from *replies*, one per connection; keeps what it was asked."""

    def __init__(self, replies: Mapping[str, bytes], *, joins: bool = True) -> None:
        self.replies = dict(replies)
        self.joins = joins
        self.asked: list[str] = []

    def __call__(self, connection: socket.socket) -> None:
        request = json.loads(connection.recv(4095))
        key = _key(request)
        self.asked.append(key)
        connection.sendall(self.answer(key))

    def answer(self, key: str) -> bytes:
        if key.startswith("check|") and key not in self.replies:
            return self._checked(key.removeprefix("check|"))
        if "+" in key.partition("|")[0] and key not in self.replies:
            if not self.joins:
                return _UNKNOWN
            names = key.split("+")
            if any(self.replies.get(name, b"").startswith(b"STATUS=") for name in names):
                return b"".join(f"CMD={name}|{self._part(name)}".encode() for name in names) + b"\0"
            parts = (f'"{name}":[{self._part(name)}]' for name in names)
            return ("{" + ",".join(parts) + ',"id":1}\0').encode("latin-1")
        return self.replies.get(key, _UNKNOWN)

    def _checked(self, name: str) -> bytes:
        told = [reply for key, reply in self.replies.items() if key.partition("|")[0] == name]
        exists = any(b"Invalid command" not in reply for reply in told)
        access = exists and b'"Code":46' in self.replies.get("privileged", b"")
        found = {"Exists": "NY"[exists], "Access": "NY"[access]}
        return json.dumps({"STATUS": [{"STATUS": "S", "Code": 72}], "CHECK": [found]}).encode()

    def _part(self, name: str) -> str:
        text = any(reply.startswith(b"STATUS=") for reply in self.replies.values())
        unknown = _UNKNOWN_IN_TEXT if text else _UNKNOWN
        return self.replies.get(name, unknown).rstrip(b"\0\n ").decode("latin-1")


@contextmanager
def serving(serve: Serve) -> Iterator[int]:
    """Serve connections one after another, as cgminer does; yield the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(10)

    def run() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                try:
                    serve(connection)
                except OSError:
                    continue

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(2)


def reset(connection: socket.socket) -> None:
    """Close with RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
