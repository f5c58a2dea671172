"""WhatsMiner: the v2 API of four firmware generations, and v3 beside or instead of it."""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, ClassVar

from minerbridge.simulator.device import Device, HttpRequest, Reply
from minerbridge.simulator.physics import Point
from minerbridge.simulator.pools import PoolEntry, default_pools
from minerbridge.simulator.whatsminer_accounts import Accounts
from minerbridge.simulator.whatsminer_mining import Mining
from minerbridge.simulator.whatsminer_models import GENERATIONS, MODELS, Model
from minerbridge.simulator.whatsminer_system import System
from minerbridge.simulator.whatsminer_tokens import Tokens

FACTORY_PASSWORD = "admin"  # noqa: S105  # as documented by the maker
SILENT = ("reboot", "factory_reset")
PORTS = {"rpc": 4028, "v3": 4433, "http": 80, "https": 443}
ASKED_KEPT = 200
APIS: Mapping[str, tuple[str, ...]] = {"v2": ("rpc",), "v3": ("v3",), "both": ("rpc", "v3")}
LOGIN_PAGE = "/cgi-bin/luci"
LOGIN_FORM = b"""<!DOCTYPE html>
<html><head><title>WhatsMiner - LuCI</title></head><body>
<form method="post" action="/cgi-bin/luci">
<input name="luci_username"><input name="luci_password" type="password">
</form></body></html>
"""
WEB = ("http", "https")


class Whatsminer(Device):
    """*generation* 1 to 4; *apis* "v2", "v3" or "both" (None: both in generation 4).

    *silent* commands are done and never answered; *log_delivery* is "delayed", "joined", "split" or
    "stalled". *power_off_holds* False: it hashes again minutes after ``power_off``, as some do.
    *web*: its pages answer, too, as far as a visitor is led to the login.
    """

    kind = "whatsminer"
    family = "whatsminer"
    id_prefix = "whatsminer"
    default_ports = PORTS
    protocols: ClassVar = {"rpc": "whatsminer_v2", "v3": "whatsminer_v3"}
    credentials = ("super", FACTORY_PASSWORD)
    rating = MODELS["M60S_VK40"].rating

    def __init__(
        self, number: int = 1, *, generation: int = 4, model: str | None = None,
        apis: str | None = None, web: bool = False, password: str = FACTORY_PASSWORD,
        api_switch: bool = True,
        token_limit: int | None = None, token_timeout_s: int | None = None,
        power_off_holds: bool = True, silent: Collection[str] = SILENT,
        log_delivery: str = "delayed", accepts_firmware: bool = True, firmware: str | None = None,
        **common: Any,
    ) -> None:  # fmt: skip
        self.generation = GENERATIONS[generation]
        self.model: Model = MODELS[model or self.generation.model]
        self.rating = self.model.rating  # type: ignore[misc]  # a class has several models
        self.apis = APIS[apis or ("both" if generation >= 4 else "v2")] + (WEB if web else ())
        self.default_ports = {name: PORTS[name] for name in self.apis}  # type: ignore[misc]
        self.credentials = ("super", password)  # type: ignore[misc]
        super().__init__(number, **common)
        self.firmware = firmware or self.generation.firmware
        self.api_switch, self.power_off_holds = api_switch, power_off_holds
        self.silent, self.log_delivery = set(silent), log_delivery
        self.accepts_firmware, self.uploads = accepts_firmware, list[bytes]()
        #: The latest requests of the v2 API as they were understood, which is decrypted.
        self.asked = deque[str](maxlen=ASKED_KEPT)
        self.tokens: Tokens = Tokens(
            password, now_s=lambda: self.plant.now_s, source=self.plant.random,
            timeout_s=token_timeout_s, limit=token_limit or (100 if generation >= 4 else 32),
        )  # fmt: skip
        self.accounts: Accounts = Accounts(password, self.plant.random)
        self.system: System = System()
        self.mining: Mining = Mining(self)
        self.pools = default_pools(3)
        self._errors: dict[int, str] = {}

    def open_ports(self) -> set[str]:
        """All the APIs answer while the mining program restarts."""
        plant, faults = self.plant, self.faults
        if plant.now_s < plant.system_at_s:
            return set()
        return {port for port in self.apis if not (faults.refuse and faults.afflicts(port))}

    def http(self, request: HttpRequest) -> Reply:
        """Lead a visitor to LuCI's login over HTTPS, as this firmware does."""
        if request.path == LOGIN_PAGE:
            return Reply(LOGIN_FORM)
        port = "" if self.ports["https"] == PORTS["https"] else f":{self.ports['https']}"
        location = f"Location: https://{self.address}{port}{LOGIN_PAGE}"
        return Reply(b"", status=307, headers=(location,))

    # Orders

    def power_off(self) -> None:
        self.mining.stop("by whatsminer api", holds=self.power_off_holds)

    def resume(self, up_at_s: float) -> None:
        self.system.boot()
        self.tokens.forget()
        self.mining.boot(up_at_s - self.plant.now_s)

    def upgrade(self) -> None:
        self.firmware = self.generation.next_firmware
        self.reboot()

    def factory_reset(self) -> None:
        self.system, self.mining.orders = System(), type(self.mining.orders)()
        self.set_password(FACTORY_PASSWORD)
        self.api_switch = False
        self.reboot()

    def set_password(self, password: str, account: str = "super") -> None:
        """Set an account's; that of ``super`` is the v2 API's, too."""
        self.accounts.set_password(account, password)
        if account == "super":
            self.tokens.set_password(password)

    def set_pools(self, wanted: Sequence[tuple[str, str, str]]) -> None:
        self.pools = [PoolEntry(*one, priority=index) for index, one in enumerate(wanted) if one[0]]

    def raise_error(self, code: int) -> None:
        """Have the device report this code until ``clear_errors``."""
        self._errors[code] = self.local_time()

    def clear_errors(self) -> None:
        self._errors.clear()

    def after(self, delay_s: float, action: Callable[[], None]) -> None:
        """Do it *delay_s* simulated seconds from now, if this device is served by then."""
        if self.host is not None:
            self.host.call_at(self.plant.clock_at(self.plant.now_s + delay_s), action)

    def startable(self, point: Point) -> Point:
        return self._startable(point)

    # What the replies tell

    def answers_mining(self) -> bool:
        """Before generation 3 a powered-off miner's mining program is gone."""
        is_gone = self.mining.is_off and self.generation.number <= 2
        return self.mining.is_program_up and not is_gone

    def error_codes(self) -> list[tuple[int, str]]:
        return list(self._errors.items())

    def local_time(self) -> str:
        return time.strftime("%Y-%m-%d %H:%M:%S")

    def last_share_at(self) -> int:
        return int(time.time()) - 3 if self.plant.accepted else 0

    def rejected_percent(self) -> float:
        return round(self.plant.rejected / self.plant.shares * 100, 4) if self.plant.shares else 0

    def stable_cost_s(self) -> int:
        plant = self.plant
        return round(plant.hash_delay_s + plant.rating.ramp_s) if self.mining.is_tuned else 0

    def share(self, board: int) -> float:
        """No two boards are equal; together they are the device."""
        tilt = 0.05 * (board - (self.model.boards - 1) / 2)
        return (1 + tilt) / self.model.boards

    def frequency_mhz(self, board: int | None = None) -> float:
        plant = self.plant
        share = 1.0 if board is None else self.share(board) * self.model.boards
        now = plant.hashrate_hs() / plant.rating.point.hashrate_hs
        return self.model.frequency_mhz * max(now, 0.0) * share

    def chips_c(self, board: int = 0) -> tuple[float, float, float]:
        """Coldest, hottest, mean."""
        mean_c = self.plant.chip_c(board)
        spread_c = 0.3 * (mean_c - self.plant.ambient_c)
        return mean_c - spread_c, mean_c + spread_c, mean_c

    def liquid_c(self) -> float:
        return round(self.plant.board_c() - 8.0, 1)

    def fan_rpm(self, index: int) -> int:
        if self.model.is_liquid:
            return 0
        rests = self.plant.is_resting and not self.system.poweroff_cool
        return 0 if rests and self.system.fan_zero_speed else self.plant.fan_rpm(index)

    def supply_fan_rpm(self) -> int:
        return round(4_200 + self.power_w * 0.7 + 30 * self.plant.noise(31))

    def serial(self, part: str, length: int) -> str:
        return hashlib.sha256(f"{self.mac_address} {part}".encode()).hexdigest()[:length].upper()
