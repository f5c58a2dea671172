"""A broker that answers CONNECT as told and then only listens: for what a real one rarely does."""

import socket
import threading

import pytest

from minerbridge.mqtt import connection

ACCEPT_5 = b"\x20\x03\x00\x00\x00"
ACCEPT_3 = b"\x20\x02\x00\x00"
HANG_UP = b""
SILENCE = None


def publish_5(topic, payload):
    """Return an MQTT 5 PUBLISH at QoS 0; together shorter than 125 bytes."""
    body = len(topic).to_bytes(2, "big") + topic.encode() + b"\x00" + payload
    return bytes([0x30, len(body)]) + body


class ScriptedBroker:
    """*answer*(level) returns the bytes to send after CONNECT, HANG_UP or SILENCE.

    `levels` are those asked for: 4 is MQTT 3.1.1. What comes after CONNECT ends up in `heard`.
    """

    def __init__(self, answer, tls=None):
        self._answer = answer
        self._tls = tls
        self._wires = []
        self.levels = []
        self.heard = bytearray()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        while True:
            try:
                wire, _ = self._listener.accept()
            except OSError:
                return
            if self._tls:
                wire = self._tls.wrap_socket(wire, server_side=True)
            connect = wire.recv(4096)
            if not connect:
                continue
            # One byte of length: the CONNECT of a test is short.
            self.levels.append(connect[8])
            said = self._answer(connect[8])
            if said is HANG_UP:
                wire.close()
                continue
            self._wires.append(wire)
            if said:
                wire.sendall(said)
            threading.Thread(target=self._listen, args=(wire,), daemon=True).start()

    def _listen(self, wire):
        try:
            while received := wire.recv(65536):
                self.heard += received
        except OSError:
            pass  # hung up

    def hang_up(self):
        for wire in self._wires:
            wire.shutdown(socket.SHUT_RDWR)
        self._wires.clear()

    def stop(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)
        for wire in self._wires:
            wire.close()


@pytest.fixture
def scripted_broker(monkeypatch):
    """Start one: `scripted_broker(lambda level: ACCEPT_3 if level == 4 else HANG_UP)`."""
    monkeypatch.setattr(connection, "GOODBYE_WITHIN_S", 0.01)  # it never hangs up by itself
    started = []

    def start(answer, **options):
        started.append(ScriptedBroker(answer, **options))
        return started[-1]

    yield start
    for one in started:
        one.stop()
