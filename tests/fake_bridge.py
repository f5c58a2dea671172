"""What requests see of a bridge: settings, miners that stand still, events."""

import threading
import time
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from minerbridge.answers import Answers
from minerbridge.errors import CommandRejected, NotFound
from minerbridge.fleet.controller import Controller
from minerbridge.fleet.listener import FleetListener
from minerbridge.fleet.member import Member
from minerbridge.fleet.status import status_of
from minerbridge.miners.permission import Policy
from minerbridge.miners.plan import Listener, Plan
from minerbridge.miners.worker import MinerWorker
from minerbridge.model_fleet import Moment
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


class FakeFleet:
    """A real controller without its thread; its history is what it was told."""

    def __init__(self, bridge):
        self.bridge = bridge
        self.listener = FleetListener()
        self.entries: list[Any] = []
        setattr(self.listener, "remember", self.entries.append)  # noqa: B010  heard, not kept
        self.history = SimpleNamespace(commands=self._commands, problem=None)
        fleet, ems = bridge.settings.fleet, bridge.settings.ems
        self.controller = Controller(fleet, ems, self.listener, self.now())
        self.members: dict[str, Member] = {}

    @staticmethod
    def now():
        return Moment(time.monotonic(), datetime.now(UTC))

    def settle(self, known):
        for one in known:
            self.members[one.miner_id] = Member(one.miner_id)
        self.controller.apply(self.bridge.settings.fleet, self.members, self.now())
        for one in known:
            self.controller.meet(one)
            self.controller.heard(one.miner_id, self.now(), online=True)
            self.controller.sees(reading(one.miner_id), self.now())
        self.controller.step(self.now())

    def ask(self, question):
        return question(self.controller, self.now())

    def status_now(self):
        return status_of(self.controller, self.now())

    def decide(self, request):
        answer = self.controller.request(request, self.now())
        if not answer.accepted:
            raise CommandRejected(answer.message, code=answer.code)
        return answer

    def _commands(self, limit, offset):
        newest_first = self.entries[::-1]
        return newest_first[offset : offset + limit], len(newest_first)


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
        self.fleet = FakeFleet(self)
        self.rig_monitor = SimpleNamespace(reporter=None)
        self.population = SimpleNamespace(specs=lambda: self.workers)
        self.answers: Any = SimpleNamespace(send=lambda *given: Answers(self).send(*given))  # type: ignore[arg-type]  # it has what answers use
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
        self.fleet.settle(known)
        return worker

    def submit(self, command):
        self.worker_of(command.miner_id).submit(command)

    def worker_of(self, name):
        for worker in self.workers.values():
            if name in (worker.plan.miner_id, worker.plan.host, *worker.profiles):
                return worker
        raise NotFound(f"no miner {name!r}")

    def _event(self, kind, miner_id=None, **facts):
        self.events.append((kind, miner_id, facts))
        if kind == "scan_finished":
            self.scan_ended.set()
