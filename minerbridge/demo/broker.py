"""A broker the demo speaks to, and the port a private one gets."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from typing import ClassVar, Literal

from minerbridge.errors import BridgeError

LOOPBACK = "127.0.0.1"
#: Home users know 1883; where it is taken, one nearby is easy to remember.
USUAL_PORTS = range(1883, 1900)


class PortTaken(BridgeError):
    """Somebody else listens there; another port will do."""


class Broker:
    """Where the bridge connects to; this one is somebody else's and neither started nor stopped."""

    is_private: ClassVar[bool] = False
    protocol: ClassVar[Literal["auto", "3.1.1"]] = "auto"

    def __init__(
        self, host: str, port: int, username: str | None = None, password: str | None = None
    ) -> None:
        self.host, self.port = host, port
        self.username, self.password = username, password
        self.what = "your broker"
        self.remark = ""

    def start(self) -> None:
        """Return when clients may connect; raise `PortTaken` or another `BridgeError`."""

    def stop(self) -> None:
        """End it."""

    def problem(self) -> str:
        """Return why it ended before its time; empty while it runs."""
        return ""


def free_ports() -> Iterator[int]:
    """Yield ports that nobody listens on: the usual ones, then any."""
    yield from (port for port in USUAL_PORTS if is_free(port))
    while True:
        with socket.socket() as probe:
            probe.bind((LOOPBACK, 0))
            port: int = probe.getsockname()[1]
        yield port


def is_free(port: int) -> bool:
    """Whether a broker could listen there on all addresses; raise `BridgeError` if not allowed."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))  # a broker on another address has the port all the same
        except OSError as error:
            if error.errno == errno.EACCES:
                raise BridgeError(f"port {port} is not ours to listen on") from error
            return False
    return True
