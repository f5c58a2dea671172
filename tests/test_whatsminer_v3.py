"""The API of port 4433: frames, tokens, and what is lost."""

import json
import socket
import struct
import threading

import pytest

from minerbridge.errors import BadReply, MinerLocked, MinerRefused, MinerUnreachable, OutcomeUnknown
from minerbridge.miners.driver import Target
from minerbridge.miners.whatsminer import cipher
from minerbridge.miners.whatsminer.table import WRITES
from minerbridge.miners.whatsminer.v3_client import V3Client
from minerbridge.miners.whatsminer.v3_writer import V3Writer

SALT, AT_S = "5QAHiKMb", 1_692_685_512
OK = {"code": 0, "when": 1, "msg": "ok", "desc": ""}


def framed(reply):
    raw = json.dumps(reply).encode() if not isinstance(reply, bytes) else reply
    return struct.pack("<I", len(raw)) + raw


class Device:
    """Answers reads of the salt, and everything else with *answer*."""

    def __init__(self):
        self.answer = framed(OK)
        self.got = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                (size,) = struct.unpack("<I", connection.recv(4, socket.MSG_WAITALL))
                request = json.loads(connection.recv(size, socket.MSG_WAITALL))
                if request == {"cmd": "get.device.info", "param": "salt"}:
                    connection.sendall(framed({**OK, "msg": {"salt": SALT}}))
                    continue
                self.got.append(request)
                for piece in self.answer if isinstance(self.answer, list) else [self.answer]:
                    connection.sendall(piece)


@pytest.fixture
def device():
    made = Device()
    yield made
    made.close()


@pytest.fixture
def client(device):
    target = Target("m1", "127.0.0.1", ports={"v3": device.port}, timeout_s=0.5)
    return V3Client(target, lambda: AT_S + 0.9)


def test_a_write_carries_a_token_of_its_second(device, client):
    client.write("set.miner.service", "stop")

    digest = cipher.v3_digest("set.miner.service", "super", SALT, AT_S)
    assert device.got == [
        {
            "cmd": "set.miner.service", "ts": AT_S, "token": cipher.v3_token(digest),
            "account": "super", "param": "stop",
        }
    ]  # fmt: skip


def test_pools_are_encrypted_as_the_vendor_does_it(device, client):
    pools = [{"pool": "stratum+tcp://pool:3333", "worker": "worker", "passwd": "x"}]
    client.write("set.miner.pools", pools)

    (got,) = device.got
    assert got["token"] == "t5VzZdBe"
    assert got["param"] == (
        "M7c6KBuUVIiP+BnrFxPBexRUr3Zw94Ng42eBDFq02W9o7MSxcGd0EcmSwVx72paF9s8xliqcLqi00gxEFa8Azp"
        "W/A3R+69wXNkHPuGtqhA4="
    )


SENT = {
    "restart_btminer": ({}, "set.miner.service", "restart"),
    "power_off": ({}, "set.miner.service", "stop"),
    "power_on": ({}, "set.miner.service", "start"),
    "set_led": ({"param": "auto"}, "set.system.led", "auto"),
    "set_low_power": ({}, "set.miner.power_mode", "low"),
    "set_high_power": ({}, "set.miner.power_mode", "high"),
    "set_normal_power": ({}, "set.miner.power_mode", "normal"),
    "reboot": ({}, "set.system.reboot", None),
    "factory_reset": ({}, "set.system.factory_reset", None),
    "net_config": ({"param": "dhcp"}, "set.system.net_config", "dhcp"),
    "set_target_freq": ({"percent": -5}, "set.miner.target_freq", -5),
    "enable_btminer_fast_boot": ({}, "set.miner.fastboot", "enable"),
    "disable_btminer_fast_boot": ({}, "set.miner.fastboot", "disable"),
    "enable_web_pools": ({}, "set.system.webpools", "enable"),
    "disable_web_pools": ({}, "set.system.webpools", "disable"),
    "set_hostname": ({"hostname": "m"}, "set.system.hostname", {"hostname": "m"}),
    "set_power_pct": (
        {"percent": 70}, "set.miner.power_percent", {"percent": "70", "mode": "fast"},
    ),
    "set_power_pct_v2": (
        {"percent": 70}, "set.miner.power_percent", {"percent": "70", "mode": "normal"},
    ),
    "set_power": ({"power": 3000}, "set.miner.power", 3000),
    "set_temp_offset": ({"temp_offset": -3}, "set.fan.temp_offset", -3),
    "adjust_power_limit": ({"power_limit": 3000}, "set.miner.power_limit", 3000),
    "adjust_upfreq_speed": ({"upfreq_speed": 3}, "set.miner.upfreq_speed", 3),
    "set_poweroff_cool": ({"poweroff_cool": True}, "set.fan.poweroff_cool", 1),
    "set_fan_zero_speed": ({"fan_zero_speed": False}, "set.fan.zero_speed", 0),
    "set_heat_mode": ({"mode": "anti-icing"}, "set.miner.heat_mode", "anti-freezing"),
    "disable_btminer_init": ({}, "set.miner.service", "disable"),
    "enable_btminer_init": ({}, "set.miner.service", "enable"),
    "set_fast_mining": ({"fast_mining": True}, "set.miner.fast_hash", 1),
}  # fmt: skip


@pytest.mark.parametrize("name", SENT)
def test_rows_of_the_table(device, client, name):
    given, command, param = SENT[name]
    assert isinstance(given, dict)
    row = next(row for row in WRITES if row.name == name)
    V3Writer(client).write(row, given)

    (got,) = device.got
    assert (got["cmd"], got.get("param")) == (command, param)


def test_heartbeats_and_pieces(device, client):
    raw = framed(OK)
    device.answer = [struct.pack("<I", 0), raw[:2], raw[2:7], raw[7:]]

    assert client.ask("get.miner.status", "summary") == OK


@pytest.mark.parametrize(
    ("code", "error"), [(-1, MinerRefused), (-2, MinerRefused), (-3, MinerRefused),
                        (-5, MinerRefused), (-99, MinerRefused), (-4, MinerLocked)],
)  # fmt: skip
def test_codes(device, client, code, error):
    device.answer = framed({"code": code, "msg": "no"})
    for _ in range(2):
        with pytest.raises(MinerRefused) as caught:
            client.write("set.miner.service", "stop")
        assert type(caught.value) is error

    assert len(device.got) == (1 if error is MinerLocked else 2)


@pytest.mark.parametrize(
    "lost", [b"", b"\x05\x00", struct.pack("<I", 9) + b"{", framed(b"?"), b"\xff\xff\xff\xff"]
)
def test_a_lost_reply_leaves_a_write_unknown(device, client, lost):
    device.answer = lost
    with pytest.raises(OutcomeUnknown):
        client.write("set.miner.service", "stop")
    with pytest.raises((MinerUnreachable, BadReply)):
        client.ask("get.miner.status", "summary")

    assert len(device.got) == 2
