"""A broker's memory: what was sent, and what is retained after it."""

import json


class FakeBroker:
    """Pass `send` where messages go."""

    def __init__(self):
        self.sent = []
        self.retained = {}

    def send(self, message):
        self.sent.append(message)
        if message.retain and message.payload:
            self.retained[message.topic] = message.payload.decode()
        elif message.retain:
            self.retained.pop(message.topic, None)

    def news(self):
        """What was sent since the last question, as topic and text."""
        found = [(message.topic, message.payload.decode()) for message in self.sent]
        self.sent = []
        return found

    def topics(self):
        return [topic for topic, _ in self.news()]

    def discovered(self, miner_id):
        return json.loads(self.retained[f"homeassistant/device/{miner_id}/config"])
