"""Reported miners, their settings and a reporter before a simulated server, without the bridge."""

import threading
from contextlib import contextmanager
from typing import Any

from minerbridge.model import MinerProfile, MinerReading
from minerbridge.rig_monitor.client import MonitorClient, tls_for
from minerbridge.rig_monitor.reporter import Outside, Reporter
from minerbridge.settings import RigMonitor
from minerbridge.simulator.rig_monitor_server import RigMonitorServer
from tests.miners import AT, profile, reading

GPU = {
    "name": "NVIDIA GeForce RTX 3080", "hashrate_hs": 95.2345e6, "hashrate_2_hs": 1.5e6,
    "algorithm": "ethash", "algorithm_2": "autolykos2", "temperature_c": 68.5,
    "memory_temperature_c": 84.4, "core_clock_mhz": 1410.0, "memory_clock_mhz": 9501.5,
    "power_w": 220.4, "fan_percent": 75.0,
}  # fmt: skip
ASIC = {"coin_name": "Bitcoin"}
RIG = {"coin_name": "Monero", "gpu_coin_name_1": "Ethereum", "gpu_coin_name_2": "Ergo",
       "motherboard_name": "X10DRL-i", "ram_size": "8GB", "wan_ip": "192.0.2.99"}  # fmt: skip


def rig_reading(miner_id="rig", gpus=8, **values):
    """Everything a rig may report: a CPU and GPUs that mine two coins at a time."""
    facts: dict[str, Any] = {
        "status": "mining",
        "ip_address": "192.0.2.9",
        "algorithm": "rx/0",
        "uptime_s": 2374.0,
        "cpu": {"name": "i5-4210U", "temperature_c": 60.4, "power_w": 65.5, "hashrate_hs": 4520.5,
                "algorithm": "rx/0"},
        "gpus": (GPU,) * gpus,
    }  # fmt: skip
    return MinerReading(miner_id, AT, "mining_platform", **facts | values)


class ReporterRig:
    """A reporter whose clock the test holds; `tick` runs its thread's work here."""

    def __init__(self, url, miners, *, answer_within_s=2.0, **settings):
        self.now_s = 1000.0
        self.states: dict[str, Any] = {}
        self.history: list[Any] = []
        self.commands: list[Any] = []
        self.told = threading.Event()
        self.refusal: Exception | None = None
        self.settings = RigMonitor(url=url, miners=miners, **settings)
        self.client = MonitorClient(
            str(self.settings.url), tls_for(str(url)), answer_within_s=answer_within_s
        )
        self.reporter = Reporter(
            self.settings, self.client, Outside(self._state, self._submit), lambda: self.now_s
        )

    def _state(self, miner_id, state):
        self.states[miner_id] = state
        self.history.append((miner_id, state.working, state.reason))
        self.told.set()

    def _submit(self, command):
        if self.refusal is not None:
            raise self.refusal
        self.commands.append(command)

    def read(self, *readings, of: MinerProfile | None = None):
        for one in readings:
            self.reporter.profile(of or profile(one.miner_id))
            self.reporter.reading(one)

    def tick(self, seconds=0.0):
        self.now_s += seconds
        self.reporter.take(0)
        self.reporter.tick(self.now_s)

    def ticks(self, times, seconds=0.25):
        for _ in range(times):
            self.tick(seconds)


@contextmanager
def reporting(miners=None, *, forms=None, **settings):
    """Run a server that knows every miner by the code `code-<id>`, and a reporter before it."""
    miners = {"m": ASIC} if miners is None else miners
    with RigMonitorServer() as server:
        for miner_id in miners:
            server.add(f"code-{miner_id}", (forms or {}).get(miner_id, "asic_miners"), miner_id)
        rig = ReporterRig(
            server.url, {i: {"api_code": f"code-{i}", **one} for i, one in miners.items()},
            **settings,
        )  # fmt: skip
        try:
            yield rig, server
        finally:
            rig.client.close()


def asic_reading(miner_id="m", **values):
    return reading(miner_id, **{"ip_address": "192.0.2.7"} | values)
