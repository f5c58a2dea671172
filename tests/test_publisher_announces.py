"""What Home Assistant is told that a miner has, and when that is taken back."""

import pytest

from minerbridge.mqtt.publisher import Announced
from tests.miners import profile, reading
from tests.publishing import CONFIG, STATE, Desk, states
from tests.publishing import desk as desk


def test_refreshing_an_unknown_miner_says_nothing(desk):
    desk.publisher.republish("nobody")
    assert desk.broker.news() == []


def test_a_known_miner_is_announced_before_first_contact():
    desk = Desk({"m": Announced("GH/s", {"sensor_power": "sensor"})})

    desk.publisher.profile(profile())

    assert desk.broker.topics() == [CONFIG]
    hashrate = desk.broker.discovered("m")["components"]["sensor_hashrate"]
    assert hashrate["unit_of_measurement"] == "GH/s"


def test_the_unit_stays_what_it_was_first(desk):
    desk.meets(profile(algorithm=None), reading(algorithm=None, hashrate_hs=5e9))
    desk.publisher.profile(profile(algorithm="sha256"))
    desk.publisher.reading(reading(hashrate_hs=5e12))
    assert desk.broker.retained[STATE.format("hashrate")] == "5000.00"


def test_a_grown_profile_is_announced_anew_and_an_equal_one_is_not(desk):
    desk.meets(profile(fans=1))
    desk.publisher.profile(profile(fans=1))
    assert desk.broker.news() == []

    desk.publisher.profile(profile(fans=2))

    assert desk.broker.topics() == [CONFIG]
    assert "sensor_fan_2_speed" in desk.publisher.announced("m").components


def test_components_that_are_gone_are_removed_once_and_their_states_emptied():
    desk = Desk({"m": Announced("TH/s", {"sensor_old": "sensor", "button_old": "button"})})

    desk.publisher.profile(profile())

    removed = {k: v for k, v in desk.broker.discovered("m")["components"].items() if len(v) == 1}
    assert removed == {"sensor_old": {"platform": "sensor"}, "button_old": {"platform": "button"}}
    assert desk.broker.news()[1:] == [(STATE.format("old"), "")]
    desk.publisher.republish("m")
    assert not [v for v in desk.broker.discovered("m")["components"].values() if len(v) == 1]


def test_a_withdrawn_miner_leaves_nothing_behind(desk):
    desk.meets()
    desk.publisher.availability("m", True)
    assert len(desk.broker.retained) > 30

    desk.publisher.withdraw("m")

    assert desk.broker.retained == {}
    assert desk.publisher.miners() == []


def test_a_miner_that_left_while_the_bridge_was_down_leaves_nothing_behind(desk):
    desk.meets()
    later = Desk({"m": desk.publisher.announced("m")})
    later.broker.retained = desk.broker.retained

    later.publisher.withdraw("m")

    assert later.broker.retained == {}


def test_without_discovery_states_are_published_and_withdrawn_all_the_same():
    desk = Desk(discovery=False).meets()
    desk.publisher.announce_bridge()
    assert states(desk.broker)
    assert not [topic for topic in desk.broker.retained if topic.endswith("/config")]

    desk.publisher.withdraw("m")

    assert desk.broker.retained == {}


def test_switching_discovery_off_takes_out_what_was_announced():
    desk = Desk({"m": Announced("TH/s", {"sensor_power": "sensor"})}, discovery=False)
    desk.broker.retained = {CONFIG: "{}", "homeassistant/device/bridge/config": "{}"}

    desk.publisher.profile(profile())
    desk.publisher.announce_bridge()

    assert desk.broker.retained == {}


@pytest.mark.parametrize("setting", [{"all_read_only": True}, {"read_only": frozenset({"m"})}])
def test_a_read_only_miner_has_no_controls_but_shows_their_values(setting):
    desk = Desk(**setting).meets()
    components = desk.broker.discovered("m")["components"]

    assert not [one for one in components.values() if "command_topic" in one]
    assert states(desk.broker)[STATE.format("power_limit")] == "3250"
    assert desk.publisher.row("m", "switch", "power") is not None


def test_becoming_read_only_removes_the_controls():
    controls = {"switch_power": "switch", "button_reboot": "button"}
    desk = Desk({"m": Announced("TH/s", controls)}, all_read_only=True).meets()
    components = desk.broker.discovered("m")["components"]
    assert {key: components[key] for key in controls} == {
        key: {"platform": platform} for key, platform in controls.items()
    }


def test_a_denied_command_has_no_control():
    desk = Desk(denied={"m": frozenset({"reboot"})}).meets()
    components = desk.broker.discovered("m")["components"]
    assert "button_reboot" not in components
    assert "button_restart" in components


def test_a_mac_is_a_connection_only_while_no_other_miner_has_it(desk):
    def connected(miner_id):
        return "connections" in desk.broker.discovered(miner_id)["device"]

    desk.meets()
    assert connected("m")
    desk.meets(profile("n"), reading("n"))
    assert not connected("m")
    assert not connected("n")

    desk.publisher.withdraw("m")
    desk.publisher.republish("n")

    assert connected("n")


def test_the_row_of_a_topic_is_found(desk):
    desk.meets()
    assert desk.publisher.row("m", "switch", "power").key == "power"
    for wrong in (("m", "switch", "hashrate"), ("n", "switch", "power"), ("m", "light", "power")):
        assert desk.publisher.row(*wrong) is None
