"""Where each device listens: its own loopback address where possible, else one with many ports."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address

FALLBACK_ADDRESS = "127.0.0.1"
FIRST_FREE_PORT = 20_000


class Addresses:
    """Hands out (address, ports), one call per device.

    *wanted* overrides default ports; a 0 in it means ephemeral ports on 127.0.0.1.
    """

    def __init__(self, first_address: str, wanted: Mapping[str, int] | None = None) -> None:
        self._wanted = dict(wanted or {})
        self._is_ephemeral = 0 in self._wanted.values()
        self._own_addresses = not self._is_ephemeral and _can_bind(first_address, 0) is None
        self._first = first_address
        self._next_addresses = _following(first_address)
        self._next_port = FIRST_FREE_PORT
        self._chosen: dict[int, int] = {}

    def place(self, default_ports: Mapping[str, int]) -> tuple[str, dict[str, int]]:
        others = dict.fromkeys(default_ports, 0) if self._is_ephemeral else default_ports
        ports = {name: self._wanted.get(name, others[name]) for name in default_ports}
        if self._is_ephemeral:
            return FALLBACK_ADDRESS, ports
        if self._own_addresses:
            own = {name: self._bindable(port) for name, port in ports.items()}
            return next(self._next_addresses), own
        return FALLBACK_ADDRESS, {name: self._free_port() for name in ports}

    def _bindable(self, port: int) -> int:
        """*port*, or 20000 more where the system keeps it from us; decided once for all devices."""
        if port not in self._chosen:
            problem = _can_bind(self._first, port)
            self._chosen[port] = port if problem is None else port + FIRST_FREE_PORT
        return self._chosen[port]

    def _free_port(self) -> int:
        while _can_bind(FALLBACK_ADDRESS, self._next_port) is not None:
            self._next_port += 1
        self._next_port += 1
        return self._next_port - 1


def _following(first: str) -> Iterator[str]:
    number = int(IPv4Address(first))
    while True:
        if number & 255 not in (0, 255):
            yield str(IPv4Address(number))
        number += 1


def bound(address: str, port: int) -> socket.socket:
    """Bind without listening: connections are refused, yet nobody else gets the port."""
    found = socket.socket()
    reuse = (socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        if port:  # for an ephemeral one it might be given a port another process keeps
            found.setsockopt(*reuse)
        found.bind((address, port))
        found.setsockopt(*reuse)  # its connections inherit this, or the port could not be reopened
    except OSError:
        found.close()
        raise
    return found


def _can_bind(address: str, port: int) -> int | None:
    """Return the errno that keeps us from listening there, None when nothing does."""
    try:
        with bound(address, port) as probe:
            probe.listen(1)
    except OSError as error:
        return error.errno or errno.EIO
    return None
