"""Carries out commands: every write starts from the configuration that the miner has now."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from minerbridge.errors import (
    InvalidValue,
    MinerError,
    MinerUnreachable,
    OutcomeUnknown,
    Unsupported,
)
from minerbridge.miners.antminer.conf import Configuration
from minerbridge.miners.antminer.web import AntminerWeb
from minerbridge.miners.driver import PoolLogin
from minerbridge.model import Confirmation, MinerCommand, MinerReading

_RESTART_S = 150.0
_REBOOT_S = 300.0
_LED_S = 15.0
_SLACK_S = 10.0
_NEVER = Confirmation(None, 0, "the effect")


class AntminerControl:
    """*last* gives the newest reading, which tells a restart from the run before it."""

    def __init__(
        self,
        web: AntminerWeb,
        profiles: Mapping[str, Sequence[PoolLogin]],
        last: Callable[[], MinerReading | None],
    ) -> None:
        self._web = web
        self._profiles = profiles
        self._last = last
        self._awake_mode = "normal"

    def execute(self, command: MinerCommand) -> Confirmation:
        given = command.parameters
        match command.name:
            case "start":
                return self._wake()
            case "stop":
                return self._sleep()
            case "power_mode":
                return self._set_mode(given["mode"])
            case "restart":
                configuration = self._web.configuration()
                return self._write(configuration, self._restarted(_RESTART_S))
            case "reboot":
                confirmation = self._restarted(_REBOOT_S)
                self._web.reboot()
                return confirmation
            case "led":
                return self._blink(enabled=command.enabled)
            case "pool_profile":
                return self._set_pools(self._profiles[given["profile"]])
            case "update_pools":
                return self._set_pools(_given_pools(given))
            case "set_fan":
                return self._set_fan(given.get("percent"), automatic=given.get("automatic"))
            case _:
                return self._administer(command.name, given)

    def _administer(self, name: str, given: Mapping[str, Any]) -> Confirmation:
        if self._web.is_new is None:
            self._web.configuration()  # tells the generation
        match name:
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
                raise Unsupported(f"stock Antminer firmware has no command {name}")
        return _NEVER

    def _wake(self) -> Confirmation:
        """Leave a miner that is awake as it is; wake another in the mode it was put to sleep in."""
        mode = self._web.configuration().mode
        if mode is not None and mode != "sleep":
            return _mode_seen(mode)
        return self._set_mode(self._awake_mode)

    def _sleep(self) -> Confirmation:
        mode = self._web.configuration().mode
        if mode is not None and mode != "sleep":
            self._awake_mode = mode
        return self._set_mode("sleep")

    def _set_mode(self, mode: str) -> Confirmation:
        configuration = self._web.configuration()
        if not configuration.can_sleep:
            raise Unsupported("this firmware has no work mode: it cannot sleep")
        confirmation = _mode_seen(mode)
        if configuration.mode == mode:
            return confirmation  # writing it again would restart the miner
        wanted = configuration.changed(mode=mode)
        self._write(wanted, confirmation)
        if configuration.is_new and self._was_ignored(mode):
            # Some builds store the mode only when it comes as text.
            try:
                self._write(wanted, confirmation, as_text=True)
            except MinerUnreachable:
                # The first writing has left all the same; what came of it, readings will tell.
                return confirmation
        return confirmation

    def _was_ignored(self, mode: str) -> bool:
        try:
            return self._web.configuration().mode != mode
        except MinerError:
            return False  # restarting, most likely; the readings will tell

    def _set_pools(self, pools: Sequence[PoolLogin]) -> Confirmation:
        configuration = self._web.configuration()
        addresses = [_bare(pool.url) for pool in pools]

        def seen(reading: MinerReading) -> bool:
            found = [_bare(pool.url or "") for pool in reading.pools]
            return found[: len(addresses)] == addresses

        confirmation = Confirmation(seen, _RESTART_S, "the new pools are in use", 2.0)
        return self._write(configuration.changed(pools=pools), confirmation)

    def _set_fan(self, percent: int | None, *, automatic: bool | None) -> Confirmation:
        if (percent is None) == (not automatic):
            raise InvalidValue("set_fan: it takes either percent or automatic: true")
        configuration = self._web.configuration()
        wanted = configuration.changed(fan_percent=percent, fan_automatic=bool(automatic))
        confirmation = Confirmation(
            lambda reading: (
                reading.details.get("fan_automatic") is (percent is None)
                and reading.details.get("fan_percent") == percent
            ),
            _RESTART_S,
            "the fan setting is stored",
        )
        return self._write(wanted, confirmation)

    def _blink(self, *, enabled: bool) -> Confirmation:
        if self._web.is_new is None:
            self._web.configuration()
        self._web.blink(enabled=enabled)
        state = "blinks" if enabled else "no longer blinks"
        return Confirmation(lambda reading: reading.led_on is enabled, _LED_S, f"the miner {state}")

    def _restarted(self, within_s: float) -> Confirmation:
        """Seen when it has been up for less than it would have been without a restart."""
        last, began_at = self._last(), datetime.now(UTC)
        before_s = last.uptime_s if last is not None else None

        def seen(reading: MinerReading) -> bool:
            if reading.uptime_s is None:
                return False
            if last is None or before_s is None:
                return reading.uptime_s < (reading.at - began_at).total_seconds() + _SLACK_S
            passed_s = (reading.at - last.at).total_seconds()
            return reading.uptime_s < max(before_s, before_s + passed_s - _SLACK_S)

        return Confirmation(seen, within_s, "the miner has started anew", 2.0)

    def _write(
        self, wanted: Configuration, confirmation: Confirmation, *, as_text: bool = False
    ) -> Confirmation:
        try:
            self._web.write(wanted, mode_as_text=as_text)
        except OutcomeUnknown as error:
            error.confirmation = confirmation
            raise
        return confirmation


def _mode_seen(mode: str) -> Confirmation:
    if mode == "sleep":
        return Confirmation(
            lambda reading: reading.status == "sleeping", _RESTART_S, "the miner is asleep"
        )

    def seen(reading: MinerReading) -> bool:
        return reading.power_mode == mode and reading.status in ("starting", "mining")

    return Confirmation(seen, _RESTART_S, f"the miner is awake in mode {mode}")


def _given_pools(given: Mapping[str, Any]) -> list[PoolLogin]:
    pools = []
    for place in (1, 2, 3):
        if url := given.get(f"url{place}"):
            user, password = given.get(f"user{place}", ""), given.get(f"password{place}", "x")
            pools.append(PoolLogin(url, user, password))
    return pools


def _bare(url: str) -> str:
    return url.partition("://")[2] or url
