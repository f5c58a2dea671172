"""A device that answers from its recording, on loopback."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self, cast

from minerbridge.miners.recorder_pages import FRONT_PAGE, Recording, Request

LOOPBACK = "127.0.0.1"
UNKNOWN = b'{"STATUS":[{"STATUS":"E","When":0,"Code":14,"Msg":"Invalid command"}],"id":1}\0'
UNKNOWN_V3 = b'{"code":-2,"when":0,"msg":"invalid command","desc":""}'
LONGEST_REQUEST = 65_536


class Replay:
    """Serves until the end of the context. A page that was not recorded is not found."""

    def __init__(self, recording: Recording) -> None:
        self._rpc = _RpcServer((LOOPBACK, 0), _RpcConnection, bind_and_activate=False)
        self._rpc.server_bind()
        if any(one.over in ("rpc", "daemon") for one in (*recording.replies, *recording.refused)):
            self._rpc.server_activate()  # else connections are refused, as the device did
        self._http = _HttpServer((LOOPBACK, 0), _HttpConnection)
        self._v3 = _RpcServer((LOOPBACK, 0), _FramedConnection, bind_and_activate=False)
        self._v3.server_bind()
        if any(one.over == "v3" for one in recording.replies):
            self._v3.server_activate()
        self._rpc.recording = self._http.recording = self._v3.recording = recording

    @property
    def ports(self) -> Mapping[str, int]:
        return {
            "rpc": self._rpc.server_address[1],
            "http": self._http.server_port,
            "v3": self._v3.server_address[1],
        }

    def __enter__(self) -> Self:
        for server in (self._rpc, self._http, self._v3):
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:  # fmt: skip
        for server in (self._rpc, self._http, self._v3):
            server.shutdown()
            server.server_close()


class _RpcServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    recording: Recording


class _RpcConnection(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        recording = cast("_RpcServer", self.server).recording
        try:
            asked: Any = json.loads(self.request.recv(LONGEST_REQUEST).rstrip(b"\0\n"))
            command = str(asked.get("command") or asked.get("cmd") or "")
            is_plain = "parameter" not in asked
        except (ValueError, AttributeError):
            asked, command, is_plain = {}, "", False
        told = recording.replies.get(Request("daemon", str(asked.get("id"))))
        if told is None:
            told = _answer(recording, command) if is_plain else UNKNOWN
        self.request.sendall(told)


def _answer(recording: Recording, command: str) -> bytes:
    if "+" not in command:
        return _single(recording, command)
    if not recording.joins:
        return UNKNOWN
    parts = [
        b'"%s":[%s]' % (name.encode(), _single(recording, name).rstrip(b"\0\r\n "))
        for name in command.split("+")
    ]
    return b"{" + b",".join(parts) + b',"id":1}\0'


def _single(recording: Recording, command: str) -> bytes:
    request = Request("rpc", command)
    said = recording.replies.get(request) or recording.refused.get(request)
    return said if isinstance(said, bytes) else UNKNOWN


class _FramedConnection(socketserver.BaseRequestHandler):
    """API v3 of WhatsMiners: a length of four bytes goes ahead."""

    def handle(self) -> None:
        recording = cast("_RpcServer", self.server).recording
        asked: dict[str, Any] = json.loads(self.request.recv(LONGEST_REQUEST)[4:])
        request = Request("v3", str(asked.get("cmd")), str(asked.get("param") or ""))
        said = recording.replies.get(request) or recording.refused.get(request)
        reply = said if isinstance(said, bytes) else UNKNOWN_V3
        self.request.sendall(len(reply).to_bytes(4, "little") + reply)


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True
    recording: Recording


class _HttpConnection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._reply(Request("http", self.path))

    def do_POST(self) -> None:
        form = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._reply(Request("http", self.path, form.decode("latin-1")))

    def log_message(self, *_: object) -> None:
        """Say nothing on standard error."""

    def _reply(self, request: Request) -> None:
        recording = cast("_HttpServer", self.server).recording
        body = recording.replies.get(request, b"")
        status = recording.refused.get(request, 404)
        self.send_response(200 if request in recording.replies else cast("int", status))
        if request.what == FRONT_PAGE and recording.realm is not None and not body:
            challenge = f'Digest realm="{recording.realm}", nonce="0", qop="auth"'
            self.send_header("WWW-Authenticate", challenge)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
