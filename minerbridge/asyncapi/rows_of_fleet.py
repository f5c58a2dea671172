"""Requests about the fleet, its settings and its history, as `fleet_answers.py` serves them."""

from __future__ import annotations

from typing import get_args

from minerbridge.asyncapi.request_row import PAGE, Field, RequestRow
from minerbridge.asyncapi.schemas import (
    BOOLEAN,
    INTEGER,
    NUMBER,
    OBJECT,
    SUCCESS,
    TEXT,
    TIME,
    Schema,
    array_of,
    between,
    one_of,
    or_null,
    page_of,
    record,
)
from minerbridge.fleet_answers import CONFIG_NAMES, MAX_KW, MODES
from minerbridge.model_fleet import FleetState
from minerbridge.settings_fleet import Fleet

KILOWATTS = between(0, MAX_KW)
#: Also the document of the topic fleet/status.
FLEET_STATUS = record(
    state=one_of(get_args(FleetState)),
    is_available_for_dispatch=BOOLEAN,
    running_status={"type": "integer", "enum": [1, 2], "description": "1 standby, 2 running"},
    rated_power_kw=NUMBER,
    active_power_kw=or_null(NUMBER),
    target_power_kw=or_null(NUMBER),
    total_miners=INTEGER,
    online_miners=INTEGER,
    mining_miners=INTEGER,
    manual_override_active=BOOLEAN,
    override_target_power_kw=or_null(NUMBER),
    last_update=TIME,
    last_ems_command=or_null(TIME),
    errors=array_of(TEXT),
    power_control_mode=one_of(MODES),
)
_ALLOCATED = record(
    miner_id=TEXT,
    outcome=TEXT,
    waiting_for=or_null(TEXT),
    planned=or_null(TEXT),
    planned_power_w=or_null(NUMBER),
    set_point=or_null(TEXT),
    power_w=or_null(NUMBER),
    power_estimated_w=or_null(NUMBER),
    dispatch=BOOLEAN,
    priority=INTEGER,
    failures=INTEGER,
    reason=or_null(TEXT),
)
_CONFIG = record(
    rated_power_kw_override=or_null(NUMBER),
    power_distribution_strategy=TEXT,
    miner_priority=array_of(TEXT),
    max_power_change_rate_kw_per_sec=NUMBER,
    min_miner_power_percent=NUMBER,
)
_COMMAND = record(
    id=TEXT,
    timestamp=TIME,
    source=TEXT,
    command=TEXT,
    parameters=OBJECT,
    success=SUCCESS,
    message=TEXT,
    state=or_null(TEXT),
)


def _config_field(name: str) -> Field:
    """Return a field as the settings file would take it; null goes back to that file."""
    if name == "miner_priority":
        return Field(name, or_null(array_of(TEXT)), "miner ids, the first first")
    schema: Schema = dict(Fleet.model_json_schema()["properties"][name])
    for words in ("default", "title"):
        schema.pop(words, None)
    is_nullable = {"type": "null"} in schema.get("anyOf", ())
    return Field(name, schema if is_nullable else or_null(schema))


FLEET_REQUESTS: tuple[RequestRow, ...] = (
    RequestRow("fleet/status", "How the fleet stands", (), FLEET_STATUS),
    RequestRow(
        "fleet/override", "Take the fleet by hand, or give it back to the EMS",
        (
            Field("enabled", BOOLEAN, "", True),
            Field("target_power_kw", or_null(KILOWATTS), "while enabled, null or 0 stops all"),
        ),
        record(success=BOOLEAN, message=TEXT, override_active=BOOLEAN),
    ),
    RequestRow(
        "fleet/power-mode", "Tell how power is controlled, or choose it",
        (Field("mode", or_null(one_of(MODES)), "left out, nothing changes"),),
        {"oneOf": [
            record(mode=one_of(MODES)),
            record(success=BOOLEAN, message=TEXT, mode=one_of(MODES)),
        ]},
    ),
    RequestRow(
        "fleet/allocation", "What each miner was told and does", PAGE,
        page_of("miners", _ALLOCATED),
    ),
    RequestRow("config", "The settings that may be changed while running", (), _CONFIG),
    RequestRow(
        "config/set", "Change settings while running; null goes back to the settings file",
        tuple(_config_field(name) for name in CONFIG_NAMES),
        record(success=BOOLEAN, config=_CONFIG), is_closed=True,
    ),
    RequestRow(
        "history", "What was ordered, newest first", PAGE, page_of("commands", _COMMAND)
    ),
)  # fmt: skip
