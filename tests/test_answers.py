"""What requests about miners are answered with, in the field names of the seed's API."""

import pytest

from minerbridge import __version__
from minerbridge.answers import Answers
from minerbridge.errors import (
    BadReply,
    CommandRejected,
    InvalidValue,
    MinerLocked,
    MinerUnreachable,
    NotAllowed,
    NotFound,
    Unsupported,
)
from minerbridge.mqtt.wire import to_json
from minerbridge.report import summary
from tests.fake_bridge import fake_bridge
from tests.miners import COMMANDS, board, profile, reading

#: Field names of the Net Stabilization API, by request.
MINER = (
    "miner_id name is_online is_mining power_kw rated_power_kw target_power_kw last_update error"
)
DETAILS = {
    "system": "minertype hostname macaddr ipaddress firmware_version uptime",
    "config": "frequency voltage fan_ctrl fan_pwm target_temp shutdown_temp asicboost",
    "boards": "id hashrate_ghs chip_temp pcb_temp power_watts frequency_mhz chips_total chips_ok"
    " status",
    "pools": "id url worker status accepted rejected stratum_active",
    "shares": "accepted rejected stale hw_errors reject_rate",
    "summary": "elapsed hashrate_ghs_5s hashrate_ghs_avg frequency_mhz fans",
}
CONFIG = (
    "rated_power_kw_override power_distribution_strategy miner_priority"
    " max_power_change_rate_kw_per_sec min_miner_power_percent"
)
HEALTH = "healthy mode network_cidr services miners_registered miners_online fleet_state timestamp"
STATS = {"STATS": [{"chips": 1}], "Pass": "x"}


@pytest.fixture
def bridge():
    return fake_bridge()


@pytest.fixture
def ask(bridge):
    return lambda name, **document: Answers(bridge).table()[name]({"id": "7", **document})


def test_the_requests_are_those_of_the_contract(bridge):
    assert set(Answers(bridge).table()) == {
        "miners", "miner", "miner/details", "miner/control", "miner/blink", "miner/command",
        "discovery/scan", "discovery/add", "discovery/remove", "discovery/miners",
        "config", "config/set", "health", "history",
        "fleet/status", "fleet/override", "fleet/power-mode", "fleet/allocation",
        "power/frequencies", "power/curve", "power/miner", "power/calculate", "power/apply",
        "power/set-frequency",
        "platform/info", "platform/miners", "platform/miner", "platform/stats", "platform/history",
        "platform/logs", "platform/profiles", "platform/profile/set", "platform/profile/delete",
        "platform/start", "platform/stop", "platform/install", "platform/uninstall",
        "rig-monitor/expected", "rig-monitor/playbooks", "rig-monitor/status",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("miners", {}),
        ("miner", {"miner_id": "m"}),
        ("miner/details", {"miner_id": "m"}),
        ("miner/control", {"miner_id": "m", "action": "stop"}),
        ("miner/blink", {"miner_id": "m"}),
        ("discovery/miners", {}),
        ("config", {}),
        ("health", {}),
    ],
)
def test_every_answer_is_json(ask, name, document):
    assert to_json(ask(name, **document)).startswith(b"{")


def test_a_miner_has_the_seeds_fields(ask):
    row = ask("miner", miner_id="m")
    assert set(MINER.split()) <= row.keys()
    assert (row["name"], row["power_kw"], row["rated_power_kw"]) == ("Garage", 3.25, 3.25)
    assert (row["is_online"], row["is_mining"], row["error"]) == (True, True, None)


def test_a_miner_that_never_answered_is_listed_too(bridge, ask):
    bridge.settle("n", "192.0.2.8", of=[])
    row = ask("miner", miner_id="n")
    assert (row["miner_id"], row["is_online"], row["is_mining"]) == ("n", False, None)
    assert (row["power_kw"], row["last_update"]) == (None, None)


def test_an_estimate_is_not_shown_as_power(bridge, ask):
    bridge.miner.readings["m"] = reading(power_w=None, power_estimated_w=3250.0)
    row = ask("miner", miner_id="m")
    assert (row["power_kw"], row["power_estimated_kw"]) == (None, 3.25)


@pytest.mark.parametrize("field", ["miner_id", "miner_ip", "ip"])
@pytest.mark.parametrize("value", ["m", "192.0.2.7"])
def test_a_miner_is_named_by_id_or_address_in_any_of_three_fields(ask, field, value):
    assert ask("miner", **{field: value})["miner_id"] == "m"


@pytest.mark.parametrize("given", [{}, {"miner_id": None}, {"miner_id": 5}, {"ip": ["m"]},
                                   {"miner_id": ""}, {"miner_id": "x" * 300}])  # fmt: skip
def test_a_miner_must_be_named(ask, given):
    with pytest.raises(InvalidValue, match="miner_id is missing"):
        ask("miner", **given)


def test_an_unknown_miner_is_not_found(ask):
    with pytest.raises(NotFound, match="'nobody'"):
        ask("miner", miner_id="nobody")


def test_lists_are_answered_in_pages(bridge, ask):
    for number in range(150):
        bridge.settle(f"n{number}", f"192.0.2.{number}")
    first, second = ask("miners"), ask("miners", limit=100, offset=100)

    assert (first["total"], first["limit"], first["offset"]) == (151, 100, 0)
    assert (len(first["miners"]), len(second["miners"])) == (100, 51)
    assert ask("miners", limit=0)["miners"] == []
    assert ask("miners", offset=1000)["miners"] == []
    assert len(ask("discovery/miners", limit=2)["miners"]) == 2


@pytest.mark.parametrize("bad", [-1, 1001, 1.5, "10", True, float("nan"), [], 10**400])
def test_a_page_that_makes_no_sense_is_refused(ask, bad):
    with pytest.raises(InvalidValue, match=r"^limit: "):
        ask("miners", limit=bad)


def test_details_have_the_seeds_fields(bridge, ask):
    config = {"bitmain-freq": "650", "bitmain-voltage": "880", "bitmain-fan-ctrl": False,
              "bitmain-fan-pwm": "100"}  # fmt: skip
    bridge.settle("m", "192.0.2.7", replies={"summary": STATS, "get_miner_conf": config})

    found = ask("miner/details", miner_id="m")

    assert set(found) == {"ip", "status", *DETAILS}
    for part, names in DETAILS.items():
        rows = found[part] if isinstance(found[part], list) else [found[part]]
        assert all(set(row) == set(names.split()) for row in rows), part
    assert found["system"]["uptime"] == "5d 00:00:00"
    assert (found["config"]["frequency"], found["config"]["voltage"]) == ("650", "880")
    assert found["summary"]["fans"] == [{"id": 1, "rpm": 4200}, {"id": 2, "rpm": None}]
    assert found["status"] == {**STATS, "Pass": None}
    assert found["shares"]["reject_rate"] == 0.4


@pytest.mark.parametrize("failure", [Unsupported("x"), MinerLocked("x"), BadReply("x")])
def test_what_the_device_cannot_be_asked_is_null(bridge, ask, failure):
    bridge.settle("m", "192.0.2.7", replies={"summary": STATS, "get_miner_conf": failure})
    assert set(ask("miner/details", miner_id="m")["config"].values()) == {None}


def test_details_of_a_silent_device_are_an_error(bridge, ask):
    silence = MinerUnreachable("no answer")
    bridge.settle("m", "192.0.2.7", replies={"summary": silence, "get_miner_conf": silence})
    with pytest.raises(MinerUnreachable):
        ask("miner/details", miner_id="m")


def test_a_board_keeps_its_number_when_another_is_gone(bridge, ask):
    bridge.settle("m", "192.0.2.7", of=[profile(boards=(6, 7, 8))])
    bridge.miner = bridge.workers["m"]
    bridge.miner.readings["m"] = reading(boards=(board(6), board(8)))
    assert [one["id"] for one in ask("miner/details", ip="192.0.2.7")["boards"]] == [1, 3]


@pytest.mark.parametrize("action", ["start", "stop", "restart", "reboot"])
def test_an_action_is_under_way_with_its_id_and_expected_seconds(bridge, ask, action):
    found = ask("miner/control", miner_id="m", action=action)

    assert {"success", "miner_id", "action", "message"} <= found.keys()
    assert (found["id"], found["expected_s"]) == ("7", COMMANDS[action].expected_s)
    sent = bridge.miner.queued()
    assert (sent.name, sent.id, sent.miner_id, sent.source) == (action, "7", "m", "request")


@pytest.mark.parametrize("action", [None, "explode", 5, ["stop"]])
def test_an_unknown_action_names_the_known_ones(bridge, ask, action):
    with pytest.raises(InvalidValue, match="start, stop, restart, reboot, reset"):
        ask("miner/control", miner_id="m", action=action)
    assert bridge.miner.queued() is None


@pytest.mark.parametrize(("led_on", "sent"), [(False, True), (True, False), (None, True)])
def test_blink_toggles_and_says_what_it_knows(bridge, ask, led_on, sent):
    bridge.miner.readings["m"] = reading(led_on=led_on)

    found = ask("miner/blink", miner_ip="192.0.2.7")

    assert {"success", "miner_ip", "message", "is_enabled"} <= found.keys()
    assert found["is_enabled"] is (None if led_on is None else sent)
    assert bridge.miner.queued().enabled is sent


def test_what_a_miner_cannot_do_is_unsupported(bridge, ask):
    bridge.settle("m", "192.0.2.7", of=[profile(commands={"reboot": COMMANDS["reboot"]})])
    for name, document in (("miner/blink", {}), ("miner/control", {"action": "stop"})):
        with pytest.raises(Unsupported, match="it takes reboot"):
            ask(name, miner_id="m", **document)


def test_a_miner_that_never_answered_takes_no_command(bridge, ask):
    bridge.settle("n", "192.0.2.8", of=[])
    with pytest.raises(CommandRejected) as caught:
        ask("miner/control", miner_id="n", action="stop")
    assert caught.value.code == "OFFLINE"


def test_the_configuration_is_exactly_the_seeds():
    miners = [{"id": "a", "host": "h"}, {"id": "b", "host": "h", "priority": 1},
              {"id": "c", "host": "h", "priority": 5}]  # fmt: skip
    found = Answers(fake_bridge(miners=miners)).table()["config"]({})
    assert list(found) == CONFIG.split()
    assert found["miner_priority"] == ["c", "b"]


def test_health_has_the_seeds_fields(bridge, ask):
    found = ask("health")
    assert list(found) == HEALTH.split()
    assert found["services"] == {
        "miner_discovery": False, "fleet_manager": True, "awesome_miner": "disabled",
    }  # fmt: skip
    assert (found["healthy"], found["miners_registered"], found["miners_online"]) == (True, 1, 1)
    bridge.self_test = "failed"
    assert ask("health")["healthy"] is False


def test_the_summary_of_the_bridge_has_no_secret():
    bridge = fake_bridge(
        mqtt={"password": "hunter2"},
        pool_profiles={"home": [{"url": "tcp://p:1", "user": "wallet", "password": "hunter2"}]},
    )
    found = summary(bridge)
    assert (found["version"], found["pool_profiles"]) == (__version__, ["home"])
    assert b"hunter2" not in to_json(found)
    assert b"wallet" not in to_json(found)


def test_a_factory_reset_names_the_setting_that_allows_it(bridge, ask):
    with pytest.raises(NotAllowed, match=r"commands\.allow of m"):
        ask("miner/control", miner_id="m", action="reset")
    assert bridge.miner.queued() is None
