"""An MQTT client for tests: hears everything, asks, waits for what is to come."""

import json
import threading
import time
import uuid

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties


class Wiretap:
    """Connected to a broker, subscribed to all; `latest` holds the newest payload per topic."""

    def __init__(self, port):
        self.latest = {}
        self.heard = []
        self.empty = set()
        self._changed = threading.Condition()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self._client.on_message = self._hear
        self._subscribed = threading.Event()
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._subscribed.wait(5)

    def _hear(self, _, __, message):
        payload = message.payload.decode("utf-8", "replace")
        with self._changed:
            self.latest[message.topic] = payload
            self.heard.append((message.topic, payload))
            if message.retain and not payload:
                self.empty.add(message.topic)
            self._changed.notify_all()

    def wait(self, question, what, timeout_s=10):
        """Wait until *question*() is true; what it returned is the answer."""
        deadline_s = time.monotonic() + timeout_s
        with self._changed:
            while not (answer := question()):
                left_s = deadline_s - time.monotonic()
                assert left_s > 0, f"not heard in {timeout_s} s: {what}"
                self._changed.wait(left_s)
        return answer

    def until(self, topic, payload, timeout_s=10):
        self.wait(lambda: self.latest.get(topic) == payload, f"{topic} = {payload}", timeout_s)

    def publish(self, topic, payload, retain=False, properties=None):
        self._client.publish(topic, payload, 1, retain, properties).wait_for_publish(5)

    def mark(self):
        """Return a place in what was heard, to look at what comes after it."""
        with self._changed:
            return len(self.heard)

    def after(self, mark, topic, timeout_s=10):
        """Return the first JSON document on *topic* after *mark*."""

        def found():
            return [p for t, p in self.heard[mark:] if t == topic]

        return json.loads(self.wait(found, topic, timeout_s)[0])

    def command(self, topic, payload, timeout_s=10):
        """Send a command under a fresh id; return its result."""
        miner_id = topic.split("/")[2]
        command_id = uuid.uuid4().hex
        mark = self.mark()
        self.publish(topic, json.dumps({"value": payload, "id": command_id}))
        return self.result(miner_id, command_id, mark, timeout_s)

    def result(self, miner_id, command_id, mark=0, timeout_s=10):
        topic = f"minerbridge/miner/{miner_id}/result"

        def found():
            documents = [json.loads(p) for t, p in self.heard[mark:] if t == topic]
            return [one for one in documents if one["id"] == command_id]

        return self.wait(found, f"the result of {command_id}", timeout_s)[0]

    def ask(self, name, document=None, timeout_s=10):
        """Make a request; return its answer."""
        request_id = uuid.uuid4().hex
        mark = self.mark()
        body = json.dumps({**(document or {}), "id": request_id})
        self.publish(f"minerbridge/bridge/request/{name}", body)

        def found():
            topic = f"minerbridge/bridge/response/{name}"
            documents = [json.loads(p) for t, p in self.heard[mark:] if t == topic]
            return [one for one in documents if one["id"] == request_id]

        return self.wait(found, f"the answer to {name}", timeout_s)[0]

    def respond_to(self, topic, correlation):
        """Return MQTT 5's properties that ask for an answer on *topic*."""
        properties = Properties(PacketTypes.PUBLISH)
        properties.ResponseTopic = topic
        properties.CorrelationData = correlation
        return properties

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()
