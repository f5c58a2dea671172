"""Lists the shipped Node-RED flows and fills in whose broker, topics and miner they are for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

#: A flow's name: its file in `flows/`.
NAMES = ("ems-schedule", "solar-surplus", "miner-alerts", "miner-commands")
#: Properties of a node that may name a file of this folder, whose text they become.
_FROM_FILES = ("func", "info")
_HERE = files(__package__)

Node = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """What a flow is printed for. *root* and *prefix* begin the bridge's topics.

    *protocol* is Node-RED's word: "4" is MQTT 3.1.1, which every broker speaks.
    """

    host: str = "localhost"
    port: int = 1883
    tls: bool = False
    protocol: str = "4"
    root: str = "minerbridge"
    prefix: str = "homeassistant"
    miner_id: str = "miner_1"


#: As the files have it.
_SHIPPED = Place()


def summary(name: str) -> str:
    """Return what the flow does, in one line."""
    return str(next(node["info"] for node in _nodes(name) if node["type"] == "tab"))


def flow(name: str, place: Place = _SHIPPED) -> list[Node]:
    """Return the flow as Node-RED imports it. *name* is one of `NAMES`."""
    return [dict(_filled(node, place)) for node in _nodes(name)]


def _nodes(name: str) -> list[Node]:
    nodes: list[Node] = json.loads((_HERE / "flows" / f"{name}.json").read_text("utf-8"))
    return nodes


def _filled(node: Node, place: Place) -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if key in _FROM_FILES and value.endswith((".js", ".md")):
            yield key, (_HERE / value).read_text("utf-8")
        elif key == "topic":
            yield key, _topic(value, place)
        elif node["type"] == "mqtt-broker":
            yield key, _broker(place).get(key, value)
        else:
            yield key, value


def _broker(place: Place) -> Node:
    return {
        "broker": place.host,
        "port": str(place.port),
        "usetls": place.tls,
        "protocolVersion": place.protocol,
    }


def _topic(topic: str, place: Place) -> str:
    """Return *topic* of the shipped bridge as that of the bridge at *place*."""
    first, *levels = topic.split("/")
    if not levels or first not in (_SHIPPED.root, _SHIPPED.prefix):
        return topic
    start = place.root if first == _SHIPPED.root else place.prefix
    levels = [place.miner_id if level == _SHIPPED.miner_id else level for level in levels]
    return "/".join([start, *levels])
