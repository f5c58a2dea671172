"""Finds or starts the demo's broker."""

from __future__ import annotations

from importlib.util import find_spec
from itertools import islice
from pathlib import Path

from minerbridge.demo import mosquitto
from minerbridge.demo.broker import Broker, PortTaken, free_ports, is_free
from minerbridge.demo.embedded import EmbeddedBroker
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
    program = mosquitto.program()
    if program is None and find_spec("amqtt") is None:
        raise BridgeError(NONE_THERE)
    if wanted_port is not None and not is_free(wanted_port):
        raise BridgeError(f"port {wanted_port} is taken: another broker listens there")
    for port in [wanted_port] if wanted_port is not None else islice(free_ports(), ATTEMPTS):
        broker = mosquitto.Mosquitto(program, directory, port) if program else EmbeddedBroker(port)
        try:
            broker.start()
        except PortTaken:
            continue
        return broker
    raise BridgeError("no free port for a broker")
