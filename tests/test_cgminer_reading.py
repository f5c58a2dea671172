"""What the figures of a cgminer-like server become in a reading."""

import dataclasses
import json
from typing import Any

import pytest

from minerbridge.errors import (
    BadReply,
    MinerRefused,
)
from minerbridge.model import Board
from tests.cgminer_rig import RECORDINGS, contact_and_read, devs, driver_at, finish, summary
from tests.rpc_replay import ReplayServer, recorded, serving


def test_the_operators_word_on_the_algorithm_counts():
    server = ReplayServer(recorded(RECORDINGS / "bfgminer-5.5.0-cpu"))
    profile, reading, _ = contact_and_read(server, algorithm="scrypt")
    assert (profile.algorithm, reading.algorithm) == ("scrypt", "scrypt")


def test_only_a_summary_gives_only_what_a_summary_says():
    server = ReplayServer({"summary": b'{"STATUS":[{"STATUS":"S"}],"SUMMARY":[{"GHS 5s":"7"}]}'})
    _, reading, _ = contact_and_read(server)
    named = {f.name for f in dataclasses.fields(reading) if getattr(reading, f.name)}
    assert named == {
        *("miner_id", "at", "family", "ip_address"),
        "hashrate_hs",
        "status",
        "is_mining",
    }
    assert reading.hashrate_hs == 7e9


@pytest.mark.parametrize(
    ("fields", "devices", "status"),
    [
        ({"MHS 5s": 5, "Elapsed": 9000}, [{"ASC": 0, "Status": "Alive"}], "mining"),
        ({"MHS 5s": 0, "Elapsed": 20}, [{"ASC": 0, "Status": "Alive"}], "starting"),
        ({"MHS 5s": 0, "Elapsed": 9000}, [{"ASC": 0, "Status": "Alive"}], "error"),
        ({"MHS 5s": 0.02, "MHS av": 5e6, "Elapsed": 9000}, [{"ASC": 0}], "error"),
        ({"MHS 5s": 5}, [{"ASC": 0, "Enabled": "N", "Status": "Alive"}], "stopped"),
        ({"Elapsed": 9000}, [{"ASC": 0, "Status": "Alive"}], "unknown"),
    ],
)
def test_the_status_is_what_the_figures_say(fields, devices, status):
    server = ReplayServer({"summary": summary(**fields), "devs": devs(*devices)})
    assert contact_and_read(server)[1].status == status


@pytest.mark.parametrize(
    ("fields", "rate_hs", "average_hs"),
    [
        ({"MHS av": 3, "MHS 30s": 1, "MHS 1m": 2}, 1e6, 3e6),
        ({"GHS 5s": "12795.48", "GHS av": 12000}, 12795.48e9, 12000e9),
        ({"KHS av": 4, "KHS rolling": 5, "KHS 15m": 6}, 5e3, 4e3),
        ({"THS 1m": 1.5}, 1.5e12, None),
        ({"MHS av": 8}, 8e6, 8e6),
        ({"MHS 5s": "x", "MHS 1m": 7}, 7e6, None),
        ({"Total MH": 8, "MHS": 9, "Nominal MHS": 3}, None, None),
    ],
)
def test_the_shortest_window_is_the_hashrate(fields, rate_hs, average_hs):
    reading = contact_and_read(ReplayServer({"summary": summary(**fields)}))[1]
    assert reading.hashrate_hs == (rate_hs and pytest.approx(rate_hs))
    assert reading.hashrate_average_hs == (average_hs and pytest.approx(average_hs))


@pytest.mark.parametrize(
    ("said", "shown"),
    [(56, 56.0), ("61.5", 61.5), (0, None), (-83, None), (-273.0, None), (126, None), (151, None)],
)
def test_a_sensor_that_cannot_be_right_is_none(said, shown):
    device = {"ASC": 0, "Temperature": said}
    server = ReplayServer({"summary": summary(Elapsed=1), "devs": devs(device)})
    assert contact_and_read(server)[1].boards[0].board_temperature_c == shown


@pytest.mark.parametrize(
    ("pools", "active"),
    [
        ([("Alive", 1, True), ("Alive", 0, True)], [1]),
        ([("Dead", 0, True), ("Alive", 1, True)], [1]),
        ([("Alive", 0, False), ("Alive", 1, "true")], [1]),
        ([("Dead", 0, False), ("Disabled", 1, False)], []),
    ],
)
def test_the_active_pool_is_the_connected_one_of_the_best_priority(pools, active):
    keys = ("Status", "Priority", "Stratum Active")
    listed = [{"POOL": n, **dict(zip(keys, pool, strict=True))} for n, pool in enumerate(pools)]
    reply = json.dumps({"STATUS": [{"STATUS": "S"}], "POOLS": listed}).encode()
    reading = contact_and_read(ReplayServer({"summary": summary(), "pools": reply}))[1]
    assert [pool.slot for pool in reading.pools if pool.is_active] == active


def approx(value: float) -> Any:
    return pytest.approx(value)


def test_boards_show_what_their_firmware_says():
    bosminer, dr5 = (
        contact_and_read(ReplayServer(recorded(RECORDINGS / name)))[1].boards[0]
        for name in ("bosminer-s17", "antminer-dr5")
    )
    assert bosminer == Board(
        slot=0,
        hashrate_hs=approx(21471436.706835132e6),
        chip_temperature_c=97.875,
        board_temperature_c=67.25,
        frequency_mhz=approx(701.466481),
        chips=48,
        status="Alive",
    )
    assert dr5 == Board(
        slot=1,
        hashrate_hs=approx(11577.54e9),
        chip_temperature_c=69,
        board_temperature_c=62,
        chips=72,
        chips_expected=72,
    )


def test_a_chip_that_does_not_answer_is_not_counted():
    raw = recorded(RECORDINGS / "antminer-dr5")["stats"]
    lame = raw.replace(b'"chain_acs1":" oooooooo', b'"chain_acs1":" ooxoooxo')
    assert lame != raw
    board = contact_and_read(ReplayServer({"stats": lame}))[1].boards[0]
    assert (board.chips, board.chips_expected) == (70, 72)


def test_shares_give_the_reject_rate():
    server = ReplayServer({"summary": summary(Accepted=99, Rejected=1, Stale=2)})
    reading = contact_and_read(server)[1]
    assert (reading.reject_rate_percent, reading.shares_stale) == (1.0, 2)


def test_a_read_pauses_between_requests_where_the_server_does_not_join():
    server = ReplayServer(recorded(RECORDINGS / "sealminer-a2"), joins=False)
    with serving(server) as port:
        driver = driver_at(port)
        driver.contact()
        server.asked.clear()
        _, pauses = finish(driver.read())
    assert server.asked == ["summary", "devs", "pools", "stats"]
    assert pauses == 3


def test_a_miner_is_learned_before_its_first_reading():
    server = ReplayServer(recorded(RECORDINGS / "avalon-q"))
    with serving(server) as port:
        reading, pauses = finish(driver_at(port).read())
    assert (reading.model, pauses) == ("Avalon Q", 1)


def test_a_restarted_miner_is_learned_anew():
    server = ReplayServer(recorded(RECORDINGS / "cgminer-4.11.1-sp10"))
    with serving(server) as port:
        driver = driver_at(port)
        driver.contact()
        server.replies["summary"] = summary(Elapsed=3)
        server.replies["version"] = b'{"STATUS":[{"STATUS":"S","Description":"cgminer 5"}]}'
        assert finish(driver.read())[0].firmware == "cgminer 4.11.1"
        assert finish(driver.read())[0].firmware == "cgminer 5"


def test_one_unreadable_reply_does_not_cost_the_reading():
    server = ReplayServer(recorded(RECORDINGS / "sealminer-a2"), joins=False)
    with serving(server) as port:
        driver = driver_at(port)
        driver.contact()
        server.replies["stats"] = b"{{{"
        reading, _ = finish(driver.read())
        assert reading.shares_accepted == 1421
        assert reading.details == {"unreadable": ["stats"]}
        server.replies["summary"] = b"{{{"
        with pytest.raises(BadReply):
            finish(driver.read())


def test_a_server_that_refuses_everything_is_refused():
    with serving(ReplayServer({})) as port, pytest.raises(MinerRefused):
        driver_at(port).contact()
