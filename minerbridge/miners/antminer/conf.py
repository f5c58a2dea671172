"""The miner's configuration: read whole, written whole, with nothing lost in between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from minerbridge.errors import BadReply, InvalidValue, MinerRefused
from minerbridge.miners.driver import PoolLogin
from minerbridge.miners.rpc_decode import integer

MODES = {0: "normal", 1: "sleep", 2: "high", 3: "low", 254: "sleep"}
#: What `set_miner_conf.cgi` of the newer generation takes over as it stands in the configuration.
_KEPT = ("bitmain-fan-ctrl", "bitmain-fan-pwm", "bitmain-hashrate-percent", "bitmain-user-ip-cat")
_POOLS = 3
#: The old CGI's shell decodes these escapes and no others. Of what it decodes, & is the whole match
#: to sed, braces gain a backslash, and % may be decoded twice: they do not arrive as sent either.
_CARRIED = frozenset("#$+,-./:;<=>?@[]^_|")


class Configuration:
    """What `get_miner_conf.cgi` told. *is_new* tells the generation that reads it back."""

    def __init__(self, told: Mapping[str, Any], *, is_new: bool) -> None:
        if not isinstance(told.get("pools"), list):
            raise BadReply("get_miner_conf.cgi tells no pools", str(told))
        self.told = told
        self.is_new = is_new

    @property
    def work_mode(self) -> int | None:
        return integer(self.told.get(self._mode_key))

    @property
    def mode(self) -> str | None:
        found = self.work_mode
        return None if found is None else MODES.get(found)

    @property
    def can_sleep(self) -> bool:
        """Old firmware without a work mode (S9, L3) has no sleep."""
        return self._mode_key in self.told

    @property
    def _mode_key(self) -> str:
        return "miner-mode" if "miner-mode" in self.told else "bitmain-work-mode"

    @property
    def pools(self) -> tuple[PoolLogin, ...]:
        found = [pool if isinstance(pool, dict) else {} for pool in self.told["pools"]]
        return tuple(
            PoolLogin(_text(pool.get("url")), _text(pool.get("user")), _text(pool.get("pass")))
            for pool in found
        )

    @property
    def fan_percent(self) -> int | None:
        """None while the miner decides."""
        if _flag(self.told.get("bitmain-fan-ctrl")) != "true":
            return None
        return integer(self.told.get("bitmain-fan-pwm"))

    def changed(
        self,
        *,
        mode: str | None = None,
        pools: Sequence[PoolLogin] | None = None,
        fan_percent: int | None = None,
        fan_automatic: bool = False,
    ) -> Configuration:
        """Return this configuration with what is given put in its place."""
        told = dict(self.told)
        if mode is not None:
            told[self._mode_key] = self._number_of(mode)
        if pools is not None:
            given = [{"url": p.url, "user": p.user, "pass": p.password} for p in pools[:_POOLS]]
            empty = {"url": "", "user": "", "pass": ""}
            told["pools"] = given + [empty] * (_POOLS - len(given))
        if fan_percent is not None:
            told |= {"bitmain-fan-ctrl": True, "bitmain-fan-pwm": str(fan_percent)}
        if fan_automatic:
            told["bitmain-fan-ctrl"] = False
        return Configuration(told, is_new=self.is_new)

    def _number_of(self, mode: str) -> int:
        if mode == "sleep":
            return 1 if self.is_new else 254
        return next(number for number, name in MODES.items() if name == mode)

    def json_body(self) -> dict[str, Any]:
        """Return what the newer `set_miner_conf.cgi` takes."""
        self._check_passwords()
        # A switch without a value, `"bitmain-fan-ctrl" : ,` (S19 Pro), is one that is off.
        switch = {"bitmain-fan-ctrl": False} if "bitmain-fan-ctrl" in self.told else {}
        kept = {name: self.told.get(name) for name in _KEPT}
        body = switch | {name: value for name, value in kept.items() if value is not None}
        if self.work_mode is not None:
            body["miner-mode"] = self.work_mode
        if "bitmain-freq-level" in self.told:
            body["freq-level"] = self.told["bitmain-freq-level"]
        body["pools"] = self.told["pools"]
        return body

    def form(self) -> list[tuple[str, str]]:
        """Return what the older `set_miner_conf.cgi` reads, which goes by position."""
        self._check_passwords()
        told = self.told
        pools = (*self.pools, *(PoolLogin("", "", "") for _ in range(_POOLS)))[:_POOLS]
        fields: list[tuple[str, str]] = []
        for place, pool in enumerate(pools, 1):
            fields.append((f"_ant_pool{place}url", pool.url))
            fields.append((f"_ant_pool{place}user", pool.user))
            fields.append((f"_ant_pool{place}pw", pool.password))
        fields += [
            ("_ant_nobeeper", _flag(told.get("bitmain-nobeeper"))),
            ("_ant_notempoverctrl", _flag(told.get("bitmain-notempoverctrl"))),
            ("_ant_fan_customize_switch", _flag(told.get("bitmain-fan-ctrl"))),
            ("_ant_fan_customize_value", _text(told.get("bitmain-fan-pwm"))),
            ("_ant_freq", _text(told.get("bitmain-freq"))),
        ]
        if "bitmain-voltage" in told or self.can_sleep:
            fields.append(("_ant_voltage", _text(told.get("bitmain-voltage"))))
        if self.can_sleep:
            fields.append(("_ant_work_mode", _text(told[self._mode_key])))
        for name, value in fields:
            check_carried(name, value)
        return fields

    def blanked(self) -> dict[str, Any]:
        """Return all that was told, without the passwords of the pools."""
        pools = [
            {**pool, "pass": "***"} if isinstance(pool, dict) and pool.get("pass") else pool
            for pool in self.told["pools"]
        ]
        return {**self.told, "pools": pools}

    def _check_passwords(self) -> None:
        for pool in self.pools:
            if pool.password and not pool.password.strip("*"):
                raise MinerRefused(
                    "the miner hides its pool passwords: writing its configuration would lose them"
                )


def check_carried(name: str, value: str) -> None:
    """Raise `InvalidValue` when the old CGI's shell would store something else than *value*."""
    lost = sorted({c for c in value if not (c.isascii() and c.isalnum()) and c not in _CARRIED})
    if lost:
        raise InvalidValue(
            f"{name.removeprefix('_ant_')}: this firmware cannot take {' '.join(map(repr, lost))}"
        )


def _flag(value: object) -> str:
    return "true" if str(value).strip().lower() == "true" else "false"


def _text(value: object) -> str:
    return "" if value is None else str(value)
