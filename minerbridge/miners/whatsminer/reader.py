"""Reads a WhatsMiner over port 4028: what changes fast at every poll, the rest more rarely."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from minerbridge.errors import BadReply, MinerError, MinerRefused, MinerUnreachable, Unsupported
from minerbridge.miners.driver import Target, finished
from minerbridge.miners.rpc_fields import mac_address, positive, text
from minerbridge.miners.whatsminer.reading import body, reading_fields
from minerbridge.miners.whatsminer.v2_client import BtminerDown, Reply, V2Client
from minerbridge.model import Identity, MinerReading

_SLOW_S = 60.0
_HOURLY_S = 3600.0
#: By command, after how many seconds its answer is old; summary and status are asked always.
_AGES_S = {
    "edevs": _SLOW_S,
    "pools": _SLOW_S,
    "get_error_code": _SLOW_S,
    "get_psu": _SLOW_S,
    "get_version": _HOURLY_S,
    "get_miner_info": _HOURLY_S,
}
#: What btminer itself answers; the others are answered by the control board.
_OF_BTMINER = ("summary", "edevs", "pools")
_LISTS = ("edevs", "pools", "devdetails")


class WhatsminerReader:
    """What one miner told, and how to learn it anew."""

    api = "v2"

    def __init__(self, target: Target, client: V2Client, clock: Callable[[], float]) -> None:
        self._target = target
        self._client = client
        self._clock = clock
        self._replies: dict[str, Reply] = {}
        self._asked_at_s: dict[str, float] = {}
        self._refused: set[str] = set()
        self._unreadable: set[str] = set()
        self._watched: dict[str, float] = {}
        self._has_fans = False
        self.default_limit_w: float | None = None
        self.last: MinerReading | None = None

    def watch(self, commands: Iterable[str], for_s: float) -> None:
        """Ask *commands* at every read for a while: an effect is about to show in them."""
        until_s = self._clock() + for_s
        self._watched.update(dict.fromkeys(commands, until_s))

    def meet(self) -> MinerReading:
        """Ask everything at once, also what was refused before: the firmware may be another."""
        self._replies.clear()
        self._asked_at_s.clear()
        self._refused.clear()
        return finished(self.steps())

    def identity(self) -> Identity:
        """Ask the control board; firmware without `get_miner_info` has the MAC in its summary."""
        try:
            info = body(self._client.ask("get_miner_info"))
        except (MinerRefused, Unsupported, BadReply):
            try:
                summary = body(self._client.ask("summary"), "SUMMARY")
            except (MinerRefused, Unsupported, BadReply):
                return Identity()
            return Identity(mac_address(summary.get("MAC")))
        return Identity(mac_address(info.get("mac")), text(info.get("minersn")))

    def steps(self) -> Generator[None, None, MinerReading]:
        """Read once; a request lies between two steps."""
        self._unreadable.clear()
        due = self._due()
        if "pools" in due and self._ask_joined("summary", "pools"):
            problem = None
            due.remove("pools")
        else:
            problem = self._ask("summary")
        yield
        problem = self._ask("status") or problem
        if "summary" not in self._replies and "status" not in self._replies:
            raise problem or MinerRefused("the miner tells neither summary nor status")
        for command in due:
            if command in _OF_BTMINER and "summary" not in self._replies:
                self._forget(command)
                continue
            yield
            self._ask(command)
        if self._lacks_model():
            yield
            self._ask("devdetails")
        self.last = self._reading()
        return self.last

    def _lacks_model(self) -> bool:
        """Whether only `devdetails` can name the model; newer firmware does without it."""
        version = self._replies.get("get_version")
        told = version is not None and text(body(version).get("miner_type"))
        return not told and "devdetails" not in {*self._replies, *self._refused}

    def _due(self) -> list[str]:
        now_s = self._clock()
        return [
            command
            for command, age_s in _AGES_S.items()
            if command not in self._refused
            and (
                now_s - self._asked_at_s.get(command, -1e9) >= age_s
                or self._watched.get(command, -1e9) > now_s
            )
        ]

    def _ask_joined(self, first: str, second: str) -> bool:
        """Ask both over one connection; False where the firmware does not join."""
        try:
            found = self._client.ask_joined(first, second)
            body(found.get(first), first.upper())
        except MinerUnreachable:
            raise
        except (MinerError, Unsupported):
            return False
        for command, reply in found.items():
            self._keep(command, reply)
        return bool(found)

    def _ask(self, command: str) -> MinerError | None:
        """Ask and keep one reply; return what went wrong short of silence."""
        if command in self._refused:
            return None
        try:
            reply = self._client.ask(command)
            if command not in _LISTS:
                body(reply, command.upper())
        except MinerUnreachable:
            raise
        except BtminerDown as error:
            self._forget(command)
            return error
        except Unsupported as error:
            self._forget(command)
            self._refused.add(command)
            return MinerRefused(str(error))
        except MinerError as error:
            self._forget(command)
            if isinstance(error, BadReply):
                self._unreadable.add(command)
            elif command == "devdetails":
                self._refused.add(command)
            elif command != "summary":
                self._asked_at_s[command] = self._clock()
            return error
        self._keep(command, reply)
        return None

    def _keep(self, command: str, reply: Reply) -> None:
        self._replies[command] = reply
        self._asked_at_s[command] = self._clock()

    def _forget(self, command: str) -> None:
        self._replies.pop(command, None)
        self._asked_at_s.pop(command, None)

    def _reading(self) -> MinerReading:
        found = reading_fields(self._replies)
        details = found.pop("details")
        if self._unreadable:
            details["unreadable"] = sorted(self._unreadable)
        self._learn_default_limit(details)
        speeds = found.pop("fan_speeds_rpm")
        self._has_fans |= bool(speeds)
        return MinerReading(
            miner_id=self._target.miner_id,
            at=datetime.now(UTC),
            family="whatsminer",
            ip_address=self._target.host,
            algorithm=self._target.algorithm or "sha256",
            fan_speeds_rpm=speeds or ((0, 0) if self._has_fans else ()),
            details=details,
            **found,
        )

    def _learn_default_limit(self, details: Mapping[str, Any]) -> None:
        """Note the limit that holds while none is set; before 2024 none tells them apart."""
        limit_w = positive(body(self._replies.get("summary"), "SUMMARY").get("Power Limit"))
        if limit_w is None:
            return
        if details.get("power_limit_is_default") is True:
            self.default_limit_w = limit_w
        else:
            self.default_limit_w = max(limit_w, self.default_limit_w or 0.0)
