"""What passes between bridge and broker, whatever library carries it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class Login:
    """Where the broker is and how to log in."""

    host: str
    port: int
    client_id: str
    protocol: Literal["auto", "5", "3.1.1"] = "auto"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    keepalive_s: int = 30
    tls: ssl.SSLContext | None = None
    max_message_bytes: int = 65_536


@dataclass(frozen=True, slots=True)
class Subscription:
    """A filter; *retained* says whether messages kept by the broker are wanted too."""

    filter: str
    retained: bool = False


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message from the broker; the last two are MQTT 5's request/response properties."""

    topic: str
    payload: bytes
    retain: bool = False
    response_topic: str | None = None
    correlation: bytes | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What the broker takes. MQTT 5 tells it in CONNACK; before and else nothing is known."""

    packet_bytes: int = 268_435_455
    qos: int = 2
    retain: bool = True
    under_way: int = 65_535


class Listener(Protocol):
    """Who hears what the broker says. An exception of `received` is logged and harms nothing."""

    def accepted(self, limits: Limits) -> None: ...
    def received(self, message: Incoming) -> None: ...
    def acknowledged(self, mid: int, refusal: str | None) -> None: ...
    def granted(self, mid: int, refusals: list[str | None]) -> None: ...


class Ended(Exception):
    """A connection is over, or was none.

    unreachable: nobody answers there. mute: somebody does, but not with MQTT's CONNACK.
    protocol: this version is not spoken. refused: the login is. lost: it was one. stopped: by us.
    """

    Kind = Literal["unreachable", "mute", "protocol", "refused", "lost", "stopped"]

    def __init__(
        self, kind: Kind, reason: str, code: int | None = None, *, blames_message: bool = False
    ) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason
        #: The broker's reason code, in MQTT 5's numbers.
        self.code = code
        #: Whether a broker ends a connection like this over a message it does not like.
        self.blames_message = blames_message
