"""A publisher with a broker that remembers."""

from typing import Any

import pytest

from minerbridge.mqtt.publisher import Presentation, Publisher
from minerbridge.mqtt.topics import Topics
from tests.fake_broker import FakeBroker
from tests.miners import profile, reading

STATE = "homeassistant/sensor/m/{}/state"
READING = "minerbridge/miner/m/reading"
CONFIG = "homeassistant/device/m/config"


class Desk:
    """Pass what was announced before, and how miners are shown."""

    def __init__(self, announced=None, **presentation):
        self.broker = FakeBroker()
        self.marked: list[Any] = []
        self.publisher = Publisher(
            Topics(), self.broker.send, announced, Presentation(**presentation), self.marked.append
        )

    def meets(self, of=None, shown=None):
        self.publisher.profile(of or profile())
        self.publisher.reading(shown or reading())
        self.broker.news()
        return self


@pytest.fixture
def desk():
    return Desk()


def states(broker):
    return {t: text for t, text in broker.retained.items() if t.endswith("/state")}
