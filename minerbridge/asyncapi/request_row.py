"""What a row of the requests' table is: a name, what it takes, what it is answered with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from minerbridge.asyncapi.schemas import ID, TEXT, Schema, between, described, record
from minerbridge.request_fields import ADDRESS_FIELDS, MAX_LIMIT, MAX_NAME_LENGTH


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a request's document. *summary* is for people."""

    name: str
    schema: Schema
    summary: str = ""
    required: bool = False

    @property
    def documented(self) -> Schema:
        return described(self.schema, self.summary) if self.summary else self.schema


@dataclass(frozen=True, slots=True)
class RequestRow:
    """One request. *answer* is the schema of the answer's `data`.

    *names_miner*: whether it needs or takes a miner, under any name of `ADDRESS_FIELDS`.
    *is_closed*: a field that it does not know is refused, not ignored.
    """

    name: str
    summary: str
    fields: tuple[Field, ...]
    answer: Schema
    names_miner: bool | None = None
    is_closed: bool = False

    def request_schema(self) -> Schema:
        properties: dict[str, Any] = {"id": ID}
        if self.names_miner is not None:
            properties |= dict.fromkeys(ADDRESS_FIELDS, ADDRESS)
        properties |= {field.name: field.documented for field in self.fields}
        schema: Schema = {"type": "object", "properties": properties}
        required = [field.name for field in self.fields if field.required]
        if required:
            schema["required"] = required
        if self.names_miner:
            schema["anyOf"] = [{"required": [name]} for name in ADDRESS_FIELDS]
        if self.is_closed:
            schema["additionalProperties"] = False
        return schema


ADDRESS: Schema = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_NAME_LENGTH,
    "description": "an id or an address; miner_id, miner_ip and ip are one field",
}
LIMIT = Field("limit", between(0, MAX_LIMIT, "integer"), "how many rows; 100 where left out")
OFFSET = Field("offset", between(0, 10_000_000, "integer"), "how many rows to pass over")
PAGE = (LIMIT, OFFSET)
#: A write to a miner: accepted, and its outcome follows as a result.
UNDER_WAY = record(
    miner_id=TEXT, command=TEXT, message=TEXT, id=described(TEXT, "of the result that follows")
)
