"""The one big reply of IceRiver firmware, by whichever way it came, as fields of a reading.

Stock's `userpanel post=4`, the daemon's replies joined and pbfarmer's `/api/overview` have one
shape (facts from IceRiver's own web server, `controllers/user.c`, and rdugan/iceriver-oc).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from minerbridge.miners.iceriver import models
from minerbridge.miners.iceriver.boards import average_rates, parse_boards
from minerbridge.miners.iceriver.values import between, flag, ipv4, rate_hs, uptime_s, words
from minerbridge.miners.rpc_fields import count, fan_rpm, hottest_c, items, mac_address
from minerbridge.model import Fault, Pool

Fields = dict[str, Any]
#: Health flags, and what their being false means.
_HEALTH = {
    "powstate": "the miner calls its hashrate unhealthy",
    "netstate": "the miner calls its pool connection unhealthy",
    "fanstate": "the miner calls its fans unhealthy",
    "tempstate": "the miner calls its temperature unhealthy",
}
_MOST_CHIP_V = 3.0


def parse(document: Mapping[str, Any]) -> Fields:
    """Return the fields that *document* tells; power is not among them: no firmware tells it."""
    boards = parse_boards(document)
    pools = parse_pools(document)
    found: Fields = {
        **identity(document),
        "hashrate_hs": _rate_hs(document, "rtpow"),
        "hashrate_average_hs": _rate_hs(document, "avgpow"),
        "uptime_s": uptime_s(document.get("runtime")),
        "reject_rate_percent": between(document.get("reject"), 0, 100),
        "frequency_mhz": _mean(board.frequency_mhz for board in boards),
        "voltage_v": _mean(
            between(told.get("chipvoltage"), 0.01, _MOST_CHIP_V)
            for told in items(document, "boards")
        ),
        "chip_temperature_c": hottest_c(board.chip_temperature_c for board in boards),
        "board_temperature_c": hottest_c(board.board_temperature_c for board in boards),
        "boards": boards,
        "pools": pools,
        "shares_accepted": _sum(pool.accepted for pool in pools),
        "shares_rejected": _sum(pool.rejected for pool in pools),
        "led_on": flag(document.get("locate")),
        "details": {**_versions(document), **average_rates(document)},
    }
    return {name: value for name, value in found.items() if value is not None}


def identity(document: Mapping[str, Any]) -> Fields:
    """Return who the miner is."""
    model = models.model_name(
        document.get("model"), document.get("softver1"), document.get("softver2")
    )
    found: Fields = {
        "model": model,
        "firmware": words(document.get("softver1")) or words(document.get("firmver")),
        "mac_address": mac_address(document.get("mac")),
        "hostname": words(document.get("host")),
        "ip_address": ipv4(document.get("ip")),
        "algorithm": models.algorithm(model),
    }
    return {name: value for name, value in found.items() if value is not None}


def fans_rpm(document: Mapping[str, Any]) -> tuple[int | None, ...]:
    """Return the speeds in the device's order; models with fewer fans tell 0 for the rest."""
    fans = document.get("fans")
    return tuple(fan_rpm(value) for value in fans) if isinstance(fans, list) else ()


def health_faults(document: Mapping[str, Any]) -> tuple[Fault, ...]:
    """Return the flags that are down. A machine without fans has none that could be healthy."""
    has_fans = any(fans_rpm(document))
    return tuple(
        Fault(name.upper(), message)
        for name, message in _HEALTH.items()
        if flag(document.get(name)) is False and (has_fans or name != "fanstate")
    )


def parse_pools(document: Mapping[str, Any]) -> tuple[Pool, ...]:
    """Return the configured pools; of those connected the most preferred is the one mined on."""
    told = [one for one in items(document, "pools") if one.get("addr") != ""]
    ranked = [
        (flag(one.get("state")) is not True, count(one.get("priority")) or place, place)
        for place, one in enumerate(told)
        if flag(one.get("connect"))
    ]
    active = min(ranked)[-1] if ranked else None
    return tuple(_pool(one, place, is_active=place == active) for place, one in enumerate(told))


def _pool(told: Mapping[str, Any], place: int, *, is_active: bool) -> Pool:
    connected = flag(told.get("connect"))
    return Pool(
        slot=count(told.get("no")) or place + 1,
        url=words(told.get("addr")),
        user=words(told.get("user")),
        status=None if connected is None else "Connected" if connected else "Unconnected",
        is_active=None if connected is None else is_active,
        accepted=count(told.get("accepted")),
        rejected=count(told.get("rejected")),
        difficulty=rate_hs(told.get("diff"), "G"),
    )


def _rate_hs(document: Mapping[str, Any], name: str) -> float | None:
    """Return the rate *name*; firmware of early 2023 tells hashes, and `rtpow_unit` beside them."""
    is_plain = f"{name}_unit" in document
    return rate_hs(document.get(name), "H" if is_plain else document.get("unit"))


def _versions(document: Mapping[str, Any]) -> Fields:
    parts = {
        "firmware_version": ("firmtype", "firmver1", "firmver2"),
        "software_version": ("softver1", "softver2"),
    }
    joined = {
        name: " ".join(filter(None, (words(document.get(key)) for key in keys)))
        for name, keys in parts.items()
    }
    return {name: told for name, told in joined.items() if told}


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _sum(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
