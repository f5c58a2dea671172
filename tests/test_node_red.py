"""The shipped Node-RED flows as documents, and the command that prints them."""

import itertools
import json
import re

import pytest
import yaml

from minerbridge.__main__ import main
from minerbridge.mqtt.topics import Topics
from minerbridge.node_red.flows import NAMES, Place, flow, summary

CORE = {
    "tab", "mqtt-broker", "mqtt in", "mqtt out", "inject", "function", "change", "debug", "catch",
    "comment",
}  # fmt: skip
#: Room for a status below a node, and between two of them.
NODE_HEIGHT = 50


def run(capsys, *words):
    code = main(["node-red", *map(str, words)])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def topics_in(nodes):
    return {node["topic"] for node in nodes if "/" in node.get("topic", "")}


def broker_in(nodes):
    (found,) = [node for node in nodes if node["type"] == "mqtt-broker"]
    return found


def corners(node):
    """Left, right, top and bottom, as wide as Node-RED draws the label."""
    half = max(100, 40 + 7 * len(node["name"])) / 2
    half_height = NODE_HEIGHT / 2
    x, y = node["x"], node["y"]
    return x - half, x + half, y - half_height, y + half_height


@pytest.fixture
def settings_file(tmp_path):
    def write(**settings):
        file = tmp_path / "config.yaml"
        file.write_text(yaml.safe_dump(settings))
        return file

    return write


# -- the documents ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_flow_is_whole_and_of_core_nodes_only(name):
    nodes = flow(name)
    by_id = {node["id"]: node for node in nodes}
    tab, broker = nodes[:2]

    assert (tab["type"], broker["type"]) == ("tab", "mqtt-broker")
    assert {node["type"] for node in nodes} <= CORE
    assert {node["z"] for node in nodes[2:]} == {tab["id"]}
    assert all(node["broker"] == broker["id"] for node in nodes if node["type"].startswith("mqtt "))
    wired = [end for node in nodes for output in node.get("wires", []) for end in output]
    assert set(wired) <= by_id.keys()
    reached = {
        *wired,
        *(i for i, n in by_id.items() if n["type"] in ("inject", "mqtt in", "catch")),
    }
    assert {i for i, n in by_id.items() if n["type"] in ("function", "change", "debug")} <= reached
    assert all(len(n["wires"]) == n["outputs"] for n in nodes if n["type"] == "function")


@pytest.mark.parametrize("name", NAMES)
def test_a_flow_shows_what_to_change_and_what_went_wrong(name):
    nodes = flow(name)
    kinds = [node["type"] for node in nodes]
    notes = [node["info"] for node in nodes if node["type"] == "comment" and node["info"]]

    assert all(node["name"] for node in nodes[1:])
    assert len(notes) == 1
    assert "**To change**" in notes[0]
    assert "node.status" in "".join(node.get("func", "") for node in nodes)
    assert {"inject", "debug", "catch"} <= set(kinds)
    assert not re.search(r"credential|password\":|username\":", json.dumps(nodes))


def test_ids_are_unique_over_all_flows_so_that_all_can_be_imported():
    ids = [node["id"] for name in NAMES for node in flow(name)]

    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("name", NAMES)
def test_no_node_lies_on_another(name):
    drawn = [node for node in flow(name) if "x" in node]

    for one, other in itertools.combinations(drawn, 2):
        left, right, top, bottom = corners(one)
        other_left, other_right, other_top, other_bottom = corners(other)
        apart = right <= other_left or other_right <= left
        apart = apart or bottom <= other_top or other_bottom <= top
        assert apart, (one["name"], other["name"])


def test_the_topics_are_the_bridges_own():
    topics = Topics()
    known = {
        *(topics.ems(f"request/{one}") for one in ("activate", "deactivate", "heartbeat")),
        *(topics.ems(f"response/{one}") for one in ("activate", "deactivate")),
        *(topics.ems("status"), topics.ems("dispatch")),
        *(topics.bridge("state"), topics.bridge("event")),
        *(topics.availability("+"), topics.state("binary_sensor", "+", "problem")),
        topics.result("miner_1"),
        *(topics.set("switch", "miner_1", key) for key in ("power", "led", "dispatch")),
        topics.set("number", "miner_1", "power_limit"),
        topics.set("button", "miner_1", "restart"),
    }
    others = {"meter/grid/power", "test/event"}

    assert set().union(*(topics_in(flow(name)) for name in NAMES)) == known | others


# -- filled in -------------------------------------------------------------------------------


def test_a_place_is_filled_in_everywhere():
    place = Place("10.0.0.2", 8883, True, "5", "mines/north", "ha", "s19_7")
    for name in NAMES:
        nodes = flow(name, place)
        broker = broker_in(nodes)
        found = broker["broker"], broker["port"], broker["usetls"], broker["protocolVersion"]
        assert found == ("10.0.0.2", "8883", True, "5")
        for topic in topics_in(nodes) - {"meter/grid/power", "test/event"}:
            assert topic.startswith(("mines/north/", "ha/"))
            assert "miner_1" not in topic
    assert "ha/switch/s19_7/power/set" in topics_in(flow("miner-commands", place))


def test_the_settings_are_filled_in_but_no_password(capsys, settings_file):
    file = settings_file(
        site="roof",
        mqtt={"host": "broker.lan", "username": "bridge", "password": "hidden", "base_topic": "m"},
        miners=[{"id": "heater", "host": "192.168.1.5", "password": "hidden"}],
    )

    code, out, err = run(capsys, "miner-commands", "-c", file)

    nodes = json.loads(out)
    assert (code, broker_in(nodes)["broker"]) == (0, "broker.lan")
    assert {"m/roof/miner/heater/result", "homeassistant/switch/heater/led/set"} <= topics_in(nodes)
    assert "hidden" not in out + err
    assert "user and password" in err


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [
        ("mqtt.lan", "mqtt.lan", "1884"),
        ("192.168.1.2:8883", "192.168.1.2", "8883"),
        ("[fd00::2]:1", "fd00::2", "1"),
    ],
)
def test_the_brokers_address_is_overridden(capsys, settings_file, address, host, port):
    file = settings_file(mqtt={"host": "broker.lan", "port": 1884})

    _, out, _ = run(capsys, "ems-schedule", "-c", file, "--broker", address)

    broker = broker_in(json.loads(out))
    assert (broker["broker"], broker["port"]) == (host, port)


@pytest.mark.parametrize("address", ["", "a b", "host:", "host:0", "host:65536", "mqtt://host"])
def test_what_is_no_address_exits_2(capsys, address):
    with pytest.raises(SystemExit) as ended:
        run(capsys, "ems-schedule", "--broker", address)

    assert ended.value.code == 2


def test_without_a_name_the_flows_are_listed(capsys):
    code, out, _ = run(capsys)

    assert code == 0
    assert out.splitlines() == [f"{name:<16} {summary(name)}" for name in NAMES]


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("ems-shedule", "ems-schedule?"),
        ("solar", "solar-surplus?"),
        ("x", "there are ems-schedule"),
    ],
)
def test_an_unknown_name_exits_2_with_the_nearest(capsys, name, advice):
    code, out, err = run(capsys, name)

    assert (code, out) == (2, "")
    assert advice in err
