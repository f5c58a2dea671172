"""The RPC's `stats`, `summary` and `pools` of every generation, against what was recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from minerbridge.miners.antminer import models, stats, summary
from minerbridge.miners.rpc_decode import decode

RECORDINGS = Path(__file__).parent / "recordings" / "antminer"
T, G = 1e12, 1e9

# folder: model, hashrate H/s, algorithm, chip °C, board °C, MHz, fans, boards, chips of board 1
EXPECTED = {
    "S9-SE__stock-2019-07-11":
        ("Antminer S9 SE", 15.6566 * T, "sha256", 79, 62, 431, {1: 1920, 2: 1920}, 3, 60),
    "S15__stock-2018-12-03":
        ("Antminer S15", 28.45453 * T, "sha256", 81, 66, 384.75, {1: 4080, 2: 4200}, 4, 72),
    "S17-Pro__stock-2019-04-10":
        ("Antminer S17 Pro", 50.02655 * T, "sha256", 80, 63, 535,
         {1: 2760, 2: 2760, 3: 3720, 4: 3600}, 3, 48),
    "S19-Pro__stock-2022-12-06-web2020":
        ("Antminer S19 Pro", 110.56689 * T, "sha256", 78, 73, 525,
         {1: 6000, 2: 5880, 3: 5040, 4: 5040}, 3, 114),
    "DR5__stock-2018-12-28":
        ("Antminer DR5", 35.56822 * T, "blake256r14", 75, 66, 600, {1: 3600, 2: 3600}, 3, 72),
    "Z9-Mini__stock-2018-05-26":
        ("Antminer Z9-Mini", 15_820.0, "equihash", 71, 56, 750, {1: 4200}, 3, 4),
    "KS5__stock-jansson2":
        ("Antminer KS5", None, "kheavyhash", 70, None, None, {1: 4430, 2: 4440}, 3, None),
}  # fmt: skip


def recorded(folder, name):
    return decode((RECORDINGS / folder / name).read_bytes())


@pytest.mark.parametrize("folder", EXPECTED)
def test_stats_of_recorded_devices(folder):
    model, hashrate_hs, algorithm, chip_c, board_c, mhz, fans, boards, chips = EXPECTED[folder]
    reply = recorded(folder, "stats.json")
    found = stats.parse(reply)
    assert found["model"] == model
    assert found.get("hashrate_hs") == pytest.approx(hashrate_hs)
    assert found["algorithm"] == algorithm
    assert found["chip_temperature_c"] == chip_c
    assert found.get("board_temperature_c") == board_c
    assert found.get("frequency_mhz") == mhz
    assert {slot: rpm for slot, rpm in stats.fans_rpm(reply).items() if rpm} == fans
    assert [board.slot for board in found["boards"]] == list(range(1, boards + 1))
    assert found["boards"][0].chips == chips
    assert "power_w" not in found


def test_the_boards_of_an_s19():
    boards = stats.parse(recorded("S19-Pro__stock-2022-12-06-web2020", "stats.json"))["boards"]
    third = boards[2]
    assert third.hashrate_hs == pytest.approx(37.42738 * T)
    assert (third.chip_temperature_c, third.board_temperature_c) == (69, 64)
    assert (third.frequency_mhz, third.chips, third.chips_expected) == (525, 114, 114)


def test_rates_of_a_ks5_carry_their_unit():
    folder = "KS5__stock-jansson2"
    found = summary.parse_summary(recorded(folder, "summary.json"), "Antminer KS5")
    assert found["hashrate_hs"] == pytest.approx(21_632.89 * G)
    assert (found["shares_accepted"], found["hardware_errors"]) == (1000, 5)
    boards = stats.parse(recorded(folder, "stats.json"))["boards"]
    assert [board.hashrate_hs for board in boards] == pytest.approx([6809.27 * G, 100 * G, 50 * G])


def test_summary_and_pools_of_an_s19():
    folder = "S19-Pro__stock-2022-12-06-web2020"
    found = summary.parse_summary(recorded(folder, "summary.json"), "Antminer S19 Pro")
    assert found["hashrate_average_hs"] == pytest.approx(111.83485 * T)
    assert [found[f"shares_{name}"] for name in ("accepted", "rejected", "stale")] == [4057, 11, 1]
    pools = summary.parse_pools(recorded(folder, "pools.json"))
    assert [pool.slot for pool in pools] == [0, 1, 2]
    first = pools[0]
    assert (first.url, first.status) == ("stratum+tcp://pool.example.com:700", "Alive")
    assert (first.is_active, first.accepted, first.difficulty) == (True, 4057, 524_000)


def _stats(**body):
    head = {"Type": body.pop("Type", "Antminer S9")}
    return {"STATS": [head, {"Elapsed": 100, **body}]}


def test_boards_of_an_s9_keep_their_slots_and_dead_chips_count():
    found = stats.parse(_stats(
        chain_acn6=63, chain_acs6=" oooooooo xooooooo ooo", chain_rate6="4500.1", temp6=65,
        temp2_6=78, chain_acn7=0, chain_acs7="", chain_acn8=63, chain_acs8=" " + "o" * 63,
        chain_rate8="4400", temp8=0, temp2_8=0,
    ))  # fmt: skip
    first, second = found["boards"]
    assert (first.slot, first.chips, first.chips_expected) == (6, 18, 63)
    assert (first.board_temperature_c, first.chip_temperature_c) == (65, 78)
    assert (second.slot, second.chips) == (8, 63)
    assert second.board_temperature_c is None  # an absent sensor reads 0


@pytest.mark.parametrize("value", [0, -83, 126, "", "-", None])
def test_what_no_sensor_measured_is_none(value):
    found = stats.parse(_stats(chain_acn1=63, temp1=value, temp_chip1=value))
    assert found["boards"][0].chip_temperature_c is None
    assert found["boards"][0].board_temperature_c is None


def test_measured_watts_are_reported():
    assert stats.parse(_stats(chain_power="3250 W"))["power_w"] == 3250
    by_board = _stats(
        chain_acn6=63, chain_consumption6="480", chain_acn7=63, chain_consumption7=490
    )
    assert stats.parse(by_board)["power_w"] == 970


@pytest.mark.parametrize(
    ("body", "hashrate_hs"),
    [
        ({"GHS 5s": "13400.5"}, 13_400.5 * G),
        ({"GHS 5s": 0.0, "total_rate": 5}, 0.0),
        ({"GHS 5s": "", "total_rate": 13_000.0}, 13 * T),
        ({"Type": "Antminer L3+", "GHS 5s": "504.56"}, 504.56e6),
        ({"Type": "Antminer D3", "GHS 5s": "16346.64"}, 16.34664 * G),
        ({"Type": "Antminer L7", "GHS 5s": 9500, "rate_unit": "MH"}, 9.5 * G),
    ],
)
def test_rates_are_in_the_unit_that_the_model_means(body, hashrate_hs):
    assert stats.parse(_stats(**body))["hashrate_hs"] == pytest.approx(hashrate_hs)


def test_a_reply_without_its_name_takes_the_one_known():
    reply = {"STATS": [{"STATS": 0, "ID": "D10", "Elapsed": 9, "GHS 5s": "16346.64"}]}
    found = stats.parse(reply, "Antminer D3")
    assert (found["model"], found["uptime_s"]) == ("Antminer D3", 9)
    assert found["hashrate_hs"] == pytest.approx(16.34664 * G)


@pytest.mark.parametrize("reply", [None, {}, {"STATS": []}, {"STATS": "x"}, {"STATS": [7]}])
def test_no_stats_tell_nothing(reply):
    assert stats.parse(reply) == {}
    assert stats.fans_rpm(reply) == {}


def test_a_pool_without_address_is_no_pool():
    entries = [{"POOL": 0, "URL": ""}, {"POOL": 1, "URL": "a:1", "Diff": " 69.2461"}, {"POOL": 2}]
    (pool,) = summary.parse_pools({"POOLS": entries})
    assert (pool.slot, pool.difficulty, pool.is_active) == (1, 69.2461, None)


@pytest.mark.parametrize(
    ("name", "model", "algorithm"),
    [
        ("Antminer S9\nV1.3.58", "Antminer S9", "sha256"),
        ("AntminerKS5", "Antminer KS5", "kheavyhash"),
        ("Antminer S19 XP Hyd.", "Antminer S19 XP Hyd", "sha256"),
        ("Antminer D3", "Antminer D3", "x11"),
        ("Antminer E9 Pro", "Antminer E9 Pro", "ethash"),
        ("Antminer Q1", "Antminer Q1", None),
        (None, None, None),
    ],
)
def test_names_tell_the_algorithm(name, model, algorithm):
    assert models.model_name(name) == model
    assert models.algorithm(model) == algorithm


def test_the_algorithm_told_outranks_the_name():
    assert models.algorithm("Antminer S19", "KHeavyHash") == "kheavyhash"
    assert models.algorithm("Antminer S19", "sha256d") == "sha256"
