"""Asks one Vnish S9: the RPC while its mining program runs, the web pages for the rest."""

from __future__ import annotations

import errno
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any, TypeVar

from minerbridge.errors import BadReply, MinerError, MinerRefused, MinerUnreachable
from minerbridge.miners.antminer import cgi, models, status, status_page
from minerbridge.miners.antminer import stats as stock_stats
from minerbridge.miners.driver import Target, finished
from minerbridge.miners.http_transport import HttpRefused
from minerbridge.miners.rpc import RpcClient
from minerbridge.miners.vnish import stats
from minerbridge.miners.vnish.conf import Configuration
from minerbridge.miners.vnish.intent import Intent
from minerbridge.miners.vnish.web import VnishWeb
from minerbridge.model import MinerReading

T = TypeVar("T")
Fields = dict[str, Any]
_SLOW_S = 60.0
#: How long pages that let nobody in are left alone while the RPC answers.
_LEFT_ALONE_S = 120.0
#: Minutes since the system started; a page that tells 1 or 2 may mean days.
_JUST_UP = "0"


class VnishReader:
    """What is known of one miner, and how to learn it anew."""

    def __init__(
        self, target: Target, rpc: RpcClient, web: VnishWeb, clock: Callable[[], float]
    ) -> None:
        self._target = target
        self._rpc = rpc
        self._web = web
        self._clock = clock
        self.intent = Intent(clock)
        self.is_cut = False
        self.rpc_problem: MinerError | None = None
        self.web_problem: MinerError | None = None
        #: None until it was read, and after every write until it is read again.
        self.configuration: Configuration | None = None
        self.last: MinerReading | None = None
        self.system: Fields = {}
        self._firmware: str | None = None
        self._fan_slots: set[int] = set()
        self._idle_since_s: float | None = None
        self._slow_at_s = self._web_at_s = self._watched_until_s = -1e9

    def watch(self, for_s: float) -> None:
        """Read the configuration at every read for a while: a command is about to show."""
        self._watched_until_s = self._clock() + for_s
        self._web_at_s = -1e9

    def meet(self) -> MinerReading | None:
        """Read everything at once; None when only the web tells who it is."""
        self.watch(0.0)
        self._slow_at_s = -1e9
        self.system, self._firmware = {}, None  # whoever answered before may have been another
        try:
            return finished(self.steps())
        except MinerUnreachable:
            if self.is_cut or not self.system:
                raise
            return None

    def steps(self) -> Generator[None, None, MinerReading]:
        """Read once; a request lies between two steps."""
        found = self._over_rpc()
        yield
        if found is None:
            self._learn_system()
            yield
            if not is_refused(self.rpc_problem):
                found = self._over_status_page()
                yield
        yield from self._slow_group(is_up=found is not None)
        self.last = self._reading(found)
        return self.last

    def is_up(self) -> bool:
        """Whether the mining program runs, as far as its port tells now."""
        try:
            self._rpc.ask("version")
        except MinerUnreachable as error:
            return not is_refused(error)
        except (MinerRefused, BadReply):
            return True
        return True

    # -- requests ------------------------------------------------------------------------------

    def _over_rpc(self) -> Fields | None:
        try:
            replies = self._rpc.ask_many("stats", "summary", "pools")
        except MinerUnreachable as error:
            if self.is_cut:
                raise
            self.rpc_problem = error
            return None
        if "stats" not in replies:
            raise MinerRefused("the RPC does not tell its stats")
        self.rpc_problem = None
        speeds_rpm = stock_stats.fans_rpm(replies["stats"])
        return {**stats.parse(replies), "fan_speeds_rpm": self._turning(speeds_rpm)}

    def _over_status_page(self) -> Fields:
        """Return what the slow page tells of a miner whose RPC is closed to us, not shut."""
        assert self.rpc_problem is not None
        try:
            page = self._web.status()
        except BadReply:
            raise self.rpc_problem from None
        found = status_page.parse(page, self.system.get("model"))
        if found.get("uptime_s") is None:
            raise self.rpc_problem
        return {**found, "fan_speeds_rpm": self._turning(status_page.fans_rpm(page))}

    def _slow_group(self, *, is_up: bool) -> Generator[None, None, None]:
        """Ask for what changes rarely; of a sleeping miner there is nothing else to read."""
        now_s = self._clock()
        is_watched = now_s < self._watched_until_s
        is_due = now_s >= self._slow_at_s + _SLOW_S or is_watched
        if not is_due or (is_up and now_s < self._web_at_s):
            return
        self.web_problem = None
        if is_up and not (is_watched and self.system):
            self._asked(self._learn_system)
            yield
        self.configuration = self._asked(self._web.configuration)
        yield
        self._slow_at_s = now_s

    def _learn_system(self) -> None:
        page = self._web.ask("get_system_info")
        if page.get("uptime") == _JUST_UP:
            self.intent.seen_booting()
        told = cgi.parse_system(page)
        model, version = stats.split_model(told.get("model"))
        named = {"model": model, "firmware": f"vnish {version}"} if version else {}
        self.system = {**told, **named}

    def _asked(self, request: Callable[[], T]) -> T | None:
        """Return what the web tells; once it failed in a read, it is not asked again."""
        if self.web_problem is not None:
            return None
        try:
            return request()
        except (HttpRefused, BadReply) as error:
            self.web_problem = error if isinstance(error, BadReply) else None
            return None
        except MinerError as error:
            if self.is_cut:
                raise
            self.web_problem = error
            self._web_at_s = self._clock() + _LEFT_ALONE_S
            return None

    # -- the reading ---------------------------------------------------------------------------

    def _reading(self, found: Fields | None) -> MinerReading:
        system = self.system
        values = self._asleep() if found is None else self._awake(found)
        model = values.get("model") or system.get("model")
        known = system.get("algorithm") or models.algorithm(model) or self._target.algorithm
        return MinerReading(**{
            **system,
            **values,
            "miner_id": self._target.miner_id,
            "at": datetime.now(UTC),
            "family": "vnish",
            "model": model,
            "firmware": self._firmware or system.get("firmware"),
            "ip_address": system.get("ip_address") or _address(self._target.host),
            "algorithm": known,
            "errors": self.intent.faults(),
            "details": {**values.get("details", {}), **self._details()},
        })  # fmt: skip

    def _awake(self, found: Fields) -> Fields:
        state, is_mining = status.decide(found.get("hashrate_hs"), "normal", self._idle_s(found))
        self.intent.seen_up(is_mining=bool(is_mining))
        self._firmware = found.get("firmware") or self._firmware
        return {**found, "status": state, "is_mining": is_mining}

    def _asleep(self) -> Fields:
        """Return what is known while only the web answers; nothing measures the power then."""
        self._idle_since_s = None
        self.intent.seen_down()
        found: Fields = {
            "status": "starting" if self.intent.is_booting else "sleeping",
            "is_mining": False,
            "hashrate_hs": 0.0,
        }
        if self.configuration is not None:  # what it will start with
            found["frequency_mhz"] = self.configuration.frequency_mhz
            found["voltage_v"] = self.configuration.voltage_v
        return found

    def _idle_s(self, found: Fields) -> float:
        """Return how long it has not been hashing, by its own clock where it tells."""
        now_s = self._clock()
        if found.get("hashrate_hs") or self._idle_since_s is None:
            self._idle_since_s = now_s
        uptime_s: float | None = found.get("uptime_s")
        return now_s - self._idle_since_s if uptime_s is None else uptime_s

    def _turning(self, speeds_rpm: dict[int, int]) -> tuple[int | None, ...]:
        """Return the fans' speeds; a slot counts as a fan once it turned."""
        self._fan_slots |= {slot for slot, rpm in speeds_rpm.items() if rpm}
        return tuple(speeds_rpm.get(slot) for slot in sorted(self._fan_slots))

    def _details(self) -> Fields:
        found: Fields = {"web_problem": str(self.web_problem) if self.web_problem else None}
        if self.configuration is not None:
            found["set_frequency_mhz"] = self.configuration.frequency_mhz
            found["set_voltage_v"] = self.configuration.voltage_v
            found["fan_automatic"] = self.configuration.fan_percent is None
            found["fan_percent"] = self.configuration.fan_percent
        return {name: value for name, value in found.items() if value is not None}


def is_refused(problem: MinerError | None) -> bool:
    """Whether the port is shut, which the RPC's is exactly while the mining program is down."""
    cause = problem.__cause__ if problem is not None else None
    return isinstance(cause, OSError) and cause.errno == errno.ECONNREFUSED


def _address(host: str) -> str | None:
    try:
        return str(ip_address(host))
    except ValueError:
        return None
