"""The platform's HTTP API: logins, pace, and both forms in which it answers.

The public code (Snider/Mining, 2026-02) answers bare JSON and flat errors; its documentation
describes an envelope, `{"success": true, "data": …}`. What stands here takes either.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from minerbridge.errors import BadReply, MinerLocked, MinerRefused, OutcomeUnknown
from minerbridge.miners.driver import Target
from minerbridge.miners.http_reply import HttpReply
from minerbridge.miners.http_transport import HttpTransport
from minerbridge.miners.mining_platform import login
from minerbridge.miners.mining_platform.pace import Pace

PORT = 9090
NAMESPACE = "/api/v1/mining"
_ATTEMPTS = 3
#: The platform gives up on a request after 30 s and says 504; proxies before it may sooner.
WRITE_WITHIN_S = 35.0
_DEFAULT_PAUSE_S = 1.0


class PlatformRefused(MinerRefused):
    """The platform answered with an error; `code` is the platform's own."""

    def __init__(self, message: str, code: str, status: int) -> None:
        super().__init__(message, code=code)
        self.status = status


class RouteMissing(MinerRefused):
    """This server has no such endpoint."""

    code = "UNSUPPORTED"


class _Transport(HttpTransport):
    """Returns error replies too: their bodies hold the platform's code and words."""

    def _checked(self, reply: HttpReply, path: str) -> HttpReply:  # noqa: ARG002  the signature is theirs
        return reply


class PlatformClient:
    """One platform. Paths are relative to the namespace."""

    def __init__(
        self, target: Target, clock: Callable[[], float], wait: Callable[[float], bool]
    ) -> None:
        self.host = target.host
        self.port = target.ports.get("http", PORT)
        self.base = str(target.options.get("namespace") or NAMESPACE).rstrip("/")
        self.username, self.password = target.username or "", target.password
        self._pace = Pace(clock, wait)
        self._http = _Transport(
            target.host,
            self.port,
            username=target.username,
            password=target.password,
            timeout_s=target.timeout_s,
        )
        # Without it a write that has no JSON body is refused as CSRF_PROTECTION.
        self._http.headers["X-Requested-With"] = "minerbridge"

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        """Return the document at *path*, out of its envelope."""
        return self._ask("GET", path, query=query)

    def write(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Change something; raise `OutcomeUnknown` when nobody knows whether it did."""
        given = {name: value for name, value in query.items() if value is not None}
        return self._ask(method, path, body, given, write=True)

    def interrupt(self) -> None:
        self._http.interrupt()

    def close(self) -> None:
        self._http.close()

    def _ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        *,
        write: bool = False,
    ) -> Any:
        target = self.base + path + (f"?{urlencode(query)}" if query else "")
        content = b"" if body is None else json.dumps(body).encode()
        for attempt in range(1, _ATTEMPTS + 1):
            self._pace.enter()
            reply = self._http.request(
                method, target, content, "application/json", write=write,
                timeout_s=WRITE_WITHIN_S if write else None,
            )  # fmt: skip
            if reply.status == 429:
                self._pace.pause(_retry_after_s(reply))
            elif reply.status != 401 or not self._log_in(reply):
                break
            if attempt == _ATTEMPTS:
                break  # both say that nothing was carried out, so trying again was safe
        if reply.status == 401:
            raise MinerLocked(f"wrong or no user and password for {self.host}:{self.port}")
        if write and reply.status in (502, 504):
            raise OutcomeUnknown(f"{method} {path}: HTTP {reply.status}; it may have been done")
        return unwrapped(reply, f"{method} {path}")

    def _log_in(self, reply: HttpReply) -> bool:
        """Take up Basic where the server (or a proxy before it) offers nothing better."""
        challenge = reply.headers.get("www-authenticate", "")
        has_tried = "Authorization" in self._http.headers
        if has_tried or self.password is None or not login.is_basic(challenge):
            return False
        self._http.headers["Authorization"] = login.basic(self.username, self.password)
        return True


def segment(name: str) -> str:
    """Return *name* as one part of a path: xmrig-rx/0 has a slash."""
    return quote(name, safe="")


def unwrapped(reply: HttpReply, asked: str) -> Any:
    """Return what *reply* says; raise the error it holds in any of the known forms."""
    if reply.status == 204:
        return None
    try:
        document = json.loads(reply.raw, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        if reply.status in (404, 405):
            raise RouteMissing(f"{asked} is not supported by this Mining Platform") from None
        if reply.status >= 400:
            raise PlatformRefused(
                f"{asked}: HTTP {reply.status}", "REFUSED", reply.status
            ) from None
        raise BadReply(f"{asked}: the reply is no JSON", reply.text) from None
    is_envelope = isinstance(document, dict) and isinstance(document.get("success"), bool)
    if reply.status >= 400 or (is_envelope and not document["success"]):
        raise _refusal(document, reply.status, asked)
    if reply.status >= 300:
        raise BadReply(f"{asked}: HTTP {reply.status}", reply.text)
    return document.get("data") if is_envelope else document


def _refusal(document: Any, status: int, asked: str) -> PlatformRefused:
    """Read `{"error": {…}}`, the flat form, or `{"error": "text"}`."""
    said = document if isinstance(document, dict) else {}
    inner = said.get("error")
    if isinstance(inner, dict):
        said = inner
    words = said.get("message") or (inner if isinstance(inner, str) else "") or f"HTTP {status}"
    details = said.get("details")
    more = [str(one) for one in (details, said.get("suggestion")) if one and one != words]
    code = said.get("code")
    text = "; ".join([f"{asked}: {words}", *more])[:500]
    return PlatformRefused(text, str(code) if code else "REFUSED", status)


def _retry_after_s(reply: HttpReply) -> float:
    text = reply.headers.get("retry-after", "")
    return max(float(text), 0.1) if text.isascii() and text.isdigit() else _DEFAULT_PAUSE_S
