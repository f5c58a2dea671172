"""Scans find what there is, bounded in time and number."""

import contextlib
import socket
import threading
import time
from ipaddress import IPv4Network

import pytest

from minerbridge.errors import MinerUnreachable
from minerbridge.miners.scan import CONNECT_WITHIN_S, addresses_of, answers, found_id, meet, scan
from minerbridge.simulator import Fleet


def nobody(_family):
    return None, None


@pytest.fixture
def street():
    """Two miners at the usual ports of loopback addresses of their own."""
    with Fleet(first_address="127.76.5.1") as fleet:
        fleet.add("antminer_s19")
        fleet.add("cgminer")
        if fleet.devices[0].ports != {"rpc": 4028, "http": 80}:
            pytest.skip("the usual ports are not free for us here")
        yield fleet


def test_miners_are_found_among_silent_addresses(street):
    found = {one.host: one for one in scan(addresses_of([IPv4Network("127.76.5.0/29")]), nobody)}

    assert {host: one.family for host, one in found.items()} == {
        "127.76.5.1": "antminer",
        "127.76.5.2": "cgminer",
    }
    mac = street.devices[0].mac_address.replace(":", "").lower()
    assert found["127.76.5.1"].miner_id == f"antminer_{mac[-6:]}"
    assert found["127.76.5.2"].miner_id == "cgminer_127_76_5_2"


def test_an_iceriver_is_found_without_its_web_page():
    with Fleet(first_address="127.76.6.1") as fleet:
        (device,) = fleet.add("iceriver")
        if device.ports != {"http": 80, "rpc": 4111}:
            pytest.skip("the usual ports are not free for us here")
        device.faults.port, device.faults.refuse = "http", True

        (found,) = scan(["127.76.6.1", "127.76.6.2"], nobody)

    mac = device.mac_address.replace(":", "").lower()
    assert (found.family, found.miner_id) == ("iceriver", f"iceriver_{mac[-6:]}")


@pytest.mark.slow
def test_a_silent_address_costs_one_wait_whatever_the_number_of_ports():
    with socket.create_server(("127.76.6.9", 0), backlog=0) as full, contextlib.ExitStack() as kept:
        for _ in range(3):  # what comes after is neither accepted nor refused
            one = kept.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        began_s = time.monotonic()
        assert not answers("127.76.6.9", [full.getsockname()[1]] * 4)
        assert CONNECT_WITHIN_S <= time.monotonic() - began_s < 2 * CONNECT_WITHIN_S


def test_a_scan_ends_when_told(street):
    stop = threading.Event()
    stop.set()
    began_s = time.monotonic()

    assert list(scan(addresses_of([IPv4Network("127.76.0.0/20")]), nobody, stop)) == []
    assert time.monotonic() - began_s < 5


def test_each_address_is_searched_once():
    hosts = addresses_of([IPv4Network("10.0.0.0/30"), IPv4Network("10.0.0.0/31")])

    assert hosts == ["10.0.0.1", "10.0.0.2", "10.0.0.0"]


def test_the_same_device_has_the_same_id_wherever_it_is_found():
    ids = {found_id("antminer", "02:00:00:aa:bb:cc", host) for host in ("10.0.0.1", "10.0.0.9")}

    assert ids == {"antminer_aabbcc"}


def test_nobody_at_home_is_unreachable():
    with pytest.raises(MinerUnreachable):
        meet("127.76.5.200", nobody)
