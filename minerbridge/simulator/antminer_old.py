"""Stock Antminers of the old generation: shell-script CGI with positional forms, bmminer RPC."""

from __future__ import annotations

import re
import time
from typing import Any, ClassVar

from minerbridge.simulator import antminer_old_rpc as rpc
from minerbridge.simulator.bitmain import BitmainDevice, json_reply
from minerbridge.simulator.device import HttpRequest, Reply
from minerbridge.simulator.pools import PoolEntry
from minerbridge.simulator.rpc_api import Answer, Value

# The scripts decode only these, upper-case hex only; anything else stays as it came.
DECODED = re.compile("%(23|24|25|26|2C|2B|3A|3B|3C|3D|3E|3F|40|5B|5D|5E|7B|7C|7D|2F)")
POOL_FIELDS = 9
OPTIONS = (
    "bitmain-nobeeper", "bitmain-notempoverctrl", "bitmain-fan-ctrl", "bitmain-fan-pwm",
    "bitmain-freq", "bitmain-voltage", "bitmain-work-mode",
)  # fmt: skip


class OldAntminer(BitmainDevice):
    """What S9 and S17 share; numbers of a model are class attributes."""

    model: ClassVar[str]
    bmminer: ClassVar[tuple[str, str, str]]  # program, Miner, CompileTime
    chains: ClassVar[range]
    fans: ClassVar[tuple[int, ...]]
    asic_groups: ClassVar[str]
    frequency_mhz: ClassVar[int]
    options: ClassVar[dict[str, str]]
    set_conf_s: ClassVar[float]
    stats_glue: ClassVar[str] = ","

    def __init__(self, number: int = 1, **common: Any) -> None:
        super().__init__(number, **common)
        self.conf = dict(self.options)
        folder = "/cgi-bin"
        self.pages = {
            f"{folder}/get_system_info.cgi": lambda _r: json_reply(self._system_info()),
            f"{folder}/get_network_info.cgi": lambda _r: json_reply(self.network()),
            f"{folder}/get_miner_status.cgi": lambda _r: json_reply(self._miner_status()),
            f"{folder}/get_miner_conf.cgi": lambda _r: json_reply(self._configuration()),
            f"{folder}/set_miner_conf.cgi": self._set_miner_conf,
            f"{folder}/reboot.cgi": self._reboot,
        }

    def answer(self, command: str) -> Answer:
        if command == "stats":
            rows = (rpc.about(self), self.stats_row())
            return Answer("S", 70, f"{self.program} stats", "STATS", rows, glue=self.stats_glue)
        return rpc.ANSWERS[command](self)

    def stats_row(self) -> dict[str, Value]:
        """Build the second row of ``stats``."""
        raise NotImplementedError

    @property
    def program(self) -> str:
        return "BMMiner" if self.description.startswith("bmminer") else "CGMiner"

    @property
    def is_up(self) -> bool:
        """Whether the mining program runs; the scripts ask it and show zeros when it does not."""
        return not self.is_stopped and self.plant.now_s >= self.plant.daemon_at_s

    def apply_conf(self) -> None:
        """Restart the mining program with the configuration just written."""
        self.restart()

    def _set_miner_conf(self, request: HttpRequest) -> Reply:
        """Take values by position as the script does: a misordered form corrupts the file."""
        form = request.body.decode("latin-1")
        values = [decoded(part.partition("=")[2]) for part in form.split("&")]
        self.write(f"set_miner_conf {values}", lambda: self._store(values))
        return Reply(b"ok", is_write=True, after_s=self.set_conf_s)

    def _store(self, values: list[str]) -> None:
        pools = (values + [""] * POOL_FIELDS)[:POOL_FIELDS]
        self.pool_entries = [
            PoolEntry(pools[at], pools[at + 1], pools[at + 2], priority=at // 3)
            for at in range(0, POOL_FIELDS, 3)
        ]
        for name, value in zip(OPTIONS, values[POOL_FIELDS:], strict=False):
            if name in self.conf:
                self.conf[name] = value
        self.apply_conf()

    def _reboot(self, _request: HttpRequest) -> Reply:
        self.write("reboot", self.reboot)
        return Reply(b"", is_write=True)

    def _configuration(self) -> dict[str, Any]:
        pools = [
            {"url": pool.url, "user": pool.user, "pass": pool.password}
            for pool in self.pool_entries
        ]
        access = {
            "api-listen": True,
            "api-network": True,
            "api-groups": "A:stats:pools:devs:summary:version",
            "api-allow": "A:0/0,W:*",
        }
        return {"pools": pools} | access | {"bitmain-use-vil": True} | self.conf

    def _system_info(self) -> dict[str, str]:
        plant = self.plant
        program, _miner, compiled = self.bmminer
        return {
            "minertype": self.model,
            "nettype": "DHCP",
            "netdevice": "eth0",
            "macaddr": self.mac_address,
            "hostname": self.hostname,
            "ipaddress": self.address,
            "netmask": "255.255.255.0",
            "gateway": "",
            "dnsservers": "",
            "curtime": time.strftime("%H:%M:%S", time.gmtime()),
            "uptime": _third_word_of_uptime(plant.uptime_s),
            "loadaverage": "0.79, 0.46, 0.26",
            "mem_total": "1027800",
            "mem_used": "52796",
            "mem_free": "975004",
            "mem_buffers": "0",
            "mem_cached": "26052",
            "system_mode": "GNU/Linux",
            "bmminer_version": program,
            "ant_hwv": "1.0.0.0",
            "system_kernel_version": "Linux 3.14.0-xilinx-ge8a2f71-dirty #82 SMP PREEMPT 2017",
            "system_filesystem_version": compiled,
        }

    def _miner_status(self) -> dict[str, Any]:
        """All values are strings."""
        plant, up = self.plant, self.is_up
        work = plant.hashes / 2**32
        numbers = {
            "elapsed": int(plant.elapsed_s),
            "ghs5s": f"{plant.hashrate_hs() / 1e9:.2f}",
            "ghsav": f"{plant.average_hs / 1e9:.2f}",
            "foundblocks": 0,
            "getworks": int(plant.elapsed_s) // 30,
            "accepted": plant.accepted,
            "rejected": plant.rejected,
            "hw": plant.hardware_errors,
            "utility": f"{plant.accepted / max(60.0, plant.elapsed_s) * 60:.2f}",
            "discarded": int(plant.elapsed_s) * 3,
            "stale": plant.stale,
            "localwork": int(plant.elapsed_s) * 21,
            "wu": f"{work / max(60.0, plant.elapsed_s) * 60:.2f}",
            "diffa": int(plant.accepted * self.rating.share_difficulty),
            "diffr": int(plant.rejected * self.rating.share_difficulty),
            "diffs": int(plant.stale * self.rating.share_difficulty),
            "bestshare": int(work * 1.7),
        }
        summary = {name: str(value) if up else "0" for name, value in numbers.items()}
        pools = [
            {"index": str(index), "url": pool.url, "user": pool.user, "priority": str(index),
             "status": "Alive" if pool.url else "Dead",
             "accepted": summary["accepted"] if index == 0 else "0",
             "rejected": summary["rejected"] if index == 0 else "0",
             "stale": summary["stale"] if index == 0 else "0"}
            for index, pool in enumerate(self.pool_entries)
        ]  # fmt: skip
        return {"summary": summary, "pools": pools if up else [], "devs": self._boards(up=up)}

    def _boards(self, *, up: bool) -> list[dict[str, str]]:
        plant, boards = self.plant, len(self.chains)
        fans = {f"fan{index}": str(plant.fan_rpm(index)) for index in self.fans}
        return [
            {
                "index": str(chain),
                "chain_acn": str(self.asic_groups.count("o")),
                "freq": str(self.frequency_mhz),
                **(fans if chain == self.chains[0] else {}),
                "temp": str(round(plant.board_c(chain))),
                "temp2": str(round(plant.chip_c(chain))),
                "hw": str(plant.hardware_errors // boards),
                "rate": f"{plant.hashrate_hs(1 / boards, salt=chain) / 1e9:.2f}",
                "chain_acs": rpc.asic_status(self),
            }
            for chain in self.chains
            if up
        ]


def decoded(text: str) -> str:
    return DECODED.sub(lambda match: chr(int(match.group(1), 16)), text.replace("+", " "))


def _third_word_of_uptime(uptime_s: float) -> str:
    """Return minutes, hours with minutes, or days: the page cuts the unit off."""
    days, rest_s = divmod(int(uptime_s), 86_400)
    hours, rest_s = divmod(rest_s, 3600)
    if days:
        return str(days)
    return f"{hours}:{rest_s // 60:02}" if hours else str(rest_s // 60)
