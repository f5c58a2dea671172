"""A recording as a folder: one file a reply, and `recording.json`, which says what they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from minerbridge.miners.recorder_pages import FRONT_PAGE, Recording, Request
from minerbridge.miners.recording import Sanitiser

INDEX = "recording.json"
_TEXT = bytes(range(32, 127)) + b"\t\r\n\0"


def sanitised(recording: Recording, sanitiser: Sanitiser) -> Recording:
    """Return *recording* without what tells device, place and owner."""
    texts = [said for said in recording.refused.values() if isinstance(said, bytes)]
    for reply in (*recording.replies.values(), *texts):
        sanitiser.learn(reply)
    return Recording(
        {request: sanitiser.clean(reply) for request, reply in recording.replies.items()},
        {
            request: sanitiser.clean(said) if isinstance(said, bytes) else said
            for request, said in recording.refused.items()
        },
        recording.joins,
        None if recording.realm is None else sanitiser.clean(recording.realm.encode()).decode(),
    )


def file_name(request: Request, reply: bytes) -> str:
    """Return `summary.json` or `http_cgi-bin-stats.json`: how recordings name their files."""
    if request.over == "rpc":
        return f"{request.what}{_suffix(reply)}"
    if request.over == "daemon":
        return f"tcp4111_{request.what}{_suffix(reply)}"
    if request.over == "v3":
        param = f"-{request.form.replace('+', '-')}" if request.form else ""
        return f"v3_{request.what}{param}{_suffix(reply)}"
    if request.what == FRONT_PAGE:
        return f"http_index{_suffix(reply)}"
    path = request.what.strip("/").removesuffix(".cgi").replace("/", "-")
    form = f"-{request.form.rpartition('=')[2]}" if request.form else ""
    return f"http_{path}{form}{_suffix(reply)}"


def _suffix(reply: bytes) -> str:
    start = reply.lstrip(b"\0\r\n\t ")[:1]
    if reply.translate(None, _TEXT):
        return ".bin"
    return {b"{": ".json", b"[": ".json", b"<": ".html"}.get(start, ".txt")


def index_of(recording: Recording, facts: Mapping[str, Any]) -> bytes:
    """Return the contents of `recording.json`."""
    index = {
        "recording": 1,
        **facts,
        "joins": recording.joins,
        "realm": recording.realm,
        "requests": {
            file_name(request, reply): _spelled(request)
            for request, reply in recording.replies.items()
        },
        "refused": [
            {**_spelled(request), "said": _said(said)}
            for request, said in recording.refused.items()
        ],
    }
    return json.dumps(index, indent=2, ensure_ascii=False).encode() + b"\n"


def load(folder: Path) -> tuple[Recording, dict[str, Any]]:
    """Return the recording in *folder* and all that `recording.json` says."""
    index: dict[str, Any] = json.loads((folder / INDEX).read_bytes())
    replies = {
        Request(**request): (folder / name).read_bytes()
        for name, request in index["requests"].items()
    }
    refused = {
        Request(**{key: value for key, value in one.items() if key != "said"}): _unsaid(one["said"])
        for one in index["refused"]
    }
    return Recording(replies, refused, index["joins"], index["realm"]), index


def _spelled(request: Request) -> dict[str, str]:
    spelled = {"over": request.over, "what": request.what}
    return {**spelled, "form": request.form} if request.form else spelled


def _said(said: bytes | int) -> str | int:
    return said.decode("latin-1") if isinstance(said, bytes) else said


def _unsaid(said: str | int) -> bytes | int:
    return said.encode("latin-1") if isinstance(said, str) else said
