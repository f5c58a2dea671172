"""The connection is cut at each step of a write, an update and a download: what is then known.

`MinerUnreachable`: nothing was sent. `OutcomeUnknown`: it may have been done. In no case does the
miner get anything twice.
"""

import json
import struct

import pytest

from minerbridge.errors import BadReply, MinerUnreachable, OutcomeUnknown
from tests.whatsminer_rig import VERSION, Rig, ok, order, read, reset

pytestmark = pytest.mark.slow

IMAGE = bytes(range(256)) * 8000
LOGS = b"\x1f\x8b" + bytes(60_000)
TOKEN = ok({"time": "5626", "salt": "BQ5hoXV9", "newsalt": "jbzkfQls"}, 134)
ORDERS = {
    "set_led": {"param": "auto"},
    "update_firmware": {"file": "new.bin"},
    "download_logs": {},
}


@pytest.fixture
def rig(tmp_path):
    made = Rig(tmp_path)
    for name in ("firmware", "logs"):
        (tmp_path / name).mkdir()
    (tmp_path / "firmware" / "new.bin").write_bytes(IMAGE)
    yield made
    made.close()


@pytest.fixture
def driver(rig, monkeypatch):
    monkeypatch.setattr("minerbridge.miners.whatsminer.binary._INSTALL_S", 0.3)
    monkeypatch.setattr("minerbridge.miners.whatsminer.binary._CHUNK_S", 0.3)
    directories = {name: str(rig.directory / name[:-4]) for name in ("firmware_dir", "logs_dir")}
    found = rig.driver(directories, timeout_s=0.3)
    found.contact()
    return found


def sent_after(rig, driver, name, error):
    """Give the order, see it fail so, and what the miner got; reading on sends no more of it."""
    before = rig.connections
    with pytest.raises(error):
        order(driver, name, **ORDERS[name])
    assert rig.connections <= before + 2, "one for the token, one for the order"
    written = [one["cmd"] for one in rig.written]
    read(driver)
    read(driver)
    assert [one["cmd"] for one in rig.written] == written
    return written


def taken(connection, size):
    got = b""
    while len(got) < size and (chunk := connection.recv(size - len(got))):
        got += chunk
    return got


# -- before the order is out ---------------------------------------------------------------------


def _cut_at_connecting(rig):
    rig.cuts_next = True


def _cut_without_a_token(rig):
    rig.plain["get_token"] = reset


def _cut_within_the_token(rig):
    rig.plain["get_token"] = json.dumps(TOKEN).encode()[:40]


def _no_token_but_silence(rig):
    rig.plain["get_token"] = lambda connection, _request: connection.recv(1)


@pytest.mark.parametrize("name", ORDERS)
@pytest.mark.parametrize(
    "cut", [_cut_at_connecting, _cut_without_a_token, _cut_within_the_token, _no_token_but_silence]
)
def test_before_the_order_nothing_was_sent(rig, driver, name, cut):
    cut(rig)

    assert sent_after(rig, driver, name, MinerUnreachable) == []
    rig.plain["get_token"] = TOKEN
    order(driver, "led", enabled=True)
    assert [one["cmd"] for one in rig.written] == ["set_led"]


@pytest.mark.parametrize("name", ORDERS)
def test_nobody_listens(rig, driver, name):
    rig.close()
    with pytest.raises(MinerUnreachable):
        order(driver, name, **ORDERS[name])

    assert not rig.written


# -- the order is out, its answer is not in ------------------------------------------------------


@pytest.mark.parametrize("name", ORDERS)
def test_an_order_that_is_cut_unread_is_not_repeated(rig, driver, name):
    def give_token(connection, _request):
        connection.sendall(json.dumps(TOKEN).encode())
        rig.cuts_next = True

    rig.plain["get_token"] = give_token

    # Only where the kernel takes the order before it sees the cut, it may have gone out.
    assert sent_after(rig, driver, name, (MinerUnreachable, OutcomeUnknown)) == []


def _unanswered(rig, name):
    rig.sealed[name] = reset


def _half_answered(rig, name):
    rig.sealed[name] = lambda connection, _request: connection.sendall(rig.seal(ok())[:30])


def _garbled(rig, name):
    rig.sealed[name] = b'{"enc":"AAAA"}'


def _silence(rig, name):
    rig.sealed[name] = lambda connection, _request: connection.recv(1)


@pytest.mark.parametrize("name", ORDERS)
@pytest.mark.parametrize("cut", [_unanswered, _half_answered, _garbled, _silence])
def test_an_order_without_its_answer_is_unknown_and_not_repeated(rig, driver, name, cut):
    cut(rig, name)

    assert sent_after(rig, driver, name, OutcomeUnknown) == [name]
    assert not list((rig.directory / "logs").iterdir())


# -- within the firmware -------------------------------------------------------------------------


def _break_at(rig, got, size, after=b""):
    def serve(connection, _request):
        connection.sendall(rig.seal(ok("ready")))
        got.append(taken(connection, size))
        if after is not None:
            connection.sendall(after)
        reset(connection)

    rig.sealed["update_firmware"] = serve


@pytest.mark.parametrize(
    ("size", "after"),
    [
        pytest.param(0, b"", id="accepted"),
        pytest.param(2, b"", id="within its length"),
        pytest.param(4, b"", id="after its length"),
        pytest.param(4 + len(IMAGE) // 2, b"", id="within it"),
        pytest.param(4 + len(IMAGE), b"", id="reset after it"),
        pytest.param(4 + len(IMAGE), b'{"enc":"AAAA', id="within the last answer"),
        pytest.param(4 + len(IMAGE), b'{"enc":"AAAA"}', id="a garbled last answer"),
    ],
)
def test_a_break_within_an_update_is_unknown_and_nothing_is_sent_again(rig, driver, size, after):
    got: list[bytes] = []
    _break_at(rig, got, size, after)

    assert sent_after(rig, driver, "update_firmware", OutcomeUnknown) == ["update_firmware"]
    assert got == [(struct.pack("<I", len(IMAGE)) + IMAGE)[:size]]


def test_what_the_version_says_later_ends_the_doubt(rig, driver):
    _break_at(rig, [], 4 + len(IMAGE))
    with pytest.raises(OutcomeUnknown) as caught:
        order(driver, "update_firmware", file="new.bin")
    confirmation = caught.value.confirmation

    assert confirmation is not None
    assert confirmation.seen is not None
    assert not confirmation.seen(read(driver))
    rig.plain["get_version"] = ok({**VERSION, "fw_ver": "20260312.16.REL3"})
    assert confirmation.seen(read(driver))


def test_a_miner_that_takes_it_and_says_nothing_is_unknown(rig, driver):
    def serve(connection, _request):
        connection.sendall(rig.seal(ok("ready")))
        taken(connection, 4 + len(IMAGE))
        connection.recv(1)

    rig.sealed["update_firmware"] = serve
    assert sent_after(rig, driver, "update_firmware", OutcomeUnknown) == ["update_firmware"]


def test_a_miner_that_takes_it_and_hangs_up_is_judged_by_its_version(rig, driver):
    def serve(connection, _request):
        connection.sendall(rig.seal(ok("ready")))
        taken(connection, 4 + len(IMAGE))

    rig.sealed["update_firmware"] = serve
    confirmation = order(driver, "update_firmware", file="new.bin")

    assert not confirmation.seen(read(driver))
    assert [one["cmd"] for one in rig.written] == ["update_firmware"]


# -- within the logs -----------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["reset", "close", "stall"])
@pytest.mark.parametrize("size", [0, 1, len(LOGS) // 2, len(LOGS) - 1])
def test_a_break_within_a_download_fails_and_leaves_no_file(rig, driver, size, end):
    def serve(connection, _request):
        connection.sendall(rig.seal(ok({"logfilelen": str(len(LOGS))})) + LOGS[:size])
        if end == "reset":
            reset(connection)
        elif end == "stall":
            connection.recv(1)

    rig.sealed["download_logs"] = serve

    assert sent_after(rig, driver, "download_logs", BadReply) == ["download_logs"]
    assert not list((rig.directory / "logs").iterdir())
