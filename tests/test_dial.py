"""Connecting takes bounded time, whatever the resolver and the network do, and heeds a stop."""

import socket
import threading
import time
from contextlib import contextmanager

import pytest

from minerbridge.mqtt import dial
from minerbridge.mqtt.dial import Dialer
from tests.mosquitto import free_port

NUMERIC = socket.getaddrinfo


@contextmanager
def listening(address="127.0.0.1", port=0):
    with socket.create_server((address, port)) as listener:
        yield listener.getsockname()[1]


@contextmanager
def deaf():
    """A port that answers no connection attempt, as behind a firewall: its queue is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
        for filler in fillers:
            filler.close()


@pytest.fixture
def stopping():
    return threading.Event()


@pytest.fixture
def resolver(monkeypatch):
    """Answer for names: `resolver(answer)`; *answer*() may block, raise, or return addresses."""

    def install(answer):
        def getaddrinfo(host, port, *, type=0, flags=0):  # noqa: A002  socket's own name
            if flags & socket.AI_NUMERICHOST:
                return NUMERIC(host, port, type=type, flags=flags)
            return [found for one in answer() for found in NUMERIC(one, port, type=type)]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    return install


def took(call):
    began = time.monotonic()
    call()
    return time.monotonic() - began


def threads():
    return [one for one in threading.enumerate() if one.name == "mqtt-resolve"]


def test_an_address_needs_no_resolver(stopping, resolver):
    resolver(lambda: pytest.fail("asked"))
    with listening() as port, Dialer("127.0.0.1", port, 30, stopping)() as wire:
        assert wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000


def test_a_refusal_says_so(stopping):
    with pytest.raises(ConnectionRefusedError, match="Connection refused"):
        Dialer("127.0.0.1", free_port(), 30, stopping)()


def test_the_second_address_is_tried_when_the_first_refuses(stopping, resolver):
    resolver(lambda: ["127.0.0.2", "127.0.0.1"])
    with listening() as port, Dialer("broker.test", port, 30, stopping)() as wire:
        assert wire.getpeername() == ("127.0.0.1", port)


def test_an_unknown_name_says_so(stopping, resolver):
    def unknown():
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    resolver(unknown)
    with pytest.raises(OSError, match="not known"):
        Dialer("broker.test", 1, 30, stopping)()


def test_what_is_no_name_says_so(stopping):
    with pytest.raises(OSError, match="no host name"):
        Dialer("a" * 300, 1, 30, stopping)()


def test_a_resolver_that_hangs_costs_bounded_time_and_one_thread(stopping, resolver, monkeypatch):
    monkeypatch.setattr(dial, "RESOLVE_WITHIN_S", 0.2)
    answered = threading.Event()

    def hang():
        answered.wait(10)
        return ["127.0.0.1"]

    resolver(hang)
    with listening() as port:
        dialer = Dialer("broker.test", port, 30, stopping)
        for _ in range(3):
            with pytest.raises(TimeoutError, match="not resolved"):
                dialer()
            assert len(threads()) == 1
        answered.set()
        dialer().close()
    assert not threads()


def test_no_answer_costs_bounded_time(stopping, monkeypatch):
    monkeypatch.setattr(dial, "CONNECT_WITHIN_S", 0.3)

    def attempt():
        with pytest.raises(TimeoutError, match="no answer"):
            Dialer("127.0.0.1", port, 30, stopping)()

    with deaf() as port:
        assert 0.2 < took(attempt) < 1.5


@pytest.mark.parametrize("what", ["resolver", "network"])
def test_a_stop_ends_the_attempt(stopping, resolver, what):
    host = {"resolver": "broker.test", "network": "127.0.0.1"}[what]

    released = threading.Event()

    def hang():
        released.wait(5)
        return []

    resolver(hang)

    def attempt():
        with pytest.raises(TimeoutError):
            Dialer(host, port, 30, stopping)()

    with deaf() as port:
        threading.Timer(0.1, stopping.set).start()
        assert took(attempt) < 1.0
    released.set()
