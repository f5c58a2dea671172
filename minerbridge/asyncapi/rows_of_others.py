"""Requests to a Mining Platform and to a Mining Rig Monitor: their own answers, passed through."""

from __future__ import annotations

from minerbridge.asyncapi.request_row import PAGE, UNDER_WAY, Field, RequestRow
from minerbridge.asyncapi.schemas import (
    ANY,
    BOOLEAN,
    INTEGER,
    OBJECT,
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
from minerbridge.miners.mining_platform.listing import MAX_LIMIT, ORDERS, SORTS, STATUSES

_NAME = Field("name", TEXT, "one of the platform's miners by the platform's own name")
_LISTING = (
    Field("status", or_null(one_of(STATUSES))),
    Field("type", or_null(TEXT), "the mining software, such as xmrig"),
    Field("sort", or_null(one_of(SORTS))),
    Field("order", or_null(one_of(ORDERS))),
    Field("page", or_null(between(1, 1_000_000, "integer")), "counts from 1"),
    Field("limit", or_null(between(1, MAX_LIMIT, "integer")), "rows of a page; 100, left out"),
)
_SPAN = {"type": "string", "pattern": r"^\d{1,4}[smhd]$"}
_PAGES = record(page=INTEGER, limit=INTEGER, total=INTEGER, pages=INTEGER)
#: What a platform's rows hold depends on its version.
_ROWS = record(items=array_of(OBJECT), pagination={**_PAGES, "additionalProperties": True})
_HISTORY: Schema = {
    "type": "object",
    "properties": {"points": array_of(OBJECT), "total": INTEGER},
    "required": ["points", "total"],
}
_PROFILE = Field("profile", TEXT, "its id, as platform/profiles lists it")
_SOFTWARE = Field("type", TEXT, "the mining software, such as xmrig", True)

PLATFORM_REQUESTS: tuple[RequestRow, ...] = (
    RequestRow("platform/info", "The host and its software", (), OBJECT, names_miner=False),
    RequestRow("platform/miners", "The platform's miners", _LISTING, _ROWS, names_miner=False),
    RequestRow("platform/miner", "One of them, and its statistics", (_NAME,), OBJECT,
               names_miner=False),
    RequestRow("platform/stats", "One miner's statistics", (_NAME,), OBJECT, names_miner=False),
    RequestRow(
        "platform/history", "One miner's hashrate",
        (
            _NAME,
            Field("resolution", or_null(_SPAN), "UNSUPPORTED where the platform has none"),
            Field("duration", or_null(_SPAN), "UNSUPPORTED where the platform has none"),
            Field("since", or_null(TIME)),
            Field("until", or_null(TIME)),
            Field("limit", or_null(between(1, 500, "integer")), "newest points; 100, left out"),
        ),
        _HISTORY, names_miner=False,
    ),
    RequestRow(
        "platform/logs", "One miner's newest lines, without wallets",
        (_NAME, Field("limit", or_null(between(1, 500, "integer")), "100, left out")),
        record(lines=array_of(TEXT), total=INTEGER), names_miner=False,
    ),
    RequestRow(
        "platform/profiles", "Every profile, or one of them",
        (Field("profile", or_null(TEXT), "its id; all, left out"), *_LISTING),
        OBJECT, names_miner=False,
    ),
    RequestRow(
        "platform/profile/set", "Save a profile; its pools come from the settings",
        (
            Field("name", TEXT, "", True),
            Field("type", TEXT, "the mining software; also minerType"),
            Field("config", OBJECT, "without pool, wallet and password"),
            Field("description", TEXT),
            Field("pool_profile", TEXT, "a pool profile of the settings"),
        ),
        UNDER_WAY, names_miner=False,
    ),
    RequestRow("platform/profile/delete", "Delete a profile", (_PROFILE,), UNDER_WAY,
               names_miner=False),
    RequestRow(
        "platform/start", "Start a profile, a miner, or what was stopped together",
        (_PROFILE, _NAME), UNDER_WAY, names_miner=False,
    ),
    RequestRow("platform/stop", "Stop a miner, or all of the host", (_NAME,), UNDER_WAY,
               names_miner=False),
    RequestRow(
        "platform/install", "Install mining software; only where commands.allow names it",
        (_SOFTWARE, Field("version", TEXT), Field("force", BOOLEAN)), UNDER_WAY, names_miner=False,
    ),
    RequestRow("platform/uninstall", "Remove mining software; only where commands.allow names it",
               (_SOFTWARE,), UNDER_WAY, names_miner=False),
)  # fmt: skip

_EXPECTED = record(
    miner_id=TEXT,
    asic_expected_status=or_null(TEXT),
    light_expected_status=or_null(TEXT),
)
_REPORTED = record(
    miner_id=TEXT,
    form=one_of(["asic", "cpu_gpu"]),
    working=or_null(BOOLEAN),
    reason=TEXT,
    missing_field=or_null(TEXT),
    last_report_at=or_null(TIME),
    last_error=or_null(TEXT),
    expected_asic=or_null(TEXT),
    expected_light=or_null(TEXT),
)
_REPORTED_ID = Field("miner_id", TEXT, "a miner of rig_monitor.miners")

MONITOR_REQUESTS: tuple[RequestRow, ...] = (
    RequestRow(
        "rig-monitor/expected", "Ask the monitor what it expects of one miner or of all",
        (_REPORTED_ID, *PAGE), page_of("miners", _EXPECTED),
    ),
    RequestRow(
        "rig-monitor/playbooks", "A CPU/GPU rig's playbooks, without wallets",
        (Field("miner_id", TEXT, _REPORTED_ID.summary, True), *PAGE),
        page_of("playbooks", ANY, miner_id=TEXT),
    ),
    RequestRow(
        "rig-monitor/status", "How reports fare", PAGE,
        page_of("miners", _REPORTED, url=or_null(TEXT), apply_expected_status=BOOLEAN),
    ),
)  # fmt: skip
