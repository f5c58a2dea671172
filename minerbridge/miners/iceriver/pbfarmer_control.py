"""Carries out commands on pbfarmer's firmware."""

from __future__ import annotations

from collections.abc import Callable

from minerbridge.errors import Unsupported
from minerbridge.miners.driver import finished
from minerbridge.miners.iceriver import readback
from minerbridge.miners.iceriver.pbfarmer import PbfarmerWeb
from minerbridge.miners.iceriver.readback import sent
from minerbridge.miners.iceriver.values import flag
from minerbridge.model import Confirmation, MinerCommand, MinerReading


class PbfarmerControl:
    """*last* gives the newest reading, which tells a restart from the run before it."""

    def __init__(self, web: PbfarmerWeb, last: Callable[[], MinerReading | None]) -> None:
        self._web = web
        self._last = last

    def execute(self, command: MinerCommand) -> Confirmation:
        web = self._web
        match command.name:
            case "start":
                return sent(readback.awake(), lambda: web.act("wake"))
            case "stop":
                return sent(readback.asleep(), lambda: web.act("sleep"))
            case "reboot":
                return sent(readback.restarted(self._last()), lambda: web.act("reboot"))
            case "led":
                return self._locate(enabled=command.enabled)
            case "clock_offset":
                offset_mhz = int(command.parameters["offset_mhz"])
                stored = readback.detail("clock_offset_mhz", offset_mhz, "the offset is stored")
                return sent(stored, lambda: web.set_clock_offset(offset_mhz))
            case "reset":
                return sent(readback.NEVER, web.reset_to_factory)
        raise Unsupported(f"pbfarmer's firmware has no command {command.name}")

    def _locate(self, *, enabled: bool) -> Confirmation:
        """Toggle the LED, which is all this firmware can, unless it is as wanted already."""
        confirmation = readback.led(enabled=enabled)
        now = flag(finished(self._web.panel()).get("locate"))
        if now is None:
            raise Unsupported("this firmware only toggles its LED, and does not tell its state")
        if now is enabled:
            return confirmation
        return sent(confirmation, lambda: self._web.act("locate"))
