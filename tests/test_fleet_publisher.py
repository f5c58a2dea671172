"""What the broker is told of the fleet, and when."""

import dataclasses
import json
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minerbridge.model_fleet import Capability, Dispatch
from minerbridge.mqtt.fleet_documents import MAX_ERRORS, seed_status
from minerbridge.mqtt.fleet_entities import FLEET_ENTITIES
from minerbridge.mqtt.fleet_publisher import FleetPublisher
from minerbridge.mqtt.topics import Topics
from tests.ems_office import AT, fleet_status
from tests.fake_broker import FakeBroker
from tests.home_assistant_rules import broken_rules

STATUS, DISPATCH = "minerbridge/ems/status", "minerbridge/ems/dispatch"
CAPABILITY, DASHBOARD = "minerbridge/ems/capability", "minerbridge/fleet/status"
CONFIG = "homeassistant/device/fleet/config"
DOCUMENTS = [STATUS, DISPATCH, CAPABILITY, DASHBOARD]


class Desk:
    def __init__(self, topics=None, **options):
        self.now_s = 1000.0
        self.broker = FakeBroker()
        self.publisher = FleetPublisher(
            topics or Topics(), self.broker.send, clock=lambda: self.now_s, **options
        )

    def publish(self, after_s=1.0, **values):
        """Publish a status one step later; return what was sent, as topic and text."""
        self.now_s += after_s
        at = AT + timedelta(seconds=self.now_s)
        self.publisher.publish(dataclasses.replace(fleet_status(**values), at=at))
        return self.broker.news()

    def document(self, topic):
        return json.loads(self.broker.retained[topic])

    def state(self, platform, key):
        return self.broker.retained.get(f"homeassistant/{platform}/fleet/{key}/state")


@pytest.fixture
def desk():
    desk = Desk()
    desk.publish()
    return desk


# -- documents ---------------------------------------------------------------------------------


def test_the_status_has_exactly_the_four_keys(desk):
    assert desk.document(STATUS) == {
        "isAvailableForDispatch": True,
        "runningStatus": 2,
        "ratedPowerInKw": 2.92,
        "activePowerInKw": 2.45,
    }


def test_the_life_of_an_order_has_exactly_the_keys_of_the_contract(desk):
    assert desk.document(DISPATCH) == {
        "id": None, "mode": None, "state": None, "reason": None,
        "targetPowerInKw": None, "allocatedPowerInKw": None, "activePowerInKw": None,
        "estimatedPowerInKw": None, "achievablePowerInKw": None, "deviationInKw": None,
        "compliant": None, "inFlight": 0, "oldestReadingS": None, "counts": {},
        "exceptions": [], "since": None, "validUntil": None,
    }  # fmt: skip


def test_powers_of_an_order_are_kilowatts_to_the_watt(desk):
    exceptions = tuple({"miner_id": f"m{number}"} for number in range(30))
    desk.publish(
        dispatch=Dispatch(
            "7", "target", "partial", "STEP_SIZE", 2000.4, 1950.0, 1949.6, 0.0, 1950.0, -50.8,
            False, 1, 3.14159, {"as_told": 2}, exceptions, AT, AT,
        )
    )  # fmt: skip
    document = desk.document(DISPATCH)
    assert document["exceptions"] == list(exceptions[:20])
    assert {key: document[key] for key in ("targetPowerInKw", "deviationInKw", "since")} == {
        "targetPowerInKw": 2.0, "deviationInKw": -0.051, "since": "2026-01-20T14:30:00+00:00",
    }  # fmt: skip
    assert (document["oldestReadingS"], document["counts"]) == (3.1, {"as_told": 2})


def test_the_capability_names_range_step_and_headrooms(desk):
    desk.publish(capability=Capability(600, 2920, 25, 1, 2, 3, 4, 5, 6))
    assert desk.document(CAPABILITY) == {
        "minPowerInKw": 0.6, "maxPowerInKw": 2.92, "smallestStepInKw": 0.025,
        "headroomUpNowInKw": 0.001, "headroomUp10sInKw": 0.002, "headroomUp5minInKw": 0.003,
        "headroomDownNowInKw": 0.004, "headroomDown10sInKw": 0.005, "headroomDown5minInKw": 0.006,
    }  # fmt: skip


def test_the_dashboards_status_has_the_fields_of_the_net_stabilization_api():
    status = fleet_status(
        target_power_w=2000.0, online_miners=2, mining_miners=1, last_order_at=AT, errors=("hot",)
    )
    assert seed_status(status) == {
        "state": "active",
        "is_available_for_dispatch": True,
        "running_status": 2,
        "rated_power_kw": 2.92,
        "active_power_kw": 2.45,
        "target_power_kw": 2.0,
        "total_miners": 2,
        "online_miners": 2,
        "mining_miners": 1,
        "manual_override_active": False,
        "override_target_power_kw": None,
        "last_update": AT,
        "last_ems_command": AT,
        "errors": ["hot"],
        "power_control_mode": "on_off",
    }


def test_a_message_holds_however_many_errors():
    errors = seed_status(fleet_status(errors=("hot",) * (MAX_ERRORS + 7)))["errors"]
    assert (len(errors), errors[-1]) == (MAX_ERRORS + 1, "and 7 more")


POWERS = st.none() | st.floats(-1e9, 1e9) | st.sampled_from([float("nan"), float("inf")])


@given(POWERS, POWERS, st.text(max_size=400))
def test_whatever_the_fleet_says_is_json_and_states_are_short(active_w, target_w, error):
    desk = Desk()
    desk.publish(active_power_w=active_w, target_power_w=target_w, errors=(error,))
    for topic in DOCUMENTS:
        desk.document(topic)
    states = [text for topic, text in desk.broker.retained.items() if topic.endswith("/state")]
    assert all(0 < len(text) <= 255 for text in states)


# -- when --------------------------------------------------------------------------------------


def test_all_is_retained_and_what_an_ems_reads_is_acknowledged():
    desk = Desk()
    desk.publisher.publish(fleet_status())
    qos = {message.topic: message.qos for message in desk.broker.sent}
    assert all(message.retain for message in desk.broker.sent)
    assert [qos.pop(topic) for topic in (STATUS, DISPATCH, CAPABILITY, CONFIG)] == [1, 1, 1, 1]
    assert set(qos.values()) == {0}


def test_only_what_changed_is_sent(desk):
    assert desk.publish() == []
    assert desk.publish(active_power_w=2451.0) == []  # 2.45 kW as before

    changed = dict(desk.publish(active_power_w=2300.0))

    assert set(changed) == {STATUS, DASHBOARD, "homeassistant/sensor/fleet/active_power/state"}


def test_documents_are_sent_at_least_every_interval(desk):
    sent = [(number, topic) for number in range(1, 21) for topic, _ in desk.publish()]
    assert sent == [(number, topic) for number in (5, 10, 15, 20) for topic in DOCUMENTS]


@given(st.floats(0.1, 2.5))
def test_steady_steps_of_any_length_let_no_interval_pass(step_s):
    desk = Desk()
    sent_s = [desk.now_s for _ in range(100) if STATUS in dict(desk.publish(step_s))]
    gaps = [later - earlier for earlier, later in pairwise(sent_s)]
    assert max(gaps) <= 5.0 + 1e-6
    assert min(gaps) >= 2.5 - 1e-6


def test_the_status_of_an_ems_expires_after_three_intervals_and_nothing_else_does():
    desk = Desk(status_interval_s=2.0)
    desk.publisher.publish(fleet_status())
    expiring = {m.topic: m.expires_s for m in desk.broker.sent if m.expires_s is not None}
    assert expiring == {STATUS: 1006.0}


def test_republishing_sends_everything_anew(desk):
    desk.publisher.republish()
    topics = desk.broker.topics()
    assert topics[0] == CONFIG
    assert set(DOCUMENTS) < set(topics)
    states = [row for row in FLEET_ENTITIES if row.platform != "button"]
    assert len(topics) == 1 + len(DOCUMENTS) + len(states)


def test_before_the_first_status_there_is_nothing_to_tell():
    desk = Desk()
    desk.publisher.announce()
    desk.publisher.republish()
    assert desk.broker.sent == []


def test_the_last_word_is_that_nothing_is_available_and_it_does_not_expire(desk):
    desk.publisher.goodbye()
    (message,) = desk.broker.sent
    assert (message.topic, message.qos, message.retain) == (STATUS, 1, True)
    assert (message.expires_s, message.expiry_s) == (None, None)
    assert desk.document(STATUS)["isAvailableForDispatch"] is False
    assert desk.document(STATUS).keys() == {
        "isAvailableForDispatch", "runningStatus", "ratedPowerInKw", "activePowerInKw",
    }  # fmt: skip

    desk.broker.news()
    assert desk.publish(active_power_w=0.0) == []
    desk.publisher.republish()
    desk.publisher.announce()
    assert desk.broker.news() == []


def test_what_is_withdrawn_leaves_nothing_behind(desk):
    desk.publisher.withdraw()
    assert desk.broker.retained == {}
    desk.broker.news()
    assert desk.publish() == []


# -- the device --------------------------------------------------------------------------------


def test_home_assistant_takes_every_component(desk):
    components = desk.broker.discovered("fleet")["components"]
    assert {key: broken_rules(one) for key, one in components.items() if broken_rules(one)} == {}


def test_the_rows_are_those_of_the_contract(desk):
    rows = """sensor_rated_power sensor_active_power sensor_target_power sensor_allocated_power
        sensor_hashrate sensor_miners_online sensor_miners_mining sensor_state sensor_errors
        binary_sensor_available binary_sensor_compliant switch_override number_override_power
        number_target_power select_power_mode select_strategy button_stop"""
    assert set(desk.broker.discovered("fleet")["components"]) == set(rows.split())


def test_the_fleet_hangs_on_the_bridge(desk):
    announced = desk.broker.discovered("fleet")
    assert announced["device"]["via_device"] == "minerbridge_bridge"
    assert announced["availability"] == [{"topic": "minerbridge/bridge/state"}]
    target = announced["components"]["number_target_power"]
    assert target["unique_id"] == "minerbridge_fleet_number_target_power"
    assert target["command_topic"] == "homeassistant/number/fleet/target_power/set"


def test_a_site_has_its_own_fleet():
    desk = Desk(Topics(site="north"))
    desk.publish()
    assert "minerbridge/north/ems/status" in desk.broker.retained
    announced = desk.broker.discovered("north_fleet")
    assert announced["device"]["via_device"] == "minerbridge_north_bridge"
    assert announced["device"]["name"] == "Fleet north"


@pytest.mark.parametrize(("rated_w", "max_kw"), [(0.0, 1), (400.0, 1), (2920.0, 3), (3e6, 3000)])
def test_numbers_reach_up_to_the_rated_power(rated_w, max_kw):
    desk = Desk()
    desk.publish(rated_power_w=rated_w)
    target = desk.broker.discovered("fleet")["components"]["number_target_power"]
    assert (target["min"], target["max"], target["step"]) == (0, max_kw, 0.01)


def test_the_range_grows_with_the_fleet_and_does_not_shrink(desk):
    assert CONFIG in dict(desk.publish(rated_power_w=5000.0))
    assert CONFIG not in dict(desk.publish(rated_power_w=2000.0))


def test_read_only_shows_sensors_alone():
    desk = Desk(read_only=True)
    desk.publish()
    components = desk.broker.discovered("fleet")["components"].values()
    assert {one["platform"] for one in components} == {"sensor", "binary_sensor"}


def test_without_discovery_an_earlier_announcement_is_taken_back():
    desk = Desk(discovery=False)
    assert (CONFIG, "") in desk.publish()


@pytest.mark.parametrize(
    ("platform", "key", "values", "text"),
    [
        ("sensor", "rated_power", {}, "2.92"),
        ("sensor", "active_power", {}, "2.45"),
        ("sensor", "active_power", {"active_power_w": None}, "None"),
        ("sensor", "target_power", {}, "None"),
        ("sensor", "target_power", {"target_power_w": 0.0}, "0.00"),
        ("sensor", "allocated_power", {"allocated_power_w": 1950.0}, "1.95"),
        ("sensor", "hashrate", {"hashrate_hs": 27.0e12}, "27.00"),
        ("sensor", "hashrate", {}, "None"),
        ("sensor", "miners_online", {"online_miners": 2}, "2"),
        ("sensor", "miners_mining", {"mining_miners": 1}, "1"),
        ("sensor", "state", {"state": "fault"}, "fault"),
        ("sensor", "errors", {}, "none"),
        ("sensor", "errors", {"errors": ("hot", "cold")}, "hot; cold"),
        ("binary_sensor", "available", {}, "ON"),
        ("binary_sensor", "compliant", {}, "None"),
        ("binary_sensor", "compliant", {"dispatch": Dispatch(compliant=False)}, "OFF"),
        ("switch", "override", {"override_active": True}, "ON"),
        ("number", "target_power", {"target_power_w": 2000.0}, "2.00"),
        ("number", "override_power", {}, "None"),
        ("select", "power_mode", {"control_mode": "frequency"}, "frequency"),
        ("select", "strategy", {"strategy": "equal"}, "equal"),
    ],
)
def test_states_are_rounded_as_the_contract_says(platform, key, values, text):
    desk = Desk()
    desk.publish(**values)
    assert desk.state(platform, key) == text


def test_the_power_of_the_last_override_stays_for_the_next(desk):
    desk.publish(override_active=True, override_power_w=1500.0)
    desk.publish()
    assert desk.state("number", "override_power") == "1.50"
    assert desk.publisher.override_power_w == 1500.0
    assert desk.document(DASHBOARD)["override_target_power_kw"] is None


def test_a_power_that_is_set_for_later_shows_at_once(desk):
    desk.publisher.remember_override_power(1000.0)
    assert desk.broker.news() == [("homeassistant/number/fleet/override_power/state", "1.00")]
