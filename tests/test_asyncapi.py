"""The AsyncAPI document: whole, true to the tables, and valid by the official parser."""

import ast
import json
import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml

from minerbridge import errors
from minerbridge.__main__ import main
from minerbridge.answers import Answers
from minerbridge.asyncapi import entities
from minerbridge.asyncapi.codes import CODES, EMS_CODES
from minerbridge.asyncapi.document import document
from minerbridge.asyncapi.ems import status_code
from minerbridge.asyncapi.events import EVENTS
from minerbridge.asyncapi.requests import REQUESTS
from minerbridge.cli.asyncapi import as_yaml
from minerbridge.mqtt import ems_wire
from minerbridge.mqtt.entities import MINER_ENTITIES, board_rows, fan_row, hashrate_rows
from minerbridge.mqtt.fleet_entities import FLEET_ENTITIES
from minerbridge.mqtt.topics import Topics
from minerbridge.settings import Settings
from tests.asyncapi_judge import Judge
from tests.fake_bridge import fake_bridge
from tests.test_architecture import FILES, PACKAGE, inner, room_of

ROOT = PACKAGE.parent
NODE = shutil.which("node")
#: Where `tests/asyncapi_parser.sh` puts the parser.
PARSER = ROOT / ".cache/asyncapi"
#: The parser of 2026 recommends 3.1.0; the contract is 3.0.
IGNORED = {"asyncapi-latest-version"}
SETTINGS: dict[str, Any] = {
    "site": "north",
    "mqtt": {"host": "broker.lan", "port": 8883, "tls": {}, "username": "bridge",
             "password": "never-shown", "base_topic": "mines", "discovery_prefix": "ha"},
    "miners": [
        {"id": "a", "host": "192.0.2.1", "family": "antminer", "password": "never-shown"},
        {"id": "b", "host": "192.0.2.2", "family": "vnish",
         "power_topic": {"topic": "shelly/b/status", "value_path": "apower"}},
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def defaults():
    return document()


@pytest.fixture(scope="module")
def judge(defaults):
    return Judge(defaults)


# -- the official parser -------------------------------------------------------------------------


def parsed(text):
    found = subprocess.run(
        [str(NODE), str(ROOT / "tests/asyncapi_check.mjs"), str(PARSER)],
        input=text, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)


def problems(found):
    return [one for one in found["diagnostics"] if one["code"] not in IGNORED]


needs_parser = pytest.mark.skipif(
    NODE is None or not (PARSER / "node_modules/@asyncapi/parser").is_dir(),
    reason="node or @asyncapi/parser is missing: see tests/asyncapi_parser.sh",
)


@pytest.mark.slow
@needs_parser
@pytest.mark.parametrize("settings", [None, SETTINGS], ids=["defaults", "settings"])
def test_the_official_parser_finds_nothing(settings):
    found = document(None if settings is None else Settings(**settings))
    heard = parsed(as_yaml(found))
    assert problems(heard) == []
    assert set(heard["channels"]) == {one["address"] for one in found["channels"].values()}


@pytest.mark.slow
@needs_parser
def test_the_official_parser_finds_what_is_wrong(defaults):
    broken = json.loads(json.dumps(defaults))
    broken["operations"]["send_bridge_state"]["action"] = "sned"
    assert any("action" in one["path"] for one in problems(parsed(json.dumps(broken))))


# -- whole ---------------------------------------------------------------------------------------


def test_every_request_that_is_served_is_documented():
    names = [row.name for row in REQUESTS]
    assert sorted(names) == sorted(Answers(fake_bridge()).table())


def test_every_request_has_an_example_that_is_answered_well(defaults):
    messages = defaults["components"]["messages"]
    for row in REQUESTS:
        name = row.name.translate(str.maketrans("/-", "__"))
        assert messages[f"request_{name}"].get("examples"), row.name
        assert messages[f"answer_{name}"].get("examples"), row.name
    for name in ems_wire.KNOWN_KEYS:
        assert messages[f"ems_{name}_request"].get("examples"), name
        assert messages[f"ems_{name}_answer"].get("examples"), name


def test_every_row_of_the_tables_has_its_topics(judge):
    topics = Topics()
    rows = [*hashrate_rows("TH/s", 1e12), *MINER_ENTITIES, fan_row(3), *board_rows(2, 5, "H/s", 1)]
    for row in rows:
        if row.platform != "button":
            state = judge.channel(topics.state(row.platform, "s19_1", row.key))
            assert state == f"state_{row.platform}_{re.sub(r'_[0-9]+_', '_n_', row.key)}"
        if row.control is not None:
            assert judge.channel(topics.set(row.platform, "s19_1", row.key)) != "set_unknown"
    for fleet_row in FLEET_ENTITIES:
        platform, key = fleet_row.platform, fleet_row.key
        if fleet_row.text is not None:
            channel = judge.channel(topics.state(platform, "fleet", key))
            assert channel == f"fleet_state_{platform}_{key}"
        if fleet_row.decode is not None:
            channel = judge.channel(topics.set(platform, "fleet", key))
            assert channel == f"fleet_set_{platform}_{key}"


def test_every_command_of_the_tables_has_examples_that_it_takes():
    rows = [row for row in entities.miner_rows() if row.control is not None]
    assert rows
    for row in rows:
        assert row.control is not None
        for value in entities.values_for(row):
            row.control.decode(value)


def test_every_example_is_as_its_schema_says(defaults, judge):
    messages = defaults["components"]["messages"]
    shown = [
        (name, one["payload"]) for name, m in messages.items() for one in m.get("examples", ())
    ]
    assert len(shown) > 200
    for name, payload in shown:
        assert judge.faults(name, payload) == [], name


def test_a_schema_refuses_what_is_not_documented(judge):
    assert judge.faults("state_sensor_hashrate", "108.8")
    assert judge.faults("answer_health", {"status": "ok", "data": {}, "id": "1"})
    assert (
        judge.verdict("minerbridge/bridge/other", "x") == "minerbridge/bridge/other: in no channel"
    )
    assert "no JSON" in judge.verdict("minerbridge/bridge/info", "x")


def test_replies_lead_to_messages_of_their_channel(defaults):
    for name, one in defaults["operations"].items():
        if one["action"] == "receive" and not name.endswith(("birth", "selftest")):
            assert one["reply"]["messages"], name
            channel = one["reply"]["channel"]["$ref"]
            assert all(m["$ref"].startswith(f"{channel}/") for m in one["reply"]["messages"])


# -- codes and events ----------------------------------------------------------------------------


def calls_of(*names):
    """Yield every call of a function or method with one of *names* in the package."""
    for path in FILES:
        if room_of(path) in ("simulator", "demo", "asyncapi"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                called = node.func
                name = (
                    called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
                )
                if name in names:
                    yield node


def test_every_event_that_is_published_is_documented():
    known = {row.type for row in EVENTS}
    given = {
        node.args[0].value
        for node in calls_of("event", "tell")
        if node.args and isinstance(node.args[0], ast.Constant)
    }
    assert given <= known
    assert {"miner_online", "scan_finished", "quarantined"} <= given
    yielded = set(re.findall(r'yield "(\w+)", \{', (PACKAGE / "changes.py").read_text()))
    assert len(yielded) == 3
    assert yielded <= known


def subclasses(of):
    for one in of.__subclasses__():
        yield one
        yield from subclasses(one)


def test_every_code_has_its_meaning():
    given = {
        keyword.value.value
        for path in FILES
        if room_of(path) not in ("simulator", "demo")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "code" and isinstance(keyword.value, ast.Constant) and keyword.value.value
    }
    assert "BUSY" in given
    given |= {one.code for one in subclasses(errors.BridgeError)}
    assert given <= CODES.keys() | EMS_CODES.keys()


def test_the_codes_of_the_ems_are_those_of_its_wire():
    assert {code: status_code(code) for code in EMS_CODES} == ems_wire._STATUS_CODES


# -- settings, command line ----------------------------------------------------------------------


def test_settings_give_topics_site_broker_and_miners_and_no_secrets():
    found = document(Settings(**SETTINGS))
    addresses = {one["address"] for one in found["channels"].values()}
    assert {
        "mines/north/bridge/state", "mines/north/ems/request/activate", "shelly/b/status",
        "ha/switch/{miner_id}/power/set", "ha/device/north_fleet/config", "homeassistant/status",
    } <= addresses  # fmt: skip
    assert found["components"]["parameters"]["miner_id"]["enum"] == ["a", "b"]
    server = found["servers"]["broker"]
    assert (server["host"], server["protocol"]) == ("broker.lan:8883", "secure-mqtt")
    assert "never-shown" not in json.dumps(found)


def test_where_miners_are_found_their_ids_are_examples_only():
    found = document(Settings(**SETTINGS, discovery={"networks": ["192.0.2.0/24"]}))
    assert found["components"]["parameters"]["miner_id"]["examples"] == ["a", "b"]


@pytest.mark.slow
def test_the_command_prints_the_same_document_in_yaml_and_json(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("MINERBRIDGE_MQTT__BASE_TOPIC", "elsewhere")  # of no settings asked for
    printed = []
    for options in ([], [], ["--json"]):
        assert main(["asyncapi", *options]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    assert yaml.safe_load(printed[0]) == json.loads(printed[2]) == document()
    config = tmp_path / "config.yaml"
    config.write_text("miners: [{id: a, host: 192.0.2.1, family: vnish}]\n")
    assert main(["asyncapi", "-c", str(config)]) == 0
    assert "elsewhere/miner/{miner_id}/reading" in capsys.readouterr().out


def test_nothing_but_the_command_line_imports_the_document():
    for path in FILES:
        if room_of(path) not in ("cli", "asyncapi"):
            assert "asyncapi" not in inner(path), path
