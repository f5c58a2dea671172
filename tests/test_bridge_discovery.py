"""Miners that are found, added, removed and followed while the bridge runs."""

import json
from pathlib import Path

import pytest

from minerbridge import found_miners
from minerbridge.bridge import Bridge
from minerbridge.settings import Settings
from minerbridge.simulator import Fleet
from tests.wiretap import Wiretap

pytestmark = pytest.mark.slow

NETWORK = "127.76.6.0/29"


class Street:
    """A broker, miners at addresses of their own, and a bridge allowed to look at them."""

    def __init__(self, broker, fleet, state):
        self.broker, self.fleet, self.state = broker, fleet, Path(state)
        self.tap = Wiretap(broker.port)
        self.bridge = None

    def start(self, miners=(), *, enabled=False):
        self.bridge = Bridge(
            Settings(
                mqtt={"host": "127.0.0.1", "port": self.broker.port},
                files={"state": self.state},
                poll_interval_s=0.5,
                offline_after_s=1.0,
                discovery={"enabled": enabled, "networks": [NETWORK], "interval_s": 3600},
                miners=miners,
            )
        )
        self.bridge.start()
        self.tap.until("minerbridge/bridge/state", "online")

    def stop(self):
        if self.bridge is not None:
            self.bridge.stop()
            self.bridge = None


@pytest.fixture
def street(mosquitto, tmp_path, monkeypatch):
    monkeypatch.setattr(found_miners, "SHORTEST_PAUSE_S", 0.0)
    monkeypatch.setattr(found_miners, "FIRST_AFTER_S", 0.5)
    with Fleet(first_address="127.76.6.1", speed=50) as fleet:
        fleet.add("antminer_s19", 2)
        if fleet.devices[0].ports != {"rpc": 4028, "http": 80}:
            pytest.skip("the usual ports are not free for us here")
        place = Street(mosquitto(), fleet, tmp_path / "state")
        yield place
        place.stop()
        place.tap.close()


def found_id(device):
    return "antminer_" + device.mac_address.replace(":", "").lower()[-6:]


def test_a_scan_answers_with_an_id_and_its_finds_follow(street):
    street.start()
    mark = street.tap.mark()

    answer = street.tap.ask("discovery/scan")

    scan_id = answer["data"]["id"]

    def finished():
        events = [json.loads(p) for t, p in street.tap.heard[mark:] if t.endswith("/event")]
        return [e for e in events if e["type"] == "scan_finished" and e["id"] == scan_id]

    event = street.tap.wait(finished, "the end of the scan", 30)[0]
    assert event["miners_found"] == 2
    assert {row["ip"] for row in event["miners"]} == {"127.76.6.1", "127.76.6.2"}


def test_an_added_miner_is_announced_and_kept_across_restarts(street):
    street.start()

    answer = street.tap.ask("discovery/add", {"ip": "127.76.6.1", "rated_power_watts": 3250})

    miner_id = answer["data"]["miner"]["id"]
    assert miner_id == found_id(street.fleet.devices[0])
    street.tap.until(f"minerbridge/miner/{miner_id}/availability", "online")
    street.stop()
    street.start()
    assert street.tap.ask("discovery/miners")["data"]["miners"][0]["rated_power_watts"] == 3250

    assert street.tap.ask("discovery/remove", {"miner_id": miner_id})["data"]["success"] is True
    street.tap.until(f"homeassistant/device/{miner_id}/config", "")
    assert street.tap.ask("discovery/miners")["data"]["total"] == 0


@pytest.mark.parametrize(
    ("request_", "document", "code"),
    [
        ("discovery/add", {"ip": "127.76.6.5"}, "UNREACHABLE"),
        ("discovery/add", {"ip": "127.0.0.1"}, "NOT_ALLOWED"),
        ("discovery/add", {"ip": "banana"}, "INVALID_VALUE"),
        ("discovery/scan", {"network_cidr": "127.0.0.0/24"}, "NOT_ALLOWED"),
        ("discovery/scan", {"network_cidr": "10.0.0.0/8"}, "INVALID_VALUE"),
        ("discovery/remove", {"miner_id": "nobody"}, "NOT_FOUND"),
        ("discovery/remove", {"miner_id": "fixed"}, "NOT_ALLOWED"),
    ],
)
def test_what_discovery_refuses_says_why(street, request_, document, code):
    street.start([{"id": "fixed", "host": "127.76.6.2"}])

    assert street.tap.ask(request_, document)["error"]["code"] == code


def test_discovery_takes_in_what_it_finds_and_nothing_twice(street):
    street.start([{"id": "fixed", "host": "127.76.6.1"}], enabled=True)
    found = found_id(street.fleet.devices[1])

    street.tap.until(f"minerbridge/miner/{found}/availability", "online", 30)

    ids = {row["id"] for row in street.tap.ask("discovery/miners")["data"]["miners"]}
    assert ids == {"fixed", found}


def test_a_miner_that_moved_is_followed_by_its_mac(street):
    first, second = street.fleet.devices
    second.faults.refuse = True
    street.start([{"id": "fixed", "host": first.address}], enabled=True)
    street.tap.until("minerbridge/miner/fixed/availability", "online")
    first.faults.refuse = True
    street.tap.until("minerbridge/miner/fixed/availability", "offline")

    second.faults.mac_address = first.mac_address
    second.faults.refuse = False

    def moved():
        reading = json.loads(street.tap.latest["minerbridge/miner/fixed/reading"])
        return reading["ip_address"] == second.address

    street.bridge.discoverer.search_soon()
    street.tap.wait(moved, "the miner at its new address", 30)
    street.tap.until("minerbridge/miner/fixed/availability", "online")
