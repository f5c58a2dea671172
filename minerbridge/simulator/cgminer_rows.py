"""What a plain cgminer 4.11.1 reports: the common rows, key for key as recorded."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from minerbridge.simulator.rpc_api import Answer, Bare, Row, Value, fixed

if TYPE_CHECKING:
    from minerbridge.simulator.cgminer import Cgminer
    from minerbridge.simulator.pools import PoolEntry

ZERO = Bare("0.0000")


def version(_device: Cgminer) -> Answer:
    row: Row = {"CGMiner": "4.11.1", "API": "3.7"}
    return Answer("S", 22, "CGMiner versions", "VERSION", (row,))


def summary(device: Cgminer) -> Answer:
    plant, share = device.plant, device.plant.rating.share_difficulty
    elapsed_s = int(plant.elapsed_s)
    accepted, rejected, stale = plant.accepted, plant.rejected, plant.stale
    minutes = max(1, elapsed_s) / 60
    work = plant.hashes / 2**32
    row: Row = {
        "Elapsed": elapsed_s,
        **_rates(device, 1.0),
        "Found Blocks": 0,
        "Getworks": elapsed_s // 30 + 1,
        "Accepted": accepted,
        "Rejected": rejected,
        "Hardware Errors": plant.hardware_errors,
        "Utility": fixed(accepted / minutes),
        "Discarded": elapsed_s * 3,
        "Stale": stale,
        "Get Failures": 0,
        "Local Work": elapsed_s * 21,
        "Remote Failures": 0,
        "Network Blocks": elapsed_s // 600 + 1,
        "Total MH": fixed(plant.hashes / 1e6, 4),
        "Work Utility": fixed(work / minutes),
        "Difficulty Accepted": fixed(accepted * share, 8),
        "Difficulty Rejected": fixed(rejected * share, 8),
        "Difficulty Stale": fixed(stale * share, 8),
        "Best Share": int(work * 1.7),
        "Device Hardware%": _percent(plant.hardware_errors, work),
        "Device Rejected%": _percent(rejected * share, work),
        "Pool Rejected%": _percent(rejected, accepted + rejected),
        "Pool Stale%": _percent(stale, accepted + rejected),
        "Last getwork": int(time.time()) - elapsed_s % 30,
    }
    return Answer("S", 11, "Summary", "SUMMARY", (row,))


def asc(device: Cgminer, number: int) -> Row:
    """One ASC device: its share of the whole while it is enabled."""
    plant, enabled = device.plant, device.enabled[number]
    difficulty = plant.rating.share_difficulty
    share = 1.0 / max(1, sum(device.enabled)) if enabled else 0.0
    accepted, rejected = int(plant.accepted * share), int(plant.rejected * share)
    now, elapsed_s = int(time.time()), int(plant.elapsed_s)
    return {
        "ASC": number,
        "Name": "SPN",
        "ID": number,
        "Enabled": "Y" if enabled else "N",
        "Status": "Alive",
        "Temperature": fixed(round(plant.chip_c(number))),
        **_rates(device, share, salt=number + 1),
        "Accepted": accepted,
        "Rejected": rejected,
        "Hardware Errors": int(plant.hardware_errors * share),
        "Utility": fixed(accepted / max(1, elapsed_s) * 60),
        "Last Share Pool": 0 if accepted else -1,
        "Last Share Time": now - elapsed_s % 4 if accepted else 0,
        "Total MH": fixed(plant.hashes * share / 1e6, 4),
        "Diff1 Work": int(plant.hashes * share / 2**32),
        "Difficulty Accepted": fixed(accepted * difficulty, 8),
        "Difficulty Rejected": fixed(rejected * difficulty, 8),
        "Last Share Difficulty": fixed(difficulty if accepted else 0, 8),
        "Last Valid Work": now,
        "Device Hardware%": _percent(plant.hardware_errors, plant.hashes / 2**32),
        "Device Rejected%": _percent(rejected, accepted + rejected),
        "Device Elapsed": elapsed_s,
    }


def asc_devices(device: Cgminer) -> Answer:
    found = tuple(asc(device, number) for number in range(len(device.enabled)))
    return Answer("S", 9, f"{len(found)} ASC(s)", "DEVS", found)


def pools(device: Cgminer) -> Answer:
    entries, current = device.pools.entries, device.pools.current
    found = tuple(
        _pool(device, number, entry, is_current=entry is current)
        for number, entry in enumerate(entries)
    )
    return Answer("S", 7, f"{len(found)} Pool(s)", "POOLS", found)


def _pool_status(device: Cgminer, entry: PoolEntry) -> str:
    if not entry.enabled:
        return "Disabled"
    return "Alive" if device.pools.lives(entry) else "Dead"


def _pool(device: Cgminer, number: int, entry: PoolEntry, *, is_current: bool) -> Row:
    plant = device.plant
    accepted = device.pools.tally(entry, plant.tally)[0]
    elapsed_s = int(plant.elapsed_s) if is_current else 0
    difficulty = plant.rating.share_difficulty if is_current else 0
    return {
        "POOL": number,
        "URL": entry.url,
        "Status": _pool_status(device, entry),
        "Priority": entry.priority,
        "Quota": entry.quota,
        "Long Poll": "N",
        "Getworks": elapsed_s // 30 + 1 if is_current or accepted else 0,
        **_pool_shares(device, entry, elapsed_s),
        "Work Difficulty": fixed(difficulty, 8),
        "Has Stratum": True,
        "Stratum Active": is_current,
        "Stratum URL": entry.host if is_current else "",
        "Stratum Difficulty": fixed(difficulty, 8),
        "Has Vmask": False,
        "Has GBT": False,
        "Best Share": int(accepted * plant.rating.share_difficulty * 1.7),
        **_pool_percents(device, entry),
        "Bad Work": 1 if is_current else 0,
        "Current Block Height": 0,
        "Current Block Version": 536870912 if is_current else 0,
    }


def _pool_shares(device: Cgminer, entry: PoolEntry, elapsed_s: int) -> dict[str, Value]:
    accepted, rejected, stale = device.pools.tally(entry, device.plant.tally)
    difficulty = device.plant.rating.share_difficulty
    return {
        "Accepted": accepted,
        "Rejected": rejected,
        "Works": elapsed_s * 18,
        "Discarded": elapsed_s * 3,
        "Stale": stale,
        "Get Failures": 0,
        "Remote Failures": 0,
        "User": entry.user,
        "Last Share Time": int(time.time()) - elapsed_s % 4 if accepted else 0,
        "Diff1 Shares": int(accepted * difficulty),
        "Proxy Type": "",
        "Proxy": "",
        "Difficulty Accepted": fixed(accepted * difficulty, 8),
        "Difficulty Rejected": fixed(rejected * difficulty, 8),
        "Difficulty Stale": fixed(stale * difficulty, 8),
        "Last Share Difficulty": fixed(difficulty if accepted else 0, 8),
    }


def _pool_percents(device: Cgminer, entry: PoolEntry) -> dict[str, Value]:
    accepted, rejected, stale = device.pools.tally(entry, device.plant.tally)
    return {
        "Pool Rejected%": _percent(rejected, accepted + rejected),
        "Pool Stale%": _percent(stale, accepted + rejected),
    }


def _rates(device: Cgminer, share: float, salt: int = 0) -> dict[str, Bare]:
    plant = device.plant
    windows = {"5s": 5, "1m": 60, "5m": 300, "15m": 900}
    return {"MHS av": fixed(plant.average_hs * share / 1e6)} | {
        f"MHS {name}": fixed(plant.hashrate_hs(share, window_s, salt) / 1e6)
        for name, window_s in windows.items()
    }


def _percent(part: float, whole: float) -> Bare:
    return fixed(100 * part / whole, 4) if whole else ZERO
