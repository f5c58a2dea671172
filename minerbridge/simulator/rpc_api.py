"""The cgminer API without its commands: parsing, joins, access, JSON and text replies."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from minerbridge.simulator.device import Reply

INVALID = "Invalid command"
SPECIAL = re.compile(r"[\\,|=]")


class Bare(str):
    """A number already written out, e.g. ``12.50``."""

    __slots__ = ()


NOTHING = Bare("0.00")


@dataclass(frozen=True, slots=True)
class Block:
    """Fields that never change, written out once for both formats."""

    as_json: str
    as_text: str


Value = str | int | Bare | Block
Row = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Answer:
    """One reply before it is JSON or text. *table* is None where there are no rows at all."""

    letter: str
    code: int
    message: str
    table: str | None = None
    rows: tuple[Row, ...] = ()
    glue: str = ","
    is_write: bool = False
    verbatim: bytes | None = None  # sent as it is, whatever the format asked for
    after_s: float = 0.0


Handler = Callable[[str | None], Answer]


@dataclass(frozen=True, slots=True)
class Command:
    """*joinable* commands take no parameter."""

    run: Handler
    joinable: bool = True


@dataclass(slots=True)
class RpcApi:
    """Answers requests from a table of commands. *allowed* None: every command (W access)."""

    description: str
    commands: Mapping[str, Command]
    allowed: frozenset[str] | None = None
    joins: bool = True
    asked: Callable[[str], None] = field(default=lambda _command: None)

    def reply(self, request: bytes) -> Reply:
        """Cgminer looks only at the first byte to tell JSON from text."""
        text = request.split(b"\0", 1)[0].decode("utf-8", "replace")
        if not text.startswith("{"):
            name, _, rest = text.partition("|")
            parameter = rest.split("|", 1)[0] or None
            return self._run(name, parameter, is_json=False)
        try:
            document = json.loads(text)
        except ValueError:
            return self._json_error(23, "Invalid JSON")
        if "command" not in document:
            return self._json_error(24, "Missing JSON 'command'")
        name, given = document["command"], document.get("parameter")
        parameter = str(given) if isinstance(given, str | int | float) else None
        return self._run(name if isinstance(name, str) else "", parameter, is_json=True)

    def _run(self, name: str, parameter: str | None, *, is_json: bool) -> Reply:
        self.asked(name.split("\n", 1)[0][:60])
        if "+" in name and self.joins:
            return self._join(name, is_json=is_json)
        answer = self._answer(name, parameter)
        if answer.verbatim is not None:
            return Reply(answer.verbatim, answer.is_write, answer.after_s)
        body = self.as_json(answer) if is_json else self.as_text(answer)
        return Reply(body.encode() + b"\0", answer.is_write, answer.after_s)

    def _join(self, names: str, *, is_json: bool) -> Reply:
        parts: list[str] = []
        for name in dict.fromkeys(part for part in names.split("+") if part):
            command = self.commands.get(name)
            answer = self._answer(name, None)
            if command is not None and not command.joinable:
                answer = self._denied(name)
            if is_json:
                parts.append(f'"{name}":[{self.as_json(answer)}]')
            else:
                parts.append(f"CMD={_escaped(name)}|{self.as_text(answer)}")
        body = "{" + ",".join(parts) + ',"id":1}' if is_json else "".join(parts)
        return Reply(body.encode() + b"\0")

    def _answer(self, name: str, parameter: str | None) -> Answer:
        command = self.commands.get(name)
        if command is None:
            return Answer("E", 14, INVALID)
        if self.allowed is not None and name not in self.allowed:
            return self._denied(name)
        return command.run(parameter)

    def _denied(self, name: str) -> Answer:
        return Answer("E", 45, f"Access denied to '{name}' command")

    def _json_error(self, code: int, message: str) -> Reply:
        return Reply(self.as_json(Answer("E", code, message)).encode() + b"\0")

    def as_json(self, answer: Answer) -> str:
        message = json.dumps(answer.message, ensure_ascii=False)
        about = "" if answer.code == 14 else f',"Description":"{self.description}"'
        status = (
            f'{{"STATUS":[{{"STATUS":"{answer.letter}","When":{int(time.time())},'
            f'"Code":{answer.code},"Msg":{message}{about}}}]'
        )
        if answer.table is None:
            return status + ',"id":1}'
        rows = answer.glue.join(map(json_row, answer.rows))
        return f'{status},"{answer.table}":[{rows}],"id":1}}'

    def as_text(self, answer: Answer) -> str:
        about = "" if answer.code == 14 else f",Description={self.description}"
        out = (
            f"STATUS={answer.letter},When={int(time.time())},Code={answer.code},"
            f"Msg={answer.message}{about}|"
        )
        return out + "".join(text_row(answer.table or "", row) + "|" for row in answer.rows)


def json_row(row: Row) -> str:
    """One row as cgminer prints it: no blanks, numbers as they were written out."""
    parts: list[str] = []
    for name, value in row.items():
        kind = type(value)
        if kind is Bare or kind is int:
            parts.append(f'"{name}":{value}')
        elif kind is bool:
            parts.append(f'"{name}":{"true" if value else "false"}')
        elif isinstance(value, Block):
            parts.append(value.as_json)
        else:
            parts.append(f'"{name}":{json.dumps(value, ensure_ascii=False)}')
    return "{" + ",".join(parts) + "}"


def text_row(table: str, row: Row) -> str:
    """Numbered rows (``POOL=0,…``) begin with their number, others with the table's name."""
    parts: list[str] = []
    for name, value in row.items():
        if isinstance(value, bool):
            parts.append(f"{name}={'true' if value else 'false'}")
        else:
            parts.append(
                value.as_text if isinstance(value, Block) else f"{name}={_escaped(str(value))}"
            )
    first = next(iter(row), "")
    is_numbered = first.isupper()
    return ",".join(parts if is_numbered else [table, *parts])


def _escaped(text: str) -> str:
    return SPECIAL.sub(r"\\\g<0>", text)


def block(row: Row) -> Block:
    """Write constant fields out once."""
    return Block(json_row(row)[1:-1], text_row("", row).removeprefix(","))


def fixed(value: float, decimals: int = 2) -> Bare:
    return Bare(f"{value:.{decimals}f}")
