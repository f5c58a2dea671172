"""Requests about power and frequency, as `power_answers.py` and `fleet_answers.py` serve them."""

from __future__ import annotations

from minerbridge.asyncapi.request_row import Field, RequestRow
from minerbridge.asyncapi.rows_of_fleet import KILOWATTS
from minerbridge.asyncapi.schemas import (
    BOOLEAN,
    INTEGER,
    NUMBER,
    SUCCESS,
    TEXT,
    array_of,
    between,
    one_of,
    or_null,
    record,
)

_TARGET = Field("target_power_kw", KILOWATTS, "of all miners together", True)
_POINT = record(
    optional=["power_percent"],
    frequency_mhz=or_null(NUMBER),
    power_watts=NUMBER,
    hashrate_ths=or_null(NUMBER),
    voltage=or_null(NUMBER),
    power_percent=NUMBER,
)
_ALLOCATED = record(
    miner_id=TEXT,
    ip=TEXT,
    action=one_of(["full", "swing", "idle"]),
    frequency=or_null(NUMBER),
    voltage=or_null(NUMBER),
    power_percent=or_null(NUMBER),
    power_limit=or_null(NUMBER),
    estimated_power=NUMBER,
)
_SUMMARY = record(
    full_miners=INTEGER,
    swing_miners=INTEGER,
    idle_miners=INTEGER,
    estimated_power_watts=NUMBER,
    estimated_power_kw=NUMBER,
)

POWER_REQUESTS: tuple[RequestRow, ...] = (
    RequestRow(
        "power/frequencies",
        "The frequencies that can be set: of the miner named, else of an S9 with Vnish", (),
        record(
            valid_frequencies=array_of(NUMBER), min_frequency=or_null(NUMBER),
            max_frequency=or_null(NUMBER), default_frequency=or_null(NUMBER),
        ),
        names_miner=False,
    ),
    RequestRow(
        "power/curve", "What a miner draws at each set-point: the one named, else a usual S9", (),
        record(curve=array_of(_POINT)), names_miner=False,
    ),
    RequestRow(
        "power/miner", "What one miner draws, and at which frequency", (),
        record(
            miner_ip=TEXT, miner_id=TEXT, frequency_mhz=or_null(NUMBER), voltage=or_null(NUMBER),
            power_watts=or_null(NUMBER), estimated_power_watts=or_null(NUMBER),
            estimated_power_kw=or_null(NUMBER),
        ),
        names_miner=True,
    ),
    RequestRow(
        "power/calculate", "Who would be told what for a power, without telling anyone", (_TARGET,),
        record(target_power_kw=NUMBER, allocation=array_of(_ALLOCATED), summary=_SUMMARY),
    ),
    RequestRow(
        "power/apply", "Order a power as the EMS would: accepted is not yet met", (_TARGET,),
        record(success=BOOLEAN, message=TEXT, target_power_kw=NUMBER),
    ),
    RequestRow(
        "power/set-frequency", "Set one miner's frequency",
        (
            Field("frequency_mhz", between(1, 10_000), "one of power/frequencies", True),
            Field("voltage", or_null(between(0, 100)), "chosen by the miner's curve, left out"),
        ),
        record(
            success=SUCCESS, message=TEXT, miner_ip=TEXT, miner_id=TEXT, frequency_mhz=NUMBER,
            voltage=or_null(NUMBER), estimated_power_watts=or_null(NUMBER), id=TEXT,
        ),
        names_miner=True,
    ),
)  # fmt: skip
