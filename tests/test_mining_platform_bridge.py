"""A Mining Platform behind the whole bridge: two software miners are two devices."""

import json
import time
from types import SimpleNamespace
from typing import Any

import pytest

from minerbridge.bridge import Bridge
from minerbridge.miners import worker
from minerbridge.population import Population
from minerbridge.settings import Settings
from minerbridge.simulator import Fleet
from tests.wiretap import Wiretap

pytestmark = pytest.mark.slow

RX, KAWPOW = "rig1_xmrig_rx", "rig1_xmrig_kawpow"


class Home:
    def __init__(self, broker, device, state, **rules):
        self.device = device
        self.tap = Wiretap(broker.port)
        self.bridge = Bridge(
            Settings(
                mqtt={"host": "127.0.0.1", "port": broker.port},
                files={"state": state},
                poll_interval_s=10.0,
                miners=[
                    {
                        "id": "rig1",
                        "host": device.address,
                        "family": "mining_platform",
                        "ports": {"http": device.ports["http"]},
                        "namespace": "/api/v1/mining",
                        **rules,
                    }
                ],
            )
        )
        self.bridge.start()

    def stop(self):
        self.bridge.stop()
        self.tap.close()


@pytest.fixture
def home(request, mosquitto, tmp_path, monkeypatch):
    monkeypatch.setattr(worker, "LONGEST_OFFSET_S", 0.1)
    broker = mosquitto()
    with Fleet(ports={"http": 0}, speed=50) as fleet:
        (device,) = fleet.add("mining_platform", envelope=True)
        one = Home(broker, device, tmp_path / "state", **getattr(request, "param", {}))
        for miner_id in ("rig1", RX, KAWPOW):
            one.tap.until(f"minerbridge/miner/{miner_id}/availability", "online")
            one.tap.until(f"homeassistant/sensor/{miner_id}/status/state", "mining")
        yield one
        one.stop()


def announced(tap, miner_id):
    document = json.loads(tap.latest.get(f"homeassistant/device/{miner_id}/config") or "{}")
    return set(document.get("components", ()))


def test_two_miners_are_two_devices_with_their_values(home):
    tap = home.tap
    for miner_id, entities in (
        (RX, {"sensor_hashrate", "sensor_hashrate_average", "sensor_shares_accepted",
              "sensor_pool_url", "sensor_ping", "sensor_cpu_temperature", "sensor_cpu_load",
              "sensor_uptime", "switch_power", "select_profile"}),
        (KAWPOW, {"sensor_gpu_1_temperature", "select_profile"}),
    ):  # fmt: skip
        tap.wait(lambda i=miner_id, e=entities: e <= announced(tap, i), f"entities of {miner_id}")
    rate = tap.wait(lambda: tap.latest.get(f"homeassistant/sensor/{RX}/hashrate/state"), "hashrate")
    assert 4300 < float(rate) < 4750
    config = json.loads(tap.latest[f"homeassistant/device/{RX}/config"])["components"]
    assert config["sensor_hashrate"]["unit_of_measurement"] == "H/s"
    assert config["select_profile"]["options"] == ["XMR - SupportXMR"]
    assert "sensor_power" not in config
    tap.until(f"homeassistant/select/{RX}/profile/state", "XMR - SupportXMR")


def test_one_is_switched_off_and_on_and_the_other_goes_on(home):
    switch = f"homeassistant/switch/{RX}/power"

    off = home.tap.command(f"{switch}/set", "OFF")
    assert (off["status"], off["miner_id"]) == ("confirmed", RX)
    home.tap.until(f"{switch}/state", "OFF")
    assert home.device.miners.keys() == {"xmrig-kawpow"}
    assert home.tap.latest[f"homeassistant/switch/{KAWPOW}/power/state"] == "ON"

    assert home.tap.command(f"{switch}/set", "ON")["status"] == "confirmed"
    home.tap.until(f"{switch}/state", "ON")


def test_a_crash_shows_within_a_second(home):
    home.tap.wait(lambda: home.device.sockets, "the event connection")
    time.sleep(0.6)  # the poll that connecting brings must not be what finds it
    began_s = time.monotonic()

    home.device.end("xmrig-rx", "crashed")

    home.tap.until(f"homeassistant/sensor/{RX}/status/state", "stopped")
    assert time.monotonic() - began_s < 1.0


@pytest.mark.parametrize(
    "home", [{"read_only": True}, {"commands": {"deny": ["stop"]}}], indirect=True
)
def test_what_the_settings_forbid_a_host_its_miners_have_no_control_for(home):
    for miner_id in ("rig1", RX, KAWPOW):
        shown = home.tap.wait(lambda i=miner_id: announced(home.tap, i), f"entities of {miner_id}")
        assert "sensor_status" in shown
        assert "switch_power" not in shown

    answer = home.tap.command(f"homeassistant/switch/{RX}/power/set", "OFF")
    assert (answer["status"], answer["code"] in ("READ_ONLY", "NOT_ALLOWED")) == ("rejected", True)
    assert home.device.journal == []


def test_a_device_belongs_to_the_host_that_met_it_whatever_others_are_called():
    nobody: Any = None
    population = Population(nobody, nobody, nobody, dict, lambda: None)
    workers: Any = {
        "rig1": SimpleNamespace(profiles={"rig1": None, RX: None}),
        "rig1_xmrig": SimpleNamespace(profiles={"rig1_xmrig": None}),
    }
    population.workers = workers
    assert population.meet(RX) == "rig1"
    assert population.meet("garage") == "garage"
