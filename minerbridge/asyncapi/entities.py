"""The topics of Home Assistant's entities, from the tables that announce and publish them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from pydantic import TypeAdapter

from minerbridge.asyncapi import examples
from minerbridge.asyncapi.parts import PLAIN, Channel, Message, snake
from minerbridge.asyncapi.schemas import ID, TEXT, Schema, described, record
from minerbridge.model import MinerReading
from minerbridge.mqtt.discovery import BRIDGE_COMPONENTS
from minerbridge.mqtt.entities import MINER_ENTITIES, board_rows, fan_row, hashrate_rows
from minerbridge.mqtt.entity import (
    MAX_STATE_LENGTH,
    NOT_REPORTED,
    Entity,
    switch_text,
    timestamp,
    whole,
    words,
)
from minerbridge.mqtt.fleet_entities import FLEET_ENTITIES, FleetRow
from minerbridge.mqtt.topics import Topics
from minerbridge.mqtt.units import scale_of

_HASHRATE_UNIT = "TH/s"
_OTHER_UNITS = "TH/s, GH/s, MH/s, kSol/s or H/s, as the miner's algorithm is counted"
_NUMBERED = re.compile(r"_\d+_")
_ON_OFF = ("ON", "OFF")
_KEY_NUMBER = "_{n}_"


def miner_rows() -> list[Entity]:
    """Return every row a miner can have; of those that are numbered the first."""
    scale = scale_of(_HASHRATE_UNIT)
    rows = [*hashrate_rows(_HASHRATE_UNIT, scale), *MINER_ENTITIES, fan_row(1)]
    rows += board_rows(1, 0, _HASHRATE_UNIT, scale)
    found: dict[tuple[str, str], Entity] = {}
    for row in rows:
        found.setdefault((row.platform, key_of(row.key)), row)
    return list(found.values())


def key_of(key: str) -> str:
    """Return the key of a row, with a parameter for its number."""
    return _NUMBERED.sub(_KEY_NUMBER, key, count=1)


# -- states ------------------------------------------------------------------------------------


def text_schema(text: Callable[[Any], str], traits: Mapping[str, Any]) -> Schema:
    """Return what a row's *text* writes; "None" is unknown in Home Assistant."""
    if text is switch_text:
        return {"type": "string", "enum": [*_ON_OFF, NOT_REPORTED]}
    if text is timestamp:
        return {"type": "string", "pattern": rf"^(\d{{4}}-\d\d-\d\dT[0-9:+-]+|{NOT_REPORTED})$"}
    if text is words:
        if "options" in traits:
            return {"type": "string", "enum": [*traits["options"], NOT_REPORTED]}
        return {"type": "string", "maxLength": MAX_STATE_LENGTH}
    digits = 0 if text is whole else len(text(0.0).partition(".")[2])
    return _decimals(digits)


def _decimals(digits: int) -> Schema:
    fraction = rf"\.\d{{{digits}}}" if digits else ""
    return {"type": "string", "pattern": rf"^(-?\d+{fraction}|{NOT_REPORTED})$"}


def _fleet_schema(row: FleetRow) -> Schema:
    if row.platform in ("switch", "binary_sensor"):
        return text_schema(switch_text, row.traits)
    if "unit_of_measurement" in row.traits:
        return _decimals(2)
    return _decimals(0) if "state_class" in row.traits else text_schema(words, row.traits)


def _with_unit(schema: Schema, key: str, traits: Mapping[str, Any]) -> Schema:
    unit = traits.get("unit_of_measurement")
    if unit is None:
        return schema
    return described(schema, _OTHER_UNITS if unit == _HASHRATE_UNIT and "rate" in key else unit)


def _state(name: str, row: Entity | FleetRow, schema: Schema, shown: str | None) -> Message:
    known = shown not in (None, NOT_REPORTED)
    return Message(name, row.name, schema, (("", shown),) if known else (), PLAIN)


# -- commands ----------------------------------------------------------------------------------


def _value_schema(platform: str) -> Schema:
    match platform:
        case "switch":
            return {"type": "string", "enum": list(_ON_OFF)}
        case "button":
            return {"type": "string", "enum": ["PRESS"]}
        case "number":
            return {
                "type": "string",
                "pattern": r"^\s*[+-]?\d+(\.\d+)?\s*$",
                "description": "within the range that the discovery message announces",
            }
        case _:
            return described(TEXT, "one of the options that the discovery message announces")


def values_for(row: Entity | FleetRow) -> list[str]:
    """Return what the examples set a row to."""
    match row.platform:
        case "switch":
            return ["OFF", "ON"]
        case "button":
            return ["PRESS"]
        case _:
            device = "fleet/" if isinstance(row, FleetRow) else ""
            return [examples.value_of(f"{device}{row.platform}/{row.key}")]


def _with_id(platform: str) -> Message:
    shown = {"switch": "ON", "button": "PRESS", "number": 50}.get(platform, "normal")
    value: Schema = {"type": ["string", "number", "boolean"]}
    if platform in ("switch", "button"):
        value = {
            "enum": [*_value_schema(platform)["enum"], *([True, False] * (platform == "switch"))]
        }
    return Message(
        f"set_{platform}", f"The value of a {platform}, with an id for its result",
        record(value=value, id=ID, optional=["id"]),
        (("", {"value": shown, "id": "find-it"}),), is_request=True,
    )  # fmt: skip


_WITH_ID = {name: _with_id(name) for name in ("switch", "number", "select", "button")}


def _set(device: str, row: Entity | FleetRow) -> tuple[Message, ...]:
    plain = Message(
        f"{device}set_{row.platform}_{row.key}", row.name, _value_schema(row.platform),
        tuple(("", value) for value in values_for(row)), PLAIN, is_request=True,
    )  # fmt: skip
    return plain, _WITH_ID[row.platform]


# -- channels ----------------------------------------------------------------------------------


def _channels(
    topics: Topics,
    device_id: str,
    device: str,
    rows: Iterable[tuple[Entity | FleetRow, Schema | None, str | None]],
    result: tuple[str, tuple[Message, ...]],
) -> Iterator[Channel]:
    """Yield each row's topics; *rows*: with the schema of its state, if it has one, and a state."""
    for row, schema, shown in rows:
        words_of = f"{row.name}, as {row.platform}"
        key = key_of(row.key)
        name = snake(f"{row.platform}_{key}")
        if schema is not None:
            state = f"{device}state_{name}"
            message = _state(state, row, _with_unit(schema, row.key, row.traits), shown)
            yield Channel(
                state, topics.state(row.platform, device_id, key), words_of, (message,), "send",
                "home_assistant", qos=0, retain=True,
            )  # fmt: skip
        takes = row.control if isinstance(row, Entity) else row.decode
        if takes is not None:
            yield Channel(
                f"{device}set_{name}", topics.set(row.platform, device_id, key),
                f"Set: {words_of}", _set(device, row), "receive", "home_assistant",
                reply=result[0], replies=result[1],
            )  # fmt: skip


def miner_channels(topics: Topics, result: Message) -> Iterator[Channel]:
    """Yield the topics of the rows of THE TABLE."""
    reading = TypeAdapter(MinerReading).validate_python(examples.document("reading")[0][1])
    rows = [
        (row, None, None) if row.platform == "button" else
        (row, text_schema(row.text, row.traits), row.state(reading))
        for row in miner_rows()
    ]  # fmt: skip
    yield from _channels(topics, "{miner_id}", "", rows, ("miner_result", (result,)))
    anything = Message("set_unknown", "Rejected: no such control", {}, content_type=PLAIN)
    yield Channel(
        "set_unknown", topics.set("{platform}", "{miner_id}", "{key}"),
        "What a miner does not have: rejected as UNSUPPORTED", (anything,), "receive",
        "home_assistant", reply="miner_result", replies=(result,),
    )  # fmt: skip


def fleet_channels(topics: Topics, result: Message) -> Iterator[Channel]:
    rows = [(row, None if row.text is None else _fleet_schema(row), None) for row in FLEET_ENTITIES]
    device_id = topics.own_id("fleet")
    yield from _channels(topics, device_id, "fleet_", rows, ("fleet_result", (result,)))


def bridge_channels(topics: Topics) -> Iterator[Channel]:
    """Yield the states of the bridge's own device; `online` reads the topic bridge/state."""
    for (platform, key), traits in BRIDGE_COMPONENTS.items():
        if key == "online":
            continue
        schema = _decimals(0) if "state_class" in traits else TEXT
        message = Message(f"bridge_state_{key}", traits["name"], schema, (), PLAIN)
        yield Channel(
            f"bridge_state_{key}", topics.state(platform, topics.own_id("bridge"), key),
            traits["name"], (message,), "send", "home_assistant", qos=0, retain=True,
        )  # fmt: skip
