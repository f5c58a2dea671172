"""Carries out commands: every write starts from the configuration that the miner has now."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from minerbridge.errors import InvalidValue, OutcomeUnknown, Unsupported
from minerbridge.miners.driver import PoolLogin
from minerbridge.miners.vnish import commands, confirmations
from minerbridge.miners.vnish.conf import Configuration
from minerbridge.miners.vnish.curve import Curve
from minerbridge.miners.vnish.intent import BOOT_S
from minerbridge.miners.vnish.reader import VnishReader
from minerbridge.miners.vnish.web import VnishWeb
from minerbridge.model import Confirmation, MinerCommand, Pool

#: A measured frequency is that of all chips on average.
_NEAR = 0.02


class VnishControl:
    """Commands to one miner; *reader* knows what it did last, and is told what it should do."""

    def __init__(
        self,
        web: VnishWeb,
        reader: VnishReader,
        curve: Curve,
        profiles: Mapping[str, Sequence[PoolLogin]],
    ) -> None:
        self._web = web
        self._reader = reader
        self._curve = curve
        self._profiles = profiles

    def execute(self, command: MinerCommand) -> Confirmation:
        given = command.parameters
        match command.name:
            case "start":
                return self._start()
            case "stop":
                return self._stop()
            case "restart":
                return self._started_anew(self._web.restart, confirmations.RESTART_S)
            case "reboot":
                return self._started_anew(self._web.reboot, confirmations.REBOOT_S)
            case "set_frequency":
                return self._set_frequency(given["frequency_mhz"], given.get("voltage_v"))
            case "volt":
                confirmation = confirmations.at_voltage(given["voltage_v"])
                return self._sent(lambda: self._web.set_voltage(given["voltage_v"]), confirmation)
            case "pool_profile":
                return self._use_pools(self._profiles[given["profile"]])
            case "update_pools":
                return self._set_pools(_given_pools(given))
            case "set_fan":
                return self._set_fan(given.get("percent"), automatic=given.get("automatic"))
            case "profile":
                return self._profile(given["name"], given["action"])
            case _:
                return self._administer(command.name, given)

    def _administer(self, name: str, given: Mapping[str, Any]) -> Confirmation:
        match name:
            case "led":
                self._web.find(enabled=bool(given["enabled"]))
            case "update_pwd":
                self._web.set_password(given["new"])
            case "net_config":
                wanted = {key: value for key, value in given.items() if key != "mode"}
                is_static = given["mode"] == "static"
                missing = {"address", "netmask", "gateway"} - wanted.keys()
                if is_static and missing:
                    raise InvalidValue(f"net_config: a static address needs {min(missing)}")
                self._web.set_network(wanted, is_static=is_static)
            case "reset":
                self._web.reset()
            case _:
                raise Unsupported(commands.refusal(name))
        return confirmations.NEVER

    # -- power ---------------------------------------------------------------------------------

    def _start(self) -> Confirmation:
        """Wake a sleeping miner; restart one that is up and hashes nothing; leave another alone."""
        reader, confirmation = self._reader, confirmations.awake()
        if not reader.is_up():
            if reader.intent.is_starting:
                return confirmation  # another reboot would only make it later
            send = self._web.wake
        elif self._is_stuck():
            send = self._web.restart
        else:
            return confirmation
        return self._sent(send, confirmation, reader.intent.run)

    def _is_stuck(self) -> bool:
        last = self._reader.last
        return last is not None and not last.is_mining and (last.uptime_s or 0.0) > BOOT_S

    def _stop(self) -> Confirmation:
        reader, confirmation = self._reader, confirmations.asleep()
        is_asleep = reader.last is not None and reader.last.status == "sleeping"
        if is_asleep and not reader.is_up():
            return confirmation
        return self._sent(self._web.stop, confirmation, reader.intent.sleep)

    def _started_anew(self, send: Callable[[], None], within_s: float) -> Confirmation:
        confirmation = confirmations.restarted(self._reader.last, within_s)
        return self._sent(send, confirmation, self._reader.intent.run)

    # -- configuration -------------------------------------------------------------------------

    def _set_frequency(self, frequency_mhz: int, voltage_v: float | None) -> Confirmation:
        self._check_settable(frequency_mhz)
        if voltage_v is None:
            voltage_v = self._curve.voltage_v(frequency_mhz)
        before = self._web.configuration()
        wanted = before.with_frequency(frequency_mhz, voltage_v)
        measured = self._reader.last.frequency_mhz if self._reader.last is not None else None
        is_there = measured is None or abs(measured - frequency_mhz) <= _NEAR * frequency_mhz

        def is_stored(found: Configuration) -> bool:
            same_frequency = found.frequency_mhz == wanted.frequency_mhz
            return same_frequency and found.voltage_v == wanted.voltage_v

        is_new = wanted.told != before.told or not is_there
        return self._store(wanted, is_stored, f"{frequency_mhz} MHz", is_new=is_new)

    def _check_settable(self, frequency_mhz: int) -> None:
        settable = self._curve.settable_mhz()
        if frequency_mhz not in settable:
            below = max(mhz for mhz in settable if mhz < frequency_mhz)
            above = min(mhz for mhz in settable if mhz > frequency_mhz)
            raise InvalidValue(
                f"frequency_mhz: this firmware has no {frequency_mhz} MHz; next are {below} and"
                f" {above}"
            )

    def _use_pools(self, pools: Sequence[PoolLogin]) -> Confirmation:
        """Switch to pools that the miner has already; else put them in place of its own."""
        last = self._reader.last
        known = last.pools if last is not None else ()
        slots = [_slot(pool, known) for pool in pools]
        first = slots[0] if slots else None
        if first is None or None in slots or not self._reader.is_up():
            return self._set_pools(pools)
        confirmation = confirmations.pool_in_use(first)
        if any(pool.slot == first and pool.is_active for pool in known):
            return confirmation
        return self._sent(lambda: self._web.switch_pool(first), confirmation)

    def _set_pools(self, pools: Sequence[PoolLogin]) -> Confirmation:
        if not pools:
            raise InvalidValue("pools: none given")
        before = self._web.configuration()
        wanted = before.with_pools(pools)

        def is_stored(found: Configuration) -> bool:
            return found.pools == wanted.pools

        return self._store(wanted, is_stored, "these pools", is_new=wanted.pools != before.pools)

    def _set_fan(self, percent: int | None, *, automatic: bool | None) -> Confirmation:
        if (percent is None) == (not automatic):
            raise InvalidValue("set_fan: it takes either percent or automatic: true")
        before = self._web.configuration()
        wanted = before.with_fan(percent)

        def is_stored(found: Configuration) -> bool:
            return found.fan_percent == percent

        is_new = wanted.fan_percent != before.fan_percent
        return self._store(wanted, is_stored, "this fan setting", is_new=is_new)

    def _store(
        self,
        wanted: Configuration,
        is_stored: Callable[[Configuration], bool],
        what: str,
        *,
        is_new: bool,
    ) -> Confirmation:
        """Write *wanted*: into use while the miner runs, else for its next start, asleep as it is.

        Nothing is sent when it is so already: a write restarts the mining program.
        """
        reader = self._reader

        def seen() -> bool:
            return reader.configuration is not None and is_stored(reader.configuration)

        is_up = reader.is_up()
        form = wanted.custom_form(restarts=is_up)
        if not is_new:
            return confirmations.stored(seen, what)
        reader.configuration = None
        if not is_up:
            return self._sent(lambda: self._web.store(form), confirmations.stored(seen, what))
        confirmation = confirmations.in_use(reader.last, seen, what)
        return self._sent(lambda: self._web.store(form), confirmation, reader.intent.run)

    def _profile(self, name: str, action: str) -> Confirmation:
        if action != "activate":
            return self._sent(lambda: self._web.profile(name, action), confirmations.NEVER)
        self._reader.configuration = None
        return self._started_anew(lambda: self._web.profile(name, action), confirmations.RESTART_S)

    def _sent(
        self,
        send: Callable[[], None],
        confirmation: Confirmation,
        intend: Callable[[], None] = lambda: None,
    ) -> Confirmation:
        """Send once; a lost reply still says how the effect would show.

        *intend* notes what the miner was told, as soon as it may have heard it.
        """
        try:
            send()
        except OutcomeUnknown as error:
            intend()
            error.confirmation = confirmation
            raise
        intend()
        return confirmation


def _given_pools(given: Mapping[str, Any]) -> list[PoolLogin]:
    return [
        PoolLogin(url, given.get(f"user{place}", ""), given.get(f"password{place}", "x"))
        for place in (1, 2, 3)
        if (url := given.get(f"url{place}"))
    ]


def _slot(login: PoolLogin, pools: Sequence[Pool]) -> int | None:
    for pool in pools:
        if pool.url and _bare(pool.url) == _bare(login.url) and pool.user == login.user:
            return pool.slot
    return None


def _bare(url: str) -> str:
    return url.rpartition("://")[2].rstrip("/").lower()
