"""The v2 API: plain and encrypted requests, tokens, joins, and what follows a reply."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from minerbridge.simulator import whatsminer_cipher as cipher
from minerbridge.simulator.device import NEVER_S, Reply
from minerbridge.simulator.whatsminer_files import log_file
from minerbridge.simulator.whatsminer_reads import MINING_READS, OTHER_READS
from minerbridge.simulator.whatsminer_replies import (
    BAD_BASE64,
    BAD_JSON,
    BAD_TOKEN,
    BTMINER_DOWN,
    DENIED,
    INVALID,
    NO_COMMAND,
    REFUSED,
    TOKEN,
    TOO_MANY,
    Document,
    RefusedError,
    encoded,
    refusal,
    said,
)
from minerbridge.simulator.whatsminer_writes import WRITES

if TYPE_CHECKING:
    from minerbridge.simulator.whatsminer import Whatsminer

ENCRYPTED_ONLY = ("update_firmware", "download_logs", "get_customer_msg")
LATE_S = 6.0  # a switch-off that is not told to answer first
NUL = b"\0"


@dataclass(frozen=True, slots=True)
class Exchange:
    """*upload* takes the file that must follow; *download* is sent after the reply."""

    reply: Reply
    upload: Callable[[bytes], Reply] | None = None
    download: bytes = b""


def answer(device: Whatsminer, text: str) -> Exchange:
    """Answer one complete request."""
    try:
        request = json.loads(text)
    except ValueError:
        return _plain(refusal(device, BAD_JSON, "Invalid JSON"))
    if not isinstance(request, dict):
        return _plain(refusal(device, INVALID, "invalid cmd"))
    try:
        if "enc" in request:
            return _encrypted(device, request)
        device.asked.append(text)
        return _read(device, request)
    except RefusedError as error:
        return _plain(refusal(device, error.code, error.message))


def _read(device: Whatsminer, request: Document) -> Exchange:
    name = _name(request)
    device.requests[f"rpc {name}"] += 1
    if name == "get_token":
        return _plain(_token(device))
    parts = name.split("+")
    is_cgminers = device.generation.number == 1 and parts[0] in MINING_READS
    if is_cgminers and "command" not in request:
        raise RefusedError(NO_COMMAND, "Missing JSON 'command'")
    if parts[0] in MINING_READS and not device.answers_mining():
        return Exchange(Reply(BTMINER_DOWN))
    if len(parts) > 1:
        document = _joined(device, parts, request)
    else:
        document = _document(device, name, request)
    return Exchange(Reply(encoded(document) + (NUL if is_cgminers else b"")))


def _document(device: Whatsminer, name: str, request: Document) -> Document:
    read = MINING_READS.get(name) or OTHER_READS.get(name)
    if read is not None:
        return read(device, request)
    if name in WRITES or name in ENCRYPTED_ONLY:
        raise RefusedError(DENIED, "can't access write cmd")
    raise RefusedError(INVALID, "invalid cmd")


def _joined(device: Whatsminer, names: list[str], request: Document) -> Document:
    if any(name not in MINING_READS for name in names):
        raise RefusedError(INVALID, "invalid cmd")
    found: Document = {}
    for name in names:
        try:
            found[name] = [MINING_READS[name](device, request)]
        except RefusedError as error:
            found[name] = [refusal(device, error.code, error.message)]
    return found | {"id": 1}


def _token(device: Whatsminer) -> Document:
    token = device.tokens.issue(str(int(time.time()))[-4:])
    if token is None:
        raise RefusedError(TOO_MANY, "over max connect")
    return said(device, token, TOKEN)


def _encrypted(device: Whatsminer, outer: Document) -> Exchange:
    key, data = device.tokens.key, outer.get("data")
    if not isinstance(data, str):
        raise RefusedError(INVALID, "invalid cmd")
    try:
        text = cipher.decrypted(key, data).decode()
        request = json.loads(text)
    except cipher.NotBase64Error as error:
        raise RefusedError(BAD_BASE64, "base64 decode err") from error
    except ValueError as error:
        raise RefusedError(BAD_JSON, "enc json load err") from error
    if not isinstance(request, dict) or device.faults.wrong_password:
        raise RefusedError(BAD_JSON, "enc json load err")
    name = _name(request)
    device.requests[f"rpc {name}"] += 1
    device.asked.append(text)
    try:
        return _privileged(device, key, name, text, request)
    except RefusedError as error:
        return Exchange(_sealed(key, refusal(device, error.code, error.message)))


def _privileged(
    device: Whatsminer, key: str, name: str, text: str, request: Document
) -> Exchange:  # fmt: skip
    if not device.tokens.allows(request.get("token")):
        raise RefusedError(BAD_TOKEN, "check token err")
    if name in MINING_READS or name in OTHER_READS:
        return Exchange(_sealed(key, _document(device, name, request)))
    if not device.api_switch:
        raise RefusedError(DENIED, "can't access write cmd")
    if name == "get_customer_msg" and device.generation.number >= 4:
        return Exchange(_sealed(key, said(device, device.system.customer)))
    if name == "download_logs":
        log = log_file(device)
        told = said(device, {"logfilelen": str(len(log))})
        return Exchange(_sealed(key, told), download=log)
    if name == "update_firmware":
        return Exchange(
            _sealed(key, said(device, "ready")),
            upload=lambda image: _upgraded(device, key, text, image),
        )
    return Exchange(_written(device, key, name, text, request))


def _written(device: Whatsminer, key: str, name: str, text: str, request: Document) -> Reply:
    write = WRITES.get(name)
    if write is None or not write.since <= device.generation.number <= write.until:
        raise RefusedError(INVALID, "invalid cmd")
    write.check(device, request)
    done: list[object] = []
    device.write(text, lambda: done.append(write.do(device, request)))
    message = done[0] if done and isinstance(done[0], dict) else "API command OK"
    document = said(device, message)
    if device.generation.number == 1:
        document = {"STATUS": [document], "id": 1}
    is_late = write.stops and device.generation.number < 4
    after_s = LATE_S if is_late and request.get("respbefore") != "true" else 0.0
    if name in device.silent:
        after_s = NEVER_S
    return _sealed(key, document, is_write=True, after_s=after_s)


def _upgraded(device: Whatsminer, key: str, text: str, image: bytes) -> Reply:
    if not device.accepts_firmware:
        return _sealed(key, refusal(device, REFUSED, "command error"), is_write=True)
    device.uploads.append(image)
    device.write(text, device.upgrade)
    return _sealed(key, said(device, "API command OK"), is_write=True)


def _name(request: Document) -> str:
    return str(request.get("cmd", request.get("command", "")))


def _plain(document: Document) -> Exchange:
    return Exchange(Reply(encoded(document)))


def _sealed(
    key: str, document: Document, *, is_write: bool = False, after_s: float = 0.0
) -> Reply:  # fmt: skip
    return Reply(encoded({"enc": cipher.encrypted(key, encoded(document))}), is_write, after_s)
