"""Finds or starts the demo's broker."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

from minerbridge.demo import mosquitto
from minerbridge.demo.broker import Broker, PortTaken, free_ports, is_free
from minerbridge.demo.embedded import EmbeddedBroker
from minerbridge.demo.mosquitto import Mosquitto
from minerbridge.errors import BridgeError

DEFAULT_PORT = 1883
ATTEMPTS = 20
NONE_THERE = (
    "the demo needs an MQTT broker and found none. Any of these will do: install mosquitto"
    " (apt install mosquitto), install the embedded broker (pip install 'minerbridge[demo]'),"
    " or name a running broker (minerbridge demo --host BROKER)"
)


def named(host: str, port: int | None, username: str | None, password: str | None) -> Broker:
    return Broker(host, port or DEFAULT_PORT, username, password)


def started(directory: Path, wanted_port: int | None) -> Broker:
    """Start a private broker, on *wanted_port* or a free one; raise `BridgeError` without one."""
    if wanted_port is not None and not is_free(wanted_port):
        raise BridgeError(f"port {wanted_port} is taken: another broker listens there")
    program, has_embedded = mosquitto.program(), find_spec("amqtt") is not None
    why_embedded = "mosquitto is not installed"
    if program is not None:
        try:
            return _first(wanted_port, lambda port: Mosquitto(program, directory, port))
        except BridgeError as error:
            if not has_embedded:
                raise
            why_embedded = str(error)
    if not has_embedded:
        raise BridgeError(NONE_THERE)
    return _first(wanted_port, lambda port: EmbeddedBroker(port, why_embedded))


def _first(wanted_port: int | None, made: Callable[[int], Broker]) -> Broker:
    """Return the first broker that gets its port."""
    for port in [wanted_port] if wanted_port is not None else islice(free_ports(), ATTEMPTS):
        broker = made(port)
        try:
            broker.start()
        except PortTaken:
            continue
        return broker
    raise BridgeError("no free port for a broker")
