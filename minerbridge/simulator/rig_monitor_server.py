"""A Mining Rig Monitor server: checks what it is sent as strictly as the real one does."""

from __future__ import annotations

import json
import socket
import threading
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, ClassVar, Self

from minerbridge.simulator.rig_monitor_schema import FIELDS, faults_of

BASE = "/api/v1/"
NO_CODE = {"message": "API_CODE does not exist in request header."}
WRONG_CODE = {"message": "API_CODE invalid."}
BAD_REQUEST = {"errors": {"detail": "Bad Request"}}
NOT_FOUND = {"errors": {"detail": "Not Found"}}
BROKEN = {"errors": {"detail": "Internal Server Error"}}
HTML_PAGE = b"<html><body>502 Bad Gateway</body></html>"
Said = tuple[int, Any]


@dataclass(slots=True)
class MonitoredMiner:
    """One row of the server's tables; a code opens the endpoints of its own form alone."""

    name: str
    form: str  # asic_miners or cpu_gpu_miners
    asic: str = "on"
    light: str = "off"
    is_activated: bool = False
    specs: list[dict[str, Any]] = field(default_factory=list)
    logs: list[dict[str, Any]] = field(default_factory=list)
    playbooks: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class MonitorFaults:
    """What goes wrong, switched on and off while the server runs."""

    status: int | None = None  # every answer, as JSON
    html: bool = False  # a proxy's page in place of JSON
    silent: bool = False  # reads and never answers
    close: bool = False  # closes without a word
    redirect_to: str | None = None


class RigMonitorServer:
    """Listens on an ephemeral port of 127.0.0.1 while entered; may be entered again."""

    def __init__(self, port: int = 0) -> None:
        self.miners: dict[str, MonitoredMiner] = {}
        self.faults = MonitorFaults()
        self.requests: Counter[str] = Counter()
        self.bodies: list[tuple[str, Any]] = []
        self.keeps = True  # False: bodies are checked and forgotten, as a benchmark needs
        self.ended = threading.Event()
        self.connections: set[socket.socket] = set()
        self._port = port
        self._http: ThreadingHTTPServer | None = None
        self._changing = threading.Lock()

    def add(self, code: str, form: str = "asic_miners", name: str = "") -> MonitoredMiner:
        miner = self.miners[code] = MonitoredMiner(name or code, form)
        return miner

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}{BASE.rstrip('/')}"

    def __enter__(self) -> Self:
        self.ended.clear()
        handler = type("_Answering", (_Connection,), {"monitor": self})
        self._http = _Http(("127.0.0.1", self._port), handler)
        self._port = self._http.server_address[1]
        threading.Thread(
            target=self._http.serve_forever, args=(0.02,), name="rig-monitor-server", daemon=True
        ).start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:  # fmt: skip
        """Close the port and every connection."""
        self.ended.set()
        if self._http is not None:
            self._http.shutdown()
            self._http.server_close()
        for connection in list(self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def answer(self, method: str, path: str, headers: Mapping[str, str], raw: bytes) -> Said:
        """Return status and document for one request; header names are lower case."""
        endpoint = path.removeprefix(BASE)
        with self._changing:
            self.requests[f"{method} {endpoint}"] += 1
            if self.faults.status is not None:
                return self.faults.status, BROKEN
            return self._answer(method, endpoint, headers, raw)

    def _answer(self, method: str, endpoint: str, headers: Mapping[str, str], raw: bytes) -> Said:
        if (method, endpoint) == ("GET", "ping"):
            return 200, {"message": "pong"}
        body = _parsed(raw) if method == "POST" else {}
        if body is None:
            return 400, BAD_REQUEST
        if (method, endpoint) == ("POST", "asic_miners/expected_status_bulk"):
            return self._bulk(body)
        form = endpoint.partition("/")[0]
        posts = method == "POST" and endpoint in FIELDS
        reads = method == "GET" and endpoint in (
            "asic_miners/expected_status", "cpu_gpu_miners/playbooks",
        )  # fmt: skip
        if not posts and not reads:  # the module of a playbook is remote code: not offered here
            return 404, NOT_FOUND
        code = headers.get("api_code")
        if code is None:
            return 401, NO_CODE
        miner = self.miners.get(code)
        if miner is None or miner.form != form:
            return 401, WRONG_CODE
        if posts:
            return self._take(endpoint, miner, body)
        if endpoint.endswith("playbooks"):
            return 200, miner.playbooks
        return 200, _expected(miner)

    def _bulk(self, body: dict[str, Any]) -> Said:
        """Answer for the codes that are ASICs'; the documented name of the list is not taken."""
        if "api_code_list" not in body or not isinstance(body["api_code_list"], list):
            return 400, BAD_REQUEST
        self._keep("asic_miners/expected_status_bulk", body)
        known = {code: self.miners.get(str(code)) for code in body["api_code_list"]}
        return 200, {c: _expected(m) for c, m in known.items() if m and m.form == "asic_miners"}

    def _take(self, endpoint: str, miner: MonitoredMiner, body: dict[str, Any]) -> Said:
        self._keep(endpoint, body)
        errors = faults_of(endpoint, body)
        if errors:
            return 422, {"errors": errors}
        if endpoint.endswith("specs"):
            miner.is_activated = True
        if self.keeps:
            (miner.specs if endpoint.endswith("specs") else miner.logs).append(body)
        return 200, None

    def _keep(self, endpoint: str, body: Any) -> None:
        if self.keeps:
            self.bodies.append((endpoint, body))


def _expected(miner: MonitoredMiner) -> dict[str, str]:
    return {
        "name": miner.name,
        "asic_expected_status": miner.asic,
        "light_expected_status": miner.light,
    }


def _parsed(raw: bytes) -> dict[str, Any] | None:
    try:
        body = json.loads(raw or b"{}")
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 100


class _Connection(BaseHTTPRequestHandler):
    monitor: ClassVar[RigMonitorServer]
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body in one segment
    timeout = 60

    def setup(self) -> None:
        super().setup()
        self.monitor.connections.add(self.connection)

    def finish(self) -> None:
        self.monitor.connections.discard(self.connection)
        with suppress(OSError):
            super().finish()

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        faults = self.monitor.faults
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.monitor.ended.is_set() or faults.close:
            self.close_connection = True
            return
        if faults.silent:
            self.monitor.requests["silent"] += 1
            self.monitor.ended.wait(30)
            self.close_connection = True
            return
        if faults.redirect_to is not None:
            self._say(302, b"", "text/html", ("Location", faults.redirect_to))
        elif faults.html:
            self._say(502, HTML_PAGE, "text/html")
        else:
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, document = self.monitor.answer(self.command, self.path, headers, raw)
            self._say(status, json.dumps(document).encode(), "application/json; charset=utf-8")

    def _say(self, status: int, body: bytes, kind: str, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (("Content-Type", kind), ("Content-Length", str(len(body))), *headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        """Stay silent: standard error is the bridge's log."""
