"""Antminer S9 with Vnish 3.9: sleeps, changes frequency, and does not always come up again."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, ClassVar

from minerbridge.simulator import vnish_s9_conf as conf
from minerbridge.simulator import vnish_s9_rpc as rpc
from minerbridge.simulator.antminer_old import OldAntminer
from minerbridge.simulator.physics import Point, Rating
from minerbridge.simulator.pools import PoolEntry, PoolList
from minerbridge.simulator.rpc_api import RpcApi
from minerbridge.simulator.vnish_s9_curve import FIELD, Row, point_at
from minerbridge.simulator.vnish_s9_pages import pages

#: Of a boot, until the web server runs; the mining program takes the rest.
WEB_SHARE = 0.4


class VnishS9(OldAntminer):
    """*wake_failure_rate*: of boots, after which the mining program does not run until told again.

    *crash_rate*: of restarts of the mining program, after which only a reboot helps. *curve*: the
    true MHz, W and TH/s. *names_vnish* False: it calls itself an Antminer S9 and nothing else.
    *asleep*: as it is found.
    """

    kind = "vnish_s9"
    family = "vnish"
    id_prefix = "vnish"
    description = "cgminer 4.11.1"
    model = "Antminer S9"
    bmminer = ("4.11.1", rpc.MINER, rpc.COMPILED)
    chains = range(6, 9)
    fans = (5, 6)
    asic_groups = " oooooooo" * 7 + " ooooooo"
    frequency_mhz = 650
    options: ClassVar[dict[str, str]] = {}  # the configuration is a file of its own
    set_conf_s = 6.0
    rating = Rating(
        Point(13.7e12, 1460.0),
        sleep_power_w=51.0,
        boot_s=(80.0, 130.0),
        restart_s=(8.0, 14.0),
        hash_delay_s=(25.0, 35.0),
        ramp_s=25.0,
        chip_rise_c=62.0,
        fan_limits_rpm=(2400.0, 6000.0),
    )

    def __init__(
        self, number: int = 1, *, wake_failure_rate: float = 0.0, crash_rate: float = 0.0,
        curve: Sequence[Row] = FIELD, names_vnish: bool = True, asleep: bool = False,
        firmware: str = "3.9.0", seed: int = 0, **common: Any,
    ) -> None:  # fmt: skip
        self.firmware = firmware
        self.type_name = f"{self.model} (vnish {firmware})" if names_vnish else self.model
        self.conf_values: conf.Values = dict(conf.FACTORY)
        self.curve = curve
        self.wake_failure_rate, self.crash_rate = wake_failure_rate, crash_rate
        super().__init__(number, seed=seed, **common)
        self.profiles: dict[str, conf.Values] = {}
        self._luck = random.Random(f"{self.kind} {number} {seed} luck")
        self._running_values = self.conf_values
        self.pages |= pages(self)
        self.api = RpcApi(
            self.description, rpc.commands(self),
            asked=lambda name: self.requests.update((f"rpc {name}",)),
        )  # fmt: skip
        self._take_pools()
        self.plant.run_from(self.plant.daemon_at_s, self.normal_point())
        if asleep:
            self.plant.rest_from(0.0)

    # What is seen

    @property
    def is_up(self) -> bool:
        return super().is_up and not self.plant.is_resting

    @property
    def power_w(self) -> float:
        """Stopped or asleep, only supply and control board draw power."""
        return self.rating.sleep_power_w if self.is_stopped else self.plant.power_w

    @property
    def running_mhz(self) -> float:
        return _number(self._running_values.get("freq", ""))

    @property
    def voltage_v(self) -> float:
        return _number(self._running_values.get("voltage", "")) / 100

    @property
    def conf_text(self) -> str:
        return conf.text_of(self.conf_values)

    def open_ports(self) -> set[str]:
        found = super().open_ports()
        return found if self.is_up else found - {"rpc"}

    def normal_point(self) -> Point:
        """Of the configuration; a corrupt one starts no board."""
        frequency_mhz = _number(self.conf_values.get("freq", ""))
        if frequency_mhz <= 0:
            return Point(0.0, self.rating.sleep_power_w)
        return point_at(frequency_mhz, self.curve).scaled(self.plant.quality, 1.0)

    def status_page(self) -> dict[str, Any]:
        """All values are strings; board 6 carries the fans."""
        told = self._miner_status()
        board_w = round(self.plant.power_w / len(self.chains)) if self.plant.is_hashing else 0
        for board in told["devs"]:
            board["freq"] = board["freqavg"] = f"{self.running_mhz:g}"
            board["chain_vol"] = str(round(self.voltage_v * 100))
            board["chain_consumption"] = str(board_w)
        told["summary"]["getworks "] = told["summary"].pop("getworks")
        return told

    # What it is told

    def _system_info(self) -> dict[str, str]:
        return super()._system_info() | {"minertype": self.type_name}

    def fall_asleep(self) -> None:
        self.is_stopped = False
        self.plant.rest_from(self.plant.now_s)
        self.ports_changed()

    def wake(self) -> None:
        self.reboot()

    def reboot(self) -> None:
        """Restart the whole device, which also ends sleep; the web server is up first."""
        plant = self.plant
        self.is_stopped = False
        plant.system_at_s = plant.now_s + WEB_SHARE * plant.boot_s
        self.resume(plant.now_s + plant.boot_s)
        if self._luck.random() < self.wake_failure_rate:
            plant.rest_from(plant.system_at_s)
        self.ports_changed()

    def resume(self, up_at_s: float) -> None:
        self._take_up()
        super().resume(up_at_s)

    def restart(self, point: Point | None = None, after_s: float | None = None) -> None:
        if self.is_stopped:
            return  # crashed: it takes a reboot
        self._take_up()
        super().restart(point, after_s)
        if self._luck.random() < self.crash_rate:
            self.stop_mining_program()

    def store(self, values: conf.Values) -> None:
        """Write the file; with presave 1 or 2 the mining program goes on as it is."""
        if values["presave"] == "2":
            return
        self.conf_values = values
        if values["presave"] != "1":
            self.restart()

    def reset(self) -> None:
        self.conf_values = dict(conf.FACTORY)
        self.reboot()

    def set_voltage(self, text: str) -> None:
        self._running_values = {**self._running_values, "voltage": text}

    def save_profile(self, name: str) -> None:
        self.profiles[name] = dict(self.conf_values)

    def use_profile(self, name: str) -> None:
        if name in self.profiles:
            self.conf_values = dict(self.profiles[name])
            self.restart()

    def drop_profile(self, name: str) -> None:
        self.profiles.pop(name, None)

    def _store(self, values: list[str]) -> None:
        """Take the pools of Bitmain's own page, which leaves the rest as it is."""
        names = conf.FIELDS[: len(values)]
        self.conf_values = {**self.conf_values, **dict(zip(names, values, strict=False))}
        self.apply_conf()

    def _take_up(self) -> None:
        """Start with what the file says now."""
        self._running_values = dict(self.conf_values)
        self._take_pools()

    def _take_pools(self) -> None:
        self.pool_entries = [
            PoolEntry(url, user, password, priority=n)
            for n, (url, user, password) in enumerate(conf.pools_of(self.conf_values))
        ]
        self.pools = PoolList(self.pool_entries, lambda: self.plant.now_s)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
