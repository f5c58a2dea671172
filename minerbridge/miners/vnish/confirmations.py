"""How the effect of a command shows in what is read afterwards."""

from __future__ import annotations

from collections.abc import Callable

from minerbridge.model import Confirmation, MinerReading

NEVER = Confirmation(None, 0, "the effect")
#: A wake is a boot of 80 to 130 s and up to a minute until it hashes; of some fleets, longer.
AWAKE_S, REBOOT_S, RESTART_S, STOP_S, POOL_S = 300.0, 300.0, 240.0, 60.0, 60.0
_SLACK_S = 10.0
_VOLTAGE_STEP_V = 0.015


def awake() -> Confirmation:
    return Confirmation(lambda r: r.is_mining is True, AWAKE_S, "the miner hashes", 2.0)


def asleep() -> Confirmation:
    return Confirmation(lambda r: r.status == "sleeping", STOP_S, "the miner is asleep")


class Restart:
    """Seen once the mining program was down or its uptime fell behind what it would have been.

    *last* is the reading before the command; one that told no uptime was of a miner at rest.
    """

    def __init__(self, last: MinerReading | None) -> None:
        self._last = last
        self._longest_s = last.uptime_s if last is not None else None
        self._was_down = last is not None and last.uptime_s is None

    def __call__(self, reading: MinerReading) -> bool:
        uptime_s, longest_s = reading.uptime_s, self._longest_s
        if uptime_s is None:
            self._was_down = True
            return False
        if longest_s is not None and (uptime_s < longest_s or self._is_behind(reading, uptime_s)):
            self._was_down = True
        self._longest_s = max(uptime_s, longest_s or 0.0)
        return self._was_down

    def _is_behind(self, reading: MinerReading, uptime_s: float) -> bool:
        last = self._last
        if last is None or last.uptime_s is None:
            return False
        passed_s = (reading.at - last.at).total_seconds()
        return uptime_s < last.uptime_s + passed_s - _SLACK_S


def restarted(last: MinerReading | None, within_s: float) -> Confirmation:
    return Confirmation(Restart(last), within_s, "the mining program has started anew", 2.0)


def stored(is_stored: Callable[[], bool], what: str) -> Confirmation:
    """*is_stored* looks at the configuration that was read last."""
    return Confirmation(lambda _: is_stored(), STOP_S, f"{what} is stored for the next start")


def in_use(last: MinerReading | None, is_stored: Callable[[], bool], what: str) -> Confirmation:
    started = Restart(last)

    def seen(reading: MinerReading) -> bool:
        has_started = started(reading)  # it looks at every reading
        return is_stored() and has_started and reading.is_mining is True

    return Confirmation(seen, RESTART_S, f"the miner hashes with {what}", 2.0)


def pool_in_use(slot: int) -> Confirmation:
    def seen(reading: MinerReading) -> bool:
        return any(pool.slot == slot and pool.is_active for pool in reading.pools)

    return Confirmation(seen, POOL_S, "the pool is in use")


def at_voltage(voltage_v: float) -> Confirmation:
    def seen(reading: MinerReading) -> bool:
        found = reading.voltage_v
        return found is not None and abs(found - voltage_v) < _VOLTAGE_STEP_V

    return Confirmation(seen, POOL_S, f"the boards run at {voltage_v:g} V")
