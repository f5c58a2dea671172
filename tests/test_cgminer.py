"""The cgminer driver against every recorded server."""

import dataclasses
import json
import math
import os
from pathlib import Path

import pytest

from minerbridge.errors import MinerUnreachable
from tests.cgminer_rig import RECORDINGS, contact_and_read, driver_at
from tests.rpc_replay import ReplayServer, recorded, serving

ELSEWHERE = os.environ.get("MINERBRIDGE_RECORDINGS")
VENDORS = (
    *("cgminer", "antminer", "avalon", "braiins", "luxos"),
    *("mskminer", "dragonmint", "sealminer", "hammer", "auradine"),
)
TH, W, C, RPM = "hashrate_hs", "power_w", "chip_temperature_c", "fan_speeds_rpm"

#: Verified by eye against the bytes. Hashrates in H/s.
EXPECTED: dict[str, dict[str, object]] = {
    "cgminer-4.11.1-sp10": {TH: 712167.31e6, "hashrate_average_hs": 743569.5e6, "status": "mining"},
    "cgminer-4.11.1-sp10-pooldead": {TH: 60106.38e6, "board_temperature_c": None},
    "cgminer-4.11.1-nodev": {TH: 0.0, "status": "stopped", "is_mining": False, "boards": 0},
    "cgminer-4.11.1-readonly": {TH: 0.0, "status": "starting", "algorithm": None, "uptime_s": 2},
    "bfgminer-5.5.0-cpu": {TH: 0.0, "hashrate_average_hs": 2.989e6, "algorithm": "sha256"},
    "avalon-q": {TH: 0.0, W: 0.0, "power_limit_w": 800, "status": "sleeping", "fans": 4, C: None},
    "avalon-1346-text": {TH: 295e12, W: 3151, C: 74, "ambient_temperature_c": 36, "boards": 3},
    "luxos-s19k-pro": {TH: 59756.06e9, W: None, "power_estimated_w": 1051, "boards": 3, "fans": 4},
    "bosminer-s17": {TH: 65231.7158e9, C: 98.0, "board_temperature_c": 67.25, "fans": 4},
    "sealminer-a2": {TH: 220407.63677e9, W: 3504, "power_limit_w": 3500, "boards": 3},
    "antminer-dr5": {TH: 35568.22e9, C: 75, RPM: (3600, 3600), "algorithm": None, "boards": 3},
    # Of the recordings outside.
    "KS5__stock-jansson2": {TH: 21632.89e9, "algorithm": "kheavyhash", "shares_accepted": 1000},
    "S15__stock-2018-12-03": {TH: 28454.53e9, C: 81, "boards": 4, "fans": 2},
    "S19-Pro__stock-2022-12-06-web2020": {TH: 110566.89e9, C: 78, "boards": 3, "fans": 4},
    "S9k__stock-2019-07-11": {TH: 12995.84e9, C: 90, "board_temperature_c": 63},
    "Z9-Mini__stock-2018-05-26": {TH: 15.82e3, "algorithm": "equihash"},
    "1246__21072802_4ec6bb0": {TH: 79656.63e9, W: 3189, C: 77, "fans": 4, "boards": 3},
    "1566__24102401_25462b2_9ddf522": {TH: 197497.92649e9, W: 3731, C: 78, "boards": 3},
    "Antminer-S9__bOS-20190124-cgminer": {TH: 13754.03e9, C: 75, RPM: (5040, 3600)},
    "S19-88-NoPIC__2.6.0.39": {TH: 99989.59e9, "power_estimated_w": 3358, W: None, C: 59},
    "T1__cgminer-4.10.0": {TH: 16111.872e9, C: 87, "boards": 3},
    "D10__2023-05-28": {TH: 4686.4886e6, "algorithm": "scrypt", "reject_rate_percent": 50},
    "Teraflux__gcminer-0.5": {TH: 20599767.17747e6, "board_temperature_c": 30.12, "boards": 3},
}
MEASURES_POWER = ("avalon", "sealminer")
ACTIVE_POOL = {"cgminer-4.11.1-sp10": [0], "luxos-s19k-pro": [0, 2], "avalon-q": [0]}


def folders_elsewhere():
    if ELSEWHERE is None:
        reason = "MINERBRIDGE_RECORDINGS names no folder of recordings"
        return [pytest.param(None, marks=pytest.mark.skip(reason=reason))]
    found = (f for vendor in VENDORS for f in sorted((Path(ELSEWHERE) / vendor).glob("*/")))
    return [
        pytest.param(folder, id=f"{folder.parent.name}/{folder.name}")
        for folder in found
        if {"summary", "stats", "devs"} & set(rpc_replies(folder))
    ]


def rpc_replies(folder):
    """Return what speaks RPC in *folder*, which may hold REST replies under the same names."""
    return {key: raw for key, raw in recorded(folder).items() if b"STATUS" in raw}


def check_reading(folder_name, vendor, profile, reading):
    expected: dict[str, object] = EXPECTED.get(folder_name, {})
    shown = {f.name: getattr(reading, f.name) for f in dataclasses.fields(reading)}
    shown["boards"], shown["fans"] = len(reading.boards), len(reading.fan_speeds_rpm)
    for key, value in expected.items():
        assert shown[key] == (pytest.approx(value) if isinstance(value, float) else value), key
    for record in (reading, *reading.boards, *reading.pools):
        for field in dataclasses.fields(record):
            value = getattr(record, field.name)
            if isinstance(value, float):
                assert math.isfinite(value), field.name
                assert value >= 0, field.name
            if field.name.endswith("temperature_c") and value is not None:
                assert 0 < value <= 150
    assert reading.hashrate_hs is None or reading.hashrate_hs < 1e15
    assert all(speed is None or 0 <= speed <= 15_000 for speed in reading.fan_speeds_rpm)
    assert (reading.is_mining is None) == (reading.status == "unknown")
    if reading.is_mining:
        assert reading.hashrate_hs
    assert reading.power_w is None or vendor in MEASURES_POWER
    assert not (reading.power_w and reading.power_estimated_w)
    if not reading.shares_accepted and not reading.shares_rejected:
        assert reading.reject_rate_percent is None
    assert len({board.slot for board in reading.boards}) == len(reading.boards)
    assert profile.board_slots == tuple(board.slot for board in reading.boards)
    for name in profile.reports:
        assert getattr(reading, name) not in (None, (), {})
    json.dumps(dataclasses.asdict(reading), default=str, allow_nan=False)


@pytest.mark.parametrize("joins", [True, False], ids=["joining", "single"])
@pytest.mark.parametrize(
    "folder", sorted(f.name for f in RECORDINGS.iterdir() if f.name != "defects")
)
def test_a_recorded_miner_is_read(folder, joins):
    server = ReplayServer(recorded(RECORDINGS / folder), joins=joins)
    profile, reading, asked = contact_and_read(server)
    assert folder in EXPECTED
    check_reading(folder, folder.partition("-")[0], profile, reading)
    assert len(asked) == 1 if joins else not any("+" in key for key in asked)
    if folder in ACTIVE_POOL:
        assert [pool.slot for pool in reading.pools if pool.is_active] == ACTIVE_POOL[folder]


@pytest.mark.parametrize("folder", folders_elsewhere())
def test_a_miner_recorded_elsewhere_is_read(folder):
    profile, reading, asked = contact_and_read(ReplayServer(rpc_replies(folder)))
    check_reading(folder.name, folder.parent.name, profile, reading)
    assert len(asked) <= 4


@pytest.mark.parametrize(
    ("folder", "identity"),
    [
        ("cgminer-4.11.1-sp10", (None, None, None, None, "cgminer 4.11.1", "sha256")),
        (
            "avalon-1346-text",
            (
                *("b4:a2:eb:3f:23:48", None, "AvalonMiner 1346-116"),
                *("Canaan", "23042501_6d4cd98_d3a493a", "sha256"),
            ),
        ),
        (
            "luxos-s19k-pro",
            (
                *("02:00:00:00:00:0f", "350D6119810009412", "Antminer S19k Pro"),
                *("Bitmain", "2025.4.8.220305", "sha256"),
            ),
        ),
    ],
)
def test_the_profile_says_who_it_is(folder, identity):
    server = ReplayServer(recorded(RECORDINGS / folder))
    with serving(server) as port:
        driver = driver_at(port)
        (profile,) = driver.contact()
        assert identity == (
            profile.mac_address,
            profile.serial_number,
            profile.model,
            profile.manufacturer,
            profile.firmware,
            profile.algorithm,
        )
        server.asked.clear()
        now = driver.identity()
    assert (now.mac_address, now.serial_number) == identity[:2]
    assert len(server.asked) == (1 if identity[0] else 0)


def test_a_silent_server_points_to_api_allow():
    with (
        serving(lambda connection: None) as port,
        pytest.raises(MinerUnreachable, match="api-allow"),
    ):
        driver_at(port).contact()
