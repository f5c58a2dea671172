"""What requests name, checked, and the pages in which lists are answered."""

from __future__ import annotations

from ipaddress import IPv4Network, ip_address, ip_network
from typing import TYPE_CHECKING, Any

from minerbridge.errors import InvalidValue, NotFound
from minerbridge.miners.worker import MinerWorker
from minerbridge.model import MinerProfile
from minerbridge.settings import MAX_SCAN_ADDRESSES

if TYPE_CHECKING:
    from minerbridge.bridge import Bridge

#: One field under three names: an id or an address.
ADDRESS_FIELDS = ("miner_id", "miner_ip", "ip")
MAX_LIMIT = 1000
MAX_NAME_LENGTH = 253


def named(bridge: Bridge, document: dict[str, Any]) -> tuple[MinerWorker, MinerProfile | None]:
    """Return the worker and device a request is about, by id or address."""
    given = [document[field] for field in ADDRESS_FIELDS if document.get(field) is not None]
    name = given[0] if given else None
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME_LENGTH:
        raise InvalidValue("miner_id is missing (an id or an address)")
    worker = bridge.worker_of(name)
    profiles = dict(worker.profiles)
    return worker, profiles.get(name) or next(iter(profiles.values()), None)


def known(bridge: Bridge, document: dict[str, Any]) -> tuple[MinerWorker, MinerProfile]:
    """Return what `named` does; raise `NotFound` for a miner that never answered."""
    worker, profile = named(bridge, document)
    if profile is None:
        raise NotFound(f"{worker.plan.miner_id} has not answered yet", code="OFFLINE")
    return worker, profile


def devices_of(bridge: Bridge) -> list[tuple[MinerWorker, MinerProfile | None]]:
    """Return every device with its worker; a miner that never answered has no profile."""
    devices: list[tuple[MinerWorker, MinerProfile | None]] = []
    for worker in list(bridge.workers.values()):
        profiles: list[MinerProfile | None] = list(worker.profiles.values())
        devices += [(worker, profile) for profile in profiles or [None]]
    return devices


def page(name: str, rows: list[Any], document: dict[str, Any]) -> dict[str, Any]:
    """Return the part of *rows* that `limit` and `offset` ask for, and how many there are."""
    asked = whole_in(document, "limit", 0, MAX_LIMIT)
    limit = 100 if asked is None else asked
    offset = whole_in(document, "offset", 0, 10_000_000) or 0
    return {
        name: rows[offset : offset + limit],
        "total": len(rows),
        "limit": limit,
        "offset": offset,
    }


def number_in(document: dict[str, Any], name: str, low: float, high: float) -> float | None:
    value = document.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        shown = str(value)[:60]
        raise InvalidValue(f"{name}: {shown!r} is not a number from {low:g} to {high:g}")
    return value


def whole_in(document: dict[str, Any], name: str, low: int, high: int) -> int | None:
    value = number_in(document, name, low, high)
    if value is not None and value != int(value):
        raise InvalidValue(f"{name}: {value!r} is not a whole number from {low} to {high}")
    return None if value is None else int(value)


def network_in(text: Any) -> IPv4Network:
    try:
        network = ip_network(str(text), strict=False)
    except ValueError as error:
        raise InvalidValue(f"network_cidr: {error}") from None
    if not isinstance(network, IPv4Network) or network.num_addresses > MAX_SCAN_ADDRESSES:
        raise InvalidValue(f"network_cidr: IPv4, at most {MAX_SCAN_ADDRESSES} addresses")
    return network


def host_in(document: dict[str, Any]) -> str:
    given = [document[field] for field in ADDRESS_FIELDS if document.get(field) is not None]
    text = given[-1] if given else None
    try:
        return str(ip_address(str(text)))
    except ValueError:
        raise InvalidValue(f"ip: {str(text)[:60]!r} is not an address") from None
