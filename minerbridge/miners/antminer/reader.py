"""Asks one miner, over the RPC where it answers and over the web for the rest."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any, TypeVar

from minerbridge.errors import BadReply, MinerError, MinerRefused, MinerUnreachable
from minerbridge.miners.antminer import cgi, models, stats, status, status_page, summary
from minerbridge.miners.antminer.conf import Configuration
from minerbridge.miners.antminer.web import AntminerWeb
from minerbridge.miners.driver import Target, finished
from minerbridge.miners.http_transport import HttpRefused
from minerbridge.miners.rpc import RpcClient
from minerbridge.miners.rpc_decode import integer
from minerbridge.model import Fault, MinerReading

T = TypeVar("T")
Fields = dict[str, Any]
Steps = Generator[None, None, Fields]
_SLOW_S = 60.0
_SYSTEM_S = 60.0
#: How long a port that let us wait, or does not let us in, is left alone while the other answers.
_LEFT_ALONE_S = 120.0
_SLOW_ANSWER_S = 0.4


class AntminerReader:
    """What is known of one miner, and how to learn it anew."""

    def __init__(
        self, target: Target, rpc: RpcClient, web: AntminerWeb, clock: Callable[[], float]
    ) -> None:
        self._target = target
        self._rpc = rpc
        self._web = web
        self._clock = clock
        self.is_cut = False
        self.rpc_problem: MinerError | None = None
        self.web_problem: MinerError | None = None
        self.configuration: Configuration | None = None
        self.led_on: bool | None = None
        self.has_power_page = False
        self.last: MinerReading | None = None
        self._faults: tuple[Fault, ...] = ()
        self._system: Fields = {}
        self._fan_slots: set[int] = set()
        self._speeds_rpm: dict[int, int] = {}
        self._idle_since_s: float | None = None
        self._slow_at_s = self._system_at_s = self._rpc_at_s = self._web_at_s = -1e9
        self._watched_until_s = -1e9

    @property
    def is_new(self) -> bool | None:
        return self._web.is_new

    def watch(self, for_s: float) -> None:
        """Ask everything at every read for a while: a command is about to show."""
        self._watched_until_s = self._clock() + for_s
        self._rpc_at_s = self._web_at_s = -1e9

    def meet(self) -> MinerReading:
        """Read everything at once, whatever was left alone."""
        self.watch(0.0)
        self._slow_at_s = self._system_at_s = -1e9
        # Whoever answered before may have been another device.
        self._system = {}
        reading = finished(self.steps())
        if self.is_new and self.web_problem is None:
            self.has_power_page = self._web.power_w() is not None
        return reading

    def steps(self) -> Generator[None, None, MinerReading]:
        """Read once; a request lies between two steps."""
        found = (yield from self._over_rpc()) if self._clock() >= self._rpc_at_s else None
        has_rpc = found is not None
        is_known = has_rpc or self.is_new is not None
        if not is_known:
            yield from self._slow_group(is_hashing=False, has_rpc=False)
            if self.web_problem is not None:
                raise self._both_failed()
        if found is None:
            found = yield from self._over_web()
        if is_known:
            yield from self._slow_group(is_hashing=bool(found.get("hashrate_hs")), has_rpc=has_rpc)
        if self.has_power_page:
            power_w = self._asked(self._web.power_w)
            found |= {} if power_w is None else {"power_w": power_w}
        self.last = self._reading(found)
        return self.last

    def _over_rpc(self) -> Generator[None, None, Fields | None]:
        since_s = self._clock()
        try:
            replies = yield from self._rpc_replies()
        except MinerError as error:
            self._raise_if_cut(error)
            self.rpc_problem = error
            if self._clock() - since_s > _SLOW_ANSWER_S:
                self._rpc_at_s = self._clock() + _LEFT_ALONE_S
            return None
        self.rpc_problem = None
        found = stats.parse(replies["stats"], self._system.get("model"))
        model = found.get("model")
        self._turning(stats.fans_rpm(replies["stats"]))
        pools = summary.parse_pools(replies.get("pools"))
        return {**summary.parse_summary(replies.get("summary"), model), **found, "pools": pools}

    def _rpc_replies(self) -> Generator[None, None, dict[str, Mapping[str, Any]]]:
        if self.is_new is False:  # these servers join
            together = self._rpc.ask_many("stats", "summary", "pools")
            if "stats" not in together:
                raise MinerRefused("the RPC does not tell its stats")
            yield
            return dict(together)
        replies: dict[str, Mapping[str, Any]] = {"stats": self._rpc.ask("stats")}
        for command in ("summary", "pools"):
            yield
            try:
                replies[command] = self._rpc.ask(command)
            except (MinerRefused, BadReply):
                continue
        yield
        return replies

    def _over_web(self) -> Steps:
        """Return what the web tells; the miner is unreachable when it does not answer either."""
        self.web_problem = None
        try:
            if not self.is_new:
                page = self._web.ask("get_miner_status")
                self._turning(status_page.fans_rpm(page))
                return status_page.parse(page, self._system.get("model"))
            told = self._web.ask("stats")
            yield
            overall = self._web.ask("summary")
            yield
            pools = summary.parse_pools(self._web.ask("pools"))
        except MinerError as error:
            self._raise_if_cut(error)
            self.web_problem = error
            raise self._both_failed() from error
        self._turning(cgi.fans_rpm(told))
        self._faults = cgi.parse_faults(overall) or ()
        shares = {
            f"shares_{name}": sum(counts)
            for name in ("accepted", "rejected", "stale")
            if (counts := [n for pool in pools if (n := getattr(pool, name)) is not None])
        }
        return {**cgi.parse_summary(overall), **cgi.parse_stats(told), **shares, "pools": pools}

    def _slow_group(self, *, is_hashing: bool, has_rpc: bool) -> Generator[None, None, None]:
        """Ask for what changes rarely; for the work mode at once when the miner does not hash."""
        now_s = self._clock()
        is_due = now_s >= self._slow_at_s + _SLOW_S or now_s < self._watched_until_s
        if (is_hashing and not is_due) or (has_rpc and now_s < self._web_at_s):
            return
        self.web_problem = None
        if now_s >= self._system_at_s + _SYSTEM_S or not self._system:
            self._system = self._asked(self._learned_system) or self._system
            yield
        self.configuration = self._asked(self._web.configuration)
        yield
        is_asleep = self.configuration is not None and self.configuration.mode == "sleep"
        if is_due:
            self.led_on = self._asked(self._web.is_blinking)
            yield
        if is_asleep:
            self._faults = ()
        elif self.is_new and has_rpc:
            self._faults = self._asked(self._learned_faults) or ()
            yield
        self._slow_at_s = now_s if is_due else self._slow_at_s

    def _learned_system(self) -> Fields:
        found = cgi.parse_system(self._web.ask("get_system_info"))
        self._system_at_s = self._clock()
        return found

    def _learned_faults(self) -> tuple[Fault, ...] | None:
        return cgi.parse_faults(self._web.ask("summary"))

    def _asked(self, request: Callable[[], T | None]) -> T | None:
        """Return what the web tells; once it failed in a read, it is not asked again."""
        if self.web_problem is not None:
            return None
        try:
            return request()
        except (HttpRefused, BadReply):
            return None  # this page is missing or not understood; others may be
        except MinerError as error:
            self._raise_if_cut(error)
            self.web_problem = error
            self._web_at_s = self._clock() + _LEFT_ALONE_S
            return None

    def _raise_if_cut(self, error: MinerError) -> None:
        if self.is_cut:
            raise error

    def _both_failed(self) -> MinerError:
        problems = [p for p in (self.rpc_problem, self.web_problem) if p is not None]
        for problem in problems:
            if not isinstance(problem, MinerUnreachable):
                return problem
        return MinerUnreachable("; ".join(dict.fromkeys(str(problem) for problem in problems)))

    def _turning(self, speeds_rpm: dict[int, int]) -> None:
        """Note the fans; a slot counts as one once it turned."""
        self._speeds_rpm = speeds_rpm
        self._fan_slots |= {slot for slot, rpm in speeds_rpm.items() if rpm}

    def _reading(self, found: Fields) -> MinerReading:
        system = self._system
        model = found.get("model") or system.get("model")
        found = {**system, **found, "model": model}
        mode = self.configuration.mode if self.configuration else None
        state, is_mining = status.decide(found.get("hashrate_hs"), mode, self._idle_s(found))
        if state == "sleeping":
            found = {**found, "hashrate_hs": 0.0}
        known = system.get("algorithm") or models.algorithm(model) or self._target.algorithm
        slots = sorted(self._fan_slots) if self._speeds_rpm else []
        return MinerReading(**{
            **found,
            "miner_id": self._target.miner_id,
            "at": datetime.now(UTC),
            "family": "antminer",
            "firmware": system.get("firmware") or found.get("firmware"),
            "ip_address": system.get("ip_address") or _address(self._target.host),
            "algorithm": known,
            "status": state,
            "is_mining": is_mining,
            "power_mode": mode,
            "errors": self._faults,
            "led_on": self.led_on,
            "fan_speeds_rpm": tuple(self._speeds_rpm.get(slot) for slot in slots),
            "details": {**found.get("details", {}), **self._details()},
        })  # fmt: skip

    def _idle_s(self, found: Fields) -> float:
        """Return how long it has not been hashing, by its own clock where it tells."""
        now_s = self._clock()
        if found.get("hashrate_hs") or self._idle_since_s is None:
            self._idle_since_s = now_s
        uptime_s: float | None = found.get("uptime_s")
        return now_s - self._idle_since_s if uptime_s is None else uptime_s

    def _details(self) -> Fields:
        found: Fields = {}
        if self.configuration is not None:
            told = self.configuration.told
            found["fan_automatic"] = self.configuration.fan_percent is None
            found["fan_percent"] = self.configuration.fan_percent
            found["frequency_level_percent"] = integer(told.get("bitmain-freq-level"))
            found["hashrate_percent"] = integer(told.get("bitmain-hashrate-percent"))
        found["web_problem"] = str(self.web_problem) if self.web_problem else None
        found["rpc_problem"] = str(self.rpc_problem) if self.rpc_problem else None
        return {name: value for name, value in found.items() if value is not None}


def _address(host: str) -> str | None:
    try:
        return str(ip_address(host))
    except ValueError:
        return None
