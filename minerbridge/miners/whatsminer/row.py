"""What a row of the table of commands is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from minerbridge.miners.whatsminer import readback
from minerbridge.model import Access, CommandSpec, Parameter

Given = Mapping[str, Any]
#: What taking effect costs: nothing, the mining program, the control board, or nothing until both
#: start the next time.
Restart = Literal["none", "mining", "board", "next start"]
#: How a command is written by API v3: its name, and its `param` made from the parameters.
V3 = tuple[str, Callable[[Given], Any]]
_EFFECTS = {
    "none": "",
    "mining": "; mining restarts",
    "board": "; the control board restarts",
    "next start": "; from the next start",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One command of the manual (*section*), or one the bridge adds.

    *check* refuses what single parameters cannot tell. *watches*: read commands that show the
    effect and are otherwise asked rarely. *is_sealed*: a read that only goes encrypted. *targets*:
    parameters that say which of several things is meant. *becomes*: the manual's command that a
    name of the bridge stands for, with its parameters. *same_as*: names that do the same, or part
    of it. *is_kept*: it is a setting of the next start, and so taken while the miner is off.
    """

    name: str
    section: str
    summary: str
    parameters: tuple[Parameter, ...] = ()
    restarts: Restart = "none"
    access: Access = "normal"
    topic_key: str = ""
    expected_s: float = 10.0
    readback: readback.Readback = readback.none
    watches: tuple[str, ...] = ()
    check: Callable[[Given], None] = lambda _given: None
    v3: V3 | None = None
    is_read: bool = False
    is_sealed: bool = False
    needs_tuning: bool = False
    targets: tuple[str, ...] = ()
    becomes: Callable[[Given], tuple[str, dict[str, Any]]] | None = None
    same_as: tuple[str, ...] = ()
    is_kept: bool = False

    def spec(self, parameters: tuple[Parameter, ...] | None = None) -> CommandSpec:
        return CommandSpec(
            self.name,
            self.parameters if parameters is None else parameters,
            access=self.access,
            topic_key=self.topic_key,
            expected_s=self.expected_s,
            summary=self.summary + _EFFECTS[self.restarts],
            is_query=self.is_read,
            targets=self.targets,
            restarts_mining=self.restarts in ("mining", "board"),
            works_asleep=self.is_kept or self.restarts == "next start",
            same_as=self.same_as,
        )
