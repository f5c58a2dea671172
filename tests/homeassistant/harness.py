"""Start, restart and question a real Home Assistant."""

import os
import signal
import subprocess
from pathlib import Path

import httpx

from tests.homeassistant.configuration import write_configuration
from tests.homeassistant.websocket import HomeAssistantSocket
from tests.mosquitto import free_port
from tests.waiting import until

INSTALLATION = Path(
    os.environ.get("MINERBRIDGE_HA", Path(__file__).parents[2] / ".cache" / "homeassistant")
)


class HomeAssistant:
    def __init__(self, directory):
        self.directory = directory
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = httpx.Client(base_url=self.url, timeout=20)
        self.process: subprocess.Popen[bytes] | None = None
        self.token = ""
        packages = next((INSTALLATION / "venv" / "lib").glob("python3*")) / "site-packages"
        http = packages / "homeassistant/components/http/config.py"
        stored = http.exists() and "yaml_migration_done" in http.read_text()
        write_configuration(directory, self.port, http_is_stored=stored)

    def start(self):
        binaries = INSTALLATION / "venv" / "bin"
        arguments = ["-c", self.directory, "--skip-pip", "--log-no-color"]
        with (self.directory / "output.log").open("ab") as log:
            self.process = subprocess.Popen(
                [binaries / "hass", *arguments],
                stdout=log,
                stderr=log,
                env={**os.environ, "PATH": f"{binaries}:{os.environ['PATH']}"},
            )
        if not self.token:
            self._onboard()
        until(self._is_running, 60, "Home Assistant is running")

    def _answers(self, path):
        assert self.process
        assert self.process.poll() is None, (self.directory / "output.log").read_text()
        try:
            response = self.client.get(path)
        except httpx.TransportError:
            return None
        return response.json() if response.status_code == 200 else None

    def _is_running(self):
        return (self._answers("/api/config") or {}).get("state") == "RUNNING"

    def _onboard(self):
        until(lambda: self._answers("/api/onboarding"), 60, "Home Assistant answers")
        user = {"name": "Test", "username": "test", "password": "test-password"}
        client = {"client_id": f"{self.url}/"}
        made = self.client.post("/api/onboarding/users", json={**user, **client, "language": "en"})
        code = {"grant_type": "authorization_code", "code": made.json()["auth_code"]}
        granted = self.client.post("/auth/token", data={**code, **client})
        self.token = granted.json()["access_token"]
        self.client.headers["Authorization"] = f"Bearer {self.token}"

    def stop(self, sig=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(sig)
            self.process.wait(30)

    def restart(self):
        self.stop()
        self.start()

    def request(self, method, path, **body):
        response = self.client.request(method, path, json=body or None)
        assert response.status_code == 200, (path, response.status_code, response.text)
        return response.json()

    def add_mqtt(self, port, username, password):
        """What a user does under Settings, Devices & services, Add integration, MQTT."""
        flows = "/api/config/config_entries/flow"
        form = self.request("POST", flows, handler="mqtt", show_advanced_options=False)
        answers = {"broker": "127.0.0.1", "port": port, "username": username, "password": password}
        if "other_settings" in [field["name"] for field in form["data_schema"]]:
            other = {"set_client_cert": False, "set_ca_cert": "off", "transport": "tcp"}
            answers |= {"protocol": "5", "other_settings": other}
        entry = self.request("POST", f"{flows}/{form['flow_id']}", **answers)
        assert entry["type"] == "create_entry", entry

    def call(self, entity_id, service, **options):
        domain = entity_id.partition(".")[0]
        self.request("POST", f"/api/services/{domain}/{service}", entity_id=entity_id, **options)

    def states(self):
        return {entity["entity_id"]: entity for entity in self.request("GET", "/api/states")}

    def state(self, entity_id):
        """None where there is no such entity."""
        response = self.client.get(f"/api/states/{entity_id}")
        return response.json()["state"] if response.status_code == 200 else None

    def wait_for(self, entity_id, state, seconds=15):
        def what():
            return f"{entity_id} is {state}; it is {self.state(entity_id)}"

        until(lambda: self.state(entity_id) == state, seconds, what)

    def socket(self):
        return HomeAssistantSocket(self.url, self.token)
