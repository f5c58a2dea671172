"""The configuration of a Vnish S9: 50 values by position, of which none may be lost or made up.

The order is that of `set_miner_conf_custom.cgi` (Vnish 3.9.0), which writes the file anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from minerbridge.errors import CommandRejected
from minerbridge.miners.antminer import conf as stock
from minerbridge.miners.antminer.conf import check_carried
from minerbridge.miners.driver import PoolLogin
from minerbridge.miners.rpc_decode import number

#: What the script stores always, only when true, and only when it is not 0.
_ALWAYS, _FLAG, _NOT_ZERO = "always", "flag", "not zero"
_POOLS, _POOL_KEYS = 3, ("url", "user", "pass")
#: (field of the form, key of the file, when it is stored); the key "" is filled in by the write.
_FIELDS: tuple[tuple[str, str, str], ...] = (
    ("nobeeper", "bitmain-nobeeper", _FLAG),
    ("notempoverctrl", "bitmain-notempoverctrl", _FLAG),
    ("fan_customize_switch", "bitmain-fan-ctrl", _FLAG),
    ("fan_customize_value", "", "while the fans are customised"),
    ("freq", "bitmain-freq", _ALWAYS),
    *((f"freq{n}", f"bitmain-freq{n}", _ALWAYS) for n in (1, 2, 3)),
    ("voltage", "bitmain-voltage", _ALWAYS),
    *((f"voltage{n}", f"bitmain-voltage{n}", _ALWAYS) for n in (1, 2, 3)),
    ("fan_rpm_off", "bitmain-fan-rpm-off", _ALWAYS),
    ("chip_freq", "bitmain-chip-freq", _ALWAYS),
    ("autodownscale", "bitmain-autodownscale", _FLAG),
    ("autodownscale_watch", "bitmain-autodownscale-watch", _FLAG),
    ("autodownscale_watchtimer", "bitmain-autodownscale-watchtimer", _FLAG),
    *(
        (f"autodownscale_{name}", f"bitmain-autodownscale-{name}", _ALWAYS)
        for name in ("timer", "after", "step", "min", "prec", "profile")
    ),
    ("minhr", "bitmain-minhr", _ALWAYS),
    ("asicboost", "asicboost", _FLAG),
    ("tempoff", "bitmain-tempoff", _NOT_ZERO),
    ("altdf", "", "true when altdfno is there"),
    ("presave", "", "1: stored only; neither 1 nor 2: the mining program restarts"),
    ("name", "", "of a file that presave 2 would make"),
    ("warn", "bitmain-autodownscale-hw", _ALWAYS),
    ("maxx", "bitmain-maxx", _ALWAYS),
    ("trigger_reboot", "bitmain-trigger-reboot", _ALWAYS),
    ("target_temp", "bitmain-target-temp", _NOT_ZERO),
    ("silentstart", "bitmain-silentstart", _FLAG),
    ("altdfno", "altdfno", _NOT_ZERO),
    ("autodownscale_reboot", "bitmain-autodownscale-reboot", _FLAG),
    ("hotel_fee", "hotel-fee", _FLAG),
    ("lpm_mode", "lpm-mode", _FLAG),
    *((f"dchain{n}", f"dchain{n}", _FLAG) for n in (5, 6, 7)),
)
#: The script itself writes these, the same for everyone.
_WRITTEN_BY_SCRIPT = {
    "api-listen", "api-network", "api-groups", "api-allow", "bitmain-use-vil", "multi-version",
}  # fmt: skip
_KNOWN = {key for _, key, _ in _FIELDS} | _WRITTEN_BY_SCRIPT | {"pools", "bitmain-fan-pwm"}
_BOARDS = (1, 2, 3)


class Configuration(stock.Configuration):
    """What `get_miner_conf.cgi` told; only `form` insists that it is sound."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        super().__init__(told, is_new=False)

    @property
    def frequency_mhz(self) -> float | None:
        return number(self.told.get("bitmain-freq"))

    @property
    def voltage_v(self) -> float | None:
        """It is stored in hundredths: "890" is 8.90 V."""
        found = number(self.told.get("bitmain-voltage"))
        return found / 100 if found else None

    def with_frequency(self, frequency_mhz: int, voltage_v: float) -> Configuration:
        """Return this configuration at another frequency for all boards and chips."""
        self._check_one_for_all()
        hundredths = round(voltage_v * 100)  # not cut off: 8.2 * 100 is 819.99…
        changes = {"bitmain-freq": str(frequency_mhz), "bitmain-voltage": str(hundredths)}
        return Configuration({**self.told, **changes})

    def with_pools(self, pools: Sequence[PoolLogin]) -> Configuration:
        return Configuration(self.changed(pools=pools).told)

    def with_fan(self, percent: int | None) -> Configuration:
        """Return this configuration with the fans held at *percent*, or left to the miner."""
        wanted = self.changed(fan_percent=percent, fan_automatic=percent is None)
        return Configuration(wanted.told)

    def custom_form(self, *, restarts: bool) -> list[tuple[str, str]]:
        """Return the 50 fields; raise `CommandRejected` rather than lose or damage one."""
        self._check_known()
        given = {
            "fan_customize_value": self.told.get("bitmain-fan-pwm", ""),
            "altdf": "true" if "altdfno" in self.told else "false",
            "presave": "0" if restarts else "1",
            "name": "0",
        }
        fields = [(f"_ant_{name}", value) for name, value in self._pool_fields()]
        for name, key, stored in _FIELDS:
            told = given[name] if not key else self._told(key, stored)
            fields.append((f"_ant_{name}", _text(key or name, told)))
        for name, value in fields:
            check_carried(name, value)
        return fields

    def _told(self, key: str, stored: str) -> object:
        if stored == _FLAG:
            return "true" if str(self.told.get(key)).strip().lower() == "true" else "false"
        if stored == _NOT_ZERO:
            return self.told.get(key, "0")
        if self.told.get(key) is None:
            raise _unsound(f"tells no {key}: another version of the firmware wrote it")
        return self.told[key]

    def _pool_fields(self) -> list[tuple[str, str]]:
        self._check_passwords()
        pools = [pool if isinstance(pool, dict) else {} for pool in self.told["pools"]]
        if len(pools) > _POOLS:
            raise _unsound(f"tells {len(pools)} pools, of which a write would keep {_POOLS}")
        pools += [{}] * (_POOLS - len(pools))
        return [
            (f"pool{place}{name}", _text(f"pool{place}{name}", pool.get(key, "")))
            for place, pool in enumerate(pools, 1)
            for name, key in zip(("url", "user", "pw"), _POOL_KEYS, strict=True)
        ]

    def _check_known(self) -> None:
        unknown = sorted(set(self.told) - _KNOWN)
        if unknown:
            raise _unsound(f"tells {unknown[0]}, which a write would lose")

    def _check_one_for_all(self) -> None:
        """Raise where boards or chips have a frequency of their own, which one for all leaves."""
        for name in ("freq", "voltage"):
            for board in _BOARDS:
                key = f"bitmain-{name}{board}"
                if number(self.told.get(key)):
                    raise CommandRejected(
                        f"{key} is {self.told[key]}: clear it on the miner's page first, since"
                        f" a {name} for all boards does not change that one",
                        code="OWN_FREQUENCIES",
                    )
        chips = str(self.told.get("bitmain-chip-freq") or "")
        if any(number(chip) for chip in chips.split(":")):
            raise CommandRejected(
                "bitmain-chip-freq sets single chips: clear it on the miner's page first",
                code="OWN_FREQUENCIES",
            )


def _text(name: str, value: object) -> str:
    """Return *value* as it is sent; raise when the miner told what a misordered write left."""
    found = {True: "true", False: "false"}[value] if isinstance(value, bool) else value
    text = "" if found is None else str(found)
    if text.startswith("_") or "_ant_" in text:
        # The value stays untold: it may be a pool's password.
        raise _unsound(f"is corrupt: {name} holds what a misordered write left in it")
    return text


def _unsound(problem: str) -> CommandRejected:
    return CommandRejected(
        f"the miner's configuration {problem}; nothing was written", code="BAD_CONFIGURATION"
    )
