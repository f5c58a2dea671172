"""Reads a WhatsMiner over port 4433, whose figures are in other units than those of port 4028."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from datetime import UTC, datetime
from typing import Any

from minerbridge.errors import BadReply, MinerError, MinerRefused, MinerUnreachable
from minerbridge.miners.driver import Target, finished
from minerbridge.miners.rpc_fields import mac_address, text
from minerbridge.miners.whatsminer.v3_client import V3Client
from minerbridge.miners.whatsminer.v3_reading import reading_fields
from minerbridge.model import Identity, MinerReading

_SLOW_S = 60.0
_ALL = "summary+pools+edevs"


class V3Reader:
    """What one miner told, and how to learn it anew."""

    api = "v3"

    def __init__(self, target: Target, client: V3Client, clock: Callable[[], float]) -> None:
        self._target = target
        self._client = client
        self._clock = clock
        self._told: dict[str, Any] = {}
        self._slow_at_s = self._watched_until_s = -1e9
        self._has_fans = False
        self.default_limit_w: float | None = None
        self.last: MinerReading | None = None

    def watch(self, _commands: tuple[str, ...], for_s: float) -> None:
        """Ask everything at every read for a while: an effect is about to show."""
        self._watched_until_s = self._clock() + for_s

    def meet(self) -> MinerReading:
        self._told.clear()
        self._slow_at_s = -1e9
        return finished(self.steps())

    def identity(self) -> Identity:
        info = self._asked("get.device.info", None)
        network, miner = _part(info, "network"), _part(info, "miner")
        return Identity(mac_address(network.get("mac")), text(miner.get("miner-sn")))

    def steps(self) -> Generator[None, None, MinerReading]:
        """Read once; a request lies between two steps."""
        now_s = self._clock()
        is_due = now_s >= self._slow_at_s + _SLOW_S or now_s < self._watched_until_s
        self._told.update(self._asked("get.device.info", None if is_due else "miner"))
        yield
        status = self._optional("get.miner.status", _ALL if is_due else "summary")
        if status is None and is_due:
            yield
            status = self._optional("get.miner.status", "summary")  # no pools while it is idle
        if status is None:
            self._told.pop("summary", None)
        self._told.update(status or {})
        yield
        self._told["setting"] = self._optional("get.miner.setting", None) or {}
        if is_due:
            self._slow_at_s = now_s
        self.last = self._reading()
        return self.last

    def _asked(self, name: str, param: str | None) -> Mapping[str, Any]:
        msg = self._client.ask(name, param).get("msg")
        if not isinstance(msg, dict):
            raise BadReply(f"{name}: the reply tells nothing", str(msg))
        return msg

    def _optional(self, name: str, param: str | None) -> Mapping[str, Any] | None:
        """Return None for what the miner refuses to tell now, as it does while idle."""
        try:
            return self._asked(name, param)
        except MinerUnreachable:
            raise
        except MinerError as error:
            if isinstance(error, MinerRefused | BadReply):
                return None
            raise

    def _reading(self) -> MinerReading:
        found = reading_fields(self._told)
        limit_w, details = found["power_limit_w"], found["details"]
        if limit_w is not None:
            is_default = details.get("power_limit_is_default") is True
            self.default_limit_w = (
                limit_w if is_default else max(limit_w, self.default_limit_w or 0.0)
            )
        speeds = found.pop("fan_speeds_rpm")
        self._has_fans |= bool(speeds)
        return MinerReading(
            miner_id=self._target.miner_id,
            at=datetime.now(UTC),
            family="whatsminer",
            ip_address=self._target.host,
            algorithm=self._target.algorithm or "sha256",
            fan_speeds_rpm=speeds or ((0, 0) if self._has_fans else ()),
            **found,
        )


def _part(told: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = told.get(name)
    return found if isinstance(found, dict) else {}
