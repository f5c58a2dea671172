"""The pieces of a document: messages, and the topics on which they travel. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from minerbridge.asyncapi.schemas import Schema

JSON, PLAIN = "application/json", "text/plain"
MQTT_BINDING = "0.2.0"
PARAMETERS = {
    "miner_id": "A miner's id: of the settings, or made when it was found",
    "n": "Counts from 1, in the device's own order, and never moves",
    "request": "The name that was asked for; it may have several levels",
    "platform": "Any platform of Home Assistant",
    "key": "Any key",
}
#: Requests of MQTT 5 may name a topic for their answer, and what to answer it with.
ASKING = {
    "mqtt": {
        "responseTopic": {
            "type": "string",
            "description": "answered there as well, unless it is one of the bridge's own topics",
        },
        "correlationData": {"type": "string", "description": "comes back with every answer"},
        "bindingVersion": MQTT_BINDING,
    }
}


@dataclass(frozen=True, slots=True)
class Message:
    """One kind of payload. *examples*: payloads, with a word about each.

    *is_request*: its sender may ask, by MQTT 5, for the answer on a topic of its own.
    """

    name: str
    summary: str
    payload: Schema
    examples: tuple[tuple[str, Any], ...] = ()
    content_type: str = JSON
    is_request: bool = False

    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "name": self.name,
            "summary": self.summary,
            "contentType": self.content_type,
            "payload": self.payload,
        }
        if self.is_request:
            found["bindings"] = {"$ref": "#/components/messageBindings/asking"}
        if self.is_request and self.content_type == JSON:
            found["correlationId"] = {
                "description": "comes back as the answer's or the result's id",
                "location": "$message.payload#/id",
            }
        if self.examples:
            found["examples"] = [
                {"summary": words, "payload": payload} if words else {"payload": payload}
                for words, payload in self.examples
            ]
        return found


@dataclass(frozen=True, slots=True)
class Channel:
    """One topic, from the bridge's view. *action* None: it is only answered on.

    *reply*: the name of the channel on which it is answered, and *replies* by which messages.
    """

    name: str
    address: str
    summary: str
    messages: tuple[Message, ...]
    action: Literal["send", "receive"] | None = "send"
    tag: str = "bridge"
    qos: int = 1
    retain: bool = False
    expires_s: int | None = None
    reply: str | None = None
    replies: tuple[Message, ...] = ()
    parameters: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", tuple(re.findall(r"\{(\w+)\}", self.address)))

    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "address": self.address,
            "summary": self.summary,
            "messages": {
                one.name: {"$ref": f"#/components/messages/{one.name}"} for one in self.messages
            },
        }
        if self.parameters:
            found["parameters"] = {
                name: {"$ref": f"#/components/parameters/{name}"} for name in self.parameters
            }
        return found | {"tags": [{"name": self.tag}]}

    def operation(self) -> dict[str, Any]:
        binding: dict[str, Any] = {"qos": self.qos}
        if self.action == "send":
            binding["retain"] = self.retain
        if self.expires_s is not None:
            binding["messageExpiryInterval"] = self.expires_s
        found: dict[str, Any] = {
            "action": self.action,
            "channel": {"$ref": f"#/channels/{self.name}"},
            "summary": self.summary,
            "tags": [{"name": self.tag}],
            "bindings": {"mqtt": {**binding, "bindingVersion": MQTT_BINDING}},
            "messages": _references(self.name, self.messages),
        }
        if self.reply is not None:
            found["reply"] = {
                "channel": {"$ref": f"#/channels/{self.reply}"},
                "messages": _references(self.reply, self.replies),
            }
        return found


def _references(channel: str, messages: Iterable[Message]) -> list[dict[str, str]]:
    return [{"$ref": f"#/channels/{channel}/messages/{one.name}"} for one in messages]


def snake(text: str) -> str:
    """Return a name of a topic as the name of a component."""
    return re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")


def combined(channels: Iterable[Channel]) -> dict[str, Any]:
    """Return channels, operations and their messages; a name means one thing only."""
    listed = list(channels)
    messages: dict[str, Message] = {}
    for channel in listed:
        for message in channel.messages:
            if messages.setdefault(message.name, message) is not message:
                raise ValueError(f"two messages are named {message.name}")
    names = [channel.name for channel in listed]
    if len(set(names)) < len(names):
        raise ValueError("two channels have one name")
    operations = [channel for channel in listed if channel.action is not None]
    return {
        "channels": {channel.name: channel.document() for channel in listed},
        "operations": {f"{one.action}_{one.name}": one.operation() for one in operations},
        "messages": {name: message.document() for name, message in messages.items()},
    }
