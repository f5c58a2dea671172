"""The simulated Mining Rig Monitor refuses what the real one refuses, in its words."""

import json

import pytest

from minerbridge.simulator.rig_monitor_schema import FIELDS, TOGETHER, faults_of
from minerbridge.simulator.rig_monitor_server import RigMonitorServer

ASIC, RIG = "873337a5-asic", "9d42acfd-rig"
LOG = {
    "hashrate_5_min": 13135, "hashrate_uom": "GH/s", "uptime": "07:23:50:20",
    "pool_1_address": "stratum+tcp://pool:1", "pool_1_user": "u", "pool_1_state": "Connected",
    "hashboard_1_temp_1": 50, "fan_1_speed": 5855, "lan_ip": "192.0.2.5", "coin_name": "Kaspa",
    "power": 3500,
}  # fmt: skip
SPECS = {"model": "m", "firmware_version": "1", "software_version": "2"}
PLAYBOOK = {"id": 60, "software_name": "XMRig", "software_version": "6.22.2",
            "module": "Elixir.MinerProvision.XMRIG_6_22_2"}  # fmt: skip


@pytest.fixture
def server():
    server = RigMonitorServer()
    server.add(ASIC, name="KS5L")
    server.add(RIG, "cpu_gpu_miners").playbooks.append(PLAYBOOK)
    return server


@pytest.fixture
def ask(server):
    def ask(method, endpoint, code=None, body=None):
        headers = {} if code is None else {"api_code": code}
        raw = b"" if body is None else json.dumps(body).encode()
        return server.answer(method, f"/api/v1/{endpoint}", headers, raw)

    return ask


def test_every_endpoint_of_the_api_answers(ask, server):
    codes = ["unknown", ASIC, RIG]
    status = {"name": "KS5L", "asic_expected_status": "on", "light_expected_status": "off"}
    assert ask("GET", "ping") == (200, {"message": "pong"})
    assert ask("POST", "asic_miners/specs", ASIC, SPECS) == (200, None)
    assert ask("POST", "asic_miners/logs", ASIC, LOG) == (200, None)
    assert ask("GET", "asic_miners/expected_status", ASIC) == (200, status)
    bulk = ask("POST", "asic_miners/expected_status_bulk", None, {"api_code_list": codes})
    assert bulk == (200, {ASIC: status})
    rig = {"motherboard_name": "b", "cpu_name": "c", "ram_size": "8GB"}
    assert ask("POST", "cpu_gpu_miners/specs", RIG, rig) == (200, None)
    assert ask("POST", "cpu_gpu_miners/logs", RIG, {}) == (200, None)
    assert ask("GET", "cpu_gpu_miners/playbooks", RIG) == (200, [PLAYBOOK])
    assert server.miners[ASIC].is_activated


def test_the_module_of_a_playbook_is_not_there(ask):
    assert ask("GET", "cpu_gpu_miners/playbooks/60/module", RIG)[0] == 404


def test_the_documented_name_of_the_list_alone_is_a_bad_request(ask):
    body = {"asic_api_code_list": [ASIC]}
    assert ask("POST", "asic_miners/expected_status_bulk", None, body)[0] == 400
    assert ask("POST", "asic_miners/logs", ASIC, [1])[0] == 400


@pytest.mark.parametrize(
    ("code", "message"),
    [(None, "API_CODE does not exist in request header."), ("x", "API_CODE invalid."),
     (RIG, "API_CODE invalid.")],
)  # fmt: skip
@pytest.mark.parametrize(
    ("method", "endpoint"),
    [("POST", "asic_miners/specs"), ("POST", "asic_miners/logs"),
     ("GET", "asic_miners/expected_status")],
)  # fmt: skip
def test_a_code_must_be_there_and_of_the_right_form(ask, method, endpoint, code, message):
    assert ask(method, endpoint, code, {}) == (401, {"message": message})


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("power", 3500.0, "is invalid"), ("power", 3500.5, "is invalid"),
        ("power", "3500", "is invalid"), ("power", None, "can't be blank"),
        ("power", True, "is invalid"), ("power", 2**31, "is invalid"),
        ("hashboard_1_temp_1", 50.5, "is invalid"), ("fan_1_speed", 5855.0, "is invalid"),
        ("pool_1_accepted_share", 1.0, "is invalid"), ("uptime", 3600, "is invalid"),
        ("uptime", " ", "can't be blank"), ("pool_1_user", "", "can't be blank"),
        ("hashrate_5_min", "13135", "is invalid"), ("hashrate_30_min", [], "is invalid"),
        ("coin_name", "x" * 256, "is invalid"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named(ask, server, field, value, words):
    refusal = (422, {"errors": {field: [words]}})
    assert ask("POST", "asic_miners/logs", ASIC, {**LOG, field: value}) == refusal
    assert server.miners[ASIC].logs == []


def test_whole_numbers_do_for_floats_and_unknown_fields_are_ignored(ask):
    body = {**LOG, "hashrate_30_min": 8642.5, "hashboard_4_temp_1": "x", "cpu_wallet": 5}
    assert ask("POST", "asic_miners/logs", ASIC, body) == (200, None)


@pytest.mark.parametrize("unit", ["kh/s", "SOL/s", "gh/s", "GHs"])
def test_only_six_units_are_spelt_right(unit):
    whole = dict.fromkeys(TOGETHER[1], "x") | {"gpu_hashrate_uom_1": unit}
    found = faults_of("cpu_gpu_miners/logs", whole)
    assert found == {"gpu_hashrate_uom_1": ["is invalid"]}


@pytest.mark.parametrize("group", TOGETHER)
def test_groups_are_taken_together_or_not_at_all(group):
    whole = {n: 1 if n == "cpu_hashrate" else "H/s" if "uom" in n else "x" for n in group}
    assert faults_of("cpu_gpu_miners/logs", whole) == {}
    for name in group:
        part = {n: value for n, value in whole.items() if n != name}
        assert list(faults_of("cpu_gpu_miners/logs", part)) == [group[0]]


def test_a_rig_reports_whole_numbers():
    numbers = {name for name, kind in FIELDS["cpu_gpu_miners/logs"].items() if kind == "integer"}
    assert len(numbers) == 67
    for name in numbers - {"cpu_hashrate"}:
        assert faults_of("cpu_gpu_miners/logs", {name: 1.5}) == {name: ["is invalid"]}
