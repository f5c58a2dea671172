"""The whole document: who is spoken to, every topic, and what its parameters may be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from minerbridge import __version__
from minerbridge.asyncapi import entities
from minerbridge.asyncapi import topics as own
from minerbridge.asyncapi.codes import code_schema
from minerbridge.asyncapi.ems import ems_channels
from minerbridge.asyncapi.parts import ASKING, MQTT_BINDING, PARAMETERS, Channel, Message, combined
from minerbridge.asyncapi.schemas import described, model_schemas
from minerbridge.mqtt.topics import Topics
from minerbridge.settings import Mqtt, Settings
from minerbridge.settings_fleet import Ems

VERSION = "3.0.0"
_DESCRIPTION = """\
ASIC miners on the LAN as MQTT topics: readings, Home Assistant's entities, commands with one result
each, an energy management system's orders, and requests. "send" is what the bridge publishes,
"receive" what it listens to. Every number has its unit in its name or in its description; null, and
"None" in a state, mean: not reported. An empty retained message takes back what stood there.
Commands and requests that the broker kept (retained) are ignored; an EMS's are refused as STALE."""
_TAGS = {
    "bridge": "the bridge itself",
    "miners": "each miner",
    "home_assistant": "Home Assistant's discovery, states and commands",
    "fleet": "all miners together",
    "ems": "an energy management system",
    "requests": "questions and orders, each answered once",
}


def document(settings: Settings | None = None) -> dict[str, Any]:
    """Return the document; *settings* None: of the defaults, for any miner."""
    topics = Topics()
    if settings is not None:
        mqtt = settings.mqtt
        topics = Topics(mqtt.base_topic, mqtt.discovery_prefix, mqtt.birth_topic, settings.site)
    parts = combined(_channels(topics, settings))
    used = {
        reference["$ref"].rpartition("/")[2]
        for channel in parts["channels"].values()
        for reference in channel.get("parameters", {}).values()
    }
    return {
        "asyncapi": VERSION,
        "info": {
            "title": "minerbridge",
            "version": __version__,
            "description": _DESCRIPTION,
            "license": {"name": "MIT"},
            "tags": [{"name": name, "description": words} for name, words in _TAGS.items()],
        },
        "defaultContentType": "application/json",
        "servers": {"broker": _server(topics, settings)},
        "channels": parts["channels"],
        "operations": parts["operations"],
        "components": {
            "parameters": {
                name: _parameter(name, words, settings)
                for name, words in PARAMETERS.items()
                if name in used
            },
            "schemas": {"Code": code_schema(), **model_schemas()},
            "messages": parts["messages"],
            "messageBindings": {"asking": ASKING},
        }
        | _security(settings),
    }


def _channels(topics: Topics, settings: Settings | None) -> Iterator[Channel]:
    yield from own.own_channels(topics)
    yield from own.miner_channels(topics)
    ems = settings.ems if settings is not None else Ems()
    yield from ems_channels(topics, ems.status_interval_s)
    yield from own.request_channels(topics)
    yield from own.discovery_channels(topics)
    yield from entities.miner_channels(topics, own.RESULT)
    yield from entities.fleet_channels(topics, own.RESULT)
    yield from entities.bridge_channels(topics)
    if settings is not None:
        yield from _meters(settings)


def _meters(settings: Settings) -> Iterator[Channel]:
    """Yield the topics on which others measure power."""
    places = {one.power_topic.topic: f"What {one.id} draws" for one in settings.miners
              if one.power_topic is not None}  # fmt: skip
    if settings.fleet.meter is not None:
        places[settings.fleet.meter.topic] = "What the fleet draws"
    for number, (topic, words) in enumerate(places.items(), 1):
        message = Message(
            f"meter_{number}", words, described({}, "a number, or JSON that holds it")
        )
        yield Channel(f"meter_{number}", topic, words, (message,), "receive", "miners")


def _server(topics: Topics, settings: Settings | None) -> dict[str, Any]:
    mqtt = settings.mqtt if settings is not None else Mqtt()
    will = {"topic": topics.bridge("state"), "qos": 1, "message": "offline", "retain": True}
    server: dict[str, Any] = {
        "host": f"{mqtt.host}:{mqtt.port}",
        "protocol": "mqtt" if mqtt.tls is None else "secure-mqtt",
        "protocolVersion": "3.1.1" if mqtt.protocol == "3.1.1" else "5.0",
        "description": "MQTT 5, and 3.1.1 where the broker knows no other",
        "bindings": {
            "mqtt": {
                "cleanSession": True,
                "lastWill": will,
                "sessionExpiryInterval": 0,
                "bindingVersion": MQTT_BINDING,
            }
        },
    }
    if mqtt.username:
        server["security"] = [{"$ref": "#/components/securitySchemes/login"}]
    return server


def _security(settings: Settings | None) -> dict[str, Any]:
    if settings is None or not settings.mqtt.username:
        return {}
    return {"securitySchemes": {"login": {"type": "userPassword"}}}


def _parameter(name: str, words: str, settings: Settings | None) -> dict[str, Any]:
    found: dict[str, Any] = {"description": words}
    if name == "miner_id" and settings is not None and settings.miners:
        ids = [miner.id for miner in settings.miners]
        found["enum" if _are_all(settings) else "examples"] = ids
    return found


def _are_all(settings: Settings) -> bool:
    """Whether no other miner can come to those of the settings: none is found, none is a host."""
    may_host = any(miner.family in ("auto", "mining_platform") for miner in settings.miners)
    return not may_host and not settings.discovery.networks
