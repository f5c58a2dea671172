"""The kinds of value a setting can have, each refusing with what is allowed."""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)

Family = Literal[
    "auto", "cgminer", "antminer", "vnish", "whatsminer", "iceriver", "mining_platform"
]
_ID = re.compile(r"[a-z0-9_-]{1,64}")
MAX_TOPIC_LENGTH = 200


def _miner_id(value: str) -> str:
    if not _ID.fullmatch(value):
        raise ValueError("expected 1 to 64 of a-z, 0-9, _ and -")
    return value


def _topic(value: str) -> str:
    if not 0 < len(value) <= MAX_TOPIC_LENGTH or re.search(r"[+#\x00-\x1f]", value):
        raise ValueError(f"expected 1 to {MAX_TOPIC_LENGTH} characters without + and #")
    return value


def _base(value: str) -> str:
    if value != value.strip("/ "):
        raise ValueError("expected no / or blank at the beginning or end")
    return _topic(value)


def _host(value: str) -> str:
    if not value or len(value) > 253 or re.search(r"[\s/@]", value):
        raise ValueError("expected a host name or address alone, as in 192.168.1.56")
    if ":" in value:
        try:
            IPv6Address(value.partition("%")[0])
        except ValueError:
            raise ValueError(
                "expected a host name or address; a port has a key of its own"
            ) from None
    return value


def _namespace(value: str) -> str:
    if not re.fullmatch(r"(/[\w.~-]+)+/?", value, re.ASCII):
        raise ValueError("expected a path such as /api/v1/mining")
    return value.rstrip("/")


def _monitor_url(value: str) -> str:
    expected = ValueError("expected an address such as http://192.168.1.5:4000/api/v1")
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        raise expected from None
    is_plain = not (parts.username or parts.query or parts.fragment)
    if parts.scheme not in ("http", "https") or not parts.hostname or not is_plain:
        raise expected
    return f"{value.rstrip('/')}/api/v1" if parts.path in ("", "/") else value.rstrip("/")


def not_a_flag(value: Any, annotation: Any) -> Any:
    """Return *value* unless it is true or false where *annotation* wants something else."""
    if isinstance(value, bool) and annotation is not bool:
        raise ValueError("true and false are not taken here (YAML reads yes, no, on and off so)")
    return value


Port = Annotated[int, Field(ge=1, le=65_535)]
Seconds = Annotated[float, Field(gt=0, le=86_400 * 365)]
PollSeconds = Annotated[float, Field(ge=0.5, le=3600)]
Percent = Annotated[float, Field(ge=0, le=100)]
Watts = Annotated[float, Field(ge=0, le=10_000_000)]
Kilowatts = Annotated[float, Field(ge=0, le=1_000_000)]
MinerId = Annotated[str, AfterValidator(_miner_id)]
Topic = Annotated[str, AfterValidator(_topic)]
BaseTopic = Annotated[str, AfterValidator(_base)]
Host = Annotated[str, AfterValidator(_host)]
Namespace = Annotated[str, AfterValidator(_namespace)]
MonitorUrl = Annotated[str, AfterValidator(_monitor_url)]
FilePath = Annotated[Path, AfterValidator(Path.expanduser)]


class Section(BaseModel):
    """A part of the settings; a misspelt key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_flag(cls, value: Any, info: ValidationInfo) -> Any:
        return not_a_flag(value, cls.model_fields[str(info.field_name)].annotation)
