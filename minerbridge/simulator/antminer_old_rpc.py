"""Rows of the old generation's five RPC commands, as bmminer 2.0.0 and the S17's program print."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING

from minerbridge.simulator.rpc_api import NOTHING, Answer, Bare, Block, Row, Value, block, fixed

if TYPE_CHECKING:
    from minerbridge.simulator.antminer_old import OldAntminer

SLOTS = 16


def about(device: OldAntminer) -> Row:
    program, miner, compiled = device.bmminer
    return {"BMMiner": program, "Miner": miner, "CompileTime": compiled, "Type": device.model}


def version(device: OldAntminer) -> Answer:
    program, miner, compiled = device.bmminer
    row: Row = {"BMMiner": program, "API": "3.1", "Miner": miner, "CompileTime": compiled,
                "Type": device.model}  # fmt: skip
    return Answer("S", 22, f"{device.program} versions", "VERSION", (row,))


def summary(device: OldAntminer) -> Answer:
    plant, difficulty = device.plant, device.rating.share_difficulty
    accepted, rejected, elapsed_s = plant.accepted, plant.rejected, int(plant.elapsed_s)
    minutes, work = max(1, elapsed_s) / 60, plant.hashes / 2**32
    row: Row = {
        "Elapsed": elapsed_s,
        "GHS 5s": f"{plant.hashrate_hs() / 1e9:.2f}",
        "GHS av": fixed(plant.average_hs / 1e9),
        "Found Blocks": 0,
        "Getworks": elapsed_s // 30,
        "Accepted": accepted,
        "Rejected": rejected,
        "Hardware Errors": plant.hardware_errors,
        "Utility": fixed(accepted / minutes),
        "Discarded": elapsed_s * 3,
        "Stale": plant.stale,
        "Get Failures": 0,
        "Local Work": elapsed_s * 21,
        "Remote Failures": 0,
        "Network Blocks": elapsed_s // 600,
        "Total MH": fixed(plant.hashes / 1e6, 4),
        "Work Utility": fixed(work / minutes),
        "Difficulty Accepted": fixed(accepted * difficulty, 8),
        "Difficulty Rejected": fixed(rejected * difficulty, 8),
        "Difficulty Stale": fixed(plant.stale * difficulty, 8),
        "Best Share": int(work * 1.7),
        "Device Hardware%": fixed(_percent(plant.hardware_errors, work), 4),
        "Device Rejected%": fixed(_percent(rejected * difficulty, work), 4),
        "Pool Rejected%": fixed(_percent(rejected, accepted + rejected), 4),
        "Pool Stale%": fixed(_percent(plant.stale, accepted + rejected), 4),
        "Last getwork": int(time.time()),
    }
    return Answer("S", 11, "Summary", "SUMMARY", (row,))


def devices(device: OldAntminer) -> Answer:
    plant = device.plant
    row: Row = {
        "ASC": 0,
        "Name": "BC5",
        "ID": 0,
        "Enabled": "Y",
        "Status": "Alive",
        "Temperature": NOTHING,
        "MHS av": fixed(plant.average_hs / 1e6),
        "MHS 5s": fixed(plant.hashrate_hs() / 1e6),
        "Accepted": plant.accepted,
        "Rejected": plant.rejected,
        "Hardware Errors": plant.hardware_errors,
        "Utility": fixed(plant.accepted / max(1.0, plant.elapsed_s) * 60),
        "Last Share Pool": 0,
        "Last Share Time": "0:00:05",
        "Total MH": fixed(plant.hashes / 1e6, 4),
        "Device Elapsed": int(plant.elapsed_s),
    }
    return Answer("S", 9, "1 ASC(s)", "DEVS", (row,))


def pools(device: OldAntminer) -> Answer:
    plant, difficulty = device.plant, device.rating.share_difficulty
    rows: list[Row] = []
    for index, pool in enumerate(device.pool_entries):
        in_use = index == 0
        accepted, rejected = (plant.accepted, plant.rejected) if in_use else (0, 0)
        row: Row = {
            "POOL": index,
            "URL": pool.url,
            "Status": "Alive" if pool.url else "Dead",
            "Priority": index,
            "Quota": 1,
            "Long Poll": "N",
            "Getworks": int(plant.elapsed_s) // 30 if in_use else 1,
            "Accepted": accepted,
            "Rejected": rejected,
            "Discarded": int(plant.elapsed_s) * 3 if in_use else 0,
            "Stale": plant.stale if in_use else 0,
            "Get Failures": 0,
            "Remote Failures": 0,
            "User": pool.user,
            "Last Share Time": f"0:00:{int(plant.elapsed_s) % 30:02d}" if accepted else "0",
            "Diff": "65.5K" if in_use else "",
            "Diff1 Shares": int(accepted * difficulty),
            "Proxy Type": "",
            "Proxy": "",
            "Difficulty Accepted": fixed(accepted * difficulty, 8),
            "Difficulty Rejected": fixed(rejected * difficulty, 8),
            "Difficulty Stale": fixed(plant.stale * difficulty if in_use else 0, 8),
            "Last Share Difficulty": fixed(difficulty if accepted else 0, 8),
            "Has Stratum": True,
            "Stratum Active": in_use,
            "Stratum URL": pool.host if in_use else "",
            "Has GBT": False,
            "Best Share": int(plant.hashes / 2**32 * 1.7) if in_use else 0,
            "Pool Rejected%": fixed(_percent(rejected, accepted + rejected), 4),
            "Pool Stale%": fixed(_percent(plant.stale if in_use else 0, accepted + rejected), 4),
        }
        rows.append(row)
    return Answer("S", 7, f"{len(rows)} Pool(s)", "POOLS", tuple(rows))


def head(device: OldAntminer, name: str) -> dict[str, Value]:
    """How the second STATS row begins."""
    plant = device.plant
    return {
        "STATS": 0,
        "ID": name,
        "Elapsed": int(plant.elapsed_s),
        "calls": CALLS,
        "GHS 5s": f"{plant.hashrate_hs() / 1e9:.2f}",
        "GHS av": fixed(plant.average_hs / 1e9),
    }


def fans(device: OldAntminer) -> dict[str, Value]:
    speeds: dict[int, Value] = {index: device.plant.fan_rpm(index) for index in device.fans}
    return {"fan_num": len(device.fans), **series("fan", speeds, 0, 8)}


def tail(device: OldAntminer) -> dict[str, Value]:
    """How the second STATS row ends: totals and what each chain says of its chips."""
    plant, chains = device.plant, device.chains
    count, asics = len(chains), device.asic_groups.count("o")
    ideal_ghs = device.rating.point.hashrate_hs / 1e9
    rates = {n: f"{plant.hashrate_hs(1 / count, salt=n) / 1e9:.2f}" for n in chains}
    return {
        "total_rateideal": fixed(ideal_ghs),
        "total_freqavg": fixed(device.frequency_mhz),
        "total_acn": asics * count,
        "total_rate": fixed(plant.hashrate_hs() / 1e9),
        **series("chain_rateideal", dict.fromkeys(chains, fixed(ideal_ghs / count)), NOTHING),
        "temp_max": max(round(plant.board_c(n)) for n in chains),
        "Device Hardware%": fixed(_percent(plant.hardware_errors, plant.hashes / 2**32), 4),
        "no_matching_work": plant.hardware_errors,
        **series("chain_acn", dict.fromkeys(chains, asics), 0),
        **series("chain_acs", dict.fromkeys(chains, asic_status(device)), ""),
        **series("chain_hw", dict.fromkeys(chains, plant.hardware_errors // count), 0),
        **series("chain_rate", rates, ""),
        **{f"chain_xtime{n}": "{}" for n in chains},
        **{f"chain_offside_{n}": "0" for n in chains},
        **{f"chain_opencore_{n}": "0" for n in chains},
        "miner_version": device.bmminer[1],
        "miner_id": f"8122d41c{device.number:08x}",
    }


def asic_status(device: OldAntminer) -> str:
    """Asleep every chip is an x."""
    groups = device.asic_groups
    return groups.replace("o", "x") if device.plant.is_resting else groups


def series(
    name: str, live: Mapping[int, Value], empty: Value, slots: int = SLOTS
) -> dict[str, Value]:
    """``name1`` to ``name16``, most of them always empty and written out only once."""
    first, last = min(live), max(live)
    fields: dict[str, Value] = {}
    if first > 1:
        fields[f"{name} before"] = _empty(name, 1, first, empty)
    fields |= {f"{name}{n}": live.get(n, empty) for n in range(first, last + 1)}
    if last < slots:
        fields[f"{name} after"] = _empty(name, last + 1, slots + 1, empty)
    return fields


@cache
def _empty(name: str, start: int, end: int, empty: Value) -> Block:
    return block({f"{name}{n}": empty for n in range(start, end)})


def _percent(part: float, whole: float) -> float:
    return 100 * part / whole if whole else 0.0


CALLS = block(
    {"Calls": 0, "Wait": Bare("0.000000"), "Max": Bare("0.000000"), "Min": Bare("99999999.000000")}
)
ANSWERS: dict[str, Callable[[OldAntminer], Answer]] = {
    "version": version,
    "summary": summary,
    "devs": devices,
    "pools": pools,
}
