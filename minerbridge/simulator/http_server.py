"""A minimal HTTP/1.1 server: keep-alive, Content-Length, nothing else."""

from __future__ import annotations

from http import HTTPStatus

from minerbridge.simulator.connection import Connection
from minerbridge.simulator.device import Device, Host, HttpRequest, Reply

HEAD_BYTES, BODY_BYTES = 16_384, 1_048_576
REASONS = {status.value: status.phrase for status in HTTPStatus}


class HttpConnection(Connection):
    """Requests on one connection are answered in turn."""

    port = "http"

    def __init__(self, device: Device, host: Host, open_connections: set[Connection]) -> None:
        super().__init__(device, host, open_connections)
        self._buffer = bytearray()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._next()

    def sent(self) -> None:
        if self._buffer:
            self._next()

    def _next(self) -> None:
        if self.is_answering or self.transport is None or self.transport.is_closing():
            return
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > HEAD_BYTES:
                self._refuse(431)
            return
        lines = self._buffer[:end].decode("latin-1").split("\r\n")
        start = lines[0].split(" ")
        headers = dict(_header(line) for line in lines[1:])
        length = headers.get("content-length", "0")
        if len(start) != 3 or not length.isascii() or not length.isdigit():
            self._refuse(400)
        elif "transfer-encoding" in headers:
            self._refuse(411)
        elif int(length) > BODY_BYTES:
            self._refuse(413)
        elif len(self._buffer) >= end + 4 + int(length):
            body = bytes(self._buffer[end + 4 : end + 4 + int(length)])
            del self._buffer[: end + 4 + int(length)]
            self._answer(start, headers, body)

    def _answer(self, start: list[str], headers: dict[str, str], body: bytes) -> None:
        self.is_answering = True
        path, _, query = start[1].partition("?")
        keep = start[2] != "HTTP/1.0" and headers.get("connection", "").lower() != "close"
        self.device.requests[f"http {path}"] += 1
        reply = self.device.http(HttpRequest(start[0], path, query, headers, body))
        sent_body = b"" if start[0] == "HEAD" else reply.body
        self.deliver(reply, _head(reply, keep), sent_body, keep=keep)

    def _refuse(self, status: int) -> None:
        self._buffer.clear()
        self.is_answering = True
        reply = Reply(b"", status=status)
        self.deliver(reply, _head(reply, keep=False), b"", keep=False)


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip().lower(), value.strip()


def _head(reply: Reply, keep: bool) -> bytes:
    lines = [
        f"HTTP/1.1 {reply.status} {REASONS.get(reply.status, 'Unknown')}",
        f"Content-Type: {reply.content_type}",
        f"Content-Length: {len(reply.body)}",
        f"Connection: {'keep-alive' if keep else 'close'}",
        "Server: lighttpd/1.4.32",
        *reply.headers,
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
