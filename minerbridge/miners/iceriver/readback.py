"""How the effect of a command shows in what is read afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from minerbridge.errors import OutcomeUnknown
from minerbridge.miners.driver import PoolLogin
from minerbridge.model import Confirmation, MinerReading

_MODE_S = 120.0
_REBOOT_S = 300.0
_SETTING_S = 60.0
_SLACK_S = 10.0
#: A read makes the miner ask its mining program six times.
_INTERVAL_S = 2.0
NEVER = Confirmation(None, 0, "the effect")


def asleep() -> Confirmation:
    return Confirmation(
        lambda reading: reading.status == "sleeping", _MODE_S, "the miner is asleep", _INTERVAL_S
    )


def awake() -> Confirmation:
    def seen(reading: MinerReading) -> bool:
        return reading.power_mode == "normal" and reading.status in ("starting", "mining")

    return Confirmation(seen, _MODE_S, "the miner is awake", _INTERVAL_S)


def led(*, enabled: bool) -> Confirmation:
    state = "blinks" if enabled else "no longer blinks"
    return Confirmation(
        lambda reading: reading.led_on is enabled, _SETTING_S, f"the miner {state}", _INTERVAL_S
    )


def detail(name: str, value: object, message: str) -> Confirmation:
    return Confirmation(
        lambda reading: reading.details.get(name) == value, _SETTING_S, message, _INTERVAL_S
    )


def done(message: str) -> Confirmation:
    """Return what was seen already, whatever is read next."""
    return Confirmation(lambda _reading: True, _SETTING_S, message, _INTERVAL_S)


def pools(wanted: Sequence[PoolLogin]) -> Confirmation:
    expected = [(bare(pool.url), pool.user) for pool in wanted]

    def seen(reading: MinerReading) -> bool:
        found = [(bare(pool.url or ""), pool.user or "") for pool in reading.pools]
        return found == expected

    return Confirmation(seen, _SETTING_S, "the new pools are in use", _INTERVAL_S)


def restarted(last: MinerReading | None) -> Confirmation:
    """Seen when it has been up for less than it would have been without a restart."""
    began_at = datetime.now(UTC)
    before_s = last.uptime_s if last is not None else None

    def seen(reading: MinerReading) -> bool:
        if reading.uptime_s is None:
            return False
        if last is None or before_s is None:
            return reading.uptime_s < (reading.at - began_at).total_seconds() + _SLACK_S
        passed_s = (reading.at - last.at).total_seconds()
        return reading.uptime_s < max(before_s, before_s + passed_s - _SLACK_S)

    return Confirmation(seen, _REBOOT_S, "the miner has started anew", _INTERVAL_S)


def sent(confirmation: Confirmation, write: Callable[[], None]) -> Confirmation:
    """Make the *write*; where its reply is lost, say how its effect would show."""
    try:
        write()
    except OutcomeUnknown as error:
        error.confirmation = confirmation
        raise
    return confirmation


def bare(url: str) -> str:
    return url.partition("://")[2] or url
