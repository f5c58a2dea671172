"""REST, WebSocket and MQTT as Home Assistant's users and their scripts use them."""

import queue
import warnings
from datetime import UTC, datetime, timedelta

import httpx
import paho.mqtt.client as mqtt
import pytest

from tests.homeassistant.house import PASSWORD, USERNAME
from tests.waiting import until

HASHRATE = "sensor.s19_1_hashrate"
pytestmark = pytest.mark.slow


def test_state_of_an_entity_carries_unit_pool_uptime_and_efficiency(house, home):
    until(lambda: home.state(HASHRATE)[0] in "123456789", 20, "the miner hashes")
    state = home.request("GET", f"/api/states/{HASHRATE}")
    reading = house.listener.retained["minerbridge/miner/s19_1/reading"]
    attributes = state["attributes"]
    assert float(state["state"]) > 0
    assert attributes["unit_of_measurement"] == "TH/s"
    assert attributes["friendly_name"].endswith("Hashrate")
    assert attributes["pool"] in reading
    assert attributes["uptime"] > 0
    assert attributes["efficiency"] is None or attributes["efficiency"] > 0


def test_service_call_of_a_script(home):
    called = httpx.post(
        f"{home.url}/api/services/switch/turn_on",
        headers={"Authorization": f"Bearer {home.token}", "Content-Type": "application/json"},
        content='{"entity_id": "switch.s19_1_power"}',
    )
    assert called.status_code == 200


def test_history_of_an_entity(home):
    since = (datetime.now(UTC) - timedelta(minutes=5)).isoformat(timespec="seconds")
    path = f"/api/history/period/{since.replace('+00:00', 'Z')}?filter_entity_id={HASHRATE}"
    (states,) = home.request("GET", path)
    assert states[0]["entity_id"] == HASHRATE
    assert any(float(state["state"]) > 0 for state in states if state["state"][0].isdigit())


def test_state_changes_over_websocket(house, socket):
    socket.ask("subscribe_events", event_type="state_changed")
    changed = socket.event(lambda event: event["entity_id"] == HASHRATE, 20)
    assert changed["new_state"]["attributes"]["unit_of_measurement"] == "TH/s"


def test_states_of_all_sensors_over_mqtt(house):
    """The smallest client there is: no version given, everything at its default."""
    messages: queue.Queue = queue.Queue()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        client = mqtt.Client()
    client.username_pw_set(USERNAME, PASSWORD)
    client.on_message = lambda _client, _userdata, message: messages.put(message)
    client.connect("127.0.0.1", house.broker.port)
    client.subscribe("homeassistant/sensor/+/+/state")
    client.loop_start()
    wanted = {f"homeassistant/sensor/{one}/hashrate/state" for one in house.miner_ids}
    while wanted:
        message = messages.get(timeout=10)
        if message.topic in wanted:
            assert float(message.payload.decode()) >= 0
            wanted.discard(message.topic)
    client.disconnect()
    client.loop_stop()
