"""HTTP to one miner: digest login, one deadline over each exchange, cut from another thread."""

from __future__ import annotations

import functools
import json
import ssl
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import cast
from urllib.parse import quote

import httpcore
import httpx

from minerbridge.errors import (
    BadReply,
    MinerLocked,
    MinerUnreachable,
    OutcomeUnknown,
)
from minerbridge.miners.http_reply import HttpRefused, HttpReply
from minerbridge.miners.http_wire import Wire

__all__ = ["HttpRefused", "HttpReply", "HttpTransport", "shared_ssl_context"]

MAX_REPLY = 1_048_576
_KEEP_ALIVE_S = 15.0
#: What a browser leaves as it is; CGI shell scripts decode upper-case escapes of the rest.
_UNESCAPED = "-_.!~*'()"
_FAULTS = (OSError, httpcore.ProtocolError, httpx.HTTPError)


@functools.cache
def shared_ssl_context() -> ssl.SSLContext:
    """One for all miners, whose certificates are their own; each further one costs 0.8 MiB."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class HttpTransport:
    """One server, one kept-alive connection. Only `interrupt` may come from another thread.

    The password leaves only as a digest, and only when asked for one: of any realm, or with *realm*
    of those whose name begins with it. Redirects are returned, not followed.
    """

    def __init__(
        self,
        host: str,
        port: int = 80,
        *,
        username: str | None = None,
        password: str | None = None,
        realm: str = "",
        timeout_s: float = 5.0,
        scheme: str = "http",
    ) -> None:
        self.host = host
        self.port = port
        self.timeout_s = timeout_s
        self.headers: dict[str, str] = {}
        self._scheme = scheme
        self._login = _Login(username or "", password, realm)
        self._wire = Wire(MAX_REPLY)
        self._client: httpx.Client | None = None

    @property
    def realm(self) -> str | None:
        """The realm of the last login that the server asked for."""
        return self._login.asked_realm

    def get(
        self,
        path: str,
        *,
        write: bool = False,
        timeout_s: float | None = None,
        **params: str | int,
    ) -> HttpReply:
        """Fetch *path*; *write* when fetching it changes something, as `reboot.cgi` does."""
        query = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in params.items())
        target = f"{path}?{query}" if query else path
        return self.request("GET", target, write=write, timeout_s=timeout_s)

    def post_form(
        self,
        path: str,
        fields: Iterable[tuple[str, str]],
        *,
        write: bool = True,
        timeout_s: float | None = None,
    ) -> HttpReply:
        """Post *fields* in their order: old firmware reads them by position."""
        body = "&".join(f"{name}={quote(value, safe=_UNESCAPED)}" for name, value in fields)
        kind = "application/x-www-form-urlencoded"
        return self.request(
            "POST", path, body.encode("ascii"), kind, write=write, timeout_s=timeout_s
        )

    def post_json(
        self, path: str, body: object, *, write: bool = True, timeout_s: float | None = None
    ) -> HttpReply:
        text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
        return self.request(
            "POST", path, text.encode(), "application/json", write=write, timeout_s=timeout_s
        )

    def request(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        content_type: str = "",
        *,
        write: bool = False,
        timeout_s: float | None = None,
    ) -> HttpReply:
        """Make one exchange and return its answer; status 400 and above is raised.

        A read whose kept-alive connection turns out closed is made once more; with *write* only
        when nothing had been sent, and a reply that is lost is `OutcomeUnknown`.
        """
        limit_s = self.timeout_s if timeout_s is None else timeout_s
        headers = {**self.headers, "Content-Type": content_type} if body else self.headers
        deadline_s = time.monotonic() + limit_s
        for is_repeated in (False, True):
            self._wire.begin(deadline_s)
            try:
                reply = self._exchange(method, path, body, headers)
                break
            except _FAULTS as error:
                if is_repeated or not self._wire.may_repeat(write=write):
                    raise self._failure(error, limit_s, write=write) from error
            finally:
                self._wire.end()
        return self._checked(reply, path.partition("?")[0])

    def interrupt(self) -> None:
        """Cut the running request; without one, nothing happens."""
        self._wire.interrupt()

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with suppress(*_FAULTS):
                client.close()

    def _exchange(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str]
    ) -> HttpReply:
        if self._client is None:
            self._client = self._opened()
        with self._client.stream(method, path, content=body or None, headers=headers) as response:
            raw = b"".join(response.iter_raw())
            found = {name.lower(): value for name, value in response.headers.items()}
        if found.get("content-encoding", "identity") != "identity":
            raise BadReply(f"port {self.port}: the reply is compressed, unasked")
        return HttpReply(response.status_code, raw, found)

    def _opened(self) -> httpx.Client:
        host = f"[{self.host}]" if ":" in self.host else self.host
        headers = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "minerbridge"}
        try:
            return httpx.Client(
                base_url=f"{self._scheme}://{host}:{self.port}",
                auth=self._login,
                headers=headers,
                transport=_Pool(self._wire, is_tls=self._scheme == "https"),
                timeout=None,  # noqa: S113 - the wire bounds the whole exchange instead
                trust_env=False,
            )
        except (httpx.InvalidURL, UnicodeError) as error:
            raise MinerUnreachable(f"{self.host!r} is no address") from error

    def _checked(self, reply: HttpReply, path: str) -> HttpReply:
        if reply.status == 401:
            raise MinerLocked(self._login.refusal(self.host))
        if reply.status == 403:
            raise MinerLocked(f"{self.host} does not allow {path}")
        if reply.status >= 400:
            raise HttpRefused(f"{path}: HTTP {reply.status}", reply.status)
        return reply

    def _failure(self, error: Exception, limit_s: float, *, write: bool) -> Exception:
        wire = self._wire
        is_garbled = wire.is_too_long
        if wire.is_cut:
            reason, is_garbled = "interrupted", False
        elif wire.is_late:
            reason = f"no answer within {limit_s:g} s"
        elif wire.is_too_long:
            reason = f"the reply exceeds {MAX_REPLY} bytes"
        elif isinstance(error, httpcore.ProtocolError | httpx.HTTPError):
            reason, is_garbled = str(error), bool(wire.received)
        else:
            strerror = error.strerror if isinstance(error, OSError) else None
            reason = (strerror or str(error)).lower()
        text = f"port {self.port}: {reason}"
        if write and wire.sent:
            return OutcomeUnknown(f"{text}; the request had been sent")
        if is_garbled:
            return BadReply(text, wire.beginning.decode("utf-8", "replace"))
        return MinerUnreachable(text)


class _Login(httpx.Auth):
    """Answers digest challenges; keeps the last, so that later requests need one round trip."""

    def __init__(self, username: str, password: str | None, realm: str) -> None:
        self._realm = realm
        self._digest = None if password is None else httpx.DigestAuth(username, password)
        self.asked_realm: str | None = None
        self._was_answered = False

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        self._was_answered = False
        if self._digest is None:
            self._note((yield request))
            return
        try:
            steps = self._digest.auth_flow(request)
            outgoing = next(steps)
            while True:
                response = yield outgoing
                self._note(response)
                if not (self.asked_realm or "").startswith(self._realm):
                    return
                outgoing = steps.send(response)
                self._was_answered = True
        except StopIteration:
            return
        except (KeyError, ValueError, NotImplementedError) as error:
            raise BadReply(
                f"the login that the server asks for is not understood: {error}"
            ) from error

    def _note(self, response: httpx.Response) -> None:
        challenge = response.headers.get("www-authenticate", "")
        if response.status_code == 401:
            self.asked_realm = challenge.partition('realm="')[2].partition('"')[0]

    def refusal(self, host: str) -> str:
        if self._was_answered:
            return f"wrong user or password for {host}"
        if self._digest is None:
            return f"{host} asks for a login ({self.asked_realm}), and none is set"
        return (
            f"{host} asks for a login ({self.asked_realm}) that is not answered with the password"
        )


class _Pool(httpx.BaseTransport):
    """httpx on a connection pool of httpcore whose sockets are the wire's."""

    def __init__(self, wire: Wire, *, is_tls: bool) -> None:
        self._connections = httpcore.ConnectionPool(
            ssl_context=shared_ssl_context() if is_tls else None,
            max_connections=1,
            keepalive_expiry=_KEEP_ALIVE_S,
            network_backend=cast("httpcore.NetworkBackend", wire),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        answer = self._connections.handle_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                ),
                headers=request.headers.raw,
                content=request.stream,
            )
        )
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer))

    def close(self) -> None:
        self._connections.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        yield from self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()
