"""Takes a message from the broker to whom it is for; runs in the MQTT thread, never blocks."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog

from minerbridge.errors import CommandRejected, InvalidValue, Unsupported
from minerbridge.model import CommandResult, MinerCommand
from minerbridge.mqtt.client import Incoming, Subscription
from minerbridge.mqtt.entity import Entity
from minerbridge.mqtt.meters import Meter
from minerbridge.mqtt.requests import MAX_ID_LENGTH, SELF_TEST, Request, RequestDesk
from minerbridge.mqtt.topics import Topics

log = structlog.get_logger(__name__)
MAX_COMMAND_BYTES = 4096
MAX_SHOWN = 60


@dataclass(frozen=True, slots=True)
class SetCommand:
    """A value somebody sent to a `/set` topic. *id* is given or made."""

    device_id: str
    platform: str
    key: str
    value: str
    id: str
    answer_to: Any = None


@dataclass(frozen=True, slots=True)
class Destinations:
    """Where the router hands things over. None of these blocks.

    *fleet_set* and *ems* None: there is no fleet, and nothing is heard of it.
    """

    row: Callable[[str, str, str], Entity | None]
    submit: Callable[[MinerCommand], None]
    result: Callable[[CommandResult], None]
    birth: Callable[[], None]
    self_test: Callable[[bytes], None]
    fleet_set: Callable[[SetCommand], None] | None = None
    ems: Callable[[Incoming], None] | None = None


class Router:
    """Knows every filter the bridge listens on."""

    def __init__(self, topics: Topics, desk: RequestDesk, destinations: Destinations) -> None:
        self._topics = topics
        self._desk = desk
        self._to = destinations
        self._meters: dict[str, list[Meter]] = {}
        self._request_prefix = topics.request("")
        self._ems_prefix = topics.ems("request/")
        self._fleet_id = topics.own_id("fleet")
        self._prefix = f"{topics.prefix}/"
        self._told: set[str] = set()
        self._ids: frozenset[str] = frozenset()

    def subscriptions(
        self, miner_ids: Iterable[str], meters: Iterable[Meter]
    ) -> list[Subscription]:
        """Return what to listen to for these miners and meters, and listen to no others."""
        self._ids = frozenset(miner_ids)
        by_topic: dict[str, list[Meter]] = {}
        for meter in meters:
            by_topic.setdefault(meter.topic, []).append(meter)
        self._meters = by_topic
        return [
            Subscription(self._topics.request("#")),
            Subscription(self._topics.birth, retained=True),
            *(Subscription(topic, retained=True) for topic in by_topic),
            *self._of_the_fleet(),
            *(Subscription(self._topics.set_filter(miner_id)) for miner_id in sorted(self._ids)),
        ]

    def _of_the_fleet(self) -> Iterator[Subscription]:
        if self._to.ems is not None:
            yield Subscription(f"{self._ems_prefix}#")
        if self._to.fleet_set is not None:
            yield Subscription(self._topics.set_filter(self._fleet_id))

    def connected(self) -> None:
        self._told.clear()

    def __call__(self, message: Incoming) -> None:
        topic = message.topic
        if topic in self._meters:
            for meter in self._meters[topic]:
                meter.take(message.payload)
        elif topic == self._topics.birth:
            if message.payload == b"online":
                self._to.birth()
        elif topic.startswith(self._ems_prefix):
            if self._to.ems is not None:  # which answers also what the broker kept
                self._to.ems(message)
        elif message.retain:
            if topic not in self._told:
                self._told.add(topic)
                log.warning("retained_command_ignored", topic=topic)
        elif topic.startswith(self._request_prefix):
            self._request(topic.removeprefix(self._request_prefix), message)
        elif topic.startswith(self._prefix) and topic.endswith("/set"):
            self._command(topic, message)

    def _request(self, name: str, message: Incoming) -> None:
        if name == SELF_TEST:
            self._to.self_test(message.payload)
            return
        self._desk.take(Request(name, message.payload, message.response_topic, message.correlation))

    def _command(self, topic: str, message: Incoming) -> None:
        parts = topic.removeprefix(self._prefix).split("/")
        if len(parts) != 4 or not self._is_ours(parts[1]):
            return  # another bridge's, or of a miner that has just left
        platform, device_id, key, _ = parts
        command_id, text = uuid.uuid4().hex[:12], ""
        answer_to = self._answer_to(message)
        try:
            command_id = id_of(message.payload, command_id)
            text = parse_command(message.payload)
            self._hand_over(SetCommand(device_id, platform, key, text, command_id, answer_to))
        except CommandRejected as error:
            self._to.result(
                CommandResult(
                    command_id, device_id, key, text[:MAX_SHOWN], "rejected", error.code,
                    str(error), datetime.now(UTC), 0.0, answer_to,
                )
            )  # fmt: skip

    def _is_ours(self, device_id: str) -> bool:
        is_fleet = device_id == self._fleet_id and self._to.fleet_set is not None
        return is_fleet or device_id in self._ids

    def _hand_over(self, one: SetCommand) -> None:
        """Give it to the fleet or the miner it is for; raise CommandRejected."""
        if one.device_id == self._fleet_id and self._to.fleet_set is not None:
            self._to.fleet_set(one)
            return
        row = self._to.row(one.device_id, one.platform, one.key)
        if row is None or row.control is None:
            raise Unsupported(f"{one.platform}/{one.key} takes no commands on {one.device_id}")
        name, parameters = row.control.decode(one.value)
        self._to.submit(
            MinerCommand(
                one.device_id, name, one.id, one.key, parameters, one.value, answer_to=one.answer_to
            )
        )

    def _answer_to(self, message: Incoming) -> tuple[str, bytes | None] | None:
        topic = message.response_topic
        if topic is None or not self._topics.may_answer_to(topic):
            return None
        return topic, message.correlation


def id_of(payload: bytes, fallback: str) -> str:
    """Return the id a command carries, whatever else is wrong with it; else *fallback*."""
    if len(payload) > MAX_COMMAND_BYTES or not payload.lstrip().startswith(b"{"):
        return fallback
    try:
        command_id = json.loads(payload).get("id")
    except (ValueError, RecursionError):
        return fallback
    if command_id is None:
        return fallback
    is_id = isinstance(command_id, str | int) and not isinstance(command_id, bool)
    if not is_id or len(str(command_id)) > MAX_ID_LENGTH:
        raise InvalidValue("id is not a short text")
    return str(command_id)


def parse_command(payload: bytes) -> str:
    """Return the value of a command: plain text, or that of `{"value": …, "id": …}`."""
    if len(payload) > MAX_COMMAND_BYTES:
        raise InvalidValue(f"{len(payload)} bytes are more than {MAX_COMMAND_BYTES}")
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        raise InvalidValue("the payload is not text in UTF-8") from None
    if not text.lstrip().startswith("{"):
        return text
    try:
        document: Any = json.loads(text)
        value = document["value"]
    except (ValueError, KeyError, RecursionError):
        raise InvalidValue('expected a plain value or {"value": …, "id": …}') from None
    if not isinstance(value, str | int | float | bool):
        raise InvalidValue("value is neither text nor a number")
    if isinstance(value, bool):
        value = "ON" if value else "OFF"
    return str(value)
