"""What answers at an address is told by its own words, without a password."""

from dataclasses import replace

import pytest

from minerbridge.errors import MinerUnreachable, UnknownDevice
from minerbridge.miners.driver import Target
from minerbridge.miners.families import AutoDriver, driver_for
from minerbridge.miners.identify import identify
from minerbridge.simulator import Fleet
from minerbridge.simulator.vnish_s9 import VnishS9
from tests.mosquitto import free_port
from tests.rpc_replay import ReplayServer, serving

SECRET = "do-not-send-me"


def at(rpc, http=None):
    ports = {"rpc": rpc, "http": http or free_port()}
    return Target("m", "127.0.0.1", password=SECRET, ports=ports, timeout_s=1)


def version(text):
    return {"version": b'{"STATUS":[{"STATUS":"S","Code":22}],"VERSION":[%s],"id":1}\0' % text}


@pytest.mark.parametrize(
    ("replies", "family"),
    [
        (version(b'{"CGMiner":"4.11.1","API":"3.7"}'), "cgminer"),
        (version(b'{"BMMiner":"1.0.0","Type":"Antminer S19 Pro"}'), "antminer"),
        (version(b'{"Type":"Antminer S9 (vnish 3.9.0)"}'), "vnish"),
        (version(b'{"Type":"Antminer S17 (vnish 0.9.2-alpha)"}'), "cgminer"),
        (version(b'{"Type":"Antminer S19 Pro (Vnish 1.2.6)"}'), "cgminer"),
        (
            {
                **version(b'{"Type":"Antminer S9"}'),
                "stats": b'{"STATUS":[{"STATUS":"S"}],"STATS":[{"Type":"Antminer S9"},'
                b'{"chain_consumption6":"495"}]}\0',
            },
            "vnish",
        ),
        (version(b'{"LUXminer":"2025"}'), "cgminer"),
        (version(b'{"API":"2.0","Miner":"btminer"}'), "whatsminer"),
        (
            {
                **version(b'{"API":"3.1"}'),
                "stats": b'{"STATUS":[{"STATUS":"S"}],"STATS":[{"Type":"Antminer S9k"}]}\0',
            },
            "antminer",
        ),
        (
            {
                **version(b'{"API":"3.1"}'),
                "summary": b'{"STATUS":[{"STATUS":"S"}],"SUMMARY":[{"Upfreq Complete":1}]}\0',
            },
            "whatsminer",
        ),
    ],
)
def test_the_rpc_tells_the_family(replies, family):
    with serving(ReplayServer(replies)) as port:
        found = identify(at(port))

    assert found.family == family
    assert "reply says" in found.evidence


@pytest.mark.parametrize("kind", ["antminer_s19", "antminer_s9", "vnish_s9", "cgminer"])
def test_simulated_miners_are_identified(kind):
    with Fleet(ports={"rpc": 0, "http": 0}) as fleet:
        (device,) = fleet.add(kind)

        assert identify(at(**device.ports)).family == device.family


def test_the_web_page_tells_when_the_rpc_is_closed():
    with Fleet(ports={"rpc": 0, "http": 0}) as fleet:
        (device,) = fleet.add("antminer_s19")

        found = identify(at(free_port(), device.ports["http"]))

    assert (found.family, "realm" in found.evidence) == ("antminer", True)


@pytest.mark.parametrize("page", ["chip_hr.json", "get_autofreq_log.cgi", "get_system_info.cgi"])
def test_a_sleeping_vnish_is_told_from_bitmains_firmware_by_its_pages(page):
    with Fleet(ports={"rpc": 0, "http": 0}) as fleet:
        (device,) = fleet.add("vnish", names_vnish=page == "get_system_info.cgi")
        assert isinstance(device, VnishS9)
        kept = {f"/cgi-bin/{name}" for name in (page, "get_system_info.cgi", "get_miner_conf.cgi")}
        device.pages = {path: answer for path, answer in device.pages.items() if path in kept}
        device.fall_asleep()
        found = identify(at(**device.ports))

    assert (found.family, page in found.evidence) == ("vnish", True)


def test_behind_its_own_password_a_sleeping_vnish_is_found_by_the_driver_alone():
    with Fleet(ports={"rpc": 0, "http": 0}) as fleet:
        (device,) = fleet.add("vnish", names_vnish=False)
        assert isinstance(device, VnishS9)
        device.fall_asleep()
        device.digest.set_password(SECRET)
        target = at(**device.ports)
        assert identify(target).family == "antminer"
        driver = AutoDriver(target)
        (profile,) = driver.contact()
        driver.close()

    assert profile.family == "vnish"


def test_a_vnish_that_boots_and_shows_no_page_of_its_own_yet_is_no_other_miner():
    with Fleet(ports={"rpc": 0, "http": 0}) as fleet:
        (device,) = fleet.add("vnish", names_vnish=False)
        assert isinstance(device, VnishS9)
        driver = AutoDriver(replace(at(**device.ports), password=None))
        driver.contact()
        device.fall_asleep()
        for page in ("chip_hr.json", "get_autofreq_log.cgi"):
            del device.pages[f"/cgi-bin/{page}"]
        (profile,) = driver.contact()
        driver.close()

    assert profile.family == "vnish"


def test_no_password_is_sent_to_find_out():
    asked = []

    def serve(connection):
        asked.append(connection.recv(4096))
        challenge = b'WWW-Authenticate: Digest realm="router", nonce="1"'
        connection.sendall(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n" + challenge + b"\r\n\r\n")

    with serving(serve) as port, pytest.raises(UnknownDevice, match="no known miner"):
        identify(at(free_port(), port))

    assert asked
    assert not [request for request in asked if b"Authorization" in request]


def test_what_no_family_drives_is_named():
    def serve(connection):
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n<title>AxeOS</titl")

    with serving(serve) as port, pytest.raises(UnknownDevice, match="Bitaxe"):
        identify(at(free_port(), port))


def test_silence_is_unreachable():
    with pytest.raises(MinerUnreachable):
        identify(at(free_port()))


def test_a_family_that_has_no_driver_is_refused_with_those_that_have():
    with pytest.raises(UnknownDevice, match="antminer, cgminer"):
        driver_for("toaster", at(1))


def test_the_evidence_is_in_the_profile():
    replies = {
        **version(b'{"Type":"Antminer S19 (Vnish 1.2.6)"}'),
        "summary": b'{"STATUS":[{"STATUS":"S"}],"SUMMARY":[{"GHS 5s":13000,"Elapsed":900}]}\0',
    }
    with serving(ReplayServer(replies)) as port:
        driver = AutoDriver(at(port))
        (profile,) = driver.contact()
        driver.close()

    assert profile.family == "cgminer"
    assert "Vnish" in profile.evidence
