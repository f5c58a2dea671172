"""From the replies of port 4028, of any firmware generation, to the fields of a reading."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from minerbridge.errors import BadReply
from minerbridge.miners.rpc_decode import integer, number
from minerbridge.miners.rpc_fields import (
    count,
    fan_rpm,
    hottest_c,
    items,
    mac_address,
    positive,
    temperature_c,
    text,
)
from minerbridge.miners.whatsminer import error_codes
from minerbridge.miners.whatsminer.state import decide
from minerbridge.model import Board, Fault, Pool

Fields = dict[str, Any]
Replies = Mapping[str, Mapping[str, Any]]
_MEGA, _TERA = 1e6, 1e12
#: A board of 10 GH/s does not exist, nor one of 10 PH/s: below this its number is TH/s.
_LEAST_MHS = 10_000
_NOW = ("HS RT", "MHS 5s", "MHS 1m", "MHS av")
_TRUE = {"true", "1", "enable", "on"}
_FALSE = {"false", "0", "disable", "off"}


def body(reply: Mapping[str, Any] | None, section: str = "") -> dict[str, Any]:
    """Return what *reply* is about: the first of *section*, else `Msg`; raise `BadReply`."""
    if reply is None:
        return {}
    listed = items(reply, section)
    found = listed[0] if listed else reply.get("Msg")
    if not isinstance(found, dict):
        raise BadReply("the reply holds no " + (section or "Msg"), str(dict(reply)))
    return found


def flag(value: object) -> bool | None:
    """Return a switch that older firmware tells as true and newer as "true" or "enable"."""
    told = str(value).strip().lower()
    return True if told in _TRUE else False if told in _FALSE else None


def generation(replies: Replies) -> int | None:
    """Return which of the four generations shapes its replies so; they are told by nothing else."""
    status = body(replies.get("status")) if "status" in replies else {}
    summary = replies.get("summary", {})
    if isinstance(summary.get("Msg"), dict):
        return 4
    if "mineroff" in status:
        return 3
    head = items(summary, "STATUS")
    if head:
        return 1 if "Code" in head[0] else 2
    return 2 if "btmineroff" in status else None


def reading_fields(replies: Replies) -> Fields:
    """Return the fields of a `MinerReading`; what was not asked or answered is left out."""
    summary = body(replies.get("summary"), "SUMMARY")
    status = body(replies.get("status"))
    version, info = body(replies.get("get_version")), body(replies.get("get_miner_info"))
    now_hs = _scaled(_first_number(summary, _NOW), _MEGA)
    boards = read_boards(replies.get("edevs"), now_hs)
    faults = _faults(replies, summary)
    pools = read_pools(replies.get("pools"))
    is_off = flag(status.get("mineroff", status.get("btmineroff")))
    limit_w = positive(status.get("power_limit_set")) or positive(summary.get("Power Limit"))
    is_tuned = _is_tuned(summary, replies.get("edevs"))
    state, is_mining = decide(
        now_hs, _power_w(summary), limit_w, is_off=is_off, is_tuned=is_tuned,
        elapsed_s=number(summary.get("Elapsed")), has_faults=bool(faults),
    )  # fmt: skip
    return {
        "model": text(version.get("miner_type")) or _model(replies.get("devdetails")),
        "firmware": _firmware(version, status, summary),
        "mac_address": mac_address(info.get("mac") or summary.get("MAC")),
        "serial_number": text(info.get("minersn")),
        "hostname": text(info.get("hostname")),
        **_measured(summary),
        "status": state,
        "is_mining": is_mining,
        "hashrate_hs": 0.0 if state == "stopped" else now_hs,
        "power_limit_w": limit_w,
        "power_percent": number(status.get("power_pct")),
        "power_mode": _mode(status.get("power_mode")) or _mode(summary.get("Power Mode")),
        "board_temperature_c": hottest_c(board.board_temperature_c for board in boards)
        or temperature_c(summary.get("Temperature")),
        "boards": boards,
        "pools": pools,
        "shares_accepted": _shares(summary, pools, "accepted"),
        "shares_rejected": _shares(summary, pools, "rejected"),
        "shares_stale": _shares(summary, pools, "stale"),
        "errors": faults,
        "led_on": led_on(info.get("ledstat")),
        "details": _details(replies, summary, status, info, is_off, is_tuned),
    }


def _measured(summary: Mapping[str, Any]) -> Fields:
    """Return what the summary alone tells."""
    return {
        "hashrate_average_hs": _scaled(number(summary.get("MHS av")), _MEGA),
        "power_w": _power_w(summary),
        "chip_temperature_c": temperature_c(summary.get("Chip Temp Max")),
        "ambient_temperature_c": number(summary.get("Env Temp")),
        "frequency_mhz": positive(summary.get("freq_avg")),
        "fan_speeds_rpm": fans(summary.get("Fan Speed In"), summary.get("Fan Speed Out")),
        "reject_rate_percent": number(summary.get("Pool Rejected%")),
        "hardware_errors": count(summary.get("Hardware Errors")),
        "uptime_s": number(summary.get("Elapsed")),
    }


def read_boards(reply: Mapping[str, Any] | None, total_hs: float | None) -> tuple[Board, ...]:
    """Return the boards; *total_hs* of the summary tells in which unit theirs are."""
    found = items(reply, "DEVS")
    rates = [_first_number(one, _NOW) for one in found]
    scale = _board_scale([rate for rate in rates if rate], total_hs)
    return tuple(
        Board(
            slot=slot if (slot := integer(one.get("Slot"))) is not None else place,
            hashrate_hs=None if rate is None else rate * scale,
            chip_temperature_c=temperature_c(one.get("Chip Temp Max")),
            board_temperature_c=temperature_c(one.get("Temperature")),
            frequency_mhz=positive(one.get("Chip Frequency")),
            chips=count(one.get("Effective Chips")),
            status=text(one.get("Status")),
            serial_number=text(one.get("PCB SN")),
        )
        for place, (one, rate) in enumerate(zip(found, rates, strict=True))
    )


def read_pools(reply: Mapping[str, Any] | None) -> tuple[Pool, ...]:
    return tuple(
        Pool(
            slot=place,
            url=text(one.get("URL")),
            user=text(one.get("User")),
            status=text(one.get("Status")),
            is_active=flag(one.get("Stratum Active")),
            accepted=count(one.get("Accepted")),
            rejected=count(one.get("Rejected")),
            stale=count(one.get("Stale")),
            difficulty=positive(one.get("Stratum Difficulty")),
        )
        for place, one in enumerate(items(reply, "POOLS"))
    )


def fans(*told: object) -> tuple[int | None, ...]:
    """Return the speeds; liquid-cooled miners tell 0 for fans they do not have."""
    speeds = tuple(fan_rpm(one) for one in told)
    return speeds if any(speeds) else ()


def led_on(told: object) -> bool | None:
    """Whether the LEDs blink by order; "auto" is how they are left to the miner."""
    said = text(told)
    return None if said is None else said != "auto"


def psu_details(psu: Mapping[str, Any]) -> Fields:
    """Return the power supply's own figures: 10 mV and 1 mA become V and A."""
    current_ma, voltage_10mv = positive(psu.get("iin")), positive(psu.get("vin"))
    return {
        "psu_model": text(psu.get("model")) or text(psu.get("name")),
        "psu_serial_number": text(psu.get("serial_no")),
        "psu_input_voltage_v": voltage_10mv / 100 if voltage_10mv else None,
        "psu_input_current_a": round(current_ma / 1000, 3) if current_ma else None,
        "psu_input_power_w": positive(psu.get("pin")),
        "psu_temperature_c": temperature_c(psu.get("temp0")),
        "psu_fan_rpm": fan_rpm(psu.get("fan_speed")) or None,
    }


def _details(
    replies: Replies,
    summary: Mapping[str, Any],
    status: Mapping[str, Any],
    info: Mapping[str, Any],
    is_off: bool | None,
    is_tuned: bool | None,
) -> Fields:
    limit = status.get("power_limit_set")
    found = {
        "generation": generation(replies),
        "api_version": text(body(replies.get("get_version")).get("api_ver")),
        "is_switched_off": is_off,
        "switched_off_reason": text(status.get("mineroff_reason")),
        "is_tuned": is_tuned,
        "stable_after_s": positive(summary.get("Hash Stable Cost Seconds")),
        "system_uptime_s": number(summary.get("Uptime")),
        "factory_hashrate_hs": _scaled(positive(summary.get("Factory GHS")), 1e9),
        "fast_boot": flag(summary.get("Btminer Fast Boot")),
        "fast_mining": flag(status.get("fast_mining", status.get("fast_hash"))),
        "target_frequency_percent": _percent(status.get("hash_percent")),
        "upfreq_speed": integer(info.get("upfreq_speed", info.get("ut_speed"))),
        "power_limit_is_default": None if limit is None else not positive(limit),
        "liquid_temperature_c": temperature_c(status.get("liquid_temp")),
        "is_liquid_cooled": flag(summary.get("Liquid Cooling")),
        **psu_details(body(replies.get("get_psu"))),
    }
    return {name: value for name, value in found.items() if value is not None}


def _board_scale(rates: list[float], total_hs: float | None) -> float:
    """Return H/s per unit: newer firmware writes TH/s under keys that say MH/s."""
    if not rates:
        return _MEGA
    if total_hs:
        told = sum(rates)
        return min(_MEGA, _TERA, key=lambda scale: abs(told * scale - total_hs))
    return _MEGA if max(rates) >= _LEAST_MHS else _TERA


def _is_tuned(summary: Mapping[str, Any], edevs: Mapping[str, Any] | None) -> bool | None:
    told = flag(summary.get("Hash Stable"))
    if told is not None:
        return told
    complete = [flag(one.get("Upfreq Complete")) for one in items(edevs, "DEVS")]
    return None if not complete or None in complete else all(complete)


def _faults(replies: Replies, summary: Mapping[str, Any]) -> tuple[Fault, ...]:
    told = replies.get("get_error_code")
    if told is None:
        return error_codes.in_summary(summary)
    return error_codes.faults(body(told).get("error_code"))


def _power_w(summary: Mapping[str, Any]) -> float | None:
    """Return the input power; -1 is how some firmware says that it does not know."""
    found = number(summary.get("Power"))
    return found if found is not None and found >= 0 else None


def _firmware(*replies: Mapping[str, Any]) -> str | None:
    """Return the version; where it is in apostrophes, they are part of what the miner writes."""
    for reply in replies:
        for name in ("fw_ver", "FirmwareVersion", "Firmware Version"):
            if found := text(reply.get(name)):
                return found.strip("'\\ ")
    return None


def _model(devdetails: Mapping[str, Any] | None) -> str | None:
    found = items(devdetails, "DEVDETAILS") or items(devdetails, "DEVDATAILS")
    return text(found[0].get("Model")) if found else None


def _mode(told: object) -> str | None:
    found = text(told)
    return found.lower() if found else None


def _percent(told: object) -> float | None:
    """Return the percentage set; an empty text is how "none" is told."""
    return 0.0 if told == "" else number(told)


def _shares(summary: Mapping[str, Any], pools: Iterable[Pool], name: str) -> int | None:
    told = count(summary.get(name.capitalize()))
    if told is not None:
        return told
    counts = [found for pool in pools if (found := getattr(pool, name)) is not None]
    return sum(counts) if counts else None


def _first_number(fields: Mapping[str, Any], names: Iterable[str]) -> float | None:
    for name in names:
        found = number(fields.get(name))
        if found is not None and found >= 0:
            return found
    return None


def _scaled(value: float | None, scale: float) -> float | None:
    return None if value is None else value * scale
