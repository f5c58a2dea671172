"""A real Node-RED without a screen, and the editor that a person has open beside it."""

import json
import os
import shutil
import subprocess
import threading
from pathlib import Path

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.mosquitto import free_port
from tests.waiting import until

INSTALLATION = Path(
    os.environ.get("MINERBRIDGE_NODE_RED", Path(__file__).parents[2] / ".cache" / "node-red")
)
NODE = shutil.which("node")
SETTINGS = {
    "uiHost": "127.0.0.1",
    "flowFile": "flows.json",
    "credentialSecret": False,
    "diagnostics": {"enabled": False},
    "telemetry": {"enabled": False, "updateNotification": False},
    "externalModules": {"autoInstall": False, "palette": {"allowInstall": False}},
}


def missing():
    """Why there is no Node-RED here; None where there is."""
    if not NODE:
        return "Node.js is not installed"
    if not (INSTALLATION / "version").exists():
        return "Node-RED is not installed (tests/node_red/install.sh)"
    return None


class NodeRed:
    """Fresh: a user directory of its own, with nothing in it but one flow."""

    def __init__(self, directory, flow, timezone):
        directory.mkdir()
        self.directory, self.flow, self.port = directory, flow, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = directory / "log"
        (directory / "flows.json").write_text(json.dumps(flow))
        settings = json.dumps({"uiPort": self.port, **SETTINGS})
        (directory / "settings.js").write_text(f"module.exports = {settings};")
        self._timezone = timezone
        self.process: subprocess.Popen[bytes] | None = None
        self.editor: Editor | None = None

    def start(self):
        assert NODE
        red = INSTALLATION / "node_modules" / "node-red" / "red.js"
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.directory),
            "TZ": self._timezone,
            "NODE_OPTIONS": "--max-old-space-size=256",
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [NODE, red, "-u", self.directory, "-s", self.directory / "settings.js"],
                stdout=log, stderr=log, cwd=self.directory, env=environment,
            )  # fmt: skip
        until(self._is_up, 30, self.log.read_text)
        self.editor = Editor(self.port)
        return self

    def _is_up(self):
        assert self.process
        assert self.process.poll() is None, self.log.read_text()
        try:
            return httpx.get(f"{self.url}/flows", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def stop(self):
        if self.editor is not None:
            self.editor.close()
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)

    def kill(self):
        """Without a word, as when its computer loses power."""
        assert self.process
        self.process.kill()
        self.process.wait(10)

    def id_of(self, name, kind=None):
        """The one node of this name."""
        (found,) = [
            node["id"]
            for node in self.flow
            if node.get("name") == name and kind in (None, node["type"])
        ]
        return found

    def press(self, name):
        """Press the button of an inject node."""
        answer = httpx.post(f"{self.url}/inject/{self.id_of(name, 'inject')}", json={}, timeout=5)
        assert answer.status_code == 200, (name, answer.status_code)

    def status(self, name):
        """What stands below the node, with its colour: ("green", "4 kW accepted")."""
        assert self.editor
        shown = self.editor.statuses.get(self.id_of(name, "function"), {})
        return shown.get("fill"), shown.get("text", "")

    def wait_for(self, name, colour, words, seconds=20):
        def is_shown():
            fill, text = self.status(name)
            return fill == colour and words in text

        until(
            is_shown,
            seconds,
            lambda: f"{name}: {words} in {colour}; it shows {self.status(name)}, {self.trouble()}",
        )

    def shown(self, name):
        """What a debug node has put into the sidebar."""
        assert self.editor
        wanted = self.id_of(name, "debug")
        return [one for one in list(self.editor.sidebar) if one["id"] == wanted]

    def trouble(self):
        """What the catch node reported, and errors in the log."""
        lines = self.log.read_text().splitlines()
        return self.shown("Errors") + [one for one in lines if "[error]" in one]


class Editor:
    """Listens to what the editor is told: statuses below nodes, and the debug sidebar."""

    def __init__(self, port):
        self.statuses: dict[str, dict] = {}
        self.sidebar: list[dict] = []
        self._socket = connect(f"ws://127.0.0.1:{port}/comms", max_size=None, max_queue=None)
        self._socket.send(json.dumps({"subscribe": "status/#"}))
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self):
        try:
            for text in self._socket:
                heard = json.loads(text)
                for one in heard if isinstance(heard, list) else [heard]:
                    self._hear(one.get("topic", ""), one.get("data"))
        except ConnectionClosed:
            pass

    def _hear(self, topic, content):
        if topic.startswith("status/"):
            self.statuses[topic.removeprefix("status/")] = content
        elif topic == "debug":
            self.sidebar.append(content)

    def close(self):
        self._socket.close()
        self._thread.join(5)
