"""Which commands the operator lets through to a miner."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from minerbridge.errors import NotAllowed
from minerbridge.model import CommandSpec, MinerProfile, Parameter


@dataclass(frozen=True, slots=True)
class Policy:
    """What the settings say about one miner.

    *allow* and *deny* name commands; one that does the same under another name is meant, too.
    """

    read_only: bool = False
    allow: AbstractSet[str] = frozenset()
    deny: AbstractSet[str] = frozenset()
    min_power_w: float | None = None
    max_power_w: float | None = None
    min_percent: float = 50
    max_percent: float = 100

    def permit(self, spec: CommandSpec, miner_id: str) -> None:
        """Raise `NotAllowed` with the setting that would change it."""
        if self.read_only:
            raise NotAllowed(f"{miner_id} is read-only by the settings", code="READ_ONLY")
        if spec.is_among(self.deny):
            raise NotAllowed(f"{spec.name} is denied for {miner_id} (commands.deny)")
        if spec.access == "secret":
            raise NotAllowed(
                f"{spec.name} carries a pool address or password, which is never taken over MQTT:"
                " name a pool profile of the settings, or use the command line"
            )
        if spec.access == "guarded" and not spec.is_among(self.allow):
            raise NotAllowed(
                f"{spec.name} is off unless the settings allow it:"
                f" add it to commands.allow of {miner_id}"
            )

    def narrowed(self, profile: MinerProfile) -> MinerProfile:
        """Return *profile* with the ranges of power commands cut to the operator's limits.

        A command of whose range nothing is left goes: no value of it is allowed.
        """
        commands = dict(profile.commands)
        for name, low, high in (
            ("power_limit", self.min_power_w, self.max_power_w),
            ("power_percent", self.min_percent, self.max_percent),
        ):
            if name in commands and commands[name].parameters:
                first, *rest = commands[name].parameters
                cut = _cut(first, low, high)
                if _is_empty(cut):
                    del commands[name]
                else:
                    commands[name] = replace(commands[name], parameters=(cut, *rest))
        return profile.replace(commands=commands)


def _is_empty(parameter: Parameter) -> bool:
    low, high = parameter.minimum, parameter.maximum
    return low is not None and high is not None and low > high


def _cut(parameter: Parameter, low: float | None, high: float | None) -> Parameter:
    lows = [value for value in (parameter.minimum, low) if value is not None]
    highs = [value for value in (parameter.maximum, high) if value is not None]
    return replace(
        parameter,
        minimum=max(lows) if lows else None,
        maximum=min(highs) if highs else None,
    )
