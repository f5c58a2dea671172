"""The table: what each row shows of a reading, rounded and worded, and what it takes."""

import ast
import dataclasses
import inspect
import re
from datetime import timedelta
from typing import Any, get_args

import pytest

from minerbridge.errors import InvalidValue
from minerbridge.model import Board, CommandSpec, MinerReading, Pool, Status
from minerbridge.mqtt import entities
from minerbridge.mqtt.discovery import rows_of
from minerbridge.mqtt.entities import MINER_ENTITIES, board_rows, fan_row
from minerbridge.mqtt.entity import NOT_REPORTED, decimals, whole
from tests.miners import AT, COMMANDS, board, fault, profile, reading

ROWS: dict[str, Any] = {row.component: row for row in rows_of(profile(), "TH/s")}
EMPTY = MinerReading("m", AT, "antminer")
CONTROLS = [row for row in ROWS.values() if row.control is not None]


def shown(component, **values):
    return ROWS[component].state(reading(**values))


def test_the_rows_are_those_of_the_contract():
    sensors = """hashrate hashrate_average power efficiency energy temperature board_temperature
        ambient_temperature frequency voltage shares_accepted shares_rejected shares_stale
        reject_rate hardware_errors pool_url pool_status uptime status errors
        fan_1_speed fan_2_speed"""
    boards = [f"board_{n}_{value}" for n in (1, 2, 3) for value in
              ("hashrate", "temperature", "chip_temperature", "frequency", "chips")]  # fmt: skip
    others = """binary_sensor_problem switch_power switch_led number_power_limit
        number_power_percent select_power_mode select_pool_profile button_restart button_reboot"""

    assert set(ROWS) == {f"sensor_{key}" for key in [*sensors.split(), *boards]} | set(
        others.split()
    )


def test_component_keys_are_unique():
    rows = rows_of(profile(boards=range(16), fans=8), "TH/s")
    assert len({row.component for row in rows}) == len(rows)


def test_every_value_read_is_a_field_of_the_model():
    fields = {
        field.name for kind in (MinerReading, Board, Pool) for field in dataclasses.fields(kind)
    }
    tree = ast.parse(inspect.getsource(entities))
    named = {
        node.args[2].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") == "sensor"
        and isinstance(node.args[2], ast.Constant)
    }

    assert len(named) > 15
    assert named <= fields


@pytest.mark.parametrize("component", sorted(set(ROWS) - {"sensor_status", "sensor_errors"}))
def test_what_is_not_reported_is_unknown(component):
    assert ROWS[component].state(EMPTY) == NOT_REPORTED


def test_status_and_errors_always_say_something():
    assert ROWS["sensor_status"].state(EMPTY) == "unknown"
    assert ROWS["sensor_errors"].state(EMPTY) == "none"


@pytest.mark.parametrize("broken", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("component", ["sensor_power", "sensor_hashrate", "number_power_limit"])
def test_what_is_no_number_is_unknown(component, broken):
    values = {"power_w": broken, "hashrate_hs": broken, "power_limit_w": broken}
    assert shown(component, **values) == NOT_REPORTED


@pytest.mark.parametrize(
    ("component", "text"),
    [
        ("sensor_hashrate", "95.12"),
        ("sensor_hashrate_average", "94.90"),
        ("sensor_power", "3250"),
        ("sensor_energy", "12.35"),
        ("sensor_efficiency", "34.2"),
        ("sensor_temperature", "71.3"),
        ("sensor_board_temperature", "60.0"),
        ("sensor_ambient_temperature", "24.9"),
        ("sensor_frequency", "545"),
        ("sensor_voltage", "12.82"),
        ("sensor_shares_accepted", "1234"),
        ("sensor_shares_rejected", "5"),
        ("sensor_shares_stale", "2"),
        ("sensor_reject_rate", "0.40"),
        ("sensor_hardware_errors", "7"),
        ("sensor_pool_url", "stratum+tcp://two.example.com:3333"),
        ("sensor_pool_status", "Alive"),
        ("sensor_uptime", "2026-01-15T12:00:00+00:00"),
        ("sensor_status", "mining"),
        ("sensor_errors", "none"),
        ("sensor_fan_1_speed", "4200"),
        ("sensor_fan_2_speed", "None"),
        ("sensor_board_1_hashrate", "33.33"),
        ("sensor_board_1_temperature", "60.0"),
        ("sensor_board_1_chip_temperature", "71.3"),
        ("sensor_board_1_frequency", "545"),
        ("sensor_board_1_chips", "76"),
        ("binary_sensor_problem", "OFF"),
        ("switch_power", "ON"),
        ("switch_led", "OFF"),
        ("number_power_limit", "3250"),
        ("number_power_percent", "100"),
        ("select_power_mode", "normal"),
        ("select_pool_profile", "None"),
    ],
)
def test_values_are_rounded_as_the_contract_says(component, text):
    assert shown(component) == text


@pytest.mark.parametrize(
    ("text", "value", "written"),
    [(decimals(2), -0.001, "0.00"), (decimals(1), -0.06, "-0.1"), (decimals(1), -10.0, "-10.0"),
     (whole, -0.4, "0"), (whole, 1e15, "1000000000000000")],
)  # fmt: skip
def test_numbers_are_written_plainly(text, value, written):
    assert text(value) == written


@pytest.mark.parametrize(
    ("status", "state"),
    [("mining", "ON"), ("starting", "ON"), ("tuning", "ON"), ("error", "ON"),
     ("sleeping", "OFF"), ("stopped", "OFF"), ("unknown", "None")],
)  # fmt: skip
def test_the_power_switch_is_on_unless_stopped_or_asleep(status, state):
    assert shown("switch_power", status=status, is_mining=False) == state
    assert status in get_args(Status)


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ({"status": "mining"}, "OFF"),
        ({"status": "error"}, "ON"),
        ({"status": "mining", "errors": (fault(),)}, "ON"),
        ({"status": "unknown", "errors": (fault(),)}, "ON"),
        ({"status": "unknown"}, "None"),
    ],
)
def test_a_problem_is_an_error_of_the_device(values, state):
    assert shown("binary_sensor_problem", **values) == state


def test_errors_are_listed_within_home_assistants_255_characters():
    assert shown("sensor_errors", errors=(fault("E1", "hot"), fault("E2", "cold"))) == (
        "E1: hot; E2: cold"
    )
    assert len(shown("sensor_errors", errors=(fault(message="x" * 500),))) == 255


@pytest.mark.parametrize(("chip_c", "text"), [(71.26, "71.3"), (None, "60.0"), (0.0, "0.0")])
def test_temperature_is_the_hottest_chips_else_the_boards(chip_c, text):
    assert shown("sensor_temperature", chip_temperature_c=chip_c) == text


def test_power_is_the_measured_one_and_never_an_estimate_in_disguise():
    assert shown("sensor_power", power_w=None, power_estimated_w=3250.0) == NOT_REPORTED

    rows = rows_of(profile(reports={"power_estimated_w"}), "TH/s")

    (power,) = [row for row in rows if row.component == "sensor_power"]
    assert power.name == "Power (estimated)"
    assert power.state(reading(power_w=None, power_estimated_w=3249.7)) == "3250"


def test_boards_count_from_one_in_slot_order_and_stay_when_one_vanishes():
    rows = {r.key: r for r in rows_of(profile(boards=(6, 7, 8)), "TH/s")}
    left = reading(boards=(board(6, chips=6), board(8, chips=8)))

    assert [rows[f"board_{n}_chips"].state(left) for n in (1, 2, 3)] == ["6", "None", "8"]
    assert "board_4_chips" not in rows
    assert "board_0_chips" not in rows


def test_a_fan_that_is_gone_is_unknown():
    assert fan_row(3).state(reading(fan_speeds_rpm=(1, 2))) == NOT_REPORTED


def test_board_hashrate_is_in_the_miners_unit():
    row = board_rows(1, 0, "GH/s", 1e9)[0]
    assert row.state(reading(boards=(board(0, hashrate_hs=5e9),))) == "5.00"
    assert row.traits["unit_of_measurement"] == "GH/s"


def test_without_commands_the_values_of_controls_are_sensors():
    keys = {row.component for row in rows_of(profile(commands={}), "TH/s")}
    assert {"sensor_power_limit", "sensor_power_mode"} <= keys
    assert not [key for key in keys if re.match("switch|number|select|button", key)]


def test_a_choice_of_nothing_is_no_entity():
    empty = {"power_mode": dataclasses.replace(COMMANDS["power_mode"], parameters=(
        dataclasses.replace(COMMANDS["power_mode"].parameters[0], choices=()),))}  # fmt: skip
    keys = {row.component for row in rows_of(profile(commands=empty), "TH/s")}
    assert "select_power_mode" not in keys


def test_a_miner_that_reports_nothing_has_only_its_problem():
    bare = profile(reports=frozenset(), boards=(), fans=0, commands={})
    assert [row.component for row in rows_of(bare, "TH/s")] == ["binary_sensor_problem"]


@pytest.mark.parametrize(
    ("component", "payload", "request_"),
    [
        ("switch_power", "ON", ("start", {})),
        ("switch_power", " off ", ("stop", {})),
        ("switch_led", "ON", ("led", {"enabled": True})),
        ("number_power_limit", "2500", ("power_limit", {"power_limit_w": "2500"})),
        ("number_power_percent", " 80 ", ("power_percent", {"power_percent": "80"})),
        ("select_power_mode", "sleep", ("power_mode", {"mode": "sleep"})),
        ("select_pool_profile", "away", ("pool_profile", {"profile": "away"})),
        ("button_restart", "PRESS", ("restart", {})),
        ("button_reboot", "press", ("reboot", {})),
    ],
)
def test_a_payload_is_a_command_with_its_parameters(component, payload, request_):
    assert ROWS[component].control.decode(payload) == request_


@pytest.mark.parametrize("component", ["switch_power", "switch_led", "button_restart"])
@pytest.mark.parametrize("payload", ["banana", "", "1", "ON OFF", "x" * 4000])
def test_switches_and_buttons_refuse_anything_else(component, payload):
    with pytest.raises(InvalidValue) as caught:
        ROWS[component].control.decode(payload)
    assert len(str(caught.value)) < 100


def test_every_control_gives_a_command_its_profile_has_with_its_parameters():
    payloads = {"switch": "ON", "button": "PRESS", "number": "100", "select": "home"}
    for row in CONTROLS:
        name, parameters = row.control.decode(payloads[row.platform])
        assert set(parameters) <= {one.name for one in COMMANDS[name].parameters}, row.component


def test_a_start_moves_only_the_uptime_row():
    moved = reading(uptime_s=0.0)
    assert ROWS["sensor_uptime"].state(moved) == AT.isoformat(timespec="seconds")
    assert ROWS["sensor_uptime"].hold_s == 60
    assert [row.component for row in MINER_ENTITIES if row.hold_s] == ["sensor_uptime"]
    assert ROWS["sensor_uptime"].value(moved) - AT == timedelta(0)


@pytest.mark.parametrize(
    ("details", "state"), [({"dispatch": True}, "ON"), ({"dispatch": False}, "OFF"), ({}, "None")]
)
def test_the_dispatch_switch_shows_whether_a_miner_takes_part(details, state):
    rows = rows_of(profile(commands={"dispatch": CommandSpec("dispatch")}), "TH/s")
    (row,) = [one for one in rows if one.component == "switch_dispatch"]
    assert row.state(reading(details=details)) == state
    assert row.traits["entity_category"] == "config"
    assert row.control is not None
    assert row.control.decode("ON") == ("dispatch", {"enabled": True})
    assert row.control.decode("OFF") == ("dispatch", {"enabled": False})
