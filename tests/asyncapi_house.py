"""A whole house for the document: the real bridge, one simulated miner of each kind, a monitor."""

import json
import re
from contextlib import ExitStack, contextmanager
from typing import Any

from minerbridge.bridge import Bridge
from minerbridge.miners import worker
from minerbridge.settings import Settings
from minerbridge.simulator import Fleet
from minerbridge.simulator.rig_monitor_server import RigMonitorServer
from tests.wiretap import Wiretap

#: What the examples call a network, and a host on it that is no miner of the settings.
STAND_INS = {"192.168.1.0/24": "127.91.113.0/29", "192.168.1.100": "127.91.113.1"}
KINDS: dict[str, dict[str, Any]] = {
    "antminer_s19": {"reports_power": True}, "vnish_s9": {}, "whatsminer": {}, "cgminer": {},
    "iceriver": {}, "mining_platform": {"envelope": True},
}  # fmt: skip
#: Commands that the examples show and that the settings must allow.
ALLOWED = ["install", "uninstall"]
#: Those whose restarts are seen at a hundred times the speed stand first.
DEVICES = ("vnish_1", "s19_1", "whatsminer_1", "miner_1", "iceriver_1", "rig_1", "rig_1_xmrig_rx")
PLAYBOOK = {
    "id": 60, "software_name": "XMRig", "software_version": "6.22.2",
    "module_name": "Miner.XMRIG_6.22.2", "coin_name_1": "Monero", "coin_name_2": None,
    "algorithm_1": "RandomX", "algorithm_2": None,
    "command_argument": "--url $POOL_ADDRESS --algo rx/0 --pass x",
}  # fmt: skip


class House:
    """`send` makes a documented request of it; `tap` hears everything."""

    def __init__(self, bridge, fleet, broker):
        self.bridge, self.fleet, self.broker = bridge, fleet, broker
        self.tap = Wiretap(broker.port)

    def wait_until_known(self):
        for device_id in DEVICES:
            self.tap.until(f"minerbridge/miner/{device_id}/availability", "online", 20)
            topic = f"minerbridge/miner/{device_id}/reading"
            self.tap.wait(lambda topic=topic: topic in self.tap.latest, topic)
        status = "minerbridge/fleet/status"
        self.tap.wait(
            lambda: json.loads(self.tap.latest.get(status) or "{}").get("state") == "standby"
            or json.loads(self.tap.latest.get(status) or "{}").get("state") == "active",
            "a fleet that is no longer initializing", 30,
        )  # fmt: skip

    def send(self, topic, payload):
        """Publish what the document shows, at the addresses there are here."""
        text = payload if isinstance(payload, str) else json.dumps(payload)
        self.tap.publish(topic, here(text))


def here(text):
    for written, real in STAND_INS.items():
        text = text.replace(written, real)
    return text


def written(text):
    """Return *text* with the addresses of the examples."""
    for shown, real in STAND_INS.items():
        text = text.replace(real, shown).replace(real.replace(".", "_"), shown.replace(".", "_"))
    return re.sub(r"127\.0\.0\.1:\d+", "192.168.1.2:4000", text)


def _entry(device):
    entry = {
        "id": device.id, "host": device.address, "family": device.family,
        "ports": {n: p for n, p in device.ports.items() if n in ("rpc", "http", "v3")},
        "commands": {"allow": ALLOWED},
    }  # fmt: skip
    if device.credentials is not None:
        entry["username"], entry["password"] = device.credentials
    if device.kind == "cgminer":
        entry["rated_power_w"] = 1400
    return entry


@contextmanager
def house(broker, state, monkeypatch):
    monkeypatch.setattr(worker, "LONGEST_OFFSET_S", 0.1)
    with ExitStack() as stack:
        monitor = stack.enter_context(RigMonitorServer())
        monitor.add("code-s19")
        rig = monitor.add("code-rig", "cpu_gpu_miners")
        rig.playbooks = [PLAYBOOK]
        fleet = stack.enter_context(Fleet(ports={"rpc": 0, "http": 0}, speed=100))
        for kind, options in KINDS.items():
            fleet.add(kind, **options)
        stranger = stack.enter_context(
            Fleet(first_address=STAND_INS["192.168.1.100"], speed=100, seed=7)
        )
        stranger.add("cgminer")
        bridge = Bridge(_settings(broker, fleet, monitor, state))
        bridge.start()
        stack.callback(bridge.stop)
        one = House(bridge, fleet, broker)
        stack.callback(one.tap.close)
        one.wait_until_known()
        yield one


def _settings(broker, fleet, monitor, state):
    codes = {"s19_1": "code-s19", "rig_1_xmrig_rx": "code-rig"}
    return Settings(
        mqtt={"host": "127.0.0.1", "port": broker.port},
        files={"state": state},
        poll_interval_s=1.0,
        offline_after_s=60.0,
        miners=[_entry(device) for device in fleet.devices],
        discovery={"networks": [STAND_INS["192.168.1.0/24"]]},
        fleet={"min_off_s": 0, "wave_interval_s": 0},
        pool_profiles={"home": [{"url": "stratum+tcp://pool.example.com:3333", "user": "w.1"}]},
        rig_monitor={
            "url": monitor.url, "status_interval_s": 60,
            "miners": {i: {"api_code": code, "coin_name": "Bitcoin"} for i, code in codes.items()},
        },
    )  # fmt: skip
