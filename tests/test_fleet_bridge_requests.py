"""Every request about fleet and power, in the field names of the Net Stabilization API."""

from datetime import datetime
from typing import Any

import pytest

from tests.fleet_house import CURVE_SETTING, SEED_CURVE, TRUE_CURVE, FleetHouse, house
from tests.mqtt_rig import shared_brokers
from tests.waiting import until

pytestmark = pytest.mark.slow

__all__ = ["house"]

NUMBER = (int, float)
MAYBE = (int, float, type(None))
TEXT_OR_NONE = (str, type(None))
STATUS = {
    "state": str, "is_available_for_dispatch": bool, "running_status": int,
    "rated_power_kw": NUMBER, "active_power_kw": NUMBER, "target_power_kw": MAYBE,
    "total_miners": int, "online_miners": int, "mining_miners": int,
    "manual_override_active": bool, "override_target_power_kw": MAYBE, "last_update": str,
    "last_ems_command": TEXT_OR_NONE, "errors": list, "power_control_mode": str,
}  # fmt: skip
MINER = {
    "miner_id": str, "name": str, "is_online": bool, "is_mining": bool, "power_kw": NUMBER,
    "rated_power_kw": NUMBER, "target_power_kw": MAYBE, "last_update": str, "error": TEXT_OR_NONE,
    "power_estimated_kw": MAYBE,
}  # fmt: skip
DISCOVERED = {
    "id": str, "ip": str, "port": int, "model": str, "type": str, "firmware_type": str,
    "firmware_version": str, "is_online": bool, "is_mining": bool, "hashrate_ghs": NUMBER,
    "power_watts": NUMBER, "power_kw": NUMBER, "rated_power_watts": NUMBER,
    "rated_power_kw": NUMBER, "temperature_c": NUMBER, "fan_speed_pct": MAYBE, "power_mode": str,
    "pool_url": str, "uptime_seconds": NUMBER, "last_seen": str, "consecutive_failures": int,
}  # fmt: skip
HEALTH = {
    "healthy": bool, "mode": str, "network_cidr": TEXT_OR_NONE, "services": dict,
    "miners_registered": int, "miners_online": int, "fleet_state": str, "timestamp": str,
}  # fmt: skip
POWER = {
    "miner_ip": str, "frequency_mhz": NUMBER, "voltage": NUMBER, "estimated_power_watts": NUMBER,
    "estimated_power_kw": NUMBER, "miner_id": str, "power_watts": NUMBER,
}  # fmt: skip
ALLOCATED = {
    "ip": str, "action": str, "frequency": MAYBE, "voltage": MAYBE, "estimated_power": NUMBER,
    "miner_id": str, "power_percent": MAYBE, "power_limit": MAYBE,
}  # fmt: skip
COMMAND = {
    "timestamp": str, "source": str, "command": str, "parameters": dict,
    "success": (bool, type(None)), "message": str, "id": str, "state": TEXT_OR_NONE,
}  # fmt: skip
CONFIG: dict[str, Any] = {
    "rated_power_kw_override": None, "power_distribution_strategy": "efficiency",
    "miner_priority": [], "max_power_change_rate_kw_per_sec": 50, "min_miner_power_percent": 0,
}  # fmt: skip


def is_of(document, shape):
    """Check that *document* has the fields of *shape*, no more and no fewer, of its types."""
    assert document.keys() == shape.keys()
    for name, kind in shape.items():
        assert isinstance(document[name], kind), (name, document[name])
        if kind in (int, NUMBER):
            assert not isinstance(document[name], bool), name
    return True


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Two S9 at full power, as in the examples of the API; no test leaves a trace."""
    with shared_brokers() as start:
        house = FleetHouse(start(), tmp_path_factory.mktemp("pair"))
        for device in house.add("vnish_s9", 2, curve=TRUE_CURVE):
            facts = {"curve": CURVE_SETTING, "rated_power_w": 1460, "name": f"S9-{device.number}"}
            house.facts[device.id] = facts
        house.start(fleet={"power_control_mode": "frequency"})
        house.activate(2.92)
        house.until_order("achieved")
        yield house
        house.close()


def ask(house, name, **document):
    answer = house.tap.ask(name, document)
    assert answer["status"] == "ok", answer
    return answer["data"]


def refused(house, name, **document):
    answer = house.tap.ask(name, document)
    assert answer.keys() == {"status", "error", "id"}, answer
    return answer["error"]["code"]


# -- what is asked ---------------------------------------------------------------------------


def test_the_status_an_ems_polls(pair):
    status = pair.ems("status")

    assert status.keys() == {
        "isAvailableForDispatch", "runningStatus", "ratedPowerInKw", "activePowerInKw"
    }  # fmt: skip
    assert (status["isAvailableForDispatch"], status["runningStatus"]) == (True, 2)
    assert status["ratedPowerInKw"] == 2.92
    assert status["activePowerInKw"] == pytest.approx(2.92, rel=0.02)


def test_the_fleets_status(pair):
    status = ask(pair, "fleet/status")

    assert is_of(status, STATUS)
    exact = {"state": "active", "running_status": 2, "rated_power_kw": 2.92,
             "target_power_kw": 2.92, "total_miners": 2, "online_miners": 2, "mining_miners": 2,
             "errors": [],
             "manual_override_active": False, "override_target_power_kw": None,
             "power_control_mode": "frequency"}  # fmt: skip
    assert exact.items() <= status.items()
    assert datetime.fromisoformat(status["last_ems_command"]).tzinfo is not None


def test_the_miners_and_one_of_them(pair):
    rows = ask(pair, "miners")["miners"]
    one = ask(pair, "miner", miner_id="vnish_1")

    assert [is_of(row, MINER) for row in rows] == [True, True]
    assert is_of(one, MINER)
    assert (one["miner_id"], one["name"], one["rated_power_kw"]) == ("vnish_1", "S9-1", 1.46)
    assert [is_of(row, DISCOVERED) for row in ask(pair, "discovery/miners")["miners"]]


def test_the_frequencies(pair):
    data = ask(pair, "power/frequencies", miner_id="vnish_1")

    assert data.keys() == {
        "valid_frequencies", "min_frequency", "max_frequency", "default_frequency"
    }  # fmt: skip
    assert data["default_frequency"] == 650
    assert set(range(300, 651, 25)) <= set(data["valid_frequencies"])
    assert (data["min_frequency"], data["max_frequency"]) == (
        min(data["valid_frequencies"]), max(data["valid_frequencies"])
    )  # fmt: skip
    assert ask(pair, "power/frequencies")["default_frequency"] == 650


def test_the_curve_is_that_of_the_settings(pair):
    rows = ask(pair, "power/curve", miner_id="vnish_1")["curve"]

    by_frequency = {row["frequency_mhz"]: row for row in rows}
    for mhz, power_w, ths, volts in SEED_CURVE:
        assert by_frequency[mhz] == {
            "frequency_mhz": mhz, "power_watts": power_w, "hashrate_ths": ths, "voltage": volts
        }  # fmt: skip


def test_the_power_of_one_miner(pair):
    data = ask(pair, "power/miner", miner_ip="vnish_1")

    assert is_of(data, POWER)
    assert (data["frequency_mhz"], data["voltage"]) == (650, pytest.approx(8.8, abs=0.1))
    assert data["estimated_power_watts"] == pytest.approx(1460, rel=0.02)
    assert data["estimated_power_kw"] == round(data["estimated_power_watts"] / 1000, 3)


def test_calculate_tells_nobody_anything(pair):
    journals = [list(device.journal) for device in pair.miners.devices]

    data = ask(pair, "power/calculate", target_power_kw=1.46)

    assert data.keys() == {"target_power_kw", "allocation", "summary"}
    assert data["target_power_kw"] == 1.46
    assert [is_of(row, ALLOCATED) for row in data["allocation"]] == [True, True]
    assert data["summary"].keys() == {
        "full_miners", "swing_miners", "idle_miners", "estimated_power_watts", "estimated_power_kw"
    }  # fmt: skip
    assert data["summary"]["estimated_power_watts"] == pytest.approx(1460, rel=0.02)
    assert refused(pair, "power/calculate") == "INVALID_POWER"
    for wrong in (-1, "2", True, [2]):
        assert refused(pair, "power/calculate", target_power_kw=wrong) == "INVALID_VALUE"
    assert [device.journal for device in pair.miners.devices] == journals
    assert pair.latest("ems/dispatch")["targetPowerInKw"] == 2.92


def test_health(pair):
    data = ask(pair, "health")

    assert is_of(data, HEALTH)
    assert data["services"] == {
        "miner_discovery": False, "fleet_manager": True, "awesome_miner": "disabled"
    }  # fmt: skip
    assert (data["mode"], data["miners_registered"], data["miners_online"]) == ("direct", 2, 2)


def test_the_history_is_newest_first_with_what_came_of_it(pair):
    pair.ems("activate", id="too-much", activationPowerInKw=99)
    data = ask(pair, "history", limit=2)

    assert data.keys() == {"commands", "total", "limit", "offset"}
    newest, first = data["commands"]
    assert is_of(newest, COMMAND)
    assert is_of(first, COMMAND)
    assert (newest["id"], newest["success"], newest["state"]) == (
        "too-much", False, "INVALID_POWER",
    )  # fmt: skip
    assert (first["source"], first["command"], first["parameters"]) == (
        "ems", "activate", {"power_kw": 2.92},
    )  # fmt: skip
    assert (first["success"], first["state"]) == (True, "achieved")
    for wrong in (-1, "x", 1.5):
        assert refused(pair, "history", limit=wrong) == "INVALID_VALUE"


def test_what_ems_orders_are_refused_with(pair):
    for power in (-1, "2", None, True, [1]):
        answer = pair.ems("activate", activationPowerInKw=power)
        assert answer.keys() == {"accepted", "message", "id", "errorCode", "statusCode"}
        assert (answer["errorCode"], answer["statusCode"]) == ("INVALID_POWER", 400)
    answer = pair.activate(2.94)
    assert (answer["errorCode"], answer["statusCode"]) == ("INVALID_POWER", 400)
    assert pair.latest("ems/dispatch")["targetPowerInKw"] == 2.92


# -- what is changed -------------------------------------------------------------------------


def test_the_power_mode(house):
    house.add("vnish_s9", 1)
    house.start()
    assert ask(house, "fleet/power-mode") == {"mode": "on_off"}

    assert ask(house, "fleet/power-mode", mode="frequency") == {
        "success": True,
        "message": "Power control mode set to frequency",
        "mode": "frequency",
    }

    assert refused(house, "fleet/power-mode", mode="turbo") == "INVALID_VALUE"
    assert ask(house, "fleet/power-mode") == {"mode": "frequency"}
    house.until_fleet(lambda one: one["power_control_mode"] == "frequency", "the mode")


def test_an_override_blocks_the_ems_and_its_end_brings_the_order_back(house):
    devices = house.add("vnish_s9", 2)
    house.start()
    house.activate(2.92)
    house.until_order("achieved")
    one_kw = 1.46 + 0.051

    assert ask(house, "fleet/override", enabled=True, target_power_kw=one_kw) == {
        "success": True, "message": "Manual override enabled at 1.511 kW", "override_active": True,
    }  # fmt: skip
    status = house.until_fleet(lambda one: one["mining_miners"] == 1, "one miner")

    assert (status["manual_override_active"], status["override_target_power_kw"]) == (True, 1.51)
    assert status["is_available_for_dispatch"] is False
    answer = house.activate(1.0)
    assert (answer["errorCode"], answer["statusCode"]) == ("MANUAL_OVERRIDE", 409)
    assert refused(house, "power/apply", target_power_kw=1.0) == "MANUAL_OVERRIDE"

    assert ask(house, "fleet/override", enabled=True)["override_active"]  # no power: stop all
    house.until_fleet(lambda one: one["mining_miners"] == 0, "nobody")
    assert ask(house, "fleet/override", enabled=False)["override_active"] is False
    house.until_fleet(lambda one: one["mining_miners"] == 2, "both again", 40)
    assert [device.state for device in devices] == ["mining", "mining"]
    for wrong in ({}, {"enabled": 1}, {"enabled": True, "target_power_kw": -1}):
        assert refused(house, "fleet/override", **wrong) == "INVALID_VALUE"


def test_apply_is_an_order_of_the_dashboard(house):
    house.add("vnish_s9", 2)
    house.start()

    data = ask(house, "power/apply", target_power_kw=1.511)

    assert (data.keys(), data["success"]) == ({"success", "message", "target_power_kw"}, True)
    assert data["target_power_kw"] == 1.511
    house.until_order("achieved")
    (row,) = ask(house, "history")["commands"]
    assert (row["source"], row["parameters"], row["success"]) == (
        "dashboard", {"power_kw": 1.511}, True,
    )  # fmt: skip
    assert refused(house, "power/apply", target_power_kw=99) == "INVALID_POWER"
    assert refused(house, "power/apply") == "INVALID_POWER"


def test_a_frequency_is_set_and_its_power_told_by_the_miners_own_curve(house):
    (device,) = house.add("vnish_s9", 1, curve=TRUE_CURVE)
    house.facts[device.id] = {"curve": CURVE_SETTING, "rated_power_w": 1460}
    house.start()

    data = ask(house, "power/set-frequency", miner_ip=device.id, frequency_mhz=550, voltage=8.6)

    expected = {"frequency_mhz": 550, "voltage": 8.6, "estimated_power_watts": 1140}
    assert expected.items() <= data.items()
    assert data.keys() - expected.keys() == {"success", "message", "miner_ip", "miner_id", "id"}
    assert house.tap.result(device.id, data["id"], timeout_s=40)["status"] == "confirmed"
    assert device.running_mhz == 550
    between = ask(house, "power/set-frequency", miner_ip=device.id, frequency_mhz=512)
    assert between["estimated_power_watts"] == 1034  # between 1,000 and 1,140 W
    for wrong in ({}, {"frequency_mhz": 50}, {"frequency_mhz": 1200}, {"frequency_mhz": "550"}):
        assert refused(house, "power/set-frequency", miner_ip=device.id, **wrong) == "INVALID_VALUE"
    assert (
        refused(house, "power/set-frequency", miner_ip="nobody", frequency_mhz=500) == "NOT_FOUND"
    )


def test_control_of_one_miner(house):
    (device,) = house.add("vnish_s9", 1)
    house.start()

    data = ask(house, "miner/control", miner_id=device.id, action="stop")

    assert data.keys() == {"success", "miner_id", "action", "message", "expected_s", "id"}
    assert (data["success"], data["miner_id"], data["action"]) == (None, device.id, "stop")
    assert house.tap.result(device.id, data["id"])["status"] == "confirmed"
    assert device.state == "sleeping"
    assert refused(house, "miner/control", miner_id=device.id, action="reset") == "NOT_ALLOWED"
    assert refused(house, "miner/control", miner_id=device.id, action="x") == "INVALID_VALUE"


def test_the_configuration_outlives_a_restart_until_null_resets_it(house):
    house.add("vnish_s9", 2)
    house.start()
    assert ask(house, "config") == CONFIG
    changes = {
        "rated_power_kw_override": 3.0, "max_power_change_rate_kw_per_sec": 100.0,
        "miner_priority": ["vnish_2", "vnish_1"], "power_distribution_strategy": "equal",
        "min_miner_power_percent": 20,
    }  # fmt: skip

    assert ask(house, "config/set", **changes) == {"success": True, "config": changes}
    until(lambda: house.ems("status")["ratedPowerInKw"] == 3.0, 5, "the rated power")
    house.stop()
    house.start()

    assert ask(house, "config") == changes
    assert house.ems("status")["ratedPowerInKw"] == 3.0
    ask(house, "config/set", **dict.fromkeys(changes))
    house.stop()
    house.start()
    assert ask(house, "config") == CONFIG


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, "INVALID_REQUEST"),
        ({"tolerance_percent": 5}, "INVALID_REQUEST"),
        ({"rated_power_kw_override": -1}, "INVALID_VALUE"),
        ({"rated_power_kw_override": True}, "INVALID_VALUE"),
        ({"rated_power_kw_override": "much"}, "INVALID_VALUE"),
        ({"power_distribution_strategy": "best"}, "INVALID_VALUE"),
        ({"power_distribution_strategy": ["equal"]}, "INVALID_VALUE"),
        ({"max_power_change_rate_kw_per_sec": 0}, "INVALID_VALUE"),
        ({"min_miner_power_percent": 101}, "INVALID_VALUE"),
        ({"miner_priority": "vnish_1"}, "INVALID_VALUE"),
        ({"miner_priority": [1]}, "INVALID_VALUE"),
        ({"miner_priority": ["nobody"]}, "INVALID_VALUE"),
        ({"miner_priority": ["vnish_1", "vnish_1"]}, "INVALID_VALUE"),
        ({"min_miner_power_percent": 10, "rated_power_kw_override": -1}, "INVALID_VALUE"),
    ],
)
def test_a_change_that_is_refused_changes_nothing(pair, change, code):
    assert refused(pair, "config/set", **change) == code
    assert ask(pair, "config") == CONFIG


def test_the_allocation_tells_what_each_miner_was_told_and_does(pair):
    rows = ask(pair, "fleet/allocation")["miners"]

    assert [row["outcome"] for row in rows] == ["running", "running"]
    assert [row["planned_power_w"] for row in rows] == pytest.approx([1460, 1460], rel=0.02)
    assert [row["power_w"] for row in rows] == pytest.approx([1460, 1460], rel=0.02)
