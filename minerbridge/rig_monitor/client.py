"""HTTP to the Mining Rig Monitor server: several questions at a time, one deadline over each."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from minerbridge.rig_monitor.failures import (
    FieldsRefused,
    MonitorError,
    ServerAway,
    ServerTrouble,
    WrongCode,
)

T = TypeVar("T")

ANSWER_WITHIN_S = 5.0
CLOSE_WITHIN_S = 0.5
MAX_REPLY_BYTES = 1_048_576
CONNECTIONS = 8
#: Less than the 60 s after which the server's HTTP library closes an idle connection.
KEEP_ALIVE_S = 45.0
#: With an underscore, as the server asks for it; nginx drops it unless told otherwise.
CODE_HEADER = "API_CODE"
_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": "minerbridge",
}


@dataclass(frozen=True, slots=True)
class Question:
    """One request; *code* names the miner to the server."""

    method: str
    path: str
    code: SecretStr | None = None
    body: Any = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said, out of its JSON."""

    content: Any


class MonitorClient:
    """One server over kept-alive connections; only `interrupt` may come from another thread.

    *tls* is shared with whoever else needs it: a context of its own costs 0.8 MiB and 16 ms.
    Redirects are not followed: they would carry the code to another host.
    """

    def __init__(
        self, url: str, tls: ssl.SSLContext, *, answer_within_s: float = ANSWER_WITHIN_S
    ) -> None:
        self.url = url
        self._tls = tls
        self._answer_within_s = answer_within_s
        self._loop: asyncio.AbstractEventLoop | None = None
        self._http: httpx.AsyncClient | None = None
        self._is_cut = False

    def exchange(self, questions: Sequence[Question]) -> list[Answer | MonitorError]:
        """Return what came of each question, in their order; takes no longer than the deadline."""
        if not questions:
            return []
        if not self._is_cut:
            with suppress(asyncio.CancelledError):
                return self._run(self._ask_all(questions))
        return [ServerAway("interrupted") for _ in questions]

    def interrupt(self) -> None:
        """End the running exchange and every later one at once."""
        self._is_cut = True
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # it was just closed
                loop.call_soon_threadsafe(_cancel_all, loop)

    def close(self) -> None:
        """Close the connections; what takes longer than a moment is closed with the process."""
        self._is_cut = True
        loop, http = self._loop, self._http
        self._loop = self._http = None
        if loop is None:
            return
        with suppress(asyncio.CancelledError):  # an interrupt that came between exchanges
            loop.run_until_complete(asyncio.sleep(0))
        if http is not None:
            with suppress(TimeoutError, asyncio.CancelledError, httpx.HTTPError, OSError):
                loop.run_until_complete(asyncio.wait_for(http.aclose(), CLOSE_WITHIN_S))
        loop.close()

    # -- in the loop -------------------------------------------------------------------------

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        return self._loop.run_until_complete(work)

    async def _ask_all(self, questions: Sequence[Question]) -> list[Answer | MonitorError]:
        if self._http is None:
            self._http = self._opened()
        return await asyncio.gather(*(self._ask(self._http, one) for one in questions))

    def _opened(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            headers=_HEADERS,
            verify=self._tls,
            timeout=None,  # noqa: S113  one deadline bounds the whole exchange instead
            trust_env=False,
            limits=httpx.Limits(
                max_connections=CONNECTIONS,
                max_keepalive_connections=CONNECTIONS,
                keepalive_expiry=KEEP_ALIVE_S,
            ),
        )

    async def _ask(self, http: httpx.AsyncClient, question: Question) -> Answer | MonitorError:
        try:
            headers = _headers(question)
            async with asyncio.timeout(self._answer_within_s):
                return await self._fetch(http, question, headers)
        except MonitorError as error:
            return error
        except TimeoutError:
            return ServerAway(f"no answer within {self._answer_within_s:g} s")
        except httpx.ConnectError as error:
            return ServerAway(f"cannot connect: {error}")
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError):
            return ServerTrouble("rig_monitor.url is no address")
        except (httpx.HTTPError, OSError) as error:
            # Its text may repeat what was sent, a code included.
            return ServerAway(f"the connection broke off ({type(error).__name__})")

    async def _fetch(
        self, http: httpx.AsyncClient, question: Question, headers: dict[str, str]
    ) -> Answer:
        content = None
        if question.body is not None:
            content = json.dumps(question.body, separators=(",", ":"), allow_nan=False).encode()
        async with http.stream(
            question.method, self.url + question.path, content=content, headers=headers
        ) as response:
            raw = bytearray()
            async for chunk in response.aiter_raw():
                raw += chunk
                if len(raw) > MAX_REPLY_BYTES:
                    raise ServerTrouble(f"the answer exceeds {MAX_REPLY_BYTES} bytes")
        return understood(response.status_code, response.headers, bytes(raw))


def tls_for(url: str) -> ssl.SSLContext:
    """Return a context that checks certificates; for plain HTTP one that costs nothing."""
    if url.startswith("https:"):
        return ssl.create_default_context()
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _headers(question: Question) -> dict[str, str]:
    headers = {} if question.body is None else {"Content-Type": "application/json"}
    if question.code is not None:
        code = question.code.get_secret_value()
        if not code.isascii() or not code.isprintable() or not code or " " in code:
            raise WrongCode("api_code is no API code: it has blanks or other characters")
        headers[CODE_HEADER] = code
    return headers


def understood(status: int, headers: httpx.Headers, raw: bytes) -> Answer:
    """Return the content of a good answer; raise what the server's refusal means."""
    if 300 <= status < 400:
        host = urlsplit(headers.get("location", "")).hostname or "another path"
        raise ServerTrouble(f"HTTP {status}: it redirects to {host}, which is not followed")
    try:
        content = json.loads(raw)
    except (ValueError, RecursionError):
        kind = headers.get("content-type", "no type").partition(";")[0]
        raise ServerTrouble(f"HTTP {status} with {kind} in place of JSON") from None
    if status == 200:
        return Answer(content)
    document = content if isinstance(content, dict) else {}
    if status == 401:
        raise WrongCode(f"wrong api_code: {_short(document.get('message'))}")
    errors = document.get("errors")
    if status == 422 and isinstance(errors, dict) and errors:
        raise FieldsRefused({str(name)[:60]: _words(words) for name, words in errors.items()})
    raise ServerTrouble(f"HTTP {status}: {_short(errors or document.get('message'))}")


def _words(words: Any) -> tuple[str, ...]:
    return tuple(_short(word) for word in (words if isinstance(words, list) else [words]))


def _short(said: Any) -> str:
    return "no reason given" if said is None else str(said)[:200]


def _cancel_all(loop: asyncio.AbstractEventLoop) -> None:
    for task in asyncio.all_tasks(loop):
        task.cancel()
