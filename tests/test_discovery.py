"""The discovery message, held against Home Assistant's rules."""

import json
import re

import pytest

from minerbridge.miners.iceriver.commands import pbfarmer
from minerbridge.miners.mining_platform.commands import of_miner as software_miner
from minerbridge.miners.vnish.commands import offered as vnish
from minerbridge.miners.vnish.curve import Curve
from minerbridge.miners.whatsminer.names import NAMES
from minerbridge.miners.whatsminer.table import WRITES
from minerbridge.model import CommandSpec, Parameter
from minerbridge.mqtt.discovery import bridge_payload, miner_payload, rows_of, web_page
from minerbridge.mqtt.entities import MINER_ENTITIES
from minerbridge.mqtt.topics import Topics
from tests.home_assistant_rules import IDENTIFIER, broken_rules
from tests.miners import MAC, profile

TOPICS = Topics()
ESTIMATING = profile(commands={}, reports={"power_estimated_w", "power_limit_w", "power_mode"})


def announced(of, gone=None, topics=TOPICS, unit="TH/s", name=None, mac_is_unique=True):
    rows = rows_of(of, unit)
    body = miner_payload(of, rows, gone or {}, topics, name=name, mac_is_unique=mac_is_unique)
    return json.loads(body)


FULL = announced(profile())
WHATSMINER = profile(commands={row.name: row.spec() for row in (*WRITES, *NAMES)})
PLATFORM = profile(
    commands=software_miner(["XMR"]),
    reports={"ping_ms", "cpu_temperature_c", "cpu_usage_percent", "rig_monitor"}
    | {f"gpu_{number}_temperature_c" for number in range(1, 17)},
)
DISPATCHED = profile(
    commands={"dispatch": CommandSpec("dispatch", (Parameter("enabled", "boolean"),))}
)
PBFARMER = profile(commands=pbfarmer(875.0))
VNISH = profile(commands=vnish(Curve(), ()))
COMPONENTS = (
    FULL["components"]
    | announced(ESTIMATING)["components"]
    | announced(WHATSMINER)["components"]
    | announced(PBFARMER)["components"]
    | announced(VNISH)["components"]
    | announced(PLATFORM)["components"]
    | announced(DISPATCHED)["components"]
)


@pytest.mark.parametrize("key", COMPONENTS)
def test_home_assistant_takes_every_component(key):
    assert broken_rules(COMPONENTS[key]) == []


@pytest.mark.parametrize(
    "bad",
    [
        {"device_class": "power", "unit_of_measurement": "TH/s"},
        {"device_class": "energy", "unit_of_measurement": "kWh", "state_class": "measurement"},
        {"device_class": "enum", "options": ["a"], "state_class": "measurement"},
        {"options": ["a"]},
        {"entity_category": "config"},
        {"icon": "pickaxe"},
        {"icon": "mdi: pickaxe"},
        {"name": ""},
        {"unique_id": "a b"},
    ],
)
def test_the_rules_find_what_is_broken(bad):
    assert len(broken_rules({**FULL["components"]["sensor_hashrate"], **bad})) == 1


def test_every_row_of_the_table_was_looked_at():
    assert {row.component for row in MINER_ENTITIES} <= COMPONENTS.keys()


def test_components_are_named_as_the_contract_says():
    for key, one in FULL["components"].items():
        platform, name = one["platform"], key.removeprefix(f"{one['platform']}_")
        assert one["unique_id"] == f"minerbridge_m_{key}"
        assert one["default_entity_id"] == f"{platform}.m_{name}"
        assert one["object_id"] == f"m_{name}"
        topic = f"homeassistant/{platform}/m/{name}"
        assert one.get("state_topic") == (None if platform == "button" else f"{topic}/state")
        assert one.get("command_topic") == (None if platform.endswith("sensor") else f"{topic}/set")


def test_no_name_repeats_the_devices():
    for one in FULL["components"].values():
        assert not one["name"].lower().startswith(FULL["device"]["name"].lower())


def test_the_root_has_what_home_assistant_requires():
    assert FULL["origin"]["name"] == "minerbridge"
    assert FULL["availability_mode"] == "all"
    assert [one["topic"] for one in FULL["availability"]] == [
        "minerbridge/bridge/state",
        "minerbridge/miner/m/availability",
    ]
    assert FULL["device"] == {
        "identifiers": ["minerbridge_m"],
        "name": "Antminer S19 m",
        "via_device": "minerbridge_bridge",
        "manufacturer": "Bitmain",
        "model": "Antminer S19",
        "sw_version": "1.2.3",
        "configuration_url": "http://192.0.2.7/",
        "connections": [["mac", MAC]],
    }


def test_a_mac_that_others_have_too_is_no_connection():
    assert "connections" not in announced(profile(), mac_is_unique=False)["device"]


def test_the_operators_name_is_the_devices():
    assert announced(profile(), name="Garage")["device"]["name"] == "Garage"
    assert announced(profile(model=None))["device"]["name"] == "m"


@pytest.mark.parametrize("miner_id", ["m", "antminer_a1b2c3", "x" * 64])
@pytest.mark.parametrize("site", [None, "s" * 64])
def test_the_largest_miner_fits_into_a_message(miner_id, site):
    largest = profile(miner_id, boards=range(16), fans=8)
    topics = Topics(site=site)
    body = miner_payload(
        largest, rows_of(largest, "kSol/s"), {}, topics, name=None, mac_is_unique=True
    )

    assert len(body) + len(topics.discovery(miner_id)) + 64 < 65_536
    components = json.loads(body)["components"]
    assert len(components) == len(rows_of(largest, "kSol/s")) > 100
    assert all(one.keys() & {"unique_id", "uniq_id"} for one in components.values())


def test_what_is_gone_is_removed_by_its_platform_alone():
    found = announced(profile(), gone={"sensor_old": "sensor"})["components"]
    assert found["sensor_old"] == {"platform": "sensor"}


@pytest.mark.parametrize(
    ("parameter", "announced_range"),
    [
        (Parameter("power_limit_w", "number", 1000, 3600), (1000, 3600, 1)),
        (Parameter("power_limit_w", "number", 1000, 3600, 50), (1000, 3600, 50)),
        (Parameter("power_limit_w", "number"), (0, 1_000_000, 1)),
    ],
)
def test_a_number_says_its_range(parameter, announced_range):
    commands = {"power_limit": CommandSpec("power_limit", (parameter,))}
    one = announced(profile(commands=commands))["components"]["number_power_limit"]
    assert (one["min"], one["max"], one["step"]) == announced_range


def test_a_select_offers_the_choices_of_its_command():
    assert FULL["components"]["select_power_mode"]["options"] == ["normal", "sleep"]
    assert FULL["components"]["select_pool_profile"]["options"] == ["home", "away"]


@pytest.mark.parametrize("unit", ["TH/s", "GH/s", "MH/s", "kSol/s", "H/s"])
def test_hashrates_share_the_miners_unit(unit):
    found = announced(profile(), unit=unit)["components"]
    for key in ("sensor_hashrate", "sensor_hashrate_average", "sensor_board_1_hashrate"):
        assert found[key]["unit_of_measurement"] == unit
        assert broken_rules(found[key]) == []


def test_only_the_hashrate_carries_attributes():
    with_attributes = [k for k, one in FULL["components"].items() if "json_attributes_topic" in one]
    assert with_attributes == ["sensor_hashrate"]
    template = FULL["components"]["sensor_hashrate"]["json_attributes_template"]
    assert set(re.findall(r"'(\w+)':", template)) == {"pool", "uptime", "efficiency"}


def test_rare_entities_begin_disabled():
    disabled = {
        k for k, one in FULL["components"].items() if one.get("enabled_by_default") is False
    }
    assert {"sensor_voltage", "sensor_shares_stale", "sensor_board_1_chips"} <= disabled
    assert not {"sensor_hashrate", "sensor_power", "switch_power"} & disabled


@pytest.mark.parametrize("site", [None, "north"])
def test_the_bridge_is_a_device_too(site):
    found = json.loads(bridge_payload(Topics(site=site)))
    own = f"{site}_bridge" if site else "bridge"

    assert found["device"]["identifiers"] == [f"minerbridge_{own}"]
    assert set(found["components"]) == {
        "binary_sensor_online",
        "sensor_version",
        "sensor_miners_offline",
    }
    for one in found["components"].values():
        assert broken_rules(one) == []
        assert own in one["unique_id"]
    assert "availability" not in found["components"]["binary_sensor_online"]
    assert announced(profile(), topics=Topics(site=site))["device"]["via_device"] == (
        f"minerbridge_{own}"
    )


@pytest.mark.parametrize(
    ("address", "page"),
    [
        ("192.0.2.7", "http://192.0.2.7/"),
        ("miner.lan", "http://miner.lan/"),
        ("2001:db8::1", "http://[2001:db8::1]/"),
        ("0.0.0.0", None),
        ("not an address", None),
        ("", None),
        (None, None),
    ],
)
def test_a_page_home_assistant_would_refuse_is_left_out(address, page):
    assert web_page(address) == page
    assert announced(profile(ip_address=address))["device"].get("configuration_url") == page


def test_ids_have_only_letters_home_assistant_takes():
    for key, one in FULL["components"].items():
        assert IDENTIFIER.fullmatch(key)
        assert IDENTIFIER.fullmatch(one["unique_id"])
