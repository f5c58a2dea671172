"""A plain client of both WhatsMiner APIs, for tests of the simulator."""

from __future__ import annotations

import json
import socket
import struct
import time
from contextlib import contextmanager
from typing import Any

from minerbridge.simulator import whatsminer_cipher as cipher
from minerbridge.simulator.device import Device


class Clock:
    def __init__(self):
        self.now_s = 5_000.0

    def __call__(self):
        return self.now_s


def connected(device: Device, port: str = "rpc") -> socket.socket:
    return socket.create_connection((device.address, device.ports[port]), timeout=2)


def to_end(connection: socket.socket) -> bytes:
    reply = b""
    while part := connection.recv(65536):
        reply += part
    return reply


def raw(device: Device, request: bytes) -> bytes:
    with connected(device) as connection:
        connection.sendall(request)
        return to_end(connection)


def ask(device: Device, command: str, **more: object) -> dict[str, Any]:
    """Ask with both keys, so that every generation answers."""
    reply = raw(device, json.dumps({"cmd": command, "command": command, **more}).encode())
    document: dict[str, Any] = json.loads(reply.removesuffix(b"\0"))
    return document


class Session:
    """A token and what is sealed with it."""

    def __init__(self, device: Device, password: str = "admin"):
        self.device = device
        message = ask(device, "get_token")["Msg"]
        self.key = cipher.md5crypt(password, message["salt"])
        self.token = cipher.sign(self.key, message["newsalt"], message["time"])

    def sealed(self, plain: str) -> bytes:
        return json.dumps({"enc": 1, "data": cipher.encrypted(self.key, plain.encode())}).encode()

    def opened(self, reply: bytes) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(reply)
        if "enc" in document:
            document = json.loads(cipher.decrypted(self.key, document["enc"]))
        return document

    def text(self, command: str, **more: object) -> str:
        return json.dumps({"cmd": command, **more, "token": self.token})

    def ask(self, command: str, **more: object) -> dict[str, Any]:
        return self.opened(raw(self.device, self.sealed(self.text(command, **more))))


class Framed:
    """One v3 connection."""

    def __init__(self, connection: socket.socket):
        self.connection = connection

    def send(self, payload: bytes) -> None:
        self.connection.sendall(struct.pack("<I", len(payload)) + payload)

    def exactly(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            part = self.connection.recv(count - len(found))
            if not part:
                raise EOFError(found)
            found += part
        return found

    def receive(self) -> dict[str, Any]:
        (length,) = struct.unpack("<I", self.exactly(4))
        document: dict[str, Any] = json.loads(self.exactly(length))
        return document

    def ask(self, command: str, param: object = None) -> dict[str, Any]:
        request = {"cmd": command} | ({} if param is None else {"param": param})
        self.send(json.dumps(request).encode())
        return self.receive()

    def write(
        self, command: str, param: object = None, *, account: str = "super",
        password: str = "admin", at: int | None = None, seal: bool = False,
    ) -> dict[str, Any]:  # fmt: skip
        salt = self.ask("get.device.info", "salt")["msg"]["salt"]
        at = int(time.time()) if at is None else at
        key = cipher.v3_digest(command, password, salt, at)
        if seal:
            param = cipher.v3_encrypted(key, json.dumps(param).encode())
        request = {"cmd": command, "ts": at, "token": cipher.v3_token(key), "account": account}
        self.send(json.dumps(request | {"param": param}).encode())
        return self.receive()


@contextmanager
def framed(device: Device):
    with connected(device, "v3") as connection:
        yield Framed(connection)
