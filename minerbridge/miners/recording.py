"""Takes out of a device's replies what tells the device, the place and the owner. Pure.

The replies stay what they are otherwise: broken JSON stays broken in the same way, NULs stay, and
substitutes are as long as what they stand for wherever possible.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal

from minerbridge.miners import neutral
from minerbridge.miners.neutral import Substitutes

Kind = Literal["mac", "serial", "address", "hostname", "user", "password", "host"]
NAMES: Mapping[Kind, str] = {
    "mac": "MAC address(es)", "serial": "serial number(s)", "address": "IP address(es)",
    "hostname": "hostname(s)", "user": "pool user(s)", "password": "password(s)",
    "host": "pool host(s)",
}  # fmt: skip
#: What a key, reduced to letters and digits, says of its value; the first that matches decides.
_KEYS: tuple[tuple[str, Kind], ...] = (
    (r"pass|pwd|psk|token|salt|secret|apikey", "password"),
    (r"mac\d*$|macaddr", "mac"),
    (r"serial|serinum|sn\d*$|^dna|uuid|hwid|minerid|machineid|deviceid", "serial"),
    (r"hostname|^host$|machinename|ssid", "hostname"),
    (r"(?:^|pool\d*|stratum|login|sub)user\d*$|username|worker|^account|wallet|^rigid$", "user"),
    (r"(?<!doc)url|^proxy$|^(?:gpu)?pools?\d*$|^addr$|poolhost|stratumhost", "host"),
    (r"ip\d*$|^ip|ipv4|ipaddr|gateway|dns|netmask|route|server", "address"),
)
_VERSION_KEY = re.compile(r"version|^ver|miner$|^api$|hwv|firmware|compile|^type$")
#: A string, and whether a colon makes it a key.
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"(\s*:)?', re.DOTALL)
_NUMBER = re.compile(r'"((?:[^"\\]|\\.)*)"(\s*:\s*)(\d{6,})(?=[\s,}\]])')
#: `User=me.1,` of the RPC's text form, and `DNA[0201…]` inside Avalon's statistics.
_ASSIGNED = re.compile(r"(?:(?<=[,|])|^)([A-Za-z][\w %.]*)=([^,|\0]*)")
_BRACKETED = re.compile(r"\b([A-Za-z]\w*)\[([^\[\]]*)\]")
_MAC = re.compile(r"(?<![0-9A-Fa-f:])[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}"
                  r"(?![0-9A-Fa-f:])")  # fmt: skip
_ADDRESS = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])")
_PRIVATE = re.compile(
    r"10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|169\.254\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\."
)
_ADDRESS_6 = re.compile(
    r"(?<![\w:])(?:fe80|f[cd][0-9a-f]{2}|2[0-9a-f]{3})(?=[0-9a-f:]*::|(?::[0-9a-f]{1,4}){7})"
    r"[0-9a-f:]+", re.IGNORECASE
)  # fmt: skip
_GLUED_6 = re.compile(r"(?<=\d)fe80:[0-9a-f:]+", re.IGNORECASE)
_SLASHES = r"(?:\\?/){2}"
_HOST = re.compile(
    rf"^(?:[a-z][\w+.-]*:{_SLASHES})?(?:([^@/\\]*)@)?(\[[^\]]+\]|[^\s:/\\#?]+)", re.IGNORECASE
)
_STRATUM = re.compile(rf"stratum[\w+]*:{_SLASHES}[^\s\"',<>|\\]+", re.IGNORECASE)
#: Where a program runs from tells who runs it.
_HOME = re.compile(r"((?:/home|/Users|[A-Z]:(?:\\){1,2}Users)[\\/]{1,2})([^\\/\"\s]+)")
#: Said by everybody, so it says nothing.
_COMMON_PASSWORD = re.compile(r"[xX]+|\d|123\d*|d|root|admin|true|false")
_SHORTEST_ANYWHERE, _LONG = 6, 12


class Sanitiser:
    """First `learn` every reply, then `clean` each: a value is replaced wherever it stands."""

    def __init__(self, known: Iterable[tuple[Kind, str]] = ()) -> None:
        self._substitutes: dict[Kind, Substitutes] = {
            "mac": Substitutes(neutral.macs),
            "serial": Substitutes(neutral.serials),
            "address": Substitutes(neutral.addresses),
            "hostname": Substitutes(neutral.words("miner")),
            "user": Substitutes(neutral.words("user")),
            "password": Substitutes(neutral.words("password")),
            "host": Substitutes(neutral.hosts),
        }
        self._anywhere: dict[str, str] = {}
        for kind, value in known:
            if kind == "address":
                self._address(value)
            else:
                self._anywhere[value] = self._replaced(kind, value)

    def replaced(self) -> dict[str, int]:
        """Return how many different values of each kind were replaced."""
        counts = {NAMES[kind]: len(found) for kind, found in self._substitutes.items()}
        return {name: number for name, number in counts.items() if number}

    def learn(self, reply: bytes) -> None:
        self._by_key(reply.decode("latin-1"))

    def clean(self, reply: bytes) -> bytes:
        """Return *reply* without what was learnt; latin-1 keeps each byte what it is."""
        text = self._by_key(reply.decode("latin-1"))
        text = _MAC.sub(lambda found: self._replaced("mac", found[0]), text)
        if self._anywhere:
            longest_first = sorted(self._anywhere, key=len, reverse=True)
            pattern = "|".join(re.escape(one) for one in longest_first)
            text = re.sub(
                rf"(?<![0-9A-Za-z])(?:{pattern})(?![0-9A-Za-z])",
                lambda found: self._anywhere[found[0]],
                text,
            )
        return text.encode("latin-1")

    # -- by what the key says ------------------------------------------------------------------

    def _by_key(self, text: str) -> str:
        """Replace the values of telling keys, and URLs and private addresses wherever they are."""
        if text.lstrip("\0 \r\n").startswith(("{", "[", ",")):
            text = self._strings(text)
            text = _NUMBER.sub(self._number, text)
        else:
            text = _ASSIGNED.sub(self._assigned, text)
            text = self._addresses("", text, is_certain=False)
        text = _BRACKETED.sub(self._bracketed, text)
        text = _STRATUM.sub(lambda found: self._url(found[0]), text)
        text = _HOME.sub(lambda found: found[1] + self._replaced("user", found[2]), text)
        # Glued to an address of four numbers, which a digit would lengthen.
        text = _GLUED_6.sub("fe80::1", text)
        return _ADDRESS_6.sub("2001:db8::1", text)

    def _strings(self, text: str) -> str:
        pieces: list[str] = []
        key, end = "", 0
        for found in _STRING.finditer(text):
            if found[2]:
                key = found[1]
                continue
            pieces += [text[end : found.start(1)], self._value(key, found[1])]
            end = found.end(1)
        return "".join([*pieces, text[end:]])

    def _number(self, found: re.Match[str]) -> str:
        if kind_of(found[1]) != "serial":
            return found[0]
        return f'"{found[1]}"{found[2]}{self._replaced("serial", found[3])}'

    def _assigned(self, found: re.Match[str]) -> str:
        return f"{found[1]}={self._value(found[1], found[2])}"

    def _bracketed(self, found: re.Match[str]) -> str:
        return f"{found[1]}[{self._value(found[1], found[2])}]"

    def _value(self, key: str, value: str) -> str:
        kind = kind_of(key)
        if not value.strip("0 fF\r\n"):
            return value  # nothing, or how firmware writes that it does not know
        if kind == "host":
            return self._url(value) if "." in value or ":" in value else value
        if kind in (None, "address") or _ADDRESS.fullmatch(value):
            return self._addresses(key, value, is_certain=kind is not None)
        if kind == "password" and _COMMON_PASSWORD.fullmatch(value):
            return value
        if kind == "serial" and not any(char.isdigit() for char in value):
            return value  # "no miner id now"
        self._everywhere(kind, value)
        return self._replaced(kind, value)

    def _url(self, value: str) -> str:
        """Replace user and host of *value*; the scheme, port and path stay."""
        found = _HOST.match(value)
        if found is None:
            return value
        text = value
        host = found[2]
        if _ADDRESS.fullmatch(host):
            new = self._address(host)
        elif host != "localhost" and not host.isdigit():
            new = self._replaced("host", host)
            self._everywhere("host", host)
        else:
            new = host
        text = text[: found.start(2)] + new + text[found.end(2) :]
        if found[1]:
            text = text[: found.start(1)] + self._replaced("user", found[1]) + text[found.end(1) :]
        return text

    def _addresses(self, key: str, value: str, *, is_certain: bool) -> str:
        """Replace addresses in *value*; elsewhere four numbers with dots may be a version."""
        if not is_certain and _VERSION_KEY.search(_reduced(key)):
            return value
        return _ADDRESS.sub(
            lambda found: (
                self._address(found[0]) if is_certain or _PRIVATE.match(found[0]) else found[0]
            ),
            value,
        )

    def _address(self, address: str) -> str:
        if neutral.is_kept(address):
            return address
        new = self._replaced("address", address)
        self._anywhere[address] = new
        return new

    # -- substitutes ---------------------------------------------------------------------------

    def _replaced(self, kind: Kind, value: str) -> str:
        if kind != "mac":
            return self._substitutes[kind][value]
        digits = re.sub(r"[^0-9A-Fa-f]", "", value).lower()
        if len(digits) != 12:
            return self._substitutes["serial"][value]
        if not digits.strip("0") or not digits.strip("f"):
            return value
        new = self._substitutes["mac"][digits]
        for written in (digits, digits.upper()):
            self._anywhere[written] = neutral.like(written, new)
        return neutral.like(value, new)

    def _everywhere(self, kind: Kind, value: str) -> None:
        """Replace *value* also where no key says what it is, unless it may be a common word."""
        has_digit = any(char.isdigit() for char in value)
        has_letter = any(char.isalpha() for char in value)
        is_telling = has_letter and (has_digit or "." in value) and len(value) >= _SHORTEST_ANYWHERE
        if kind != "hostname" and (is_telling or len(value) >= _LONG):
            self._anywhere[value] = self._replaced(kind, value)


def kind_of(key: str) -> Kind | None:
    """Return what the values of *key* tell, if anything."""
    reduced = _reduced(key)
    return next((kind for pattern, kind in _KEYS if re.search(pattern, reduced)), None)


def _reduced(key: str) -> str:
    return re.sub(r"[^a-z0-9]", "", key.lower())
