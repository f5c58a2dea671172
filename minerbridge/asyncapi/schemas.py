"""What payloads are made of, as JSON Schema (draft 7, as AsyncAPI takes it). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import TypeAdapter

from minerbridge.model import CommandResult, MinerReading

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
INTEGER: Schema = {"type": "integer"}
BOOLEAN: Schema = {"type": "boolean"}
OBJECT: Schema = {"type": "object"}
ANY: Schema = {}
TIME: Schema = {"type": "string", "format": "date-time"}
SUCCESS: Schema = {
    "type": ["boolean", "null"],
    "description": "null: under way; its result follows on the miner's result topic",
}
ID: Schema = {
    "type": ["string", "integer"],
    "maxLength": 128,
    "description": "echoed in the answer; made where it is missing",
}
CODE: Schema = {"$ref": "#/components/schemas/Code"}
_MODELS = "#/components/schemas/{model}"


def described(schema: Schema, words: str) -> Schema:
    return {**schema, "description": words}


def or_null(schema: Schema) -> Schema:
    """Return *schema*, or null: not reported, or not set."""
    kind = schema.get("type")
    if kind is None:
        return {"anyOf": [schema, {"type": "null"}]}
    kinds = kind if isinstance(kind, list) else [kind]
    nullable = {**schema, "type": [*kinds, "null"]}
    if "enum" in schema:
        nullable["enum"] = [*schema["enum"], None]
    return nullable


def between(low: float, high: float, kind: Literal["integer", "number"] = "number") -> Schema:
    return {"type": kind, "minimum": low, "maximum": high}


def one_of(choices: Iterable[str]) -> Schema:
    return {"type": "string", "enum": list(choices)}


def array_of(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def map_of(schema: Schema) -> Schema:
    return {"type": "object", "additionalProperties": schema}


def record(*, optional: Iterable[str] = (), **properties: Schema) -> Schema:
    """Return an object that has all of *properties*, but for the *optional* ones, and no others."""
    left_out = set(optional)
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in left_out],
        "additionalProperties": False,
    }


def page_of(name: str, row: Schema, **more: Schema) -> Schema:
    """Return a page of a list, as `limit` and `offset` cut it."""
    page = {name: array_of(row), "total": INTEGER, "limit": INTEGER, "offset": INTEGER}
    return record(**page, **more)


def model_schemas() -> dict[str, Schema]:
    """Return the schemas of readings and results, with those of their parts, by name."""
    found: dict[str, Schema] = {}
    for model in (MinerReading, CommandResult):
        schema = TypeAdapter(model).json_schema(mode="serialization", ref_template=_MODELS)
        found |= schema.pop("$defs", {})
        found[model.__name__] = schema
    for schema in found.values():
        # A reading is sent whole: what was not reported is null, and never left out.
        schema["required"] = list(schema["properties"])
        schema["additionalProperties"] = False
    # Users of pools are often wallets: they leave the bridge only with `publish_pool_users`.
    found["Pool"]["required"].remove("user")
    found["CommandResult"]["properties"].pop("answer_to")
    found["CommandResult"]["required"].remove("answer_to")
    return {name: _without_defaults(schema) for name, schema in sorted(found.items())}


def _without_defaults(schema: Schema) -> Schema:
    properties = {
        name: {key: value for key, value in one.items() if key not in ("default", "title")}
        for name, one in schema["properties"].items()
    }
    return {**schema, "properties": properties}
