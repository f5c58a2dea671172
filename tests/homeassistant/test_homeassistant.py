"""Home Assistant shows and controls the miners as the bridge announces them."""

from datetime import datetime

import pytest

from tests.waiting import until

SWITCH = "switch.s19_1_power"
DEVICES = ("bridge", "fleet")
pytestmark = pytest.mark.slow


def shows(entity, component, payload):
    """Whether Home Assistant's state is the retained value."""
    state, platform = entity["state"], component["platform"]
    if payload == "None":
        return state == "unknown"
    if platform in {"switch", "binary_sensor"}:
        return (state == "on") == (payload == component.get("payload_on", "ON"))
    if state in {"unknown", "unavailable"}:
        return False
    if platform == "number":
        return float(state) == float(payload)
    if component.get("device_class") == "timestamp":
        return datetime.fromisoformat(state) == datetime.fromisoformat(payload)
    return state == payload


def everything_announced(house):
    return [c for device in (*house.miner_ids, *DEVICES) for c in house.announced(device)]


def test_registry_holds_exactly_what_was_announced(house, socket):
    registered = socket.entities()
    announced = {component["unique_id"]: component for component in everything_announced(house)}
    assert set(registered) == set(announced)
    for unique_id, component in announced.items():
        entry = registered[unique_id]
        assert entry["entity_id"] == component["default_entity_id"]
        assert (entry["disabled_by"] is None) == component.get("enabled_by_default", True)
        assert entry["entity_category"] == component.get("entity_category")


def test_units_and_classes_are_the_announced_ones(house, home):
    states = home.states()
    traits = ("unit_of_measurement", "device_class", "state_class", "icon", "options")
    for component in everything_announced(house):
        if not component.get("enabled_by_default", True):
            assert component["default_entity_id"] not in states
        else:
            attributes = states[component["default_entity_id"]]["attributes"]
            wanted = {trait: component.get(trait) for trait in traits}
            assert {trait: attributes.get(trait) for trait in traits} == wanted, attributes


def test_states_are_the_retained_values(house, home):
    """Values change while they are compared, so each has to agree once."""
    waiting = {
        component["default_entity_id"]: component
        for component in everything_announced(house)
        if "state_topic" in component and component.get("enabled_by_default", True)
    }

    def all_agreed():
        states = home.states()
        for entity_id, component in list(waiting.items()):
            payload = house.listener.retained[component["state_topic"]]
            if shows(states[entity_id], component, payload):
                del waiting[entity_id]
        return not waiting

    until(all_agreed, 10, lambda: f"every state is the retained one: {sorted(waiting)}")


def test_miners_hang_on_the_bridge_and_say_what_they_are(house, socket):
    devices = socket.devices()
    bridge = devices["minerbridge_bridge"]
    for miner_id in house.miner_ids:
        device = devices[f"minerbridge_{miner_id}"]
        assert device["via_device_id"] == bridge["id"]
        assert device["name"].endswith(miner_id)
    s19 = devices["minerbridge_s19_1"]
    assert s19["model"].startswith("Antminer S19")
    assert s19["connections"] == [["mac", house.miners["s19_1"].mac_address.lower()]]


def test_switch_follows_the_device_and_not_the_order(house, home, socket):
    device = house.miners["s19_1"]
    socket.ask("subscribe_events", event_type="state_changed")
    for service, state, asleep in (("turn_off", "off", True), ("turn_on", "on", False)):
        home.call(SWITCH, service)
        changed = socket.event(lambda event: event["entity_id"] == SWITCH, 40)
        assert (device.state == "sleeping") == asleep
        assert changed["new_state"]["state"] == state


def test_order_that_changes_nothing_leaves_the_switch_as_it_is(house, home):
    device = house.miners["s19_1"]
    device.faults.drop_writes = True
    written, heard = len(device.journal), len(house.listener.heard)
    home.call(SWITCH, "turn_off")
    until(lambda: len(device.journal) > written, 10, "the order reaches the miner")
    house.listener.wait(
        lambda: sum("s19_1/reading" in topic for topic, _ in house.listener.heard[heard:]) > 2,
        20,
        "three readings",
    )
    assert home.state(SWITCH) == "on"
    device.faults.clear()


@pytest.mark.parametrize(
    ("entity_id", "service", "options", "state"),
    [
        ("switch.s19_1_led", "turn_on", {}, "on"),
        ("switch.s19_1_led", "turn_off", {}, "off"),
        ("select.s19_1_power_mode", "select_option", {"option": "sleep"}, "sleep"),
        ("select.s19_1_power_mode", "select_option", {"option": "normal"}, "normal"),
    ],
)
def test_controls_reach_the_miner_and_show_what_it_says(
    house, home, entity_id, service, options, state
):
    journal = house.miners["s19_1"].journal
    written = len(journal)
    home.call(entity_id, service, **options)
    home.wait_for(entity_id, state, 40)
    assert len(journal) > written


def test_button_reaches_the_miner(house, home):
    miner = house.miners["miner_1"]
    home.call("button.miner_1_restart", "press")
    until(lambda: [what for _, what in miner.journal if "restart" in what], 10, "it restarts")


def test_home_assistant_has_nothing_to_complain_about(socket):
    assert [entry["message"] for entry in socket.complaints()] == []
