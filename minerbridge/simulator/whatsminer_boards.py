"""The hash boards of each firmware generation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minerbridge.simulator.whatsminer_replies import Document, listed

if TYPE_CHECKING:
    from minerbridge.simulator.whatsminer import Whatsminer

THS, MHS = 1e-12, 1e-6


def edevs(device: Whatsminer) -> Document:
    row = {1: _cgminer, 4: _newest}.get(device.generation.number, _btminer)
    rows = [row(device, board) for board in range(device.model.boards)]
    return listed(device, 9, f"{len(rows)} ASC(s)", "DEVS", rows)


def _newest(device: Whatsminer, board: int) -> Document:
    """Hashrates are in TH/s here, and only here."""
    now = _hashrate(device, board, 60.0, THS)
    return {
        "Slot": board,
        "Temperature": round(device.plant.board_c(board), 2),
        "Chip Frequency": round(device.frequency_mhz(board)),
        "MHS av": round(device.plant.average_hs * device.share(board) * THS, 2),
        "MHS 1m": now,
        "MHS 15m": _hashrate(device, board, 900.0, THS),
        "HS RT": now,
        "Factory GHS": round(device.model.factory_ghs * device.share(board)),
        "Upfreq Complete": int(device.mining.is_tuned),
        "Effective Chips": device.model.chips,
        "PCB SN": device.serial(f"board {board}", 20),
        "Chip Data": device.model.chip_data,
    }


def _btminer(device: Whatsminer, board: int) -> Document:
    plant = device.plant
    low, high, mean = device.chips_c(board)
    return {
        "ASC": board,
        "Slot": board,
        "Enabled": "Y",
        "Status": "Alive",
        "Name": "SM",
        "ID": board,
        "Temperature": round(plant.board_c(board), 1),
        "Chip Temp Min": round(low, 2),
        "Chip Temp Max": round(high, 2),
        "Chip Temp Avg": round(mean, 2),
        "Chip Frequency": round(device.frequency_mhz(board)),
        "Frequency": round(device.frequency_mhz(board), 1),
        "Fan Speed In": device.fan_rpm(0),
        "Fan Speed Out": device.fan_rpm(1),
        "MHS av": round(plant.average_hs * device.share(board) * MHS, 2),
        "MHS 5s": _hashrate(device, board, 5.0, MHS),
        "MHS 1m": _hashrate(device, board, 60.0, MHS),
        "MHS 5m": _hashrate(device, board, 300.0, MHS),
        "MHS 15m": _hashrate(device, board, 900.0, MHS),
        "HS RT": _hashrate(device, board, 300.0, MHS),
        "Accepted": int(plant.accepted * device.share(board)),
        "Rejected": int(plant.rejected * device.share(board)),
        "Factory GHS": round(device.model.factory_ghs * device.share(board)),
        "Upfreq Complete": int(device.mining.is_tuned),
        "Effective Chips": device.model.chips,
        "PCB SN": device.serial(f"board {board}", 20),
        "Chip Data": device.model.chip_data,
        "Device Elapsed": int(plant.elapsed_s),
    }


def _cgminer(device: Whatsminer, board: int) -> Document:
    plant, share = device.plant, device.share(board)
    hashes, difficulty = plant.hashes * share, plant.rating.share_difficulty
    row = _btminer(device, board)
    for later in ("Frequency", "HS RT", "Factory GHS", "Chip Data"):
        del row[later]
    return row | {
        "Device Hardware%": 0.0072,
        "Device Rejected%": 0.0,
        "Diff1 Work": int(hashes / 2**32),
        "Difficulty Accepted": row["Accepted"] * difficulty,
        "Difficulty Rejected": row["Rejected"] * difficulty,
        "Hardware Errors": int(plant.hardware_errors * share),
        "Last Share Difficulty": difficulty,
        "Last Share Pool": 0,
        "Last Share Time": device.last_share_at(),
        "Last Valid Work": device.last_share_at(),
        "Total MH": float(round(hashes * MHS)),
        "Utility": 4.7,
    }


def _hashrate(device: Whatsminer, board: int, window_s: float, unit: float) -> float:
    return round(device.plant.hashrate_hs(device.share(board), window_s, board) * unit, 2)
