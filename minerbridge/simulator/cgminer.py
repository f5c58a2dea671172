"""A plain cgminer 4.11.1 with one or two ASC devices: RPC only, all commands open."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, ClassVar

from minerbridge.simulator import cgminer_more_rows as rows
from minerbridge.simulator.cgminer_rows import asc as asc_row
from minerbridge.simulator.device import Device, Reply
from minerbridge.simulator.physics import Point, Rating
from minerbridge.simulator.pools import PoolList, default_pools, leading_integer
from minerbridge.simulator.rpc_api import Answer, Command, Handler, RpcApi

READ_ACCESS = frozenset({*rows.READS, "asc", "check"})
SAVE_FOLDERS = ("/root/", "/tmp/", "/config/")  # noqa: S108 - the device's own folders


class Cgminer(Device):
    """Has no sleep and no reboot; ``quit`` ends it and nobody restarts it."""

    kind = "cgminer"
    family = "cgminer"
    id_prefix = "miner"
    default_ports: ClassVar[Mapping[str, int]] = {"rpc": 4028}
    rating = Rating(
        Point(1.42e12, 1250.0),
        sleep_power_w=60.0,
        restart_s=(2.0, 6.0),
        hash_delay_s=(1.0, 2.0),
        ramp_s=10.0,
        chip_rise_c=40.0,
        share_difficulty=4096.0,
    )

    def __init__(
        self, number: int = 1, *, devices: int = 1, privileged: bool = True, **common: Any
    ) -> None:
        super().__init__(number, **common)
        self.pools = PoolList(default_pools(2), lambda: self.plant.now_s)
        self.enabled: list[bool] = [True] * devices
        self.api = RpcApi(
            "cgminer 4.11.1",
            self._commands(),
            None if privileged else READ_ACCESS,
            asked=lambda name: self.requests.update((f"rpc {name}",)),
        )

    def rpc(self, request: bytes) -> Reply:
        return self.api.reply(request)

    def normal_point(self) -> Point:
        share = sum(self.enabled) / len(self.enabled)
        return self.plant.point.scaled(share, 0.05 + 0.95 * share)

    def _commands(self) -> dict[str, Command]:
        reads: dict[str, Callable[[Cgminer], Answer]] = rows.READS
        table = {name: Command(self._reading(read)) for name, read in reads.items()}
        table["asc"] = Command(lambda text: self._on_asc(text, self._asc), joinable=False)
        table["check"] = Command(self._check, joinable=False)
        table["lockstats"] = Command(lambda _none: Answer("W", 124, "Lock stats not enabled"))
        table["debug"] = Command(lambda _text: rows.debug(), joinable=False)
        table["privileged"] = Command(
            lambda _none: Answer("S", 46, "Privileged access OK"), joinable=False
        )
        changes = self._pool_changes() | self._other_changes()
        return table | {name: self._noted(name, change) for name, change in changes.items()}

    def _pool_changes(self) -> dict[str, Handler]:
        pools = self.pools
        by_number = {
            "switchpool": pools.switch,
            "enablepool": pools.enable,
            "disablepool": pools.disable,
            "removepool": pools.remove,
        }
        return {
            **{name: self._pool_change(change) for name, change in by_number.items()},
            "addpool": pools.add,
            "poolpriority": pools.prioritise,
            "poolquota": pools.set_quota,
        }

    def _other_changes(self) -> dict[str, Handler]:
        return {
            "ascenable": lambda text: self._on_asc(text, self._enable),
            "ascdisable": lambda text: self._on_asc(text, self._disable),
            "ascidentify": lambda text: self._on_asc(
                text, lambda n: Answer("W", 114, f"ASC{n} does not support identify")
            ),
            "ascset": self._ascset,
            "zero": self._zero,
            "save": self._save,
            "hotplug": lambda _text: Answer("W", 102, "Hotplug is not available"),
            "failover-only": lambda text: Answer(
                "E", 127, f"Deprecated config option '{text or '(null)'}'"
            ),
            "setconfig": self._setconfig,
            "restart": self._restart,
            "quit": self._quit,
        }

    def _reading(self, read: Callable[[Cgminer], Answer]) -> Handler:
        return lambda _parameter: read(self)

    def _noted(self, name: str, change: Handler) -> Command:
        """Journal a write, and while writes are dropped only pretend it."""

        def run(parameter: str | None) -> Answer:
            self.write(name if parameter is None else f"{name}|{parameter}")
            answer = (
                self._pretended(change, parameter)
                if self.faults.drop_writes
                else (change(parameter))
            )
            return Answer(
                answer.letter, answer.code, answer.message, answer.table, answer.rows,
                is_write=True, verbatim=answer.verbatim,
            )  # fmt: skip

        return Command(run, joinable=False)

    def _pretended(self, change: Handler, parameter: str | None) -> Answer:
        """Return the answer of a change that is then undone."""
        host, self.host = self.host, None
        entries, enabled = deepcopy(self.pools.entries), list(self.enabled)
        mark = self.pools.mark
        before, was_stopped = self.plant.save(), self.is_stopped
        answer = change(parameter)
        self.pools.entries, self.pools.mark, self.enabled = entries, mark, enabled
        self.plant.restore(before)
        self.is_stopped, self.host = was_stopped, host
        return answer

    def _pool_change(self, change: Callable[[int], Answer]) -> Handler:
        def run(parameter: str | None) -> Answer:
            number, before = self.pools.find(parameter), self.pools.current
            if isinstance(number, Answer):
                return number
            answer = change(number)
            self.pools.left(before, self.plant.tally)
            return answer

        return run

    def _on_asc(self, parameter: str | None, act: Callable[[int], Answer]) -> Answer:
        if not parameter:
            return Answer("E", 15, "Missing device id parameter")
        number, last = leading_integer(parameter), len(self.enabled) - 1
        if not 0 <= number <= last:
            return Answer("E", 107, f"Invalid ASC id {number} - range is 0 - {last}")
        return act(number)

    def _asc(self, number: int) -> Answer:
        return Answer("S", 106, f"ASC{number}", "ASC", (asc_row(self, number),))

    def _enable(self, number: int) -> Answer:
        if self.enabled[number]:
            return Answer("I", 108, f"ASC {number} already enabled")
        self._set_enabled(number, enabled=True)
        return Answer("I", 110, f"ASC {number} sent enable message")

    def _disable(self, number: int) -> Answer:
        if not self.enabled[number]:
            return Answer("I", 109, f"ASC {number} already disabled")
        self._set_enabled(number, enabled=False)
        return Answer("I", 111, f"ASC {number} set disable flag")

    def _set_enabled(self, number: int, *, enabled: bool) -> None:
        self.enabled[number] = enabled
        self.plant.retune(self.normal_point(), self.rating.ramp_s)

    def _ascset(self, parameter: str | None) -> Answer:
        def act(number: int) -> Answer:
            if "," not in (parameter or ""):
                return Answer("E", 116, "Missing option after ASC number")
            return Answer("W", 117, f"ASC {number} does not support ascset")

        return self._on_asc(parameter, act)

    def _check(self, parameter: str | None) -> Answer:
        if not parameter:
            return Answer("E", 71, "Missing check cmd")
        known = parameter in self.api.commands
        allowed = known and (self.api.allowed is None or parameter in self.api.allowed)
        row = {"Exists": "Y" if known else "N", "Access": "Y" if allowed else "N"}
        return Answer("S", 72, "Check command", "CHECK", (row,))

    def _zero(self, parameter: str | None) -> Answer:
        if not parameter:
            return Answer("E", 94, "Missing zero parameters")
        which, comma, summary = parameter.partition(",")
        if not comma:
            return Answer("E", 75, "Missing parameter: true/false")
        name = {"all": "All", "bestshare": "BestShare"}.get(which)
        if name is None:
            return Answer("E", 95, f"Invalid zero parameter '{which}'")
        if summary not in ("true", "false"):
            return Answer("E", 76, "Invalid parameter should be true/false")
        if name == "All":
            self.plant.zero_counters()
            self.pools.zero()
        if summary == "true":
            return Answer("S", 96, f"Zeroed {name} stats with summary")
        return Answer("S", 97, f"Zeroed {name} stats without summary")

    def _save(self, parameter: str | None) -> Answer:
        path = parameter or "/root/.cgminer/cgminer.conf"
        if path.startswith("/") and not path.startswith(SAVE_FOLDERS):
            return Answer("E", 43, f"Can't open or create save file '{path}'")
        return Answer("S", 44, f"Configuration saved to file '{path}'")

    def _setconfig(self, parameter: str | None) -> Answer:
        if parameter is None:  # cgminer 4.11.1 dies of it (SIGSEGV), so no reply either
            self.stop_mining_program()
            return Answer("E", 83, "", verbatim=b"")
        unknown = Answer("E", 83, f"Unknown config '{parameter}'")
        if "," in parameter:
            return unknown
        # cgminer 4.11.1 forgets to return after the first message: two documents, one broken.
        deprecated = Answer("E", 127, f"Deprecated config option '{parameter}'")
        both = self.api.as_json(deprecated)[: -len(',"id":1}')] + self.api.as_json(unknown)
        return Answer("E", 83, "", verbatim=both.encode() + b"\0")

    def _restart(self, _parameter: str | None) -> Answer:
        self.pools.zero()
        self.restart()
        return Answer("S", 0, "", verbatim=b'{"STATUS":"RESTART","id":1}\0')

    def _quit(self, _parameter: str | None) -> Answer:
        self.stop_mining_program()
        return Answer("S", 0, "", verbatim=b'{"STATUS":"BYE","id":1}\0')
