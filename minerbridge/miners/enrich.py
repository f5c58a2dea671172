"""What the bridge adds to a reading: only what follows from measurements or the settings."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping

from minerbridge.miners.driver import PoolLogin
from minerbridge.model import MinerProfile, MinerReading, Pool

_LOGIN = re.compile(r"(?<=://)[^/@\s]*@")
#: Reading fields that decide which entities exist; identity and bookkeeping do not.
_NOT_VALUES = frozenset(
    {"miner_id", "at", "family", "model", "firmware", "mac_address", "serial_number",
     "hostname", "ip_address", "boards", "fan_speeds_rpm", "cpu", "gpus", "details"}
)  # fmt: skip
_VALUES = tuple(f.name for f in dataclasses.fields(MinerReading) if f.name not in _NOT_VALUES)


def without_logins(reading: MinerReading) -> MinerReading:
    """Take user and password out of pool addresses that carry them."""
    if not any("@" in (pool.url or "") for pool in reading.pools):
        return reading
    pools = tuple(
        dataclasses.replace(pool, url=_LOGIN.sub("", pool.url) if pool.url else None)
        for pool in reading.pools
    )
    return reading.replace(pools=pools)


def with_power(
    reading: MinerReading, metered_power_w: float | None, rated_power_w: float | None
) -> MinerReading:
    """Let a plug outrank the device; estimate from the rating only while it mines."""
    if metered_power_w is not None:
        return reading.replace(power_w=metered_power_w)
    says_nothing = reading.power_w is None and reading.power_estimated_w is None
    if says_nothing and rated_power_w is not None and reading.is_mining:
        return reading.replace(power_estimated_w=rated_power_w)
    return reading


def with_derived(reading: MinerReading, energy_kwh: float | None) -> MinerReading:
    """Add energy, efficiency and the reject rate where their parts were measured."""
    changes: dict[str, object] = {"energy_kwh": energy_kwh}
    sha_like = reading.algorithm is None or "sha256" in reading.algorithm.lower().replace("-", "")
    if reading.power_w is not None and reading.hashrate_hs and reading.is_mining and sha_like:
        changes["efficiency_j_per_th"] = reading.power_w / (reading.hashrate_hs / 1e12)
    if reading.reject_rate_percent is None:
        accepted, rejected = reading.shares_accepted, reading.shares_rejected
        if accepted is not None and rejected is not None and accepted + rejected > 0:
            changes["reject_rate_percent"] = 100 * rejected / (accepted + rejected)
    return reading.replace(**changes)


def with_pool_profile(
    reading: MinerReading, profiles: Mapping[str, tuple[PoolLogin, ...]]
) -> MinerReading:
    """Name the pool profile whose first pool is the one mined on."""
    active = next((pool for pool in reading.pools if pool.is_active), None)
    if active is None or not profiles:
        return reading
    names = [name for name, pools in profiles.items() if pools and _is_same(active, pools[0])]
    if not names:
        return reading
    return reading.replace(details={**reading.details, "pool_profile": names[0]})


def _is_same(pool: Pool, login: PoolLogin) -> bool:
    return pool.url is not None and _bare(pool.url) == _bare(login.url) and (
        pool.user is None or pool.user == login.user
    )  # fmt: skip


def _bare(url: str) -> str:
    return url.rpartition("://")[2].rstrip("/").lower()


def grown(profile: MinerProfile, reading: MinerReading) -> MinerProfile:
    """Return *profile* with what *reading* shows to exist; abilities are never taken away."""
    reports = {name for name in _VALUES if getattr(reading, name) not in (None, ())}
    if reading.boards:
        reports.add("boards")
    board_reports = {
        field.name
        for board in reading.boards
        for field in dataclasses.fields(board)
        if getattr(board, field.name) is not None
    }
    facts = {
        name: getattr(reading, name)
        for name in ("model", "firmware", "hostname", "ip_address", "mac_address",
                     "serial_number", "algorithm")
        if getattr(reading, name) is not None
    }  # fmt: skip
    for name in ("algorithm", "mac_address", "serial_number"):
        # Who the miner is was told at first contact; another device must not talk itself in.
        if getattr(profile, name) is not None:
            facts.pop(name, None)
    new = profile.replace(
        reports=profile.reports | reports,
        board_reports=profile.board_reports | board_reports,
        board_slots=_slots(profile.board_slots, (board.slot for board in reading.boards)),
        fan_count=max(profile.fan_count, len(reading.fan_speeds_rpm)),
        **facts,
    )
    return profile if new == profile else new


def _slots(known: tuple[int, ...], seen: Iterable[int]) -> tuple[int, ...]:
    """Return *known* and after it what is new, in slot order: a board's number never moves."""
    return known + tuple(sorted(set(seen) - set(known)))


def merged(old: MinerProfile | None, new: MinerProfile) -> MinerProfile:
    """Return a fresh contact's profile with what was learned before.

    After a change of family only who it is stays.
    """
    if old is None:
        return new.replace(board_slots=_slots((), new.board_slots))
    if old.family != new.family:
        return new.replace(
            mac_address=new.mac_address or old.mac_address,
            serial_number=new.serial_number or old.serial_number,
            board_slots=_slots((), new.board_slots),
        )
    facts = {
        name: getattr(old, name)
        for name in ("manufacturer", "model", "firmware", "mac_address", "serial_number",
                     "hostname", "algorithm", "rated_power_w", "standby_power_w",
                     "operating_points")
        if getattr(new, name) in (None, ())
    }  # fmt: skip
    return new.replace(
        commands={**old.commands, **new.commands},
        reports=old.reports | new.reports,
        board_reports=old.board_reports | new.board_reports,
        board_slots=_slots(old.board_slots, new.board_slots),
        fan_count=max(old.fan_count, new.fan_count),
        **facts,
    )
