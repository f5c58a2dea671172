"""A broker, simulated miners and a bridge that steers them, with an EMS beside it."""

import json
import time
import uuid

import pytest

from minerbridge.bridge import Bridge
from minerbridge.settings import Settings
from minerbridge.simulator import Fleet
from minerbridge.simulator.vnish_s9 import VnishS9
from tests.wiretap import Wiretap

#: MHz, W, TH/s, V: the curve of the Net Stabilization API.
SEED_CURVE = (
    (300, 600, 6.5, 8.1), (350, 700, 7.5, 8.2), (400, 800, 8.6, 8.3), (450, 900, 9.6, 8.4),
    (500, 1000, 10.7, 8.5), (550, 1140, 11.8, 8.6), (600, 1280, 12.9, 8.7), (650, 1460, 14.0, 8.8),
)  # fmt: skip
CURVE_SETTING = [
    {"frequency_mhz": mhz, "power_w": power_w, "hashrate_ths": ths, "voltage_v": volts}
    for mhz, power_w, ths, volts in SEED_CURVE
]
TRUE_CURVE = tuple(row[:3] for row in SEED_CURVE)
#: A boot of two minutes passes in about a second.
SPEED = 100.0


class FleetHouse:
    """`add` miners, `start`, order, `stop`; the state directory outlives the bridge."""

    def __init__(self, broker, directory, speed=SPEED):
        self.broker = broker
        self.state = directory / "state"
        self.miners = Fleet(ports={"rpc": 0, "http": 0}, speed=speed)
        self.miners.start()
        self.tap = Wiretap(broker.port)
        self.bridge = None
        self.facts = {}

    def add(self, kind="vnish_s9", number_of=1, *, asleep=False, **options):
        added = self.miners.add(kind, number_of, **options)
        for device in added:
            if asleep:  # only now: a port that never opened has no number yet
                assert isinstance(device, VnishS9)
                device.fall_asleep()
        return added

    def __getitem__(self, miner_id):
        return self.miners[miner_id]

    def entry(self, device):
        facts = {"id": device.id, "host": device.address, "family": device.family}
        return facts | {"ports": dict(device.ports)} | self.facts.get(device.id, {})

    def document(self, *, fleet=None, **more):
        """Return the settings as they stand in a file."""
        return {
            "mqtt": {"host": "127.0.0.1", "port": self.broker.port},
            "files": {"state": str(self.state)},
            "poll_interval_s": 0.5,
            "offline_after_s": 2,
            "miners": [self.entry(device) for device in self.miners.devices],
            "fleet": {"min_off_s": 0, "failsafe_power_kw": 0, **(fleet or {})},
            **more,
        }

    def start(self, **settings):
        self.bridge = Bridge(Settings.model_validate(self.document(**settings)))
        self.bridge.start()
        self.until_met()
        return self.bridge

    def until_met(self, timeout_s=20):
        """Wait until all miners that answer were read, and the fleet takes orders."""

        def met():
            status = self.latest("fleet/status")
            return status and status["state"] != "initializing" and status["online_miners"]

        count = len(self.miners.devices)
        self.tap.wait(met, "a fleet that takes orders", timeout_s)
        online = [f"minerbridge/miner/{d.id}/availability" for d in self.miners.devices]
        self.tap.wait(
            lambda: sum(self.tap.latest.get(t) in ("online", "offline") for t in online) == count,
            "every miner", timeout_s,
        )  # fmt: skip

    def stop(self):
        if self.bridge is not None:
            self.bridge.stop()
            self.bridge = None

    def close(self):
        self.stop()
        self.tap.close()
        self.miners.stop()

    # -- the EMS -----------------------------------------------------------------------------

    def ems(self, request, timeout_s=10, **document):
        """Ask as the EMS does; return the answer."""
        topic = f"minerbridge/ems/response/{request}"
        if request == "status":
            mark = self.tap.mark()
            self.tap.publish("minerbridge/ems/request/status", "")
            return self.tap.after(mark, topic, timeout_s)
        document.setdefault("id", uuid.uuid4().hex[:8])
        mark = self.tap.mark()
        self.tap.publish(f"minerbridge/ems/request/{request}", json.dumps(document))
        if request == "heartbeat":
            return self.tap.after(mark, topic, timeout_s)

        def answer():
            documents = [json.loads(p) for t, p in self.tap.heard[mark:] if t == topic]
            return [one for one in documents if one["id"] == document["id"]]

        return self.tap.wait(answer, f"the answer to {request}", timeout_s)[0]

    def activate(self, power_kw, **more):
        return self.ems("activate", activationPowerInKw=power_kw, **more)

    def latest(self, name):
        """Return the newest document on `minerbridge/<name>`; None before the first."""
        payload = self.tap.latest.get(f"minerbridge/{name}")
        return json.loads(payload) if payload else None

    def until_order(self, state, order_id=None, timeout_s=30):
        """Wait until the order in force is in *state*; return its document."""

        def there():
            one = self.latest("ems/dispatch")
            is_it = order_id is None or (one and one["id"] == order_id)
            return one if one and is_it and one["state"] == state else None

        return self.tap.wait(there, f"an order {state}", timeout_s)

    def until_fleet(self, question, what, timeout_s=30):
        """Wait until *question* holds of fleet/status; return that status."""

        def there():
            status = self.latest("fleet/status")
            return status if status and question(status) else None

        return self.tap.wait(there, what, timeout_s)

    def events(self, kind, mark=0):
        found = []
        for topic, payload in list(self.tap.heard[mark:]):
            if topic == "minerbridge/bridge/event":
                event = json.loads(payload)
                if event["type"] == kind:
                    found.append(event)
        return found

    # -- what the miners saw -----------------------------------------------------------------

    def journal(self, miner_id, since_s=0.0):
        return [what for at_s, what in self[miner_id].journal if at_s >= since_s]

    def stops(self, since_s):
        """Return by miner when its first command to sleep came, in seconds after *since_s*."""
        return {
            device.id: min(moments) - since_s
            for device in self.miners.devices
            if (moments := [s for s, what in device.journal if is_stop(what) and s >= since_s])
        }  # fmt: skip


def is_stop(what):
    """Whether a write is the first of what sends an S9 with Vnish to sleep."""
    return what.startswith("stop_bmminer")


def now_s():
    return time.monotonic()


@pytest.fixture
def house(mosquitto, tmp_path):
    home = FleetHouse(mosquitto(persistence=True), tmp_path)
    yield home
    home.close()
