"""Which value of a reading feeds which field of the server; pure, by table."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minerbridge.miners.iceriver import panel
from minerbridge.model import MinerReading, Pool
from minerbridge.rig_monitor import asic_report, rig_report
from minerbridge.rig_monitor.form import as_uptime
from minerbridge.settings import RigMiner
from minerbridge.simulator.rig_monitor_schema import CANT_BE_BLANK, IS_INVALID, faults_of
from tests.miners import AT, board, profile, reading
from tests.rig_monitor_rig import GPU, RIG, asic_reading, rig_reading

RECORDED = Path(__file__).parent / "recordings/rig_monitor/ks5l_userpanel.json"

#: Seed API: field, documented type, whether it is required. {} stands for the numbers after it.
API = {
    "asic_miners/specs": """
        model string required
        model_variant string
        firmware_version string required
        software_version string required""",
    "asic_miners/logs": """
        hashrate_5_min number required
        hashrate_30_min number
        hashrate_uom string required
        pool_rejection_rate number
        uptime string required
        pool_1_address string required
        pool_{}_address string 23
        pool_1_user string required
        pool_{}_user string 23
        pool_1_state string required
        pool_{}_state string 23
        pool_{}_accepted_share integer 123
        pool_{}_rejected_share integer 123
        hashboard_{}_hashrate_5_min number 123
        hashboard_{}_hashrate_30_min number 123
        hashboard_{}_temp_1 number 123
        hashboard_{}_temp_2 number 123
        fan_1_speed integer required
        fan_{}_speed integer 234
        lan_ip string required
        wan_ip string
        coin_name string required
        power number required""",
    "cpu_gpu_miners/specs": """
        motherboard_name string required
        cpu_name string required
        ram_size string required
        gpu_{}_name string 12345678""",
    "cpu_gpu_miners/logs": """
        cpu_temp integer
        cpu_hashrate integer
        cpu_hashrate_uom string
        cpu_algorithm string
        cpu_coin_name string
        cpu_pool_address string
        cpu_wallet_address string
        gpu_{}_core_temp integer 12345678
        gpu_{}_mem_temp integer 12345678
        gpu_{}_hashrate_1 integer 12345678
        gpu_{}_hashrate_2 integer 12345678
        gpu_{}_core_clock integer 12345678
        gpu_{}_mem_clock integer 12345678
        gpu_{}_power integer 12345678
        gpu_hashrate_uom_{} string 12
        gpu_algorithm_{} string 12
        gpu_coin_name_{} string 12
        gpu_pool_address_{} string 12
        gpu_wallet_address_{} string 12
        lan_ip string
        wan_ip string
        uptime string""",
}
#: What the real server takes though its documentation does not name it.
UNDOCUMENTED = {"cpu_power", "gpu_fan_uom", *(f"gpu_{number}_fan" for number in range(1, 9))}
TYPES = {"string": str, "integer": int, "number": int | float}
SETTINGS = {"api_code": "c", "coin_name": "Kaspa", "wan_ip": "192.0.2.99", "power_w": 3500}


def fields_of(endpoint):
    """Return type and whether it is required, by field name."""
    found = {}
    for line in API[endpoint].strip().splitlines():
        name, kind, *more = line.split()
        mark = more[0] if more else ""
        for number in mark if mark.isdecimal() else " ":
            found[name.format(number)] = (kind, mark == "required")
    return found


def settings(**values):
    return RigMiner(**SETTINGS | values)


def ks5l():
    document = json.loads(RECORDED.read_text())["data"]
    facts = {**panel.parse(document), "fan_speeds_rpm": panel.fans_rpm(document)}
    facts["details"] = facts["details"] | {
        "model_variant": "12TH",
        **{f"board_{number}_hashrate_average_hs": number * 1e9 for number in (1, 2, 3)},
    }
    return MinerReading("ks5l", AT, "iceriver", status="mining", **facts)


def rig():
    pools = (Pool(0, "pool.example.com:3333", "wallet", is_active=True), Pool(1, "two:1", "two"))
    cpu = {**rig_reading().cpu, "algorithm": "ethash"}
    return rig_reading(pools=pools, cpu=cpu)


BODIES = {
    "asic_miners/specs": lambda: asic_report.specification(ks5l(), None, settings()),
    "asic_miners/logs": lambda: asic_report.monitor_values(ks5l(), None, settings()),
    "cpu_gpu_miners/specs": lambda: rig_report.specification(rig(), None, settings(**RIG)),
    "cpu_gpu_miners/logs": lambda: rig_report.monitor_values(rig(), None, settings(**RIG)),
}
FIELDS = [(endpoint, field) for endpoint in API for field in fields_of(endpoint)]


@pytest.mark.parametrize(("endpoint", "field"), FIELDS, ids=lambda text: text)
def test_every_field_of_the_api_is_filled_in_its_type(endpoint, field):
    value = BODIES[endpoint]().body[field]
    assert isinstance(value, TYPES[fields_of(endpoint)[field][0]])
    assert value != ""


@pytest.mark.parametrize("endpoint", API)
def test_nothing_but_fields_of_the_api_is_sent(endpoint):
    assert set(BODIES[endpoint]().body) <= {*fields_of(endpoint), *UNDOCUMENTED}


@pytest.mark.parametrize("endpoint", API)
def test_the_recorded_ks5l_and_a_rig_pass_the_servers_stricter_checks(endpoint):
    report = BODIES[endpoint]()
    assert (report.missing, report.note) == (None, "")
    assert faults_of(endpoint, json.loads(json.dumps(report.body))) == {}


REQUIRED = [(e, f) for e, f in FIELDS if fields_of(e)[f][1]]


@pytest.mark.parametrize(("endpoint", "field"), REQUIRED, ids=lambda text: text)
def test_the_server_misses_each_required_field(endpoint, field):
    body = {**BODIES[endpoint]().body, field: " "}
    assert faults_of(endpoint, body) == {field: [CANT_BE_BLANK]}


def test_the_ks5l_is_reported_as_its_own_agent_does():
    body = BODIES["asic_miners/logs"]().body
    assert (body["hashrate_5_min"], body["hashrate_30_min"]) == (11258.0, 10945.0)
    assert (body["hashrate_uom"], body["uptime"]) == ("GH/s", "62:14:17:36")
    assert body["pool_rejection_rate"] == 0.010567
    assert [body[f"pool_{n}_state"] for n in (1, 2, 3)] == ["Connected", *["Unconnected"] * 2]
    assert [body[f"pool_{n}_accepted_share"] for n in (1, 2, 3)] == [0, 1, 2]
    assert [body[f"pool_{n}_rejected_share"] for n in (1, 2, 3)] == [10, 11, 12]
    assert [body[f"hashboard_{n}_hashrate_5_min"] for n in (1, 2, 3)] == [1.5, 2.6, 3.7]
    assert [body[f"hashboard_{n}_temp_1"] for n in (1, 2, 3)] == [10, 20, 30]
    assert [body[f"hashboard_{n}_temp_2"] for n in (1, 2, 3)] == [11, 21, 31]
    assert [body[f"fan_{n}_speed"] for n in (1, 2, 3, 4)] == [5900, 5855, 5901, 5856]
    assert (body["lan_ip"], body["power"]) == ("192.168.1.10", 3500)
    specs = BODIES["asic_miners/specs"]().body
    assert specs["firmware_version"] == "Factory BOOT_3_1 image_1.0"
    assert specs["software_version"] == "ICM168_3_2_10_ks5L_miner ICM168_3_2_10_ks5L_bg"


def asic(values=None, known=None, **chosen):
    return asic_report.monitor_values(asic_reading(**values or {}), known, settings(**chosen))


@pytest.mark.parametrize(
    ("values", "chosen", "missing"),
    [
        ({"hashrate_hs": None}, {}, "hashrate_5_min"),
        ({"uptime_s": None}, {}, "uptime"),
        ({"pools": ()}, {}, "pool_1_address"),
        ({"pools": (Pool(0, "tcp://p:1", ""),)}, {}, "pool_1_user"),
        ({"pools": (Pool(0, "tcp://p:1", "u"),)}, {}, "pool_1_state"),
        ({"boards": (), "chip_temperature_c": None, "board_temperature_c": None}, {},
         "hashboard_1_temp_1"),
        ({"fan_speeds_rpm": ()}, {}, "fan_1_speed"),
        ({"fan_speeds_rpm": (None, 4200)}, {"fan_speed_rpm": 0}, "fan_1_speed"),
        ({"ip_address": None}, {}, "lan_ip"),
        ({}, {"coin_name": None}, "coin_name"),
        ({}, {"coin_name": "  "}, "coin_name"),
        ({"power_w": None, "power_estimated_w": 3250.0}, {"power_w": None}, "power"),
    ],
)  # fmt: skip
def test_a_required_field_nobody_gives_is_named_and_never_invented(values, chosen, missing):
    found = asic(values, **chosen)
    assert found.missing == missing
    assert missing not in found.body


def test_what_no_device_reports_comes_from_the_settings():
    found = asic({"power_w": None, "fan_speeds_rpm": ()}, fan_speed_rpm=0)
    assert (found.missing, found.body["power"], found.body["fan_1_speed"]) == (None, 3500, 0)
    assert asic({"power_w": 3249.6}).body["power"] == 3250


def test_a_miner_at_rest_does_not_draw_what_the_settings_say_of_a_running_one():
    resting = {"status": "sleeping", "is_mining": False, "power_w": None}
    assert (asic(resting).missing, "power" in asic(resting).body) == ("power", False)
    known = profile("m").replace(standby_power_w=51.0)
    assert asic(resting, known).body["power"] == 51
    assert asic({**resting, "power_w": 18.4}).body["power"] == 18
    assert asic({**resting, "status": "starting"}).body["power"] == 3500


def test_the_software_version_is_the_devices_then_the_settings_then_the_firmware():
    def version(details, **chosen):
        one = asic_reading(details=details)
        return asic_report.specification(one, None, settings(**chosen)).body["software_version"]

    assert version({"software_version": "a"}, software_version="b") == "a"
    assert version({}, software_version="b") == "b"
    assert version({}) == "1.2.3"


def test_a_board_keeps_its_number_while_another_is_gone():
    found = asic({"boards": (board(1), board(2))}, profile(boards=(0, 1, 2)))
    assert "hashboard_1_hashrate_5_min" not in found.body
    assert found.body["hashboard_2_hashrate_5_min"] == 33333.3
    assert found.missing == "hashboard_1_temp_1"


def test_a_device_without_boards_of_its_own_has_one_temperature():
    assert asic({"boards": ()}).body["hashboard_1_temp_1"] == 71


@pytest.mark.parametrize(
    ("status", "is_active", "state"),
    [
        ("Connected", False, "Connected"), ("Unconnected", True, "Unconnected"),
        ("Alive", True, "Connected"), ("Alive", False, "Unconnected"),
        ("Alive", None, "Connected"), ("Dead", True, "Unconnected"),
        (None, True, "Connected"), (None, False, "Unconnected"), (None, None, None),
    ],
)  # fmt: skip
def test_a_pool_is_connected_or_not(status, is_active, state):
    found = asic({"pools": (Pool(0, "tcp://p:1", "u", status, is_active),)})
    assert found.body.get("pool_1_state") == state


def test_more_than_the_server_has_room_for_is_left_out():
    pools = tuple(Pool(n, f"tcp://p:{n}", "u", "Alive") for n in range(5))
    boards = tuple(board(n) for n in range(5))
    body = asic({"pools": pools, "boards": boards, "fan_speeds_rpm": (1, 2, 3, 4, 5)}).body
    assert not {"pool_4_address", "hashboard_4_temp_1", "fan_5_speed"} & body.keys()
    assert [body[f"pool_{n}_address"] for n in (1, 2, 3)] == [f"tcp://p:{n}" for n in range(3)]


@given(
    st.floats(allow_nan=True, allow_infinity=True),
    st.lists(st.one_of(st.none(), st.floats(), st.integers(0, 9000)), max_size=6),
)
def test_whatever_numbers_come_the_server_finds_no_type_wrong(number, fans):
    values = dict.fromkeys(("hashrate_hs", "uptime_s", "reject_rate_percent", "power_w"), number)
    found = asic({**values, "fan_speeds_rpm": tuple(fans)}).body
    assert [IS_INVALID] not in faults_of("asic_miners/logs", found).values()


@pytest.mark.parametrize(
    ("uptime_s", "text"),
    [(0, "00:00:00:00"), (2374, "00:00:39:34"), (690_620.9, "07:23:50:20"),
     (8_640_000, "100:00:00:00"), (None, None), (math.nan, None), (-1, None)],
)  # fmt: skip
def test_uptime_is_days_hours_minutes_seconds(uptime_s, text):
    assert as_uptime(uptime_s) == text


def values_of(one, **chosen):
    return rig_report.monitor_values(one, None, settings(**RIG | chosen))


@pytest.mark.parametrize(
    ("hashrates_hs", "unit"),
    [([4520.5], "H/s"), ([999_999], "H/s"), ([1e6], "KH/s"), ([95.2e6, 60e6], "KH/s"),
     ([1e9], "MH/s"), ([1e12], "GH/s"), ([1e15], "TH/s"), ([1e18], "PH/s"), ([0], "H/s"),
     ([None, 0.5], "H/s"), ([], None), ([None], None), ([math.nan], None)],
)  # fmt: skip
def test_a_unit_leaves_figures_in_whole_numbers(hashrates_hs, unit):
    assert rig_report.unit_for(hashrates_hs) == unit


def test_a_rig_is_reported_in_whole_numbers():
    body = values_of(rig()).body
    assert (body["cpu_hashrate"], body["cpu_hashrate_uom"]) == (4520, "H/s")
    assert (body["gpu_8_hashrate_1"], body["gpu_hashrate_uom_1"]) == (95234, "KH/s")
    assert (body["gpu_1_fan"], body["gpu_fan_uom"], body["cpu_power"]) == (75, "%", 66)
    assert (body["cpu_coin_name"], body["gpu_coin_name_1"]) == ("Monero", "Ethereum")
    assert (body["cpu_wallet_address"], body["gpu_wallet_address_2"]) == ("wallet", "two")
    assert "cpu_wallet" not in body


@pytest.mark.parametrize(
    ("chosen", "values", "absent", "kept"),
    [
        ({"coin_name": None}, {}, "cpu_", "gpu_hashrate_uom_1"),
        ({"gpu_coin_name_1": None}, {}, "gpu_hashrate_uom_1", "cpu_hashrate"),
        ({"gpu_coin_name_2": None}, {}, "gpu_hashrate_uom_2", "gpu_hashrate_uom_1"),
        ({}, {"algorithm": None, "cpu": {"hashrate_hs": 4520.5}}, "cpu_", "gpu_1_hashrate_1"),
    ],
)
def test_half_a_group_is_left_out_whole_and_noted(chosen, values, absent, kept):
    found = values_of(rig_reading(**values), **chosen)
    allowed = {"cpu_temp", "cpu_power"}
    assert not [name for name in found.body if name.startswith(absent)
                and name not in allowed]  # fmt: skip
    assert kept in found.body
    assert found.note.endswith("left out")
    assert faults_of("cpu_gpu_miners/logs", found.body) == {}


def test_a_rig_without_gpus_hashes_with_its_cpu():
    found = values_of(rig_reading(gpus=0, cpu={}, hashrate_hs=8123.0))
    assert (found.body["cpu_hashrate"], found.body["cpu_algorithm"]) == (8123, "rx/0")
    assert not [name for name in found.body if name.startswith("gpu_")]
    assert found.note == ""


def test_where_only_gpus_mine_the_coin_is_theirs():
    found = values_of(rig_reading(cpu={}), gpu_coin_name_1=None)
    assert found.body["gpu_coin_name_1"] == "Monero"


def test_one_pool_of_two_algorithms_belongs_to_neither():
    pools = (Pool(0, "pool:1", "wallet", is_active=True),)
    body = values_of(rig_reading(pools=pools)).body
    assert not {"cpu_pool_address", "gpu_pool_address_1"} & body.keys()


def test_fans_in_turns_are_named_so():
    slow = {**GPU, "fan_percent": None, "fan_speed_rpm": 2100}
    body = values_of(rig_reading(gpus=0).replace(gpus=(slow,))).body
    assert (body["gpu_1_fan"], body["gpu_fan_uom"]) == (2100, "RPM")


@pytest.mark.parametrize("missing", ["motherboard_name", "cpu_name", "ram_size"])
def test_a_rig_specification_names_what_is_missing(missing):
    found = rig_report.specification(
        reading(), None, settings(**{**RIG, "cpu_name": "i5", missing: None})
    )
    assert found.missing == missing
