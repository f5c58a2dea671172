"""What requests see of a bridge: settings, miners that stand still, events."""

import threading
from types import SimpleNamespace
from typing import Any

from minerbridge.errors import NotFound
from minerbridge.miners.permission import Policy
from minerbridge.miners.plan import Listener, Plan
from minerbridge.miners.worker import MinerWorker
from minerbridge.mqtt.publisher import Presentation
from minerbridge.mqtt.topics import Topics
from minerbridge.settings import Settings
from tests.miners import profile, reading


class StillDriver:
    """Answers queries at once with `replies`; an exception among them is raised."""

    def __init__(self, replies=None):
        self.replies = replies or {}
        self.asked = []

    def query(self, name, parameters):
        self.asked.append((name, parameters))
        reply = self.replies.get(name)
        if isinstance(reply, Exception):
            raise reply
        return reply


class StillWorker(MinerWorker):
    """A worker without its thread: commands stay in its mailbox, queries run at once."""

    def query(self, name, parameters, timeout_s=15.0):
        return self._driver.query(name, parameters)

    def queued(self):
        taken: Any = self._mailbox.take(0)
        return taken and taken[0]


def fake_bridge(**settings):
    return FakeBridge(settings)


class FakeBridge:
    """Has the miner `m` at 192.0.2.7; more come by `settle`."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = Settings(**settings)
        self.workers: dict[str, MinerWorker] = {}
        self.topics = Topics()
        self.self_test = "ok"
        self.added: list[Any] = []
        self.removed: list[Any] = []
        self.events: list[Any] = []
        self.scan_ended = threading.Event()
        self.housekeeping = SimpleNamespace(failing={})
        self.discoverer = SimpleNamespace(stopping=threading.Event())
        self.publisher = SimpleNamespace(
            presentation=Presentation(names={"m": "Garage"}), event=self._event
        )
        self.remove = self.removed.append
        self.add = self.added.append
        self.miner = self.settle("m", "192.0.2.7")

    def settle(self, miner_id, host, of=None, replies=None, **policy):
        plan = Plan(miner_id, host, rated_power_w=3250.0, policy=Policy(**policy))
        known = [profile(miner_id, ip_address=host)] if of is None else of
        driver: Any = StillDriver(replies)
        worker = StillWorker(plan, driver, Listener(), known)
        worker.online = bool(known)
        worker.readings = {one.miner_id: reading(one.miner_id) for one in known}
        self.workers[miner_id] = worker
        return worker

    def worker_of(self, name):
        for worker in self.workers.values():
            if name in (worker.plan.miner_id, worker.plan.host, *worker.profiles):
                return worker
        raise NotFound(f"no miner {name!r}")

    def _event(self, kind, miner_id=None, **facts):
        self.events.append((kind, miner_id, facts))
        if kind == "scan_finished":
            self.scan_ended.set()
