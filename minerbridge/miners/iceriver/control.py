"""Carries out commands on stock firmware: each starts from what the miner has now."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from minerbridge.errors import InvalidValue, OutcomeUnknown, Unsupported
from minerbridge.miners.driver import PoolLogin
from minerbridge.miners.iceriver import forms, readback
from minerbridge.miners.iceriver.readback import sent
from minerbridge.miners.iceriver.status import mode_name
from minerbridge.miners.iceriver.web import StockWeb
from minerbridge.miners.rpc_decode import integer
from minerbridge.model import Confirmation, MinerCommand, MinerReading

Last = Callable[[], MinerReading | None]


class StockControl:
    """*last* gives the newest reading, which tells a restart from the run before it."""

    def __init__(
        self, web: StockWeb, profiles: Mapping[str, Sequence[PoolLogin]], last: Last
    ) -> None:
        self._web = web
        self._profiles = profiles
        self._last = last
        self._held_percent: int | None = None

    def execute(self, command: MinerCommand) -> Confirmation:
        given = command.parameters
        match command.name:
            case "start":
                return self._set_mode("normal", readback.awake())
            case "stop":
                return self._set_mode("sleep", readback.asleep())
            case "reboot":
                confirmation = readback.restarted(self._last())
                return sent(confirmation, self._web.reboot)
            case "led":
                wanted = command.enabled
                return sent(readback.led(enabled=wanted), lambda: self._web.locate(enabled=wanted))
            case "set_fan":
                return self._set_fan(given.get("percent"), automatic=given.get("automatic"))
            case "pool_profile":
                return self._set_pools(self._profiles[given["profile"]])
            case "update_pools":
                return self._set_pools(_given_pools(given))
            case _:
                return self._administer(command.name, given)

    def _administer(self, name: str, given: Mapping[str, Any]) -> Confirmation:
        match name:
            case "update_pwd":
                forms.check_carried("new", given["new"])
                self._web.set_password(given["new"])
                return readback.done("the new password logs in")
            case "net_config":
                form = forms.network(self._web.network(), given)
                with suppress(OutcomeUnknown):  # the address it would answer from is gone
                    self._web.set_network(form)
                return readback.NEVER
            case "reset":
                return sent(readback.NEVER, self._web.reset_to_factory)
        raise Unsupported(f"stock IceRiver firmware has no command {name}")

    def _set_mode(self, mode: str, confirmation: Confirmation) -> Confirmation:
        configuration = self._web.configuration()
        now = mode_name(configuration.get("mode"))
        if now is None:
            raise Unsupported("not supported by this firmware: it has no mode to sleep in")
        if now != mode:  # else writing it again would restart the boards
            held_percent = self._held(configuration)
            sent(confirmation, lambda: self._set_hardware(configuration, mode, held_percent))
        return confirmation

    def _set_fan(self, percent: int | None, *, automatic: bool | None) -> Confirmation:
        if (percent is None) == (not automatic):
            raise InvalidValue("set_fan: it takes either percent or automatic: true")
        configuration = self._web.configuration()
        mode = mode_name(configuration.get("mode"))
        if mode is None:
            raise Unsupported("not supported by this firmware: it does not tell its mode")
        confirmation = readback.NEVER
        if percent is not None:
            confirmation = readback.detail("fan_percent", percent, "the fan speed is stored")
        self._held_percent = percent
        return sent(confirmation, lambda: self._set_hardware(configuration, mode, percent))

    def _held(self, configuration: Mapping[str, Any]) -> int | None:
        """Return the speed that the fans were told to hold, if nobody has changed it since."""
        held_percent = self._held_percent
        return held_percent if integer(configuration.get("ratio")) == held_percent else None

    def _set_hardware(
        self, configuration: Mapping[str, Any], mode: str, held_percent: int | None
    ) -> None:
        """Firmware before 2023-09-16 takes fans and mode only together with the pools."""
        form = forms.hardware(configuration, mode=mode, held_percent=held_percent)
        if not self._web.set_hardware(form):
            self._web.set_pools([*forms.pools(forms.pools_as_read(configuration)), *form])

    def _set_pools(self, wanted: Sequence[PoolLogin]) -> Confirmation:
        if not wanted:
            raise InvalidValue("there is no pool to mine at")
        form = forms.pools(wanted)
        configuration = self._web.configuration()
        mode = mode_name(configuration.get("mode"))
        if mode is not None and configuration.get("ratio") is not None:
            # Old firmware takes these from the same form, and what is missing as a fault.
            held_percent = self._held(configuration)
            form += forms.hardware(configuration, mode=mode, held_percent=held_percent)
        return sent(readback.pools(wanted), lambda: self._web.set_pools(form))


def _given_pools(given: Mapping[str, Any]) -> list[PoolLogin]:
    return [
        PoolLogin(url, given.get(f"user{place}", ""), given.get(f"password{place}", "x"))
        for place in (1, 2, 3)
        if (url := given.get(f"url{place}"))
    ]
