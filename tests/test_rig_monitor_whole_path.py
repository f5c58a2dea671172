"""From a simulated miner through its worker to a simulated monitor, and its wishes back."""

import pytest

from minerbridge.miners.antminer import AntminerDriver
from minerbridge.miners.driver import Target
from minerbridge.miners.plan import Listener, Plan
from minerbridge.miners.worker import MinerWorker
from minerbridge.rig_monitor.client import MonitorClient, tls_for
from minerbridge.rig_monitor.reported import MonitorState
from minerbridge.rig_monitor.reporter import Outside, Reporter
from minerbridge.settings import RigMonitor
from minerbridge.simulator.rig_monitor_server import RigMonitorServer
from minerbridge.simulator.server import Fleet
from tests.waiting import until

pytestmark = pytest.mark.slow

MINERS = {"m1": {"api_code": "873337a5", "coin_name": "Bitcoin", "power_w": 3250}}


class Door(Listener):
    """Hands on what a worker tells, as the bridge does."""

    def __init__(self, url):
        settings = RigMonitor(url=url, report_interval_s=0.5, status_interval_s=0.3,
                              apply_expected_status=True, miners=MINERS)  # fmt: skip
        self.states: list[MonitorState] = []
        self.results: list[tuple[str, str]] = []
        self.worker: MinerWorker
        outside = Outside(lambda _, state: self.states.append(state),
                          lambda command: self.worker.submit(command))  # fmt: skip
        self.reporter = Reporter(settings, MonitorClient(url, tls_for(url)), outside)

    def profile(self, profile):
        self.reporter.profile(profile)

    def reading(self, reading):
        self.reporter.reading(reading)

    def availability(self, miner_id, online, code, reason):
        self.reporter.availability(miner_id, online, reason)

    def result(self, result):
        self.results.append((result.key, result.status))
        self.reporter.result(result)


def test_a_miner_is_reported_and_follows_the_monitor():
    with (
        Fleet(ports={"rpc": 0, "http": 0}, speed=1000.0) as fleet,
        RigMonitorServer() as monitor,
    ):
        (device,) = fleet.add("s19", uptime_s=90_000.0)
        miner = monitor.add("873337a5")
        door = Door(monitor.url)
        target = Target("m1", device.address, "root", "root", ports=device.ports)
        driver = AntminerDriver(target)
        plan = Plan("m1", device.address, device.ports["rpc"], poll_interval_s=0.5)
        door.worker = MinerWorker(plan, driver, door)
        ended: list[str] = []
        door.reporter.start(ended.append)
        door.worker.start(ended.append)
        try:
            until(lambda: len(miner.logs) > 1, 15, lambda: f"reports; {door.states[-3:]}")
            assert len(miner.specs) == 1
            assert miner.specs[0]["model"].startswith("Antminer S19")
            assert miner.logs[0]["hashrate_5_min"] > 50_000
            assert device.state == "mining"

            miner.asic, miner.light = "off", "on"
            until(lambda: device.state == "sleeping", 15, "the miner sleeps")
            until(lambda: ("stop", "confirmed") in door.results, 15, "stop is confirmed")
            until(lambda: ("led", "confirmed") in door.results, 15, "the light is confirmed")

            miner.asic = "on"
            until(lambda: ("start", "confirmed") in door.results, 15, "start is confirmed")
            assert [key for key, _ in door.results].count("stop") == 1
        finally:
            door.reporter.stop()
            door.worker.stop()
            assert door.reporter.join(2)
            assert door.worker.join(5)
        assert ended == []
