"""How the effect of each write shows in readings, and within what time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from minerbridge.miners.whatsminer.state import OFF_SHARE
from minerbridge.model import Confirmation, MinerReading

Given = Mapping[str, Any]
Readback = Callable[[Given, MinerReading | None], Confirmation]
DEFAULT_LIMIT_W = 99_999
_OFF_S, _ON_S = 60.0, 120.0
#: Modes, limits and frequencies restart the mining program, which then tunes anew.
_RESTART_S = 180.0
_REBOOT_S = 300.0
_SOON_S = 15.0
_FAST_S, _NORMAL_S = 30.0, 600.0
_POOLS_S = 90.0
_FIRMWARE_S = 600.0
#: The vendor calls the percentages approximate.
_TOLERANCE = 0.08
_SLACK_S = 10.0


def none(_given: Given, _last: MinerReading | None) -> Confirmation:
    """Nothing this API tells shows it."""
    return Confirmation(None, 0, "the effect")


def switched_off(_given: Given, _last: MinerReading | None) -> Confirmation:
    def seen(reading: MinerReading) -> bool:
        limit_w = reading.power_limit_w or 1000.0
        is_low = reading.power_w is None or reading.power_w < OFF_SHARE * limit_w
        return reading.status == "stopped" and is_low

    return Confirmation(seen, _OFF_S, "the boards are without power")


def switched_on(_given: Given, _last: MinerReading | None) -> Confirmation:
    return Confirmation(
        lambda reading: reading.status in ("starting", "tuning", "mining"),
        _ON_S,
        "the boards are switched on",
    )


def mode(name: str) -> Readback:
    def readback(_given: Given, _last: MinerReading | None) -> Confirmation:
        return Confirmation(
            lambda reading: reading.power_mode == name, _RESTART_S, f"power mode is {name}", 2.0
        )

    return readback


def limit(given: Given, last: MinerReading | None) -> Confirmation:
    limit_w = given["power_limit"]
    if limit_w == DEFAULT_LIMIT_W:
        if last is not None and "power_limit_is_default" not in last.details:
            return none(given, last)
        return Confirmation(
            lambda reading: reading.details.get("power_limit_is_default") is True,
            _RESTART_S, "the power limit is the default", 2.0,
        )  # fmt: skip
    return Confirmation(
        lambda reading: reading.power_limit_w == limit_w,
        _RESTART_S,
        f"the power limit is {limit_w} W",
        2.0,
    )


def fast_percent(given: Given, last: MinerReading | None) -> Confirmation:
    return _percent(given["percent"], last, _FAST_S)


def normal_percent(given: Given, last: MinerReading | None) -> Confirmation:
    return _percent(given["percent"], last, _NORMAL_S)


def full_percent(_given: Given, last: MinerReading | None) -> Confirmation:
    return _percent(100, last, _NORMAL_S)


def power(given: Given, _last: MinerReading | None) -> Confirmation:
    power_w = given["power"]
    return Confirmation(
        lambda reading: _is_near(reading.power_w, power_w),
        _NORMAL_S, f"power is about {power_w} W", 5.0,
    )  # fmt: skip


def detail(key: str, value: object, message: str, within_s: float = _SOON_S) -> Readback:
    """Return the readback of a setting that the details of a reading name *key*."""

    def readback(given: Given, last: MinerReading | None) -> Confirmation:
        wanted = value(given) if callable(value) else value
        if last is not None and key not in last.details:
            return Confirmation(None, 0, message)
        return Confirmation(
            lambda reading: reading.details.get(key) == wanted, within_s, message, 2.0
        )

    return readback


def frequency(given: Given, last: MinerReading | None) -> Confirmation:
    percent = given["percent"]
    message = f"the target frequency is {percent:+d} %"
    return detail("target_frequency_percent", percent, message, _RESTART_S)(given, last)


def led(given: Given, _last: MinerReading | None) -> Confirmation:
    is_on = "param" not in given
    state = "blink as told" if is_on else "are left to the miner"
    return Confirmation(lambda reading: reading.led_on is is_on, _SOON_S, f"the LEDs {state}")


def restarted(_given: Given, last: MinerReading | None) -> Confirmation:
    return _began_anew(last, lambda reading: reading.uptime_s, _RESTART_S, "the mining program")


def rebooted(_given: Given, last: MinerReading | None) -> Confirmation:
    return _began_anew(
        last,
        lambda reading: reading.details.get("system_uptime_s", reading.uptime_s),
        _REBOOT_S,
        "the control board",
    )


def pools(given: Given, _last: MinerReading | None) -> Confirmation:
    wanted = [_bare(given[f"pool{place}"]) for place in (1, 2, 3) if given.get(f"pool{place}")]
    users = [given.get(f"worker{place}", "") for place in (1, 2, 3)][: len(wanted)]

    def seen(reading: MinerReading) -> bool:
        found = [(_bare(pool.url or ""), pool.user or "") for pool in reading.pools]
        return found[: len(wanted)] == list(zip(wanted, users, strict=True))

    return Confirmation(seen, _POOLS_S, "the new pools are in use", 2.0)


def firmware(given: Given, last: MinerReading | None) -> Confirmation:
    wanted, before = given.get("version"), last.firmware if last is not None else None

    def seen(reading: MinerReading) -> bool:
        if wanted is not None:
            return bool(reading.firmware == wanted)
        return reading.firmware is not None and before is not None and reading.firmware != before

    told = f"the miner runs firmware {wanted}" if wanted else f"the firmware is not {before} now"
    return Confirmation(seen, _FIRMWARE_S, told, 5.0)


def _percent(percent: int, last: MinerReading | None, within_s: float) -> Confirmation:
    """Newer firmware tells the percentage; else the power has to move to its share of the limit."""
    message = f"power is at about {percent} %"

    def seen(reading: MinerReading) -> bool:
        if reading.power_percent is not None:
            return reading.power_percent == percent
        limit_w = reading.power_limit_w
        return limit_w is not None and _is_near(reading.power_w, limit_w * percent / 100)

    if last is not None and last.power_percent is None and last.power_limit_w is None:
        return Confirmation(None, 0, message)
    return Confirmation(seen, within_s, message, 2.0)


def _began_anew(
    last: MinerReading | None,
    uptime: Callable[[MinerReading], float | None],
    within_s: float,
    what: str,
) -> Confirmation:
    """Seen when *what* has been up for less than it would have been without a restart."""
    began_at = datetime.now(UTC)
    before_s = uptime(last) if last is not None else None

    def seen(reading: MinerReading) -> bool:
        now_s = uptime(reading)
        if now_s is None:
            return False
        if last is None or before_s is None:
            return now_s < (reading.at - began_at).total_seconds() + _SLACK_S
        passed_s = (reading.at - last.at).total_seconds()
        return now_s < max(before_s, before_s + passed_s - _SLACK_S)

    return Confirmation(seen, within_s, f"{what} has started anew", 2.0)


def _is_near(power_w: float | None, wanted_w: float) -> bool:
    return power_w is not None and abs(power_w - wanted_w) <= max(_TOLERANCE * wanted_w, 50.0)


def _bare(url: str) -> str:
    return url.rpartition("://")[2].rstrip("/").lower()
