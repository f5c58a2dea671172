"""Neutral values in place of what tells a device, a place or an owner. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import IPv4Address
from itertools import count

#: Networks that exist in documents only (RFC 5737).
_DOCUMENTED = ("192.0.2.", "198.51.100.", "203.0.113.")
_KEPT_ADDRESSES = ("127.", "255.", "0.0.0.0", *_DOCUMENTED)


class Substitutes:
    """The same value gets the same substitute, and no two values share one."""

    def __init__(self, candidates: Callable[[str, int], Iterator[str]]) -> None:
        self._candidates = candidates
        self._found: dict[str, str] = {}
        self._taken: set[str] = set()

    def __len__(self) -> int:
        return len(self._found)

    def __getitem__(self, value: str) -> str:
        if value in self._taken:
            return value  # replaced before: what is neutral stays
        if value not in self._found:
            candidates = self._candidates(value, len(self._found) + 1)
            new = next(one for one in candidates if one not in self._taken)
            self._found[value] = new
            self._taken.add(new)
        return self._found[value]


def macs(_digits: str, first: int) -> Iterator[str]:
    """Yield locally administered addresses as twelve digits; none is multicast."""
    return (f"02{number:010x}" for number in count(first))


def like(sample: str, digits: str) -> str:
    """Return the address *digits* written as *sample* is: its case, its separators."""
    rest = iter(digits.upper() if sample.upper() == sample else digits)
    return "".join(next(rest) if char.isalnum() else char for char in sample)


def addresses(address: str, _first: int) -> Iterator[str]:
    """Yield addresses of documents, those as long as *address* first; then those of benchmarks."""
    every = [f"{network}{host}" for host in range(1, 255) for network in _DOCUMENTED]
    yield from sorted(every, key=lambda one: len(one) != len(address))
    yield from (str(IPv4Address("198.18.0.0") + number) for number in count())


def is_kept(address: str) -> bool:
    """Whether *address* tells nothing: loopback, a netmask, or no address at all."""
    try:
        IPv4Address(address)
    except ValueError:
        return True
    return address.startswith(_KEPT_ADDRESSES)


def serials(serial: str, first: int) -> Iterator[str]:
    """Yield serial numbers of the same shape: digits for digits, letters for letters."""
    for number in count(first):
        rest = list(str(number))
        shape = []
        for char in reversed(serial):
            if char.isdigit():
                shape.append(rest.pop() if rest else "0")
            else:
                shape.append(("A" if char.isupper() else "a") if char.isalpha() else char)
        if shape[-1:] == ["0"]:
            shape[-1] = "1"  # JSON has no numbers that begin with a zero
        text = "".join(reversed(shape))
        yield text if not rest else f"{text}{number}"


def words(stem: str) -> Callable[[str, int], Iterator[str]]:
    """Return what yields words that begin with *stem*, of the same length and punctuation."""

    def candidates(text: str, first: int) -> Iterator[str]:
        room = sum(char.isalnum() for char in text)
        for number in count(first):
            rest = list(f"{stem[: max(1, room - len(str(number)))]}{number}")
            shape = [(rest.pop(0) if rest else "x") if char.isalnum() else char for char in text]
            yield "".join(shape + rest)

    return candidates


def hosts(host: str, first: int) -> Iterator[str]:
    """Yield names below the reserved domain `example`, as long as *host* where that is possible."""
    for number in count(first):
        name = f"pool{number}"
        yield f"{name:x<{max(len(name), len(host) - len('.example'))}}.example"
