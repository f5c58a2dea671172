"""Firmware in and logs out: the exact bytes, and what is known when the connection breaks."""

import struct
import time
from contextlib import suppress

import pytest

from minerbridge.errors import (
    BadReply,
    InvalidValue,
    MinerRefused,
    MinerUnreachable,
    NotAllowed,
    OutcomeUnknown,
)
from tests.whatsminer_rig import VERSION, Rig, ok, order, read, refused, reset

FIRMWARE = bytes(range(256)) * 1000 + b"end"
LOGS = b"\x1f\x8b" + b'{"enc":"no header"}' * 5000


@pytest.fixture
def rig(tmp_path):
    made = Rig(tmp_path)
    yield made
    made.close()


@pytest.fixture
def driver(rig):
    directory = rig.directory / "firmware"
    directory.mkdir()
    (directory / "new.bin").write_bytes(FIRMWARE)
    (rig.directory / "outside.bin").write_bytes(b"x")
    (directory / "empty.bin").write_bytes(b"")
    logs = rig.directory / "logs"
    logs.mkdir()
    found = rig.driver({"firmware_dir": str(directory), "logs_dir": str(logs)})
    found.contact()
    return found


def receive(connection, size):
    data = b""
    while len(data) < size:
        chunk = connection.recv(size - len(data))
        if not chunk:
            break
        data += chunk
    return data


def installing(rig, got, answer):
    def serve(connection, _request):
        connection.sendall(rig.seal(ok("ready")))
        (size,) = struct.unpack("<I", receive(connection, 4))
        got.append((size, receive(connection, size)))
        if answer is not None:
            connection.sendall(rig.seal(answer))

    return serve


@pytest.mark.parametrize("answer", [ok(), None], ids=["answered", "hung up"])
def test_firmware_is_sent_exactly_and_judged_by_the_version(rig, driver, answer):
    got: list[tuple[int, bytes]] = []
    rig.sealed["update_firmware"] = installing(rig, got, answer)
    confirmation = order(driver, "update_firmware", file="new.bin")

    assert got == [(len(FIRMWARE), FIRMWARE)]
    assert [set(one) for one in rig.written] == [{"cmd", "token"}]
    assert not confirmation.seen(read(driver))
    rig.plain["get_version"] = ok({**VERSION, "fw_ver": "20260312.16.REL3"})
    assert confirmation.seen(read(driver))


def test_firmware_of_a_named_version(rig, driver):
    rig.sealed["update_firmware"] = installing(rig, [], ok())
    confirmation = order(driver, "update_firmware", file="new.bin", version="20260312.16.REL3")
    rig.plain["get_version"] = ok({**VERSION, "fw_ver": "20251209.16.Rel2"})
    assert not confirmation.seen(read(driver))
    rig.plain["get_version"] = ok({**VERSION, "fw_ver": "20260312.16.REL3"})
    assert confirmation.seen(read(driver))


def test_firmware_that_the_miner_refuses(rig, driver):
    rig.sealed["update_firmware"] = installing(rig, [], refused(132, "verify failed"))
    with pytest.raises(MinerRefused, match="sent and refused"):
        order(driver, "update_firmware", file="new.bin")


@pytest.mark.parametrize("reply", [ok("busy"), refused(132)])
def test_a_miner_that_is_not_ready_gets_nothing(rig, driver, reply):
    more = []

    def serve(connection, _request):
        connection.sendall(rig.seal(reply))
        more.append(connection.recv(1))

    rig.sealed["update_firmware"] = serve
    with pytest.raises(MinerRefused):
        order(driver, "update_firmware", file="new.bin")

    deadline_s = time.monotonic() + 2
    while not more and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert more == [b""]


def _break_before_ready(_rig, connection):
    reset(connection)


def _break_after_ready(rig, connection):
    connection.sendall(rig.seal(ok("ready")))
    reset(connection)


def _break_within_the_file(rig, connection):
    connection.sendall(rig.seal(ok("ready")))
    receive(connection, 10_000)
    reset(connection)


def _garbage_at_the_end(rig, connection):
    connection.sendall(rig.seal(ok("ready")))
    receive(connection, 4 + len(FIRMWARE))
    connection.sendall(b"???")


@pytest.mark.parametrize(
    "broken", [_break_before_ready, _break_within_the_file, _garbage_at_the_end]
)
def test_a_break_leaves_the_outcome_unknown_and_is_not_repeated(rig, driver, broken):
    rig.sealed["update_firmware"] = lambda connection, _request: broken(rig, connection)
    with pytest.raises(OutcomeUnknown) as caught:
        order(driver, "update_firmware", file="new.bin")

    assert caught.value.confirmation is not None
    assert "firmware" in caught.value.confirmation.message
    assert len(rig.written) == 1


def test_a_break_right_after_ready_is_not_repeated(rig, driver):
    rig.sealed["update_firmware"] = lambda connection, _request: _break_after_ready(rig, connection)
    # The kernel may take all of it before the reset shows: then only the version tells.
    with suppress(OutcomeUnknown):
        order(driver, "update_firmware", file="new.bin")

    assert len(rig.written) == 1


@pytest.mark.parametrize(
    "name", ["../outside.bin", "/etc/hostname", "missing.bin", "empty.bin", ".", "a/../../x"]
)
def test_only_files_of_the_directory(rig, driver, name):
    with pytest.raises(InvalidValue):
        order(driver, "update_firmware", file=name)

    assert not rig.written


@pytest.mark.parametrize(
    ("name", "given"), [("update_firmware", {"file": "x"}), ("download_logs", {})]
)
def test_without_a_directory_it_is_not_allowed(rig, name, given):
    driver = rig.driver()
    driver.contact()
    with pytest.raises(NotAllowed, match="files"):
        order(driver, name, **given)

    assert not rig.written


def delivering(rig, how, announced=None):
    def serve(connection, _request):
        size = len(LOGS) if announced is None else announced
        header = rig.seal(ok({"logfilelen": str(size)}))
        if how == "joined":
            connection.sendall(header + LOGS)
        elif how == "split":
            connection.sendall(header[:20])
            time.sleep(0.02)
            connection.sendall(header[20:] + LOGS[:3])
            time.sleep(0.02)
            connection.sendall(LOGS[3:])
        elif how == "late":
            connection.sendall(header)
            time.sleep(0.02)
            connection.sendall(LOGS)
        elif how == "more":
            connection.sendall(header + LOGS + b"trailing")
        elif how == "short":
            connection.sendall(header + LOGS[:-1])
        elif how == "broken":
            connection.sendall(header + LOGS[:1000])
            reset(connection)

    return serve


def saved(rig):
    return sorted((rig.directory / "logs").iterdir())


@pytest.mark.parametrize("how", ["joined", "split", "late", "more"])
def test_logs_are_saved_whole(rig, driver, how):
    rig.sealed["download_logs"] = delivering(rig, how)
    confirmation = order(driver, "download_logs")

    (path,) = saved(rig)
    assert path.read_bytes() == LOGS
    assert str(path) in confirmation.message
    assert confirmation.seen(read(driver))


@pytest.mark.parametrize(
    ("how", "announced"), [("short", None), ("broken", None), ("late", 0), ("late", 2**40)]
)
def test_logs_that_are_not_whole_are_discarded(rig, driver, how, announced):
    rig.sealed["download_logs"] = delivering(rig, how, announced)
    with pytest.raises(BadReply):
        order(driver, "download_logs")

    assert not saved(rig)
    assert len(rig.written) == 1


def test_logs_that_stall(rig, driver, monkeypatch):
    monkeypatch.setattr("minerbridge.miners.whatsminer.binary._CHUNK_S", 0.05)

    def serve(connection, _request):
        connection.sendall(rig.seal(ok({"logfilelen": "100"})) + b"x")
        connection.recv(1)

    rig.sealed["download_logs"] = serve
    with pytest.raises(BadReply, match="1 of 100 bytes"):
        order(driver, "download_logs")

    assert not saved(rig)


def test_a_header_that_never_comes_leaves_nothing(rig, driver):
    rig.sealed["download_logs"] = reset
    with pytest.raises(OutcomeUnknown):
        order(driver, "download_logs")

    assert not saved(rig)


def test_a_stop_cuts_a_download(rig, driver):
    def serve(connection, _request):
        connection.sendall(rig.seal(ok({"logfilelen": "100"})))
        driver.interrupt()

    rig.sealed["download_logs"] = serve
    with pytest.raises((BadReply, OutcomeUnknown, MinerUnreachable)):
        order(driver, "download_logs")

    assert not saved(rig)
