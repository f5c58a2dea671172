"""Every recorded WhatsMiner, where the whole collection is at hand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from minerbridge.errors import BridgeError, MinerRefused, Unsupported
from minerbridge.miners.rpc_decode import decode
from minerbridge.miners.whatsminer import codes, reading, v3_reading
from minerbridge.miners.whatsminer.v3_client import refusal

COLLECTION = os.environ.get("MINERBRIDGE_RECORDINGS")
FOLDER = Path(COLLECTION or ".") / "whatsminer"
pytestmark = pytest.mark.skipif(
    not COLLECTION, reason="MINERBRIDGE_RECORDINGS names no collection of recorded replies"
)
MINING, TUNING, STARTING, UNKNOWN = "mining", "tuning", "starting", "unknown"
# folder: generation, status, TH/s, TH/s of the boards, W, limit W, hottest chip °C
V2 = {
    "M20S-V10__20210322.22.REL": (1, MINING, 67.39, 69.97, 3417, 3500, 92.5),
    "M20S-unknown__20220919.15.REL": (2, STARTING, None, 0, None, None, None),
    "M20S__20210322.22.REL-api1.4.0": (1, MINING, 67.39, 69.97, 3417, 3500, 92.5),
    "M3-or-M10__cgminer-4.9.2": (1, MINING, 35.52, 0, None, None, None),
    "M30S-or-M50S__20230803.11.REL": (1, MINING, 124.5, 125.0, 3200, 3300, 81),
    "M50S-VH50__20240624.18.REL": (3, STARTING, None, 0, None, 3600, None),
    "M56S_VH30__20230714.15.Rel-api2.0.5-mock": (2, MINING, 294.8, 0, 4000, 8000, 66),
    "M60S-VK40__20251016.14.Rel2": (4, MINING, 180.78, 180.79, 3394.88, 3400, 82.996),
    "M60S-unverified__fw-unknown-2026-02": (4, TUNING, 140.54, 140.54, 3173.45, 3600, 84.19),
    "M60S__2026-02-v2compat": (4, TUNING, 140.54, 140.54, 3173.45, 3600, 84.19),
    "unknown__20230911.12.Rel": (3, STARTING, None, 0, None, None, None),
    "v2__20230803.11.REL-api2.0.5": (3, MINING, 124.5, 125.0, 3200, 3600, 81),
}
V3 = {
    "M60S-VK40__20251209.16.Rel2__api3": (None, MINING, 171.26, 171.3, 3156, 3600, 82),
    "M60S_VK40__20251209.16.Rel2-api3.0.2": (None, MINING, 171.26, 171.3, 3156, 3600, 82),
    "M63-class__api3.0.3-mock": (None, MINING, 238.9, 240.4, 7185, 8000, 100),
    "_oddities": (None, UNKNOWN, None, 0, None, None, None),
}
ERRORS = {
    "M56S_VH30__20230714.15.Rel-api2.0.5-mock/invalid_command.json": Unsupported,
    "M60S-VK40__20251016.14.Rel2/stats.json": Unsupported,
    "M60S-unverified__fw-unknown-2026-02/devdetails.json": MinerRefused,
    "M60S__2026-02-v2compat/devdetails.json": MinerRefused,
    "M63-class__api3.0.3-mock/get.miner.status_invalid-param.json": MinerRefused,
    "M63-class__api3.0.3-mock/get.miner.status_missing-param.json": MinerRefused,
}
# further states of a device beside its plain ones: codes of the errors, or TH/s of the boards
MORE = {
    "M20S-V10__20210322.22.REL/summary_with_errors.json": ["110", "600"],
    "M20S__20210322.22.REL-api1.4.0/summary_with_errors.json": ["110", "600"],
    "M30S-or-M50S__20230803.11.REL/get_error_code_with_errors.json": ["218", "110"],
    "v2__20230803.11.REL-api2.0.5/get_error_code_with_errors.json": ["218", "110"],
    "M60S__2026-02-v2compat/edevs~low-power.json": [20.32, 21.73, 22.41],
}


def _paths():
    return sorted(FOLDER.glob("*/*.json")) if COLLECTION else []


def _told(folder):
    """Return the parts of all v3 replies of *folder*."""
    found = {}
    for path in sorted((FOLDER / folder).glob("*.json")):
        reply = decode(path.read_bytes())
        if isinstance(reply.get("msg"), dict):
            found.update(reply["msg"])
    return found


def _check(fields, expected):
    generation, status, rate_ths, boards_ths, power_w, limit_w, chip_c = expected
    rate_hs = None if rate_ths is None else pytest.approx(rate_ths * 1e12, rel=1e-3)
    assert fields["details"].get("generation") == generation
    assert fields["status"] == status
    assert fields["hashrate_hs"] == rate_hs
    boards_hs = sum(board.hashrate_hs for board in fields["boards"])
    assert boards_hs == pytest.approx(boards_ths * 1e12, rel=1e-3)
    assert fields["power_w"] == (None if power_w is None else pytest.approx(power_w, abs=0.01))
    assert fields["power_limit_w"] == limit_w
    assert fields["chip_temperature_c"] == (chip_c and pytest.approx(chip_c, abs=0.01))


def test_no_recording_is_left_out():
    folders = {path.parent.name for path in _paths()}

    assert folders == V2.keys() | V3.keys()


@pytest.mark.parametrize("folder", V2)
def test_reading_over_v2(folder):
    replies = {
        path.stem: decode(path.read_bytes())
        for path in (FOLDER / folder).glob("*.json")
        if str(path.relative_to(FOLDER)) not in ERRORS.keys() | MORE.keys()
    }
    replies.setdefault("edevs", replies.get("devs", {}))

    _check(reading.reading_fields(replies), V2[folder])


@pytest.mark.parametrize("folder", V3)
def test_reading_over_v3(folder):
    _check(v3_reading.reading_fields(_told(folder)), V3[folder])


def test_summary_and_boards_of_the_m60s_agree_within_a_percent():
    for expected in (V2["M60S-VK40__20251016.14.Rel2"], V2["M60S__2026-02-v2compat"]):
        assert expected[2] == pytest.approx(expected[3], rel=0.01)


@pytest.mark.parametrize("path", _paths(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_each_reply_is_taken_or_gives_its_error(path):
    reply = decode(path.read_bytes())
    name = str(path.relative_to(FOLDER))
    is_v3 = "STATUS" not in reply
    found: BridgeError | None = None
    if is_v3 and "code" in reply:
        found = refusal(path.stem, reply)
    elif not is_v3:
        found = codes.refusal(path.stem, reply, encrypted=False)

    assert type(found) is ERRORS.get(name, type(None))


@pytest.mark.parametrize("name", MORE)
def test_further_states(name):
    path = FOLDER / name
    command = path.stem.partition("_with")[0].partition("~")[0]
    found = reading.reading_fields({command: decode(path.read_bytes())})

    if command == "edevs":
        rates = [round(board.hashrate_hs / 1e12, 2) for board in found["boards"]]
        assert rates == MORE[name]
    else:
        assert [fault.code for fault in found["errors"]] == MORE[name]
