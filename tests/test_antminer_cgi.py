"""The newer web interface's JSON, and the older one's status page."""

from __future__ import annotations

from pathlib import Path

import pytest

from minerbridge.miners.antminer import cgi, status_page
from minerbridge.miners.antminer.status import decide
from minerbridge.miners.antminer.summary import parse_pools
from minerbridge.miners.rpc_decode import decode
from minerbridge.model import Fault

RECORDINGS = Path(__file__).parent / "recordings" / "antminer"


def recorded(name, folder="S21__stock-mock"):
    return decode((RECORDINGS / folder / name).read_bytes())


def test_stats_of_an_s21():
    found = cgi.parse_stats(recorded("http_cgi-bin-stats.json"))
    assert (found["model"], found["algorithm"]) == ("Antminer S21", "sha256")
    assert found["hashrate_hs"] == pytest.approx(256.81244e12)
    assert found["hashrate_average_hs"] == pytest.approx(256.7001e12)
    assert (found["uptime_s"], found["frequency_mhz"]) == (3600, 475)
    assert (found["chip_temperature_c"], found["board_temperature_c"]) == (89, 84)
    boards = found["boards"]
    assert [board.slot for board in boards] == [1, 2, 3]  # as the RPC counts them
    assert boards[2].hashrate_hs == pytest.approx(86.58812e12)
    assert (boards[0].chips, boards[0].chips_expected) == (204, 204)
    assert boards[0].serial_number == "B08883BC11009D255"


def test_asleep_only_the_name_is_left():
    found = cgi.parse_stats(recorded("http_cgi-bin-stats.sleeping.json"))
    assert found["model"] == "Antminer S21"
    assert "hashrate_hs" not in found
    assert "uptime_s" not in found
    assert found["boards"] == ()


def test_pools_of_an_s21():
    pools = parse_pools(recorded("http_cgi-bin-pools.json"))
    assert [pool.slot for pool in pools] == [0, 1, 2]
    assert (pools[0].status, pools[0].is_active, pools[0].accepted) == ("Alive", None, 0)


def test_who_it_is():
    found = cgi.parse_system(recorded("http_cgi-bin-get_system_info.json"))
    assert found["mac_address"] == "02:00:00:00:00:01"
    assert found["firmware"] == "Wed Jul 20 19:14:27 CST 2022"
    assert "serial_number" not in found
    other = cgi.parse_system(recorded("system_info.json", "S19-Pro__stock-2022-12-06-web2020"))
    assert other["serial_number"] == "THQING0BDJAB024NF"
    assert "mac_address" not in other  # "02:55:97:22:3M:72" is none


def test_faults_are_what_is_not_well():
    status = [
        {"type": "rate", "status": "s", "code": 0, "msg": ""},
        {"type": "fans", "status": "e", "code": 5, "msg": "fan 2 lost"},
        {"type": "temp", "status": "w", "code": 0, "msg": ""},
    ]
    assert cgi.parse_faults({"SUMMARY": [{"status": status}]}) == (
        Fault("fans:5", "fan 2 lost"),
        Fault("temp", "the miner reports a fault of its temp"),
    )
    assert cgi.parse_faults(recorded("http_cgi-bin-summary.json")) is None


PAGE = {
    "summary": {"elapsed": "61000", "ghs5s": "13400.52", "ghsav": 13380.1, "accepted": "12,345",
                "rejected": "5", "stale": "", "hw": "17"},
    "pools": [{"index": 0, "url": "pool.example.com:3333", "user": "w", "status": "Alive"}],
    "devs": [
        {"index": "6", "chain_acn": "63", "freq": "650", "fan1": "0", "fan3": "5400",
         "fan6": "5280", "temp": "65", "temp2": "80", "rate": "4466.84",
         "chain_acs": " oooooooo xooooooo"},
        {"index": "7", "chain_acn": "0", "freq": "", "temp": "0", "rate": ""},
    ],
}  # fmt: skip


def test_the_status_page_of_old_firmware():
    found = status_page.parse(PAGE, "Antminer S9")
    assert found["hashrate_hs"] == pytest.approx(13.40052e12)
    assert (found["shares_accepted"], found["shares_rejected"]) == (12_345, 5)
    assert "shares_stale" not in found
    (board,) = found["boards"]
    assert (board.slot, board.chips, board.chip_temperature_c) == (6, 15, 80)
    assert found["pools"][0].url == "pool.example.com:3333"
    assert status_page.fans_rpm(PAGE) == {1: 0, 3: 5400, 6: 5280}


@pytest.mark.parametrize("page", [{}, {"summary": "x", "devs": None}, {"devs": [{}]}])
def test_an_empty_status_page_tells_nothing(page):
    assert status_page.parse(page, None) == {"boards": (), "pools": ()}


@pytest.mark.parametrize(
    ("hashrate_hs", "mode", "idle_s", "expected"),
    [
        (1e12, "normal", 0, ("mining", True)),
        (1e12, "sleep", 0, ("mining", True)),  # on its way to sleep
        (0.0, "sleep", 9e9, ("sleeping", False)),
        (None, "sleep", 0, ("sleeping", False)),
        (0.0, "normal", 60, ("starting", False)),
        (0.0, "normal", 9000, ("error", False)),
        (0.0, None, 9000, ("unknown", False)),
    ],
)
def test_status(hashrate_hs, mode, idle_s, expected):
    assert decide(hashrate_hs, mode, idle_s) == expected
