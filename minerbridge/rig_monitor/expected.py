"""What the monitor expects of a miner, and the commands that bring the miner there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from minerbridge.model import CommandSpec, MinerReading
from minerbridge.rig_monitor.form import rests

OnOff = Literal["on", "off"]
#: A miner is given at least this long to follow, and twice as long after each repetition.
LEAST_CONFIRMATION_S = 15.0
MAX_DOUBLINGS = 6


@dataclass(frozen=True, slots=True)
class Expectation:
    """The switches of the monitor's page: the miner, and the lamp beside it."""

    asic: OnOff | None = None
    light: OnOff | None = None


def parsed(content: Any) -> Expectation:
    """Return what one miner's entry says; anything but "on" and "off" is not known."""
    entry = content if isinstance(content, Mapping) else {}
    return Expectation(
        _on_off(entry.get("asic_expected_status")), _on_off(entry.get("light_expected_status"))
    )


def _on_off(value: Any) -> OnOff | None:
    if value == "on":
        return "on"
    return "off" if value == "off" else None


def is_on(reading: MinerReading) -> bool | None:
    """Whether the miner is switched on, as `switch/power` has it; None when it does not say."""
    if reading.status == "unknown":
        return None
    return not rests(reading)


@dataclass(slots=True)
class _Switch:
    wanted: OnOff | None = None
    sent: int = 0
    not_before_s: float = 0.0
    problem: str = ""

    def is_to_send(self, wanted: OnOff, now: OnOff | None, now_s: float, *, blind: bool) -> bool:
        """Whether the miner differs, or with *blind*, where it cannot be read, the wish changed."""
        before, self.wanted = self.wanted, wanted
        if wanted != before:
            self.sent, self.not_before_s, self.problem = 0, now_s, ""
        if now is None:
            # A light that was never ordered is taken to be off.
            return blind and wanted != before and not (before is None and wanted == "off")
        if now == wanted:
            self.sent, self.problem = 0, ""
            return False
        return now_s >= self.not_before_s

    def was_sent(self, expected_s: float, now_s: float) -> None:
        wait_s = max(expected_s, LEAST_CONFIRMATION_S) * 2 ** min(self.sent, MAX_DOUBLINGS)
        self.sent += 1
        self.not_before_s = now_s + wait_s


@dataclass(frozen=True, slots=True)
class Step:
    """A command to send."""

    command: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


class Conformer:
    """Brings one miner to what is expected; remembers what was sent."""

    def __init__(self) -> None:
        self._power = _Switch()
        self._light = _Switch()

    @property
    def problem(self) -> str:
        """Why the miner is not as expected; empty when nothing is known to be wrong."""
        return "; ".join(one.problem for one in (self._power, self._light) if one.problem)

    def steps(
        self,
        expected: Expectation,
        reading: MinerReading,
        commands: Mapping[str, CommandSpec],
        now_s: float,
    ) -> Iterator[Step]:
        """Yield what to send at *now_s*; a command's confirmation time is waited for."""
        power, light = _spelt(is_on(reading)), _spelt(reading.led_on)
        asic, lamp = expected.asic, expected.light
        if asic is not None and self._power.is_to_send(asic, power, now_s, blind=False):
            step = Step("start" if asic == "on" else "stop")
            yield from self._offered(self._power, step, commands, now_s)
        if lamp is not None and self._light.is_to_send(lamp, light, now_s, blind=True):
            step = Step("led", {"enabled": lamp == "on"})
            yield from self._offered(self._light, step, commands, now_s)

    def failed(self, command: str, reason: str) -> None:
        """Note that the miner did not take *command*."""
        switch = self._light if command == "led" else self._power
        switch.problem = f"{command}: {reason}"

    def _offered(
        self, switch: _Switch, step: Step, commands: Mapping[str, CommandSpec], now_s: float
    ) -> Iterator[Step]:
        spec = commands.get(step.command)
        switch.was_sent(spec.expected_s if spec is not None else 0.0, now_s)
        if spec is None:
            switch.problem = f"the miner offers no command {step.command}"
        else:
            yield step


def _spelt(value: bool | None) -> OnOff | None:
    if value is None:
        return None
    return "on" if value else "off"
