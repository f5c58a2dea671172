"""Every command of the manual V2.2.2 on its whole way: broker, bridge, cipher, simulated miner."""

import json
from itertools import count

import pytest

from minerbridge.__main__ import main
from minerbridge.bridge import Bridge
from minerbridge.settings import Settings
from minerbridge.simulator import Fleet
from tests.mqtt_rig import shared_brokers
from tests.waiting import until
from tests.whatsminer_manual import BY_HAND, PASSWORD, READS, REFUSED, SECRET, WRITES
from tests.wiretap import Wiretap

pytestmark = pytest.mark.slow

IMAGE = bytes(range(256)) * 2000
GUARDED = [
    "update_firmware", "factory_reset", "net_config", "download_logs", "set_hostname", "set_zone",
    "load_log",
]  # fmt: skip


class House:
    """A broker, a bridge, and a WhatsMiner for each write: they are paced, and some reboot it."""

    def __init__(self, broker, fleet, directory):
        self.tap, self._numbers, self.orders = Wiretap(broker.port), count(1), []
        self.fleet, self.directory = fleet, directory
        for name in ("firmware", "logs"):
            (directory / name).mkdir()
        (directory / "firmware" / "new.bin").write_bytes(IMAGE)
        (directory / "outside.bin").write_bytes(b"x")
        # Hydro with a chip that has fast mining: it takes all there is.
        facts = {"model": "M66S_VK30", "uptime_s": 90_000.0, "password": PASSWORD}
        fleet.add("whatsminer", len(WRITES) + len(BY_HAND) + 1, **facts)
        self.bridge = Bridge(
            Settings(
                mqtt={"host": "127.0.0.1", "port": broker.port, "discovery": False},
                files={"state": directory / "state", "firmware": directory / "firmware",
                       "logs": directory / "logs"},
                poll_interval_s=1.0,
                miners=[self._entry(device) for device in fleet.devices],
            )
        )  # fmt: skip

    def _entry(self, device):
        return {
            "id": device.id, "host": device.address, "ports": dict(device.ports), "api": "v2",
            "family": "whatsminer", "password": PASSWORD, "commands": {"allow": GUARDED},
        }  # fmt: skip

    def start(self):
        self.bridge.start()
        for device in self.fleet.devices:
            self.tap.until(f"minerbridge/miner/{device.id}/availability", "online")
        for _, name, parameters, *_ in WRITES:  # all at once: some take seconds to show
            device = self.fresh()
            self.orders.append((device, self.order(device, name, parameters)))

    def fresh(self):
        return self.fleet[f"whatsminer_{next(self._numbers)}"]

    @property
    def one(self):
        """The last device: it is asked and refused things, but never written."""
        return self.fleet.devices[-1]

    def order(self, device, name, parameters):
        document = {"miner_id": device.id, "command": name, "parameters": parameters}
        return self.tap.ask("miner/command", document)


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    with (
        shared_brokers() as start,
        Fleet(ports={"rpc": 0, "v3": 0}, speed=1000) as fleet,
    ):
        home = House(start(), fleet, tmp_path_factory.mktemp("house"))
        home.start()
        yield home
        home.bridge.stop()
        home.tap.close()


def got(device, name):
    """What the miner was asked under this name, without the token of what was encrypted."""
    found = [json.loads(text) for text in list(device.asked)]
    named = [one for one in found if one["cmd"] == name]
    tokens = {one.pop("token", None) for one in named}
    return named, tokens


@pytest.mark.parametrize(
    ("place", "name", "expected", "status"),
    [
        pytest.param(place, name, *rest, id=f"{section} {name}")
        for place, (section, name, _, *rest) in enumerate(WRITES)
    ],
)
def test_a_request_over_mqtt_reaches_the_miner_as_the_manual_prints_it(
    house, place, name, expected, status
):
    device, answer = house.orders[place]
    assert answer["status"] == "ok", answer

    result = house.tap.result(device.id, answer["data"]["id"], timeout_s=25)

    assert (result["status"], result["key"]) == (status, name), result
    sent, (token,) = got(device, name)
    assert sent == [expected]
    assert len(token) == 22
    if name == "update_firmware":
        assert device.uploads == [IMAGE]


@pytest.mark.parametrize(
    ("name", "parameters", "expected", "is_sealed"),
    [pytest.param(*rest, id=f"{section} {rest[0]}") for section, *rest in READS],
)
def test_a_question_over_mqtt_reaches_the_miner_and_its_reply_comes_back(
    house, name, parameters, expected, is_sealed
):
    house.one.asked.clear()
    answer = house.order(house.one, name, parameters)

    if name == "devdetails":  # which this generation no longer has
        assert answer["error"]["code"] == "REFUSED"
    else:
        status = answer["data"]["reply"]["STATUS"]
        assert "S" in (status, status[0]["STATUS"] if isinstance(status, list) else None)
    sent, tokens = got(house.one, name)
    assert expected in sent
    assert (tokens != {None}) is is_sealed


def by_hand(house, device, name, parameters):
    words = [f"{key}={value}" for key, value in parameters.items()]
    ports = ["--port", str(device.ports["rpc"]), "--api", "v2", "--family", "whatsminer"]
    return main(["command", device.address, *ports, "--password", PASSWORD, name, *words])


@pytest.mark.parametrize(
    ("name", "parameters", "expected", "status"),
    [pytest.param(*rest, id=f"{section} {rest[0]}") for section, *rest in BY_HAND],
)
def test_pools_and_passwords_go_by_the_command_line_alone(
    house, capsys, name, parameters, expected, status
):
    device = house.fresh()
    refusal = house.order(device, name, parameters)
    assert refusal["error"]["code"] == "NOT_ALLOWED"
    assert got(device, name) == ([], set())
    capsys.readouterr()  # the bridge's own log lines

    assert by_hand(house, device, name, parameters) == 0

    shown = capsys.readouterr()
    assert json.loads(shown.out[shown.out.index("{\n") :])["status"] == status
    assert got(device, name)[0] == [expected]
    said = shown.out + shown.err
    assert not [value for value in parameters.values() if len(value) > 3 and value in said]


@pytest.mark.parametrize(("name", "parameters"), REFUSED, ids=[name for name, _ in REFUSED])
def test_what_a_command_does_not_take_is_refused_before_anything_is_sent(
    house, capsys, name, parameters
):
    device = house.one
    if name in SECRET:
        assert by_hand(house, device, name, parameters) == 1
        out = capsys.readouterr().out
        shown = json.loads(out[out.index("{\n") :])
        assert (shown["status"], shown["code"]) == ("rejected", "INVALID_VALUE")
        assert "longer_than_8" not in shown["message"]
    else:
        mark = house.tap.mark()
        answer = house.order(device, name, parameters)
        if answer["status"] == "ok":  # what only the driver can tell is told by the result
            answer = {"error": house.tap.result(device.id, answer["data"]["id"], mark)}
        assert answer["error"]["code"] == "INVALID_VALUE", answer
    sent, tokens = got(device, name)
    assert [one for one in sent if one != {"cmd": name}] in ([], [READS[10][3]])
    if name not in {read for _, read, *_ in READS}:
        assert not sent
        assert not tokens


def test_every_command_of_the_manual_is_in_these_tables():
    sections = {row[0] for row in (*WRITES, *READS, *BY_HAND)}
    names = {row[1] for row in (*WRITES, *READS, *BY_HAND)}

    assert sections == {f"3.{n}" for n in range(1, 36)} | {f"4.{n}" for n in range(1, 11)}
    assert len(names) == 49
    assert {name for name, _ in REFUSED} == names


def test_progress_of_an_update_is_published(house):
    def told():
        events = [json.loads(p) for t, p in list(house.tap.heard) if t.endswith("bridge/event")]
        return [one for one in events if one["type"] == "progress"]

    by_command = {one["command"]: one for one in until(told, 5, "progress")}
    update = [one for one in told() if one["command"] == "update_firmware"]

    assert update[-1]["percent"] == 100
    assert (update[-1]["bytes"], update[-1]["of"]) == (len(IMAGE), len(IMAGE))
    assert update[-1]["miner_id"].startswith("whatsminer_")
    assert [one["percent"] for one in update] == sorted(one["percent"] for one in update)
    assert len(update) > 3
    assert set(by_command) == {"update_firmware", "download_logs"}
    assert [path.suffix for path in (house.directory / "logs").iterdir()] == [".tgz"]
