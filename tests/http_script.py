"""An HTTP server that says, byte by byte, what a test tells it to."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Handler = Callable[["Talk"], None]


class Talk:
    """One accepted connection; *number* counts them from 0."""

    def __init__(self, connection: socket.socket, number: int, closing: threading.Event) -> None:
        self.connection = connection
        self.number = number
        self.closing = closing
        self._rest = b""

    def request(self) -> bytes:
        """Return one whole request, empty when the client closed."""
        text = self._rest
        while b"\r\n\r\n" not in text:
            chunk = self.connection.recv(65_536)
            if not chunk:
                return b""
            text += chunk
        head, _, body = text.partition(b"\r\n\r\n")
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        while len(body) < length:
            body += self.connection.recv(65_536)
        self._rest = body[length:]
        return head + b"\r\n\r\n" + body[:length]

    def send(self, content: bytes) -> None:
        self.connection.sendall(content)

    def hang(self) -> None:
        """Say nothing more until the test is over."""
        self.closing.wait(10)


class ScriptedServer:
    """Runs *handler* for each connection, one after the other, and keeps what was asked."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._closing = threading.Event()
        self.connections = 0
        self.is_asked = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._serve, daemon=True)]

    def __enter__(self) -> ScriptedServer:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        for thread in self._threads:
            thread.join(2)

    def _serve(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            talk = Talk(connection, self.connections, self._closing)
            self.connections += 1
            thread = threading.Thread(target=self._talk, args=(talk,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _talk(self, talk: Talk) -> None:
        with suppress(OSError):
            self._handler(talk)
        with suppress(OSError):
            talk.connection.shutdown(socket.SHUT_RDWR)
        talk.connection.close()


def challenge(realm: str = "antMiner Configuration", nonce: str = "abc") -> bytes:
    login = f'Digest realm="{realm}", nonce="{nonce}", qop="auth"'.encode()
    return (
        b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: "
        + login
        + b"\r\nContent-Length: 0\r\n\r\n"
    )
