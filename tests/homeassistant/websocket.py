"""A client of Home Assistant's WebSocket API."""

import json
import time

from websockets.sync.client import connect

PLATFORMS = {"sensor", "binary_sensor", "switch", "number", "select", "button"}


class HomeAssistantSocket:
    def __init__(self, url, token):
        address = url.replace("http", "ws", 1) + "/api/websocket"
        # A full queue would stop the reader, and with it the closing handshake.
        self.connection = connect(address, max_size=None, max_queue=None)
        self.asked = 0
        self.events: list[dict] = []
        assert self._receive()["type"] == "auth_required"
        self.connection.send(json.dumps({"type": "auth", "access_token": token}))
        assert self._receive()["type"] == "auth_ok"

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.connection.close()

    def _receive(self, timeout=20):
        return json.loads(self.connection.recv(timeout))

    def ask(self, kind, **options):
        self.asked += 1
        self.connection.send(json.dumps({"id": self.asked, "type": kind, **options}))
        while True:
            message = self._receive()
            if message.get("id") == self.asked and message["type"] == "result":
                assert message["success"], message
                return message["result"]
            self.events.append(message)

    def event(self, is_wanted, timeout=15):
        """The first event for which `is_wanted(its data)`; subscribe before."""
        deadline = time.monotonic() + timeout
        while True:
            message = self.events.pop(0) if self.events else self._receive(timeout)
            if message["type"] == "event" and is_wanted(message["event"]["data"]):
                return message["event"]["data"]
            assert time.monotonic() < deadline, "no such event"

    def entities(self):
        """The MQTT entities of the registry by unique id, the disabled ones too."""
        entries = self.ask("config/entity_registry/list")
        return {entry["unique_id"]: entry for entry in entries if entry["platform"] == "mqtt"}

    def devices(self):
        """The MQTT devices by their first identifier."""
        listed = self.ask("config/device_registry/list")
        found = [(pair[1], device) for device in listed for pair in device["identifiers"]]
        return dict(found)

    def complaints(self):
        """Warnings and errors of the MQTT integration and the entity platforms."""
        return [entry for entry in self.ask("system_log/list") if _is_ours(entry["name"])]


def _is_ours(logger):
    integration = logger.removeprefix("homeassistant.components.").partition(".")[0]
    return integration in PLATFORMS | {"mqtt"} or logger == "homeassistant.helpers.template"
