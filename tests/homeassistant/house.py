"""Miners, broker, bridge and Home Assistant together, as in somebody's house."""

import json

import yaml

from minerbridge.simulator.kinds import KINDS
from minerbridge.simulator.server import Fleet
from minerbridge.simulator.settings_file import config_text
from tests.homeassistant.bridge_process import BridgeProcess
from tests.homeassistant.harness import HomeAssistant
from tests.homeassistant.listener import Listener
from tests.waiting import until

USERNAME, PASSWORD = "user", "password"
POLL_INTERVAL_S = 1
OFFLINE_AFTER_S = 3


class House:
    def __init__(self, directory, start_broker):
        self.broker = start_broker(users={USERNAME: PASSWORD}, persistence=True)
        self.listener = Listener(self.broker.port, USERNAME, PASSWORD)
        self.miners = Fleet(first_address="127.77.1.1", speed=10)
        # A Mining Platform is several devices, of which the settings name only the host.
        for kind in KINDS:
            if kind != "mining_platform":
                self.miners.add(kind)
        self.miners.start()
        self.bridge = BridgeProcess(directory, self._settings())
        self.home = HomeAssistant(directory / "home")

    def _settings(self):
        login = {"username": USERNAME, "password": PASSWORD}
        return {
            "mqtt": {"host": "127.0.0.1", "port": self.broker.port, **login},
            "poll_interval_s": POLL_INTERVAL_S,
            "offline_after_s": OFFLINE_AFTER_S,
            "fleet": {"min_off_s": 0, "failsafe_power_kw": 0},
            **yaml.safe_load(config_text(self.miners.devices)),
        }

    @property
    def miner_ids(self):
        return [miner["id"] for miner in self.bridge.settings["miners"]]

    def start(self):
        self.bridge.start()
        self.home.start()
        self.home.add_mqtt(self.broker.port, USERNAME, PASSWORD)
        self.wait_until_all_is_available()

    def stop(self):
        self.home.stop()
        self.bridge.stop()
        self.miners.stop()
        self.listener.close()

    def announced(self, device_id):
        """The components of a device as they stand on the broker."""
        message = self.listener.retained.get(f"homeassistant/device/{device_id}/config")
        return json.loads(message)["components"].values() if message else ()

    def enabled(self, device_id):
        """The entity ids that Home Assistant shows for a device."""
        announced = self.announced(device_id)
        shown = (one for one in announced if one.get("enabled_by_default", True))
        return [one["default_entity_id"] for one in shown]

    def unavailable(self, miner_id):
        """Those of the enabled entities that Home Assistant has no state of."""
        states = self.home.states()
        missing = {"state": "unavailable"}
        entities = self.enabled(miner_id)
        return [e for e in entities if states.get(e, missing)["state"] == "unavailable"]

    def wait_until_unavailable(self, miner_id, seconds=15):
        everything = self.enabled(miner_id)
        assert everything
        until(
            lambda: self.unavailable(miner_id) == everything,
            seconds,
            lambda: f"{miner_id} is unavailable but {self.unavailable(miner_id)}",
        )

    def wait_until_available(self, miner_id, seconds=20):
        def what():
            said = self.listener.retained.get(f"minerbridge/miner/{miner_id}/availability")
            missing = self.unavailable(miner_id) or "not announced"
            return f"{miner_id} is available; the bridge says {said}, unavailable are {missing}"

        def is_available():
            self.bridge.assert_running()
            return self.enabled(miner_id) and not self.unavailable(miner_id)

        until(is_available, seconds, what)

    def wait_until_all_is_available(self, seconds=30):
        for miner_id in self.miner_ids:
            self.wait_until_available(miner_id, seconds)
