"""Requests about miners, their discovery and the bridge's health, as `answers.py` serves them."""

from __future__ import annotations

from minerbridge.asyncapi.request_row import PAGE, UNDER_WAY, Field, RequestRow
from minerbridge.asyncapi.schemas import (
    ANY,
    BOOLEAN,
    ID,
    INTEGER,
    NUMBER,
    OBJECT,
    SUCCESS,
    TEXT,
    TIME,
    array_of,
    between,
    one_of,
    or_null,
    page_of,
    record,
)

MINER = record(
    miner_id=TEXT,
    name=TEXT,
    is_online=BOOLEAN,
    is_mining=or_null(BOOLEAN),
    power_kw=or_null(NUMBER),
    power_estimated_kw=or_null(NUMBER),
    rated_power_kw=or_null(NUMBER),
    target_power_kw={"type": "null"},
    last_update=or_null(TIME),
    error=or_null(TEXT),
)
_SYSTEM = ("minertype", "hostname", "macaddr", "ipaddress", "firmware_version", "uptime")
_CONFIG = ("frequency", "voltage", "fan_ctrl", "fan_pwm", "target_temp", "shutdown_temp",
           "asicboost")  # fmt: skip
_SHARES = ("accepted", "rejected", "stale", "hw_errors")
_BOARD = record(
    id=or_null(INTEGER),
    hashrate_ghs=or_null(NUMBER),
    chip_temp=or_null(NUMBER),
    pcb_temp=or_null(NUMBER),
    power_watts=or_null(NUMBER),
    frequency_mhz=or_null(NUMBER),
    chips_total=or_null(INTEGER),
    chips_ok=or_null(INTEGER),
    status=or_null(TEXT),
)
_POOL = record(
    id=INTEGER,
    url=or_null(TEXT),
    worker=or_null(TEXT),
    status=or_null(TEXT),
    accepted=or_null(INTEGER),
    rejected=or_null(INTEGER),
    stratum_active=or_null(BOOLEAN),
)
_SUMMARY = record(
    elapsed=or_null(NUMBER),
    hashrate_ghs_5s=or_null(NUMBER),
    hashrate_ghs_avg=or_null(NUMBER),
    frequency_mhz=or_null(NUMBER),
    fans=array_of(record(id=INTEGER, rpm=or_null(NUMBER))),
)
DETAILS = record(
    ip=or_null(TEXT),
    status=OBJECT,
    system=record(**dict.fromkeys(_SYSTEM, or_null(TEXT))),
    config=record(**dict.fromkeys(_CONFIG, ANY)),
    boards=array_of(_BOARD),
    pools=array_of(_POOL),
    shares=record(**dict.fromkeys(_SHARES, or_null(INTEGER)), reject_rate=or_null(NUMBER)),
    summary=_SUMMARY,
)
_FOUND = {
    "id": TEXT,
    "ip": TEXT,
    "model": or_null(TEXT),
    "type": one_of(["asic"]),
    "is_online": BOOLEAN,
    "is_mining": or_null(BOOLEAN),
}
FOUND = record(**_FOUND, family=TEXT)
_DISCOVERED = record(
    **_FOUND,
    port=INTEGER,
    firmware_type=one_of(["stock", "vnish", "unknown"]),
    firmware_version=or_null(TEXT),
    hashrate_ghs=or_null(NUMBER),
    power_watts=or_null(NUMBER),
    power_kw=or_null(NUMBER),
    rated_power_watts=or_null(NUMBER),
    rated_power_kw=or_null(NUMBER),
    temperature_c=or_null(NUMBER),
    fan_speed_pct=or_null(NUMBER),
    power_mode=or_null(one_of(["normal", "sleep"])),
    pool_url=or_null(TEXT),
    uptime_seconds=or_null(NUMBER),
    last_seen=or_null(TIME),
    consecutive_failures=INTEGER,
)
_ACTIONS = ("start", "stop", "restart", "reboot", "reset")
_SERVICES = record(
    miner_discovery=BOOLEAN, fleet_manager=BOOLEAN, awesome_miner=one_of(["disabled"])
)

MINER_REQUESTS: tuple[RequestRow, ...] = (
    RequestRow("miners", "Every miner in a row", PAGE, page_of("miners", MINER)),
    RequestRow("miner", "One miner's row", (), MINER, names_miner=True),
    RequestRow(
        "miner/details", "Read a miner now, and tell everything it says", (), DETAILS,
        names_miner=True,
    ),
    RequestRow(
        "miner/control", "Start, stop, restart, reboot or reset a miner",
        (Field("action", one_of(_ACTIONS), "reset only where commands.allow names it", True),),
        record(
            success=SUCCESS, miner_id=TEXT, action=one_of(_ACTIONS), message=TEXT,
            expected_s=NUMBER, id=TEXT,
        ),
        names_miner=True,
    ),
    RequestRow(
        "miner/blink", "Switch the locating LED on, or off again", (),
        record(
            success=SUCCESS, miner_id=TEXT, miner_ip=TEXT, message=TEXT,
            is_enabled=or_null(BOOLEAN), id=TEXT,
        ),
        names_miner=True,
    ),
    RequestRow(
        "miner/command", "Send a vendor's command, or ask a vendor's question",
        (
            Field("command", TEXT, "as the family names it", True),
            Field("parameters", or_null(OBJECT), "as the family's table declares them"),
            Field("profile", TEXT, "a pool profile of the settings: the parameter of that name"),
        ),
        {"oneOf": [UNDER_WAY, record(miner_id=TEXT, command=TEXT, reply=ANY)]},
        names_miner=True,
    ),
    RequestRow(
        "discovery/scan", "Look for miners; finds follow as events",
        (Field("network_cidr", or_null(TEXT), "a part of discovery.networks; all, left out"),),
        record(success=SUCCESS, network_scanned=TEXT, message=TEXT, id=ID),
    ),
    RequestRow(
        "discovery/add", "Take in the miner at an address",
        (
            Field("port", or_null(between(1, 65_535, "integer")), "of its RPC"),
            Field("rated_power_watts", or_null(between(0, 1_000_000)), "what it draws at most"),
        ),
        record(success=BOOLEAN, miner=record(
            **_FOUND, family=TEXT, rated_power_watts=or_null(NUMBER)
        )),
        names_miner=True,
    ),
    RequestRow(
        "discovery/miners", "Every miner, in the fields of discovery", PAGE,
        page_of("miners", _DISCOVERED, online=INTEGER, mining=INTEGER),
    ),
    RequestRow(
        "discovery/remove", "Take out a miner that is not of the settings file", (),
        record(success=BOOLEAN, miner_id=TEXT), names_miner=True,
    ),
    RequestRow(
        "health", "Whether the bridge and its parts work", (),
        record(
            healthy=BOOLEAN, mode=one_of(["direct"]), network_cidr=or_null(TEXT),
            services=_SERVICES, miners_registered=INTEGER, miners_online=INTEGER,
            fleet_state=or_null(TEXT), timestamp=TIME,
        ),
    ),
)  # fmt: skip
