"""Which pages a family is asked for when its device is recorded: those that only tell something."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlencode

from minerbridge.miners.antminer.web import REALM
from minerbridge.miners.driver import Target
from minerbridge.miners.identify import HTTP_PORT
from minerbridge.miners.mining_platform import client as platform
from minerbridge.miners.mining_platform.documents import software_miners

FRONT_PAGE = "/"
#: Families that have no RPC of the cgminer kind.
WITHOUT_RPC = frozenset({"iceriver", "mining_platform"})
#: An IceRiver's panel is six questions to its mining program.
SLOW_S = {"iceriver": 30.0}
FACTORY_LOGIN = {"antminer": ("root", "root", REALM), "vnish": ("root", "root", REALM)}
#: What Antminers tell on their pages, of either generation.
_ANTMINER_PAGES = (
    "get_system_info", "get_network_info", "get_miner_conf", "get_miner_status", "stats", "summary",
    "pools", "miner_type", "get_blink_status",
)  # fmt: skip
_VNISH_PAGES = ("get_system_info.cgi", "get_network_info.cgi", "get_miner_conf.cgi", "chip_hr.json")
_PATHS = {
    "antminer": (*(f"/cgi-bin/{name}.cgi" for name in _ANTMINER_PAGES), "/miner_power"),
    "vnish": tuple(f"/cgi-bin/{name}" for name in _VNISH_PAGES),
    "mining_platform": ("/info", "/profiles", "/miners"),
}
#: Stock IceRiver pages tell by a form; the number says that it only reads.
_FORMS = {"iceriver": (("userpanel", 4), ("machineconfig", 1), ("ipconfig", 1))}
#: The one page of the old generation that is read by a form; `get_miner_status` is its mark.
_OLD_MARK, _OLD_BLINK = "/cgi-bin/get_miner_status.cgi", "/cgi-bin/blink.cgi"
_BLINK_FORM = "action=onPageLoaded"


@dataclass(frozen=True, slots=True)
class Request:
    """One read. *form* makes a page's a POST, and is the `param` of API v3's."""

    over: Literal["rpc", "http", "v3", "daemon"]
    what: str
    form: str = ""

    def __str__(self) -> str:
        match self.over:
            case "rpc":
                return f"RPC {self.what}"
            case "v3":
                return f"API v3 {self.what} {self.form}".rstrip()
            case "daemon":
                return f"mining program's {self.what}"
        return f"POST {self.what} {self.form}" if self.form else f"GET {self.what}"


@dataclass(slots=True)
class Recording:
    """The replies of one device. *refused*: what it said no to, as text or HTTP status."""

    replies: dict[Request, bytes] = field(default_factory=dict)
    refused: dict[Request, bytes | int] = field(default_factory=dict)
    joins: bool = False
    realm: str | None = None


def port_of(target: Target, family: str | None) -> int:
    return target.ports.get("http", platform.PORT if family == "mining_platform" else HTTP_PORT)


def page_requests(family: str | None, recording: Recording) -> Iterator[Request]:
    """Yield the pages of *family*; later ones follow from what *recording* holds by then."""
    base = platform.NAMESPACE if family == "mining_platform" else ""
    for path in _PATHS.get(family or "", ()):
        yield Request("http", base + path)
    for page, post in _FORMS.get(family or "", ()):
        yield Request("http", f"/user/{page}", urlencode({"post": post}))
    if Request("http", _OLD_MARK) in recording.replies:
        yield Request("http", _OLD_BLINK, _BLINK_FORM)
    if family == "mining_platform":
        yield from _statistics(recording.replies)


def _statistics(replies: Mapping[Request, bytes]) -> Iterator[Request]:
    listed = replies.get(Request("http", f"{platform.NAMESPACE}/miners"), b"[]")
    try:
        document = json.loads(listed)
        rows = document["data"] if isinstance(document, dict) else document
        names = [miner.name for miner in software_miners(rows)]
    except (ValueError, KeyError):
        names = []
    for name in names:
        path = f"{platform.NAMESPACE}/miners/{platform.segment(name)}/stats"
        yield Request("http", path)
