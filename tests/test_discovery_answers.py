"""Requests of discovery: only inside the networks of the settings, in the seed's field names."""

import threading

import pytest

from minerbridge import discovery_answers
from minerbridge.answers import Answers
from minerbridge.errors import (
    BridgeError,
    InvalidValue,
    MinerUnreachable,
    NotAllowed,
    NotFound,
    UnknownDevice,
)
from minerbridge.miners.scan import Discovered
from minerbridge.mqtt.wire import to_json
from tests.fake_bridge import fake_bridge
from tests.miners import MAC, profile

SCANNED = "id ip model type is_online is_mining"
ADDED = "id ip model type is_online rated_power_watts"
LISTED = (
    "id ip port model type firmware_type firmware_version is_online is_mining hashrate_ghs"
    " power_watts power_kw rated_power_watts rated_power_kw temperature_c fan_speed_pct power_mode"
    " pool_url uptime_seconds last_seen consecutive_failures"
)
OTHER_MAC = "02:00:00:00:00:02"


def find(host="192.0.2.99", mac=OTHER_MAC):
    found = profile("antminer_000002", mac_address=mac, ip_address=host)
    return Discovered(found.miner_id, host, "antminer", found)


@pytest.fixture
def bridge():
    return fake_bridge(
        discovery={"networks": ["192.0.2.0/24"]}, miners=[{"id": "m", "host": "192.0.2.7"}]
    )


@pytest.fixture
def ask(bridge):
    table = Answers(bridge).table()
    return lambda name, **document: table[f"discovery/{name}"]({"id": "7", **document})


@pytest.fixture
def network(monkeypatch):
    """The imagined network: what `scan` and `meet` find; addresses asked are kept."""
    asked = {"found": [find()], "scanned": []}

    def scan(hosts, logins, stop):
        asked["scanned"] += hosts
        yield from asked["found"]

    def meet(host, logins, ports):
        asked["ports"] = ports
        found = asked["found"][0]
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(discovery_answers, "scan", scan)
    monkeypatch.setattr(discovery_answers, "meet", meet)
    monkeypatch.setattr(discovery_answers, "answers", lambda host: True)
    return asked


def test_a_scan_answers_at_once_and_its_finds_are_events(bridge, ask, network):
    found = ask("scan", network_cidr="192.0.2.96/30")

    assert (found["id"], found["network_scanned"]) == ("7", "192.0.2.96/30")
    assert bridge.scan_ended.wait(5)
    assert network["scanned"] == ["192.0.2.97", "192.0.2.98"]
    (kind, miner_id, facts), (end, _, whole) = bridge.events
    assert (kind, miner_id, facts["host"]) == ("discovered", "antminer_000002", "192.0.2.99")
    assert (end, whole["id"], whole["miners_found"]) == ("scan_finished", "7", 1)
    assert set(SCANNED.split()) <= whole["miners"][0].keys()


def test_without_a_network_all_of_the_settings_are_scanned(bridge, ask, network):
    ask("scan")
    assert bridge.scan_ended.wait(5)
    assert len(network["scanned"]) == 254


def test_the_last_event_of_a_large_scan_fits_into_a_message(bridge, ask, network):
    network["found"] = [find()] * 3000
    ask("scan")
    assert bridge.scan_ended.wait(5)
    facts = bridge.events[-1][2]
    assert facts["miners_found"] == 3000
    assert len(to_json(facts)) < 60_000


def test_one_scan_at_a_time(bridge, ask, monkeypatch):
    go_on = threading.Event()

    def scan(hosts, logins, stop):
        assert go_on.wait(20)
        yield from ()

    monkeypatch.setattr(discovery_answers, "scan", scan)
    ask("scan")
    with pytest.raises(BridgeError) as caught:
        ask("scan")
    assert caught.value.code == "BUSY"
    go_on.set()
    assert bridge.scan_ended.wait(5)
    bridge.scan_ended.clear()
    ask("scan")
    assert bridge.scan_ended.wait(5)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("198.51.100.0/24", NotAllowed),
        ("192.0.2.0/23", NotAllowed),
        ("0.0.0.0/0", InvalidValue),
        ("10.0.0.0/19", InvalidValue),
        ("2001:db8::/64", InvalidValue),
        ("banana", InvalidValue),
        ("", InvalidValue),
        (5, InvalidValue),
        ([], InvalidValue),
    ],
)
def test_a_scan_elsewhere_is_refused(bridge, ask, network, text, error):
    with pytest.raises(error):
        ask("scan", network_cidr=text)
    assert network["scanned"] == []


def test_without_networks_nothing_may_be_scanned_or_added():
    table = Answers(fake_bridge()).table()
    for name, document in (("scan", {}), ("add", {"ip": "192.0.2.99"})):
        with pytest.raises(NotAllowed):
            table[f"discovery/{name}"]({"id": "7", **document})


def test_an_added_miner_is_met_and_taken_in(bridge, ask, network):
    found = ask("add", ip="192.0.2.99", port=4028, rated_power_watts=1460.0)

    assert found["success"] is True
    assert set(ADDED.split()) <= found["miner"].keys()
    assert found["miner"]["rated_power_watts"] == 1460.0
    (added,) = bridge.added
    assert (added.id, added.host, added.rpc_port) == ("antminer_000002", "192.0.2.99", 4028)
    assert network["ports"] == {"rpc": 4028}


@pytest.mark.parametrize("field", ["ip", "miner_ip", "miner_id"])
def test_the_address_may_stand_in_any_of_three_fields(bridge, ask, network, field):
    ask("add", **{field: "192.0.2.99"})
    assert len(bridge.added) == 1


@pytest.mark.parametrize(
    ("document", "error"),
    [
        ({"ip": "198.51.100.9"}, NotAllowed),
        ({"ip": "::1"}, NotAllowed),
        ({"ip": "miner.lan"}, InvalidValue),
        ({}, InvalidValue),
        ({"ip": "192.0.2.99", "port": 0}, InvalidValue),
        ({"ip": "192.0.2.99", "port": 80.5}, InvalidValue),
        ({"ip": "192.0.2.99", "port": True}, InvalidValue),
        ({"ip": "192.0.2.99", "rated_power_watts": "much"}, InvalidValue),
        ({"ip": "192.0.2.99", "rated_power_watts": float("inf")}, InvalidValue),
    ],
)
def test_what_may_not_be_added(bridge, ask, network, document, error):
    with pytest.raises(error):
        ask("add", **document)
    assert bridge.added == []


@pytest.mark.parametrize(("host", "mac"), [("192.0.2.7", OTHER_MAC), ("192.0.2.99", MAC)])
def test_a_known_miner_is_not_added_twice(bridge, ask, network, host, mac):
    network["found"] = [find(host, mac)]
    with pytest.raises(BridgeError, match="is the known miner m") as caught:
        ask("add", ip=host)
    assert (caught.value.code, bridge.added) == ("ALREADY_KNOWN", [])


@pytest.mark.parametrize(
    ("failure", "code"),
    [(MinerUnreachable("no answer"), "UNREACHABLE"), (UnknownDevice("?"), "UNKNOWN_DEVICE")],
)
def test_what_is_silent_or_no_miner_is_not_added(bridge, ask, network, failure, code):
    network["found"] = [failure]
    with pytest.raises(BridgeError) as caught:
        ask("add", ip="192.0.2.99")
    assert (caught.value.code, bridge.added) == (code, [])


def test_a_host_without_any_open_port_is_unreachable(bridge, ask, network, monkeypatch):
    monkeypatch.setattr(discovery_answers, "answers", lambda host: False)
    with pytest.raises(BridgeError) as caught:
        ask("add", ip="192.0.2.99")
    assert caught.value.code == "UNREACHABLE"


def test_a_found_miner_can_be_removed(bridge, ask):
    bridge.settle("found", "192.0.2.50")
    assert ask("remove", ip="192.0.2.50") == {"success": True, "miner_id": "found"}
    assert bridge.removed == ["found"]


def test_a_miner_of_the_file_cannot_be_removed(bridge, ask):
    with pytest.raises(NotAllowed, match="settings file"):
        ask("remove", miner_id="m")
    with pytest.raises(NotFound):
        ask("remove", miner_id="nobody")
    assert bridge.removed == []


def test_the_list_has_the_seeds_fields_and_counts(bridge, ask):
    bridge.settle("n", "192.0.2.8", of=[])
    found = ask("miners")

    assert [list(row) for row in found["miners"]] == [LISTED.split()] * 2
    assert (found["total"], found["online"], found["mining"]) == (2, 1, 1)
    row = found["miners"][0]
    assert (row["hashrate_ghs"], row["power_kw"], row["port"]) == (95123.45, 3.25, 4028)
    assert (row["firmware_type"], row["power_mode"]) == ("stock", "normal")
    assert row["pool_url"] == "stratum+tcp://two.example.com:3333"


@pytest.mark.parametrize(
    ("status", "mode"),
    [("mining", "normal"), ("sleeping", "sleep"), ("stopped", "sleep"), ("unknown", None)],
)
def test_the_power_mode_is_normal_sleep_or_unknown(bridge, ask, status, mode):
    worker = bridge.workers["m"]
    worker.readings["m"] = worker.readings["m"].replace(status=status)
    assert ask("miners")["miners"][0]["power_mode"] == mode
