"""Requests: a JSON document in, exactly one answer out, worked on by a small pool of threads."""

from __future__ import annotations

import json
import queue
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from minerbridge.errors import BridgeError, InvalidValue, NotFound
from minerbridge.mqtt.outbox import Outgoing
from minerbridge.mqtt.topics import Topics
from minerbridge.mqtt.wire import to_json
from minerbridge.runtime import Service

log = structlog.get_logger(__name__)

#: Answers one request: its document in, the answer's `data` out; raises `BridgeError`.
Answerer = Callable[[dict[str, Any]], Any]
POOL_SIZE = 4
MAX_WAITING = 1000
MAX_ID_LENGTH = 128
SELF_TEST = "selftest"


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came in."""

    name: str
    payload: bytes
    response_topic: str | None = None
    correlation: bytes | None = None


class RequestDesk:
    """Hands requests to the pool and publishes their answers.

    *slow*: requests that wait for devices; one clerk never takes these.
    """

    def __init__(
        self,
        topics: Topics,
        send: Callable[[Outgoing], None],
        answerers: Mapping[str, Answerer],
        max_bytes: int = 65_536,
        slow: frozenset[str] = frozenset(),
    ) -> None:
        self._topics = topics
        self._send = send
        self._answerers = answerers
        self._max_bytes = max_bytes
        self._slow_names = slow
        # Apart, so that hanging miners never delay what is answered from memory.
        self._queues: dict[bool, queue.SimpleQueue[Request | None]] = {
            is_slow: queue.SimpleQueue() for is_slow in (False, True)
        }
        self.clerks = [Clerk(self, number) for number in range(1, POOL_SIZE + 1)]

    def take(self, request: Request) -> None:
        """Queue *request*; refuse it at once when too many wait."""
        waiting = self._queues[request.name in self._slow_names]
        if waiting.qsize() >= MAX_WAITING:
            error = BridgeError("too many requests are waiting", code="RATE_LIMITED")
            self._answer(request, _id_of(request.payload), error=error)
            return
        waiting.put(request)

    def next(self, *, slow: bool) -> Request | None:
        try:
            return self._queues[slow].get(timeout=1.0)
        except queue.Empty:
            return None

    def nudge(self) -> None:
        for waiting in self._queues.values():
            waiting.put(None)

    def serve(self, request: Request) -> None:
        """Work out and publish the one answer of *request*."""
        request_id: Any = None
        try:
            document = parse_document(request.payload, self._max_bytes)
            request_id = document.get("id")
            if request_id is None:
                request_id = uuid.uuid4().hex[:12]
            document["id"] = request_id
            answerer = self._answerers.get(request.name)
            if answerer is None:
                known = ", ".join(sorted(self._answerers))
                raise NotFound(f"no request {request.name!r}; there are {known}")
            self._answer(request, request_id, content=answerer(document))
        except BridgeError as error:
            log.info("request_refused", request=request.name, reason=str(error))
            self._answer(request, request_id, error=error)
        except Exception:
            log.exception("request_failed", request=request.name)
            failure = BridgeError("internal error, see the bridge's log")
            self._answer(request, request_id, error=failure)

    def _answer(
        self,
        request: Request,
        request_id: Any,
        content: Any = None,
        error: BridgeError | None = None,
    ) -> None:
        if error is None:
            answer = {"status": "ok", "data": content, "id": request_id}
        else:
            problem = {"code": error.code, "message": str(error)}
            answer = {"status": "error", "error": problem, "id": request_id}
        body = to_json(answer)
        if len(body) > self._max_bytes - 1024:
            problem = {"code": "TOO_LARGE", "message": "the answer is too large: use limit"}
            body = to_json({"status": "error", "error": problem, "id": request_id})
        topics = [self._topics.response(request.name)]
        if request.response_topic and self._topics.may_answer_to(request.response_topic):
            topics.append(request.response_topic)
        for topic in topics:
            self._send(Outgoing(topic, body, 1, correlation=request.correlation))


class Clerk(Service):
    """One thread of the pool."""

    def __init__(self, desk: RequestDesk, number: int) -> None:
        super().__init__(f"requests-{number}")
        self._desk = desk
        self._is_slow = number > 1

    def run(self) -> None:
        while not self.stopping.is_set():
            request = self._desk.next(slow=self._is_slow)
            if request is None:
                continue
            try:
                self._desk.serve(request)
            except Exception:  # whatever a request holds, the next one is served
                log.exception("request_unanswered", request=request.name)

    def wake(self) -> None:
        self._desk.nudge()


def parse_document(payload: bytes, max_bytes: int) -> dict[str, Any]:
    """Return the JSON object of *payload*; an empty payload is an empty object."""
    if len(payload) > max_bytes:
        raise InvalidValue(f"{len(payload)} bytes are more than {max_bytes}", code="TOO_LARGE")
    if not payload.strip():
        return {}
    try:
        document = json.loads(payload, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise InvalidValue("the payload is not JSON", code="INVALID_REQUEST") from None
    if not isinstance(document, dict):
        raise InvalidValue("the payload is not a JSON object", code="INVALID_REQUEST")
    request_id = document.get("id")
    is_id = isinstance(request_id, str | int | None) and not isinstance(request_id, bool)
    if not is_id or len(str(request_id)) > MAX_ID_LENGTH:
        raise InvalidValue("id is not a short text", code="INVALID_REQUEST")
    return document


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


def _id_of(payload: bytes) -> Any:
    """Return the id of a request that is refused unread; None when that would take long."""
    try:
        return parse_document(payload, 4096).get("id")
    except InvalidValue:
        return None
