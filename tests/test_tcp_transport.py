"""One exchange over TCP against servers that misbehave."""

import socket
import threading
import time
from typing import Any

import pytest

from minerbridge.errors import BadReply, MinerUnreachable
from minerbridge.miners.tcp_transport import ReplyLost, TcpTransport
from tests.rpc_replay import reset, serving

SHORT_S = 0.15
LONG_S = 20.0  # never waited for: a test that would is broken


def exchange(serve, timeout_s=LONG_S, **options):
    with serving(serve) as port:
        return TcpTransport("127.0.0.1", port, timeout_s).exchange(b"ask", **options)


def test_the_reply_is_everything_up_to_the_end():
    def serve(connection):
        assert connection.recv(100) == b"ask"
        for part in (b'{"a":', b"1", b"}\0"):
            connection.sendall(part)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    assert exchange(serve) == b'{"a":1}\0'


def test_one_connection_serves_one_exchange():
    served = []

    def serve(connection):
        served.append(connection.recv(100))
        connection.sendall(b"x")

    with serving(serve) as port:
        transport = TcpTransport("localhost", port, LONG_S)
        assert [transport.exchange(b"1"), transport.exchange(b"2")] == [b"x", b"x"]
    assert served == [b"1", b"2"]


def test_a_closed_port_is_connection_refused():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(MinerUnreachable, match="connection refused") as caught:
        TcpTransport("127.0.0.1", port, LONG_S).exchange(b"ask")
    assert not isinstance(caught.value, ReplyLost)


def test_a_name_that_does_not_resolve_is_said_so():
    with pytest.raises(MinerUnreachable, match="cannot be resolved"):
        TcpTransport("no host.invalid", 1, LONG_S).exchange(b"ask")


@pytest.mark.parametrize("end", [lambda connection: None, reset])
def test_hanging_up_without_a_byte_is_an_empty_reply(end):
    def serve(connection):
        connection.recv(100)
        end(connection)

    assert exchange(serve) == b""


def test_a_reset_in_the_middle_of_a_reply_is_said_so():
    def serve(connection):
        connection.recv(100)
        connection.sendall(b'{"STATUS":[')
        assert connection.recv(1) == b"!"  # the client has read what was sent
        reset(connection)

    with serving(serve) as port:
        transport = PokingTransport("127.0.0.1", port, LONG_S)
        with pytest.raises(ReplyLost, match="connection reset after 11 bytes"):
            transport.exchange(b"ask")


def test_a_whole_reply_counts_although_a_reset_follows():
    def serve(connection):
        connection.recv(100)
        connection.sendall(b'{"a":1}\0')
        assert connection.recv(1) == b"!"
        reset(connection)

    with serving(serve) as port:
        assert PokingTransport("127.0.0.1", port, LONG_S).exchange(b"ask") == b'{"a":1}\0'


def test_silence_ends_at_the_deadline():
    release = threading.Event()

    def serve(connection):
        release.wait(10)

    with serving(serve) as port:
        began_s = time.monotonic()
        with pytest.raises(ReplyLost, match=r"no answer within 0\.15 s"):
            TcpTransport("127.0.0.1", port, SHORT_S).exchange(b"ask")
        took_s = time.monotonic() - began_s
        release.set()
    assert SHORT_S <= took_s < 6 * SHORT_S


def test_a_slow_drip_does_not_move_the_deadline():
    done = threading.Event()

    def serve(connection):
        connection.recv(100)
        while not done.wait(SHORT_S / 5):
            connection.sendall(b"x")

    with serving(serve) as port:
        began_s = time.monotonic()
        with pytest.raises(ReplyLost, match=r"no answer within 0\.15 s after \d+ bytes"):
            TcpTransport("127.0.0.1", port, SHORT_S).exchange(b"ask")
        took_s = time.monotonic() - began_s
        done.set()
    assert took_s < 6 * SHORT_S


def test_a_terminated_reply_counts_although_the_server_never_hangs_up():
    release = threading.Event()

    def serve(connection):
        connection.sendall(b'{"a":1}\0')
        release.wait(10)

    with serving(serve) as port:
        assert TcpTransport("127.0.0.1", port, SHORT_S).exchange(b"ask") == b'{"a":1}\0'
        release.set()


def test_an_endless_reply_is_cut_at_the_limit():
    sent: list[int] = []

    def serve(connection):
        while len(sent) < 1000:
            connection.sendall(b"x" * 10_000)
            sent.append(10_000)

    with pytest.raises(BadReply, match="exceeds 50000 bytes"):
        exchange(serve, limit=50_000)
    assert len(sent) < 1000


def test_interrupt_ends_a_read_at_once():
    reading, release = threading.Event(), threading.Event()

    def serve(connection):
        connection.recv(100)
        reading.set()
        release.wait(10)

    with serving(serve) as port:
        transport = TcpTransport("127.0.0.1", port, LONG_S)
        error = interrupted(transport, reading.wait)
        release.set()
    assert isinstance(error, ReplyLost)
    assert transport.was_interrupted


def test_interrupt_ends_a_connect_at_once():
    # Nobody accepts and the backlog is full: further handshakes get no answer.
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        waiting = [socket.socket() for _ in range(3)]
        for connection in waiting:
            connection.setblocking(False)
            connection.connect_ex(("127.0.0.1", port))
        transport = TcpTransport("127.0.0.1", port, LONG_S)

        def connecting() -> None:
            while transport._running is None:
                time.sleep(0)

        error = interrupted(transport, connecting)
        for connection in waiting:
            connection.close()
    assert not isinstance(error, ReplyLost)


def test_interrupt_without_an_exchange_does_not_hurt_the_next():
    def serve(connection):
        connection.sendall(connection.recv(100)[:1])

    with serving(serve) as port:
        transport = TcpTransport("127.0.0.1", port, LONG_S)
        transport.interrupt()
        assert transport.exchange(b"ask") == b"a"
        transport.close()
        assert transport.exchange(b"ask") == b"a"


def test_an_interrupted_transport_works_again():
    reading, release = threading.Event(), threading.Event()

    def serve(connection):
        connection.recv(100)
        if not reading.is_set():
            reading.set()
            release.wait(10)
        else:
            connection.sendall(b"x")

    with serving(serve) as port:
        transport = TcpTransport("127.0.0.1", port, LONG_S)
        interrupted(transport, reading.wait)
        release.set()
        assert transport.exchange(b"ask") == b"x"
        assert not transport.was_interrupted


def interrupted(transport, until):
    """Interrupt an exchange as soon as *until* returns; return what it raised."""

    def cut() -> None:
        until()
        transport.interrupt()

    thread = threading.Thread(target=cut)
    thread.start()
    began_s = time.monotonic()
    with pytest.raises(MinerUnreachable, match="interrupted") as caught:
        transport.exchange(b"ask")
    assert time.monotonic() - began_s < LONG_S / 4
    thread.join()
    return caught.value


class PokingTransport(TcpTransport):
    """Says with one byte that it has read what the server sent, so that a reset comes after it."""

    def _receive(self, connection, limit, deadline_s):
        poking: Any = Poking(connection)
        return super()._receive(poking, limit, deadline_s)


class Poking:
    def __init__(self, connection):
        self._connection = connection

    def settimeout(self, timeout_s):
        self._connection.settimeout(timeout_s)

    def recv(self, size):
        chunk = self._connection.recv(size)
        if chunk:
            self._connection.sendall(b"!")
        return chunk
