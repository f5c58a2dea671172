"""The bridge as an operator runs it: a process, a settings file, signals."""

import signal
import subprocess
import sys

import yaml


class BridgeProcess:
    def __init__(self, directory, settings):
        self.settings = settings
        self.file = directory / "config.yaml"
        self.log = directory / "bridge.log"
        self.process: subprocess.Popen[bytes] | None = None
        settings["files"] = {"state": str(directory / "state")}
        self._write()

    def _write(self):
        self.file.write_text(yaml.safe_dump(self.settings))

    def start(self):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "minerbridge", "run", "-c", self.file],
                stdout=log,
                stderr=log,
            )

    def stop(self, sig=signal.SIGTERM):
        """The exit code; None when it was not running."""
        if self.process is None or self.process.poll() is not None:
            return None
        self.process.send_signal(sig)
        return self.process.wait(10)

    def assert_running(self):
        assert self.process
        exit_code = self.process.poll()
        assert exit_code is None, f"exit code {exit_code}: {self.log.read_text()[-2000:]}"

    def forget(self, miner_id):
        """What an operator does: take the miner out of the file, reload."""
        assert self.process
        miners = self.settings["miners"]
        self.settings["miners"] = [miner for miner in miners if miner["id"] != miner_id]
        self._write()
        self.process.send_signal(signal.SIGHUP)
