"""The forms of stock firmware's pages, filled from what the miner has and what is to change.

The web server pastes them into JSON unescaped, into a buffer of fixed size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from minerbridge.errors import BadReply, InvalidValue
from minerbridge.miners.driver import PoolLogin
from minerbridge.miners.iceriver.values import ipv4, words
from minerbridge.miners.rpc_decode import integer
from minerbridge.miners.rpc_fields import items

Form = list[tuple[str, str]]
_POOLS = 3
#: `controllers/user.c` writes the pools and 200 bytes around them into 2048 bytes.
_MOST_POOL_BYTES = 1700
_UNCARRIED = frozenset('"\\') | {chr(code) for code in range(32)} | {"\x7f"}


def check_carried(name: str, value: str) -> None:
    """Raise `InvalidValue` for what the web server would break its own command with."""
    if _UNCARRIED & set(value):
        raise InvalidValue(f"{name}: this firmware carries no quotes, backslashes or control marks")


def hardware(
    configuration: Mapping[str, Any], *, mode: str, held_percent: int | None = None
) -> Form:
    """Return fans and mode; without *held_percent* the fans are left to the miner.

    No build tells whether its fans are held. The page itself leaves them to the miner unless a
    person ticks the box; to hold them at what it tells of its own choice, 1 % in one case, would
    burn its boards (KS3L of 2023-09-16, `view/machine.esp`).
    """
    ratio = integer(configuration.get("ratio")) if held_percent is None else held_percent
    if ratio is None or not 0 <= ratio <= 100:
        raise BadReply("the miner does not tell its fan ratio", str(configuration))
    control = [] if held_percent is None else [("fancontrol", "on")]
    return [*control, ("fanratio", str(ratio)), ("fanmode", mode)]


def pools(wanted: Sequence[PoolLogin]) -> Form:
    """Return all three pools: a place that is left out would be read as no text at all."""
    if len(wanted) > _POOLS:
        raise InvalidValue(f"this firmware has {_POOLS} pools, not {len(wanted)}")
    filled = [*wanted, *[PoolLogin("", "", "")] * (_POOLS - len(wanted))]
    form = [
        (f"pool{place}{name}", value)
        for place, pool in enumerate(filled, 1)
        for name, value in (
            ("address", pool.url), ("miner", pool.user), ("pwd", pool.password),
        )
    ]  # fmt: skip
    for name, value in form:
        check_carried(name, value)
    if sum(len(value.encode()) for _, value in form) > _MOST_POOL_BYTES:
        raise InvalidValue(f"the pools are longer than {_MOST_POOL_BYTES} bytes together")
    return form


def pools_as_read(configuration: Mapping[str, Any]) -> tuple[PoolLogin, ...]:
    """Return the pools that the miner has now, their passwords included."""
    told = sorted(items(configuration, "pools"), key=lambda one: integer(one.get("no")) or 0)
    if not told:
        raise BadReply("machineconfig tells no pools")
    return tuple(
        PoolLogin(*(words(one.get(key)) or "" for key in ("addr", "user", "pass"))) for one in told
    )


def network(now: Mapping[str, Any], given: Mapping[str, Any]) -> Form:
    """Return the network as it is with what is *given*; the page wants an address even for DHCP."""
    values = {
        "host": given.get("hostname") or words(now.get("host")),
        "ip": given.get("address") or ipv4(now.get("ip")),
        "netmask": given.get("netmask") or ipv4(now.get("netmask")),
        "gateway": given.get("gateway") or ipv4(now.get("gateway")),
        "dns": given.get("dns") or ipv4(now.get("dns")) or "",
    }
    for name, value in values.items():
        if value is None:
            raise InvalidValue(f"net_config: {name} is missing, and the miner does not tell it")
        check_carried(name, value)
        if name not in ("host", "dns") and ipv4(value) != value:
            raise InvalidValue(f"net_config: {name} {value[:60]!r} is no IPv4 address")
    return [("agreement", given["mode"]), *((name, str(value)) for name, value in values.items())]
