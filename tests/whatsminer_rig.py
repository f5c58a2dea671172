"""A WhatsMiner in the test's own hands: scripted replies, and every request as it was decrypted."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from minerbridge.miners.driver import PoolLogin, Target
from minerbridge.miners.whatsminer import WhatsminerDriver, cipher
from minerbridge.model import MinerCommand
from minerbridge.simulator import Fleet
from minerbridge.simulator.whatsminer import Whatsminer

PASSWORD, SALT, NEWSALT = "secret", "BQ5hoXV9", "jbzkfQls"
MAC = "02:00:00:00:00:17"
PROFILES = {"spare": (PoolLogin("stratum+tcp://spare.example.com:3333", "me.1", "x"),)}
SUMMARY = {
    "Elapsed": 26226.8, "MHS av": 180793184, "MHS 1m": 180783360, "HS RT": 180783360,
    "freq_avg": 367.8, "Fan Speed In": 3489, "Fan Speed Out": 3548, "Power": 3394.88,
    "Uptime": 2175567, "Hash Stable": "true", "Env Temp": 19.4, "Power Mode": "Normal",
    "Factory GHS": 177132, "Power Limit": 3400, "Chip Temp Max": 83.0,
    "Btminer Fast Boot": "disable",
}  # fmt: skip
STATUS = {
    "mineroff": "false", "mineroff_reason": "", "FirmwareVersion": "20251016.14.Rel2",
    "power_mode": "normal", "hash_percent": "0", "power_limit_set": "", "fast_mining": "0",
}  # fmt: skip
VERSION = {"api_ver": "2.2.2", "fw_ver": "20251016.14.Rel2", "miner_type": "M60S_VK40"}
INFO = {"mac": MAC, "minersn": "SN1", "hostname": "WhatsMiner", "ledstat": "auto",
        "upfreq_speed": "0"}  # fmt: skip
Answer = bytes | None | Callable[[socket.socket, dict[str, Any]], None]


def ok(msg: Any = "API command OK", code: int = 131, letter: str = "S") -> dict[str, Any]:
    return {"STATUS": letter, "When": 1, "Code": code, "Msg": msg, "Description": ""}


def refused(code: int, msg: str = "no") -> dict[str, Any]:
    return ok(msg, code, "E")


class Clock:
    now_s = 10_000.0

    def __call__(self) -> float:
        return self.now_s


class Rig:
    """Serves port 4028. *plain* and *sealed* are the replies by command.

    A reply may be a list: its parts are given one after another, the last for ever.
    """

    def __init__(self, directory: Path = Path()) -> None:
        self.directory = directory
        self.plain: dict[str, Any] = {
            "summary": ok(SUMMARY), "status": ok(STATUS), "get_version": ok(VERSION),
            "get_miner_info": ok(INFO), "get_error_code": ok({"error_code": []}),
            "get_token": ok({"time": "5626", "salt": SALT, "newsalt": NEWSALT}, 134),
            "pools": {"STATUS": [{"STATUS": "S"}], "POOLS": []},
            "edevs": {"STATUS": [{"STATUS": "S"}], "DEVS": []},
            "get_psu": ok({"model": "P221B"}),
        }  # fmt: skip
        self.sealed: dict[str, Any] = {}
        self.asked: list[dict[str, Any]] = []
        self.written: list[dict[str, Any]] = []
        self.password = PASSWORD
        #: Whether the next connection is cut before a byte of it is read.
        self.cuts_next = False
        self.connections = 0
        self.clock = Clock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def key(self) -> str:
        return cipher.key_of(self.password, SALT)

    def driver(self, options: dict[str, object] | None = None, **changes: Any) -> WhatsminerDriver:
        settings: dict[str, Any] = {
            "ports": {"rpc": self.port, "v3": self.port}, "password": PASSWORD, "timeout_s": 2.0,
            "options": {"api": "v2", **(options or {})}, "pool_profiles": PROFILES,
        }  # fmt: skip
        target = Target("m1", "127.0.0.1", **settings | changes)
        return WhatsminerDriver(target, self.clock)

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def seal(self, reply: dict[str, Any]) -> bytes:
        return json.dumps({"enc": cipher.encrypted(self.key, json.dumps(reply) + "\0")}).encode()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            if self.cuts_next:
                self.cuts_next = False
                reset(connection)
                continue
            with connection:
                try:
                    self._answer(connection)
                except OSError:
                    continue

    def _answer(self, connection: socket.socket) -> None:
        raw = connection.recv(65_536)
        if not raw:
            return
        request = json.loads(raw)
        if "enc" not in request:
            self.asked.append(request)
            name = request.get("cmd") or request.get("command")
            self._give(connection, _next(self.plain, name, refused(14, "invalid cmd")), request)
            return
        assert set(request) == {"enc", "data"}
        assert request["enc"] == 1
        try:
            inner = json.loads(cipher.decrypted(self.key, request["data"]).rstrip("\0"))
        except ValueError:
            connection.sendall(json.dumps(refused(23, "enc json load err")).encode())
            return
        self.written.append(inner)
        found = _next(self.sealed, inner["cmd"], ok())
        self._give(connection, self.seal(found) if isinstance(found, dict) else found, inner)

    def _give(self, connection: socket.socket, answer: Any, request: dict[str, Any]) -> None:
        if answer is None:
            return
        if callable(answer):
            answer(connection, request)
            return
        connection.sendall(json.dumps(answer).encode() if isinstance(answer, dict) else answer)


def _next(replies: dict[str, Any], name: str, otherwise: Any) -> Any:
    found = replies.get(name, otherwise)
    if isinstance(found, list):
        return found.pop(0) if len(found) > 1 else found[0]
    return found


def reset(connection: socket.socket, _request: object = None) -> None:
    """Close with RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def simulated(fleet: Fleet, **options: Any) -> Whatsminer:
    """Add a WhatsMiner that is tuned long since."""
    (device,) = fleet.add("whatsminer", **{"uptime_s": 90_000.0, "password": PASSWORD, **options})
    assert isinstance(device, Whatsminer)
    return device


def order(driver: WhatsminerDriver, name: str, **parameters: Any) -> Any:
    return driver.execute(MinerCommand("m1", name, "1", name, parameters))


def read(driver: WhatsminerDriver) -> Any:
    steps = driver.read()
    while True:
        try:
            next(steps)
        except StopIteration as end:
            (reading,) = end.value
            return reading
