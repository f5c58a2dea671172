"""The JSON documents of the S19's CGI, with the keys of the recorded devices."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minerbridge.simulator.antminer_s19 import AntminerS19

BOARDS, CHIPS, FANS, FREQUENCY_MHZ = 3, 114, 4, 525
COMPILED = "Tue Dec  6 16:12:30 CST 2022"
MINER = "49.0.1.3"
ASIC = " ooo" * (CHIPS // 3)


def system_info(device: AntminerS19) -> dict[str, str]:
    return {
        "minertype": device.model,
        "nettype": "DHCP",
        "netdevice": "eth0",
        "macaddr": device.mac_address,
        "hostname": device.hostname,
        "ipaddress": device.address,
        "netmask": "255.255.255.0",
        "gateway": "",
        "dnsservers": "",
        "system_mode": "GNU/Linux",
        "system_kernel_version": "Linux 4.6.0-xilinx-g03c746f7 #1 SMP PREEMPT Thu Mar 31 2022",
        "system_filesystem_version": COMPILED,
        "firmware_type": "Release",
        "serinum": f"SIM{device.number:014d}",
    }


def miner_type(device: AntminerS19) -> dict[str, str]:
    return {"miner_type": device.model, "subtype": "zynq7007_NBP1901", "fw_version": COMPILED}


def configuration(device: AntminerS19) -> dict[str, Any]:
    """As stored: the work mode is told as a string, whatever type it was set with."""
    return {
        "pools": [
            {"url": pool.url, "user": pool.user, "pass": pool.password}
            for pool in device.pool_entries
        ],
        "api-listen": True,
        "api-network": True,
        "api-groups": "A:stats:pools:devs:summary:version",
        "api-allow": "A:0/0,W:*",
        "bitmain-fan-ctrl": device.fan_fixed,
        "bitmain-fan-pwm": device.fan_percent,
        "bitmain-use-vil": True,
        "bitmain-freq": str(FREQUENCY_MHZ),
        "bitmain-voltage": "1360",
        "bitmain-ccdelay": "0",
        "bitmain-pwth": "0",
        "bitmain-work-mode": str(device.mode),
        "bitmain-freq-level": str(device.level_percent),
    }


def summary(device: AntminerS19) -> dict[str, Any]:
    """Asleep, and while the mining program restarts, the array is empty."""
    plant = device.plant
    found = _document(device, "summary")
    if not reports(device):
        return found | {"SUMMARY": []}
    row = {
        "elapsed": int(plant.elapsed_s),
        **_rates(device),
        "hw_all": plant.hardware_errors,
        "bestshare": int(plant.hashes / 2**32 * 1.7),
        "status": _status(device),
    }
    return found | {"SUMMARY": [row]}


def stats(device: AntminerS19) -> dict[str, Any]:
    """Asleep, and while the mining program restarts, the array is empty."""
    plant = device.plant
    found = _document(device, "stats")
    if not reports(device):
        return found | {"STATS": []}
    row = {
        "elapsed": int(plant.elapsed_s),
        **_rates(device),
        "chain_num": BOARDS,
        "fan_num": FANS,
        "fan": [plant.fan_rpm(index) for index in range(FANS)],
        "hwp_total": 0.0,
        "miner-mode": device.mode,
        "freq-level": device.level_percent,
        "chain": [_chain(device, index) for index in range(BOARDS)],
    }
    return found | {"STATS": [row]}


def pools(device: AntminerS19) -> dict[str, Any]:
    plant, difficulty = device.plant, device.rating.share_difficulty
    rows = []
    for index, pool in enumerate(device.pool_entries):
        in_use = index == 0
        accepted = plant.accepted if in_use else 0
        rejected = plant.rejected if in_use else 0
        row = {
            "index": index,
            "url": pool.url,
            "user": pool.user,
            "status": "Alive" if pool.url else "Dead",
            "priority": index,
            "getworks": int(plant.elapsed_s) // 12 if in_use else 0,
            "accepted": accepted,
            "rejected": rejected,
            "discarded": int(plant.elapsed_s) * 89 if in_use else 0,
            "stale": plant.stale if in_use else 0,
            "diff": "524K" if in_use else "",
            "diff1": 0,
            "diffa": int(accepted * difficulty),
            "diffr": int(rejected * difficulty),
            "diffs": int(plant.stale * difficulty) if in_use else 0,
            "lsdiff": int(difficulty) if accepted else 0,
            "lstime": f"0:00:{int(plant.elapsed_s) % 20:02d}" if accepted else "0",
        }
        rows.append(row)
    return _document(device, "pools") | {"POOLS": rows}


def log(device: AntminerS19) -> bytes:
    lines = [
        f"Booting Linux, uptime {device.plant.uptime_s:.0f} s",
        f"Miner compile time: {COMPILED} type: {device.model}",
        f"bitmain_work_mode {device.mode}, freq_level {device.level_percent}",
        f"total {BOARDS} chains, {CHIPS} asics each",
    ]
    return ("\n".join(lines) + "\n").encode()


def reports(device: AntminerS19) -> bool:
    """Whether the mining program is up and not asleep."""
    return not device.plant.is_resting and device.plant.now_s >= device.plant.daemon_at_s


def _document(device: AntminerS19, name: str) -> dict[str, Any]:
    status = {"STATUS": "S", "when": int(time.time()), "Msg": name, "api_version": "1.0.0"}
    about = {"miner_version": MINER, "CompileTime": COMPILED, "type": device.model}
    return {"STATUS": status, "INFO": about}


def _rates(device: AntminerS19) -> dict[str, Any]:
    plant = device.plant
    return {
        "rate_5s": round(plant.hashrate_hs() / 1e9, 2),
        "rate_30m": round(plant.hashrate_hs(window_s=1800) / 1e9, 2),
        "rate_avg": round(plant.average_hs / 1e9, 2),
        "rate_ideal": round(device.rating.point.hashrate_hs / 1e9, 2),
        "rate_unit": "GH/s",
    }


def _status(device: AntminerS19) -> list[dict[str, Any]]:
    slow = not device.plant.is_hashing
    return [
        {"type": name, "status": "e" if slow and name == "rate" else "s", "code": 0, "msg": ""}
        for name in ("rate", "network", "fans", "temp")
    ]


def _chain(device: AntminerS19, index: int) -> dict[str, Any]:
    plant = device.plant
    chip, board = plant.chip_c(index), plant.board_c(index)
    return {
        "index": index,
        "freq_avg": round(FREQUENCY_MHZ * device.level_percent / 100),
        "rate_ideal": round(device.rating.point.hashrate_hs / 1e9 / BOARDS, 2),
        "rate_real": round(plant.hashrate_hs(1 / BOARDS, salt=index + 1) / 1e9, 2),
        "asic_num": CHIPS,
        "asic": ASIC,
        "temp_pic": [round(board) - step for step in (6, 9, 4, 5)],
        "temp_pcb": [round(board) - step for step in (0, 3, 1, 2)],
        "temp_chip": [round(chip) - step for step in (0, 12, 3, 2)],
        "hw": plant.hardware_errors // BOARDS,
        "eeprom_loaded": True,
        "sn": f"SIM{device.number:08d}B{index}",
        "hwp": 0.0,
    }
