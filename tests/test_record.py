"""Recordings: what is kept byte for byte, what is taken out, and that they can be replayed."""

import dataclasses
import json
import socket
from contextlib import contextmanager
from pathlib import Path

import pytest

from minerbridge.__main__ import main
from minerbridge.cli.probe import read_once
from minerbridge.errors import BadReply
from minerbridge.miners.driver import Target
from minerbridge.miners.families import driver_for
from minerbridge.miners.recorder import rpc_reads
from minerbridge.miners.recorder_pages import Recording, Request
from minerbridge.miners.recording import Sanitiser, kind_of
from minerbridge.miners.recording_files import load
from minerbridge.miners.replay import LOOPBACK, Replay
from minerbridge.miners.rpc_commands import WRITES
from minerbridge.miners.rpc_decode import decode
from minerbridge.mqtt.wire import reading_json
from minerbridge.simulator.server import Fleet
from tests.cgminer_rig import RECORDINGS, contact_and_read
from tests.mosquitto import free_port
from tests.rpc_replay import ReplayServer, recorded, serving

pytestmark = pytest.mark.slow

KINDS = ("antminer_s19", "antminer_s17", "antminer_s9", "vnish_s9", "cgminer")
OPTIONS = (("port", "rpc"), ("http-port", "http"))
OWNERS = {"iceriver": ["pool.example.com", "worker.1"], "mining_platform": ["48SimulatedWallet"]}
FILES = {
    "iceriver": {"http_user-userpanel-4.json", "http_user-machineconfig-1.json",
                 "http_user-ipconfig-1.json", "tcp4111_info.json", "tcp4111_gethw.json"},
    "mining_platform": {"http_api-v1-mining-miners.json", "http_api-v1-mining-profiles.json",
                        "http_api-v1-mining-miners-xmrig-rx-stats.json"},
}  # fmt: skip
#: What differs from one device to the next, and from one reading to the next.
OF_ONE_DEVICE = {
    "miner_id", "at", "mac_address", "serial_number", "hostname", "ip_address", "pools", "boards",
}  # fmt: skip


@contextmanager
def simulated(kind, **options):
    fleet = Fleet(ports={"rpc": 0, "http": 0})
    (device,) = fleet.add(kind, uptime_s=90_000.0, **options)
    with fleet:
        yield device


def record(device, folder, *more):
    ports = ["--port", str(device.ports["rpc"])]
    if "http" in device.ports:
        ports += ["--http-port", str(device.ports["http"])]
    return main(["record", device.address, str(folder), *ports, *more])


def replayed(folder):
    """Return what the family's driver makes of a folder, and what the folder says it should."""
    recording, index = load(folder)
    with Replay(recording) as replay:
        driver = driver_for(index["family"], Target("recording", LOOPBACK, ports=replay.ports))
        driver.contact()
        reading = json.loads(reading_json(read_once(driver), with_pool_users=True))
        driver.close()
    return without_time(reading), without_time(index["reading"])


def without_time(reading):
    return {key: value for key, value in reading.items() if key != "at"}


# -- whole ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_recorded_device_reads_the_same_from_its_files(kind, tmp_path, capsys):
    with simulated(kind) as device:
        assert record(device, tmp_path) == 0
        assert device.journal == [], "a recording only reads"
    found, expected = replayed(tmp_path)
    assert found == expected
    assert expected["hashrate_hs"] > 1e12
    assert expected["pools"][0]["url"] == "stratum+tcp://pool1xxx.example:3333"
    *lines, last = capsys.readouterr().out.splitlines()
    assert {Path(line.split()[0]) for line in lines} == set(tmp_path.iterdir())
    assert last.endswith("Look through the files before you publish them.")


@pytest.mark.parametrize("kind", ["iceriver", "mining_platform"])
def test_families_without_an_rpc_read_the_same_from_their_files(kind, tmp_path, capsys):
    with simulated(kind) as device:
        ports = [
            f"--{option}={device.ports[port]}" for option, port in OPTIONS if port in device.ports
        ]
        assert main(["record", device.address, str(tmp_path), "--family", kind, *ports]) == 0
        assert device.journal == [], "a recording only reads"
        secrets = [device.mac_address, *OWNERS[kind]]
    found, expected = replayed(tmp_path)
    assert found == expected
    assert expected["status"] == "mining"
    everything = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    for secret in secrets:
        assert secret.lower().encode() not in everything.lower(), secret
    assert "Look through the files" in capsys.readouterr().out
    assert FILES[kind] <= {path.name for path in tmp_path.iterdir()}


def test_an_iceriver_is_recorded_by_its_mining_program_alone(tmp_path):
    with simulated("iceriver") as device:
        device.faults.port, device.faults.refuse = "http", True
        ports = [f"--port={device.ports['rpc']}", f"--http-port={free_port()}"]
        assert main(["record", device.address, str(tmp_path), "--family=iceriver", *ports]) == 0
    found, expected = replayed(tmp_path)
    assert found == expected
    assert expected["hashrate_hs"] > 1e12
    assert not list(tmp_path.glob("http_*"))


def test_the_files_serve_as_a_recording_of_the_cgminer_tests(tmp_path):
    with simulated("cgminer") as device:
        assert record(device, tmp_path) == 0
    _, reading, _ = contact_and_read(ReplayServer(recorded(tmp_path)))
    _, index = load(tmp_path)
    found = json.loads(reading_json(reading, with_pool_users=True))
    same = set(found) - {"miner_id", "at"}
    assert {key: found[key] for key in same} == {key: index["reading"][key] for key in same}


def test_nothing_that_tells_the_device_or_its_owner_is_left(tmp_path):
    with simulated("antminer_s19") as device:
        assert record(device, tmp_path) == 0
        secrets = [device.mac_address, device.hostname, "SIM0", "pool.example.com", "worker.1"]
    everything = b"".join(path.read_bytes() for path in tmp_path.iterdir()).lower()
    for secret in [*secrets, device.mac_address.replace(":", "")]:
        assert secret.lower().encode() not in everything, secret


def test_a_locked_web_page_is_part_of_the_recording(tmp_path):
    with simulated("antminer_s17") as device:
        assert record(device, tmp_path, "--family", "antminer", "--password", "wrong") == 0
    recording, index = load(tmp_path)
    assert recording.refused[Request("http", "/cgi-bin/get_miner_conf.cgi")] == 401
    assert not list(tmp_path.glob("http_*"))
    assert recording.realm == "antMiner Configuration"
    assert index["reading"]["model"] == "Antminer S17 Pro"
    found, expected = replayed(tmp_path)
    assert found == expected


def test_a_device_nobody_knows_is_recorded_without_a_reading(tmp_path, capsys):
    replies = {"version": b"hello, I am a toaster\0", "summary": b'{"bread":2}\0'}
    with serving(ReplayServer(replies, joins=False)) as port:
        options = ["--port", str(port), "--http-port", str(free_port())]
        assert main(["record", LOOPBACK, str(tmp_path), *options]) == 0
    assert (tmp_path / "version.txt").read_bytes() == replies["version"]
    assert (tmp_path / "summary.json").read_bytes() == replies["summary"]
    index = json.loads((tmp_path / "recording.json").read_text())
    assert index["reading"] is None
    assert "no known miner" in index["problem"]
    assert "no reading: something answers" in capsys.readouterr().out


def test_broken_replies_are_kept_byte_for_byte(tmp_path):
    replies = {
        "version": (RECORDINGS / "cgminer-4.11.1-sp10/version.bin").read_bytes(),
        "summary": (RECORDINGS / "cgminer-4.11.1-sp10/summary.bin").read_bytes(),
        "stats": b'{"STATUS":[{"STATUS":"S"}]"STATS":[{"a":1}{"b":nan,}],"id":1}\0\0',
        "devs": b'{"DEVS":[{"Name":"\xff\xfe\x01"}]}\0',
    }
    with serving(ReplayServer(replies)) as port:
        options = ["--port", str(port), "--http-port", str(free_port())]
        assert main(["record", LOOPBACK, str(tmp_path), *options]) == 0
    names = {"version": "json", "summary": "json", "stats": "json", "devs": "bin"}
    for command, raw in replies.items():
        assert (tmp_path / f"{command}.{names[command]}").read_bytes() == raw


def test_existing_files_are_only_replaced_by_force(tmp_path, capsys):
    with simulated("cgminer") as device:
        assert record(device, tmp_path) == 0
        before = (tmp_path / "recording.json").read_bytes()
        (tmp_path / "summary.json").write_text("mine")
        assert record(device, tmp_path) == 1
        assert "exists; --force writes over it" in capsys.readouterr().err
        (tmp_path / "recording.json").unlink()
        assert record(device, tmp_path) == 1
        assert (tmp_path / "summary.json").read_text() == "mine"
        assert not (tmp_path / "recording.json").exists()
        assert record(device, tmp_path, "--force") == 0
    assert (tmp_path / "summary.json").read_text() != "mine"
    assert before[:20] == (tmp_path / "recording.json").read_bytes()[:20]


def test_silence_is_one_line_and_no_folder(tmp_path, capsys):
    ports = ["--port", str(free_port()), "--http-port", str(free_port())]
    assert main(["record", LOOPBACK, str(tmp_path / "new"), *ports]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == "127.0.0.1: connection refused\n"
    assert not (tmp_path / "new").exists()


def test_only_reads_are_asked():
    assert not set(rpc_reads()) & set(WRITES)
    assert {"version", "summary", "pools", "temps", "tunerstatus", "litestats"} <= set(rpc_reads())


# -- replay --------------------------------------------------------------------------------------


def test_a_device_without_rpc_refuses_connections_when_replayed():
    pages = {Request("http", "/"): b"<html>"}
    with Replay(Recording(pages)) as replay, pytest.raises(ConnectionRefusedError):
        socket.create_connection((LOOPBACK, replay.ports["rpc"]), 2)


# -- taking out ----------------------------------------------------------------------------------


def cleaned(*replies, known=()):
    sanitiser = Sanitiser(known)
    for reply in replies:
        sanitiser.learn(reply)
    found = [sanitiser.clean(reply) for reply in replies]
    assert [sanitiser.clean(reply) for reply in found] == found, "what is neutral stays"
    return found[0] if len(found) == 1 else found


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        # MAC addresses, as they are written
        (b'{"macaddr":"AC:1F:6B:00:12:3E"}', b'{"macaddr":"02:00:00:00:00:01"}'),
        (b'{"mac":"ac-1f-6b-00-12-3e"}', b'{"mac":"02-00-00-00-00-01"}'),
        (b"DNA=0201AF,MAC=ac1f6b00123e|", b"DNA=1001AA,MAC=020000000001|"),
        # serial numbers keep their shape
        (b'{"serinum":"JYZZA0BDJAB024NF"}', b'{"serinum":"AAAAA0AAAAA001AA"}'),
        (b'{"PCB SN":"HE3M8X","SN":123456789}', b'{"PCB SN":"AA0A1A","SN":100000002}'),
        (b'{"miner_id":"no miner id now"}', b'{"miner_id":"no miner id now"}'),
        (b'{"miner_id":"8144d5ca44b0885c"}', b'{"miner_id":"1000a0aa00a0001a"}'),
        # addresses
        (b'{"ipaddress":"192.168.1.100"}', b'{"ipaddress":"198.51.100.10"}'),
        (b'{"ip":"10.1.2.3","netmask":"255.255.255.0"}',
         b'{"ip":"192.0.2.1","netmask":"255.255.255.0"}'),
        (b'{"host":"127.0.0.1","api":"W:127.0.0.1"}', None),
        (b'{"Miner":"16.8.1.3","ant_hwv":"1.0.0.0"}', None),
        # pools
        (b'{"URL":"stratum+tcp://btc.f2pool.com:3333","User":"wallet.rig1","Pass":"x"}',
         b'{"URL":"stratum+tcp://pool1x.example:3333","User":"user1x.xxxx","Pass":"x"}'),
        (b'{"url":"stratum+tcp:\\/\\/eu.pool.net:3333"}',
         b'{"url":"stratum+tcp:\\/\\/pool1.example:3333"}'),
        (b'{"Stratum URL":"eu.pool.net"}', b'{"Stratum URL":"pool1.example"}'),
        (b'{"pass":"geheim77"}', b'{"pass":"passwor1"}'),
        (b"POOL=0,URL=stratum+tcp://1.2.3.4:3333,User=me.1,Status=Alive|",
         b"POOL=0,URL=stratum+tcp://192.0.2.1:3333,User=us.1,Status=Alive|"),
        (b'{"no":1,"addr":"eu.pool.net:3333"}', b'{"no":1,"addr":"pool1.example:3333"}'),
        (b'{"wallet":"48abcdefgh","gpuPool":"eu.pool.net:1","rigId":"attic-7"}',
         b'{"wallet":"user1xxxxx","gpuPool":"pool1.example:1","rigId":"user2-x"}'),
        (b'{"path":"/home/alice/.local/xmrig"}', b'{"path":"/home/user1/.local/xmrig"}'),
        (b'{"gateway":"192.168.1.1fe80::f6ea:67ff"}', b'{"gateway":"203.0.113.1fe80::1"}'),
        # names
        (b'{"hostname":"Antminer","minertype":"Antminer S9"}',
         b'{"hostname":"miner1xx","minertype":"Antminer S9"}'),
        # within the statistics of an Avalon
        (b'{"MM ID0":"Ver[1246-83] DNA[02010000cbd2fd6d] WORKMODE[1]"}',
         b'{"MM ID0":"Ver[1246-83] DNA[10000000aaa0aa1a] WORKMODE[1]"}'),
        # and nothing else
        (b'{"Elapsed":123456,"GHS 5s":13454.12,"Type":"Antminer S9","chip":"BM1387"}\0', None),
        (b'{"STATUS":[{"Msg":"1 Pool(s)"}]"POOLS":[{"a":}{"b":nan}\0\xff\0', None),
    ],
)  # fmt: skip
def test_what_is_taken_out(said, kept):
    assert cleaned(said) == (said if kept is None else kept)


def test_one_value_has_one_substitute_wherever_it_stands():
    info = b'{"mac":"AC:1F:6B:00:12:3E","hostname":"rig-9","user":"bc1qxyz7.a"}'
    log = b"<p>miner ac1f6b00123e at 10.9.8.7 mines for bc1qxyz7.a</p>"
    new_info, new_log = cleaned(info, log)
    assert b"02:00:00:00:00:01" in new_info
    assert new_log == b"<p>miner 020000000001 at 192.0.2.1 mines for user1xxx.x</p>"
    assert json.loads(new_info)["user"].encode() in new_log


def test_two_values_stay_two():
    pools = json.loads(cleaned(b'{"url":["a.pool.net:1","b.pool.net:1","a.pool.net:1"]}'))["url"]
    assert len(set(pools)) == 2
    assert pools[0] == pools[2]


def test_what_the_command_line_tells_is_taken_out_too():
    known = [("hostname", "s19.attic.lan"), ("password", "geheim")]
    assert cleaned(b"<a href=//s19.attic.lan>geheim</a>", known=known) == (
        b"<a href=//min.er1xx.xxx>passw1</a>"
    )


@pytest.mark.parametrize(
    "key", ["Difficulty", "Type", "chip_sum", "Best Share", "POOL", "Accepted"]
)
def test_ordinary_keys_tell_nothing(key):
    assert kind_of(key) in (None, "host")


def every_recorded_reply():
    return sorted(
        path
        for path in RECORDINGS.parent.rglob("*")
        if path.is_file() and path.suffix in (".json", ".bin", ".txt")
    )


def test_a_reply_stays_as_broken_or_whole_as_it_was():
    for path in every_recorded_reply():
        raw = path.read_bytes()
        new = cleaned(raw)
        assert raw.count(b"\0") == new.count(b"\0"), path
        assert shape(raw) == shape(new), path


def shape(raw):
    """Return the keys and kinds of values in *raw*, or how it is broken."""

    def of(value):
        if isinstance(value, dict):
            return {key: of(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [of(inner) for inner in value]
        return type(value).__name__

    try:
        return of(decode(raw))
    except BadReply:
        return "unreadable"


def whole_devices():
    folders = sorted(RECORDINGS.glob("*/"))
    return [one for one in folders if {"summary", "stats", "devs"} & set(recorded(one))]


@pytest.mark.parametrize("folder", whole_devices(), ids=lambda path: path.name)
def test_a_sanitised_recording_reads_as_before(folder):
    replies = recorded(folder)
    sanitiser = Sanitiser()
    for reply in replies.values():
        sanitiser.learn(reply)
    clean = {key: sanitiser.clean(reply) for key, reply in replies.items()}
    _, before, _ = contact_and_read(ReplayServer(replies))
    _, after, _ = contact_and_read(ReplayServer(clean))
    for field in dataclasses.fields(before):
        if field.name not in OF_ONE_DEVICE:
            assert getattr(before, field.name) == getattr(after, field.name), field.name
    assert [board.hashrate_hs for board in before.boards] == [
        board.hashrate_hs for board in after.boards
    ]
