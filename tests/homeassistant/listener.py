"""What an MQTT client sees, kept for the tests to wait on."""

import threading

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.subscribeoptions import SubscribeOptions


class Listener:
    """Hears everything; `retained` is what the broker keeps of it."""

    def __init__(self, port, username, password):
        self.retained: dict[str, str] = {}
        self.heard: list[tuple[str, str]] = []
        self._changed = threading.Condition()
        self.client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self.client.username_pw_set(username, password)
        self.client.reconnect_delay_set(1, 1)
        everything = ("#", SubscribeOptions(qos=1, retainAsPublished=True))
        self.client.on_connect = lambda client, *_: client.subscribe([everything])
        self.client.on_message = self._hear
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def _hear(self, _client, _userdata, message):
        with self._changed:
            payload = message.payload.decode()
            self.heard.append((message.topic, payload))
            if message.retain and payload:
                self.retained[message.topic] = payload
            elif message.retain:
                self.retained.pop(message.topic, None)
            self._changed.notify_all()

    def wait(self, question, seconds, what):
        """Ask `question` after each message until it is true."""
        with self._changed:
            assert self._changed.wait_for(question, seconds), f"not within {seconds} s: {what}"

    def wait_for(self, topic, payload, seconds=15, since=0):
        """Until the message came, counted from the `since`th heard."""
        wanted = (topic, payload)
        self.wait(lambda: wanted in self.heard[since:], seconds, f"{topic} {payload}")

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()
