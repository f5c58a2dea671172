"""What the mining program of an IceRiver tells, in the forms different builds write it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minerbridge.simulator.iceriver import IceRiver

Document = dict[str, Any]
_FIVE_MINUTES_S, _HALF_HOUR_S = 300.0, 1800.0
_POINTS = 23


def info(device: IceRiver) -> Document:
    model = device.model
    if device.firmware == "early":
        return {"model": "none", "algo": "no", "online": True, "firmver": "2023-02-10",
                "softver1": f"{model.software}_miner", "firmtype": "Factory"}  # fmt: skip
    return {"model": "none", "algo": "none", "online": True, "firmver1": model.boot,
            "firmver2": "image_1.0", "softver1": f"{model.software}_miner",
            "softver2": f"{model.software}_bg", "firmtype": "Factory"}  # fmt: skip


def network(device: IceRiver) -> Document:
    glued = "fe80::1" if "glued_gateway" in device.quirks else ""
    mac = device.mac_address.lower()
    return {
        "nic": "eth0",
        "mac": mac if glued else mac.replace(":", "-"),
        **device.net,
        "ip": device.address,
        "gateway": device.net["gateway"] + glued,
    }


def hashrate(device: IceRiver) -> Document:
    plant = device.plant
    five_hs = max(0.0, plant.hashrate_hs(window_s=_FIVE_MINUTES_S))
    half_hs = max(0.0, plant.hashrate_hs(window_s=_HALF_HOUR_S))
    shares = plant.shares
    shared: Document = {
        "reject": 100 * plant.rejected / shares if shares else 0.0,
        "runtime": _runtime(plant.uptime_s),
    }
    if device.firmware == "early":
        return shared | {
            "rtpow": round(five_hs), "rtpow_hash": str(round(five_hs / 1e9)), "rtpow_unit": "GH/s",
            "avgpow": round(half_hs), "avgpow_unit": "GH/s",
        }  # fmt: skip
    points = [round(five_hs / 1e9)] * (_POINTS - 1) + [-1]  # negative: not measured
    return shared | {
        "rtpow": f"{five_hs / 1e9:.0f}G", "avgpow": f"{half_hs / 1e9:.0f}G", "unit": "G",
        "pows": {"board1": points}, "pows_x": [f"{5 * n} mins" for n in range(_POINTS)],
    }  # fmt: skip


def states(device: IceRiver) -> Document:
    rated_hs = device.rating.point.hashrate_hs
    five_hs = device.plant.hashrate_hs(window_s=_FIVE_MINUTES_S)
    return {"powstate": five_hs > 0.7 * rated_hs, "netstate": True,
            "fanstate": bool(device.model.fans), "tempstate": True}  # fmt: skip


def fans(device: IceRiver) -> list[int]:
    turning = [device.plant.fan_rpm(index) for index in range(device.model.fans)]
    return turning + [0] * (4 - len(turning))


def pools(device: IceRiver) -> list[Document]:
    plant, found = device.plant, []
    for place, entry in enumerate(device.pool_entries, 1):
        active = place == 1 and not plant.is_resting and bool(entry.url)
        accepted, rejected = (plant.accepted, plant.rejected) if place == 1 else (0, 0)
        connect = active if "bool_connect" in device.quirks else 1 if active else -1
        found.append({
            "no": place, "addr": entry.url, "user": entry.user, "pass": entry.password,
            "connect": connect, "diff": "140737.49 G" if active else "0.00 G", "priority": place,
            "accepted": accepted, "rejected": rejected, "diffa": 0, "diffr": 0,
            "state": int(active), "lsdiff": 0, "lstime": "00:00:00",
        })  # fmt: skip
    return numbers(device, found)


def boards(device: IceRiver) -> list[Document]:
    plant, model, found = device.plant, device.model, []
    bad: object = list(range(1, 19)) if "all_bad" in device.quirks else ""
    for index in range(model.boards):
        share = 1 / model.boards
        now_hs = max(0.0, plant.hashrate_hs(share, _FIVE_MINUTES_S, salt=index))
        mean_hs = max(0.0, plant.hashrate_hs(share, _HALF_HOUR_S, salt=index))
        outlet_c = round(plant.board_c(index))
        is_faulty = "sensor_fault" in device.quirks and index == 1
        found.append({
            "no": index + 1, "chipnum": 18, "chipsuc": 0 if bad else model.chips, "error": 0,
            "freq": model.clock_mhz, "rtpow": f"{now_hs / 1e9:.2f}G",
            "avgpow": f"{mean_hs / 1e9:.2f}G", "idealpow": "0.00G", "tempnum": "(null)",
            "pcbtemp": "0.00-0.00-0.00-0.00", "intmp": round(plant.ambient_c + 4),
            "outtmp": 126 if is_faulty else outlet_c, "state": True, "false": bad,
        })  # fmt: skip
    return numbers(device, found)


def panel(device: IceRiver) -> Document:
    """Return what the web server joins of all this."""
    return {
        **info(device), **network(device), "locate": device.led_on, **hashrate(device),
        **states(device), "fans": fans(device), "pools": pools(device), "boards": boards(device),
        "refTime": time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()),
    }  # fmt: skip


def numbers(device: IceRiver, told: list[Document]) -> list[Document]:
    """Write integers as the build does."""
    kind = float if "floats" in device.quirks else str if "strings" in device.quirks else None
    if kind is None:
        return told
    return [
        {key: kind(value) if type(value) is int else value for key, value in one.items()}
        for one in told
    ]


def _runtime(uptime_s: float) -> str:
    minutes, seconds = divmod(int(uptime_s), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"{days:02}:{hours:02}:{minutes:02}:{seconds:02}"
