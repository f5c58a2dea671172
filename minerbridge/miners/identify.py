"""What answers at an address: told by banner and realm, without sending any password.

The rules follow what these firmwares say of themselves; port 4028 alone proves nothing, since
ePIC serves HTTP there and WhatsMiner its own JSON.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace

from minerbridge.errors import BadReply, MinerError, MinerUnreachable, UnknownDevice
from minerbridge.miners.driver import Target
from minerbridge.miners.http_transport import HttpTransport
from minerbridge.miners.iceriver import daemon, pbfarmer
from minerbridge.miners.tcp_transport import TcpTransport
from minerbridge.miners.vnish.recognise import vnish_page

RPC_PORT = 4028
HTTP_PORT = 80
_ICERIVER_S = 2.0


@dataclass(frozen=True, slots=True)
class Found:
    """The family of a device and the words that showed it."""

    family: str
    evidence: str
    rpc_answers: bool = True


#: Vnish up to version 3 has the pages of old Antminers; later ones share the RPC of cgminer alone.
_VNISH: tuple[tuple[str, str, str], ...] = (
    ("(VNISH 3", "vnish", "Vnish firmware"),
    ("S9 (VNISH", "vnish", "Vnish firmware"),
    ("VNISH", "cgminer", "newer Vnish firmware"),
    # Nobody else tells watts of a board; the boards of an S9 are 6 to 8, of later models 1 to 3.
    ('"CHAIN_CONSUMPTION6"', "vnish", "Vnish firmware"),
)
#: (text in the upper-cased version reply, family, what it is); the first that matches decides.
_BANNERS: tuple[tuple[str, str, str], ...] = (
    ("BTMINER", "whatsminer", "WhatsMiner"),
    ("BITMICRO", "whatsminer", "WhatsMiner"),
    ("WHATSMINER", "whatsminer", "WhatsMiner"),
    *_VNISH,
    ("BOSMINER", "cgminer", "Braiins OS"),
    ("BOSER", "cgminer", "Braiins OS"),
    ("LUXMINER", "cgminer", "LuxOS"),
    ("RWGLR", "cgminer", "MSK miner firmware"),
    ("HIVEON", "cgminer", "Hiveon firmware"),
    ("KAONSU", "cgminer", "MARA firmware"),
    ("AVALON", "cgminer", "Avalon"),
    ("DRAGONMINT", "cgminer", "Dragonmint"),
    ("BDMINER", "cgminer", "Sealminer"),
    ("ANTMINER", "antminer", "Bitmain stock firmware"),
    ("BMMINER", "antminer", "Bitmain's bmminer"),
    ("CGMINER", "cgminer", "cgminer"),
    ("BFGMINER", "cgminer", "bfgminer"),
    ("SGMINER", "cgminer", "sgminer"),
    ("STATUS", "cgminer", "an RPC of the cgminer family"),
)  # fmt: skip
_ANYTHING = "an RPC of the cgminer family (version reply says 'STATUS')"
#: The same for other replies; they name more than their maker, so marks are more exact.
_MARKS: tuple[tuple[str, str, str], ...] = (
    ('"UPFREQ COMPLETE"', "whatsminer", "WhatsMiner"),
    ('"FACTORY GHS"', "whatsminer", "WhatsMiner"),
    ("SOCKET CONNECT FAILED", "whatsminer", "WhatsMiner without its mining program"),
    *_VNISH,
    ('"TYPE":"ANTMINER', "antminer", "Antminer"),
    ('"TYPE": "ANTMINER', "antminer", "Antminer"),
)  # fmt: skip

#: (text in the web page or its realm, family, what it is).
_PAGES: tuple[tuple[str, str, str], ...] = (
    ("antMiner Configuration", "antminer", "digest realm of an Antminer"),
    ("AnthillOS", "cgminer", "newer Vnish firmware"),
    ("IceRiver", "iceriver", "IceRiver"),
    ("/cgi-bin/luci", "whatsminer", "WhatsMiner"),
    ("blackMiner", "", "Hammer or VolcMiner"),
    ("Daoge", "", "Elphapex"),
    ("Luxor Firmware", "cgminer", "LuxOS"),
    ("Braiins OS", "cgminer", "Braiins OS"),
    ("AxeOS", "", "Bitaxe (AxeOS)"),
    ("cloud-box", "", "Goldshell"),
    ("Miner Web Dashboard", "", "ePIC"),
)  # fmt: skip


def identify(target: Target) -> Found:
    """Return the family at *target*; raise `MinerUnreachable` or `UnknownDevice`."""
    found = _named(target)
    return _told_apart(target, found) if found.family == "antminer" else found


def _told_apart(target: Target, found: Found) -> Found:
    """Tell Vnish from Bitmain's own firmware, whose name and login it may keep."""
    if found.rpc_answers:
        text, _ = _banner(target, "stats")
        return _match((text or "").upper(), _VNISH, "stats reply") or found
    page = vnish_page(target)
    return replace(found, family="vnish", evidence=f"{page} of Vnish answers") if page else found


def _named(target: Target) -> Found:
    """Return what the device calls itself."""
    banner, silence = _banner(target, "version")
    if banner is not None:
        found = _match(banner.upper(), _BANNERS, "version reply")
        if found is not None and found.evidence != _ANYTHING:
            return found
        return _from_more(target) or found or _unknown(banner)
    page = _page(target)
    found = _match(page or "", _PAGES, "web page") or _iceriver(target)
    if found is None and page is None:
        raise silence or MinerUnreachable(f"{target.host}: no answer")
    return replace(found or _unknown(page or ""), rpc_answers=False)


def _from_more(target: Target) -> Found | None:
    """Ask further where the version says nothing: statistics name the model, the page the maker."""
    for command in ("stats", "summary"):
        text, _ = _banner(target, command)
        found = _match((text or "").upper(), _MARKS, f"{command} reply")
        if found is not None:
            return found
    return _match(_page(target) or "", _PAGES, "web page")


def _iceriver(target: Target) -> Found | None:
    """Look for the ports that IceRivers alone have, asking what they tell anybody."""
    within_s = min(target.timeout_s, _ICERIVER_S)
    if daemon.is_daemon(target.host, daemon.port_of(target), within_s):
        return Found("iceriver", "IceRiver (its mining program answers)")
    if pbfarmer.is_pbfarmer(target.host, target.ports.get("http", pbfarmer.PORT), within_s):
        return Found("iceriver", "IceRiver with pbfarmer's firmware (its health check answers)")
    return None


def _banner(target: Target, command: str) -> tuple[str | None, MinerError | None]:
    port = target.ports.get("rpc", RPC_PORT)
    transport = TcpTransport(target.host, port, target.timeout_s)
    try:
        raw = transport.exchange(b'{"command":"%s"}' % command.encode())
    except MinerError as error:
        return None, error
    if raw.startswith(b"HTTP/"):
        return None, None
    return raw.decode("utf-8", "replace"), None


def _page(target: Target) -> str | None:
    """Return the front page with its login realm, as an anonymous visitor sees them."""
    port = target.ports.get("http", HTTP_PORT)
    transport = HttpTransport(target.host, port, timeout_s=target.timeout_s)
    with contextlib.closing(transport):
        try:
            reply = transport.get("/")
            return f"{reply.headers.get('location', '')} {reply.text}"
        except (MinerUnreachable, BadReply):
            return None
        except MinerError as error:
            return f"{transport.realm or ''} {error}"


def _match(text: str, rules: tuple[tuple[str, str, str], ...], where: str) -> Found | None:
    for mark, family, what in rules:
        if mark in text:
            if not family:
                raise UnknownDevice(f"{what} answers, which no family of this version drives")
            return Found(family, f"{what} ({where} says {mark!r})")
    return None


def _unknown(text: str) -> Found:
    shown = " ".join(text.split())[:80]
    raise UnknownDevice(f"something answers that is no known miner: {shown!r}")
