"""How the monitor is asked what it expects of ASICs, and how its answer is read. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import SecretStr

from minerbridge.rig_monitor.client import Question
from minerbridge.rig_monitor.expected import Expectation, parsed

ONE = "/asic_miners/expected_status"
BULK = "/asic_miners/expected_status_bulk"


def questions_for(codes: Sequence[SecretStr]) -> list[Question]:
    """Return what to ask: for one miner singly, for more in bulk, for none nothing."""
    if len(codes) < 2:
        return [Question("GET", ONE, code) for code in codes]
    bare = [code.get_secret_value() for code in codes]
    # The documentation calls the list asic_api_code_list; the server reads api_code_list.
    return [Question("POST", BULK, None, {"api_code_list": bare, "asic_api_code_list": bare})]


def expectations(codes: Sequence[SecretStr], content: Any) -> list[Expectation]:
    """Return what *content* says of each code; of those the server does not know nothing."""
    if len(codes) < 2:
        return [parsed(content) for _ in codes]
    entries = content if isinstance(content, dict) else {}
    return [parsed(entries.get(code.get_secret_value())) for code in codes]
