"""The unit under a real service manager: ready, reloaded, killed, hung, stopped."""

import os
import re
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import pytest

from tests.systemd_manager import UserManager, missing
from tests.waiting import until

ROOT = Path(__file__).parent.parent
UNIT = "minerbridge.service"
# What only the manager of a whole system can do.
SYSTEM_ONLY = re.compile(
    r"^(DynamicUser|LoadCredential|Private\w+|Protect\w+|ProcSubset|CapabilityBoundingSet"
    r"|AmbientCapabilities|KeyringMode|ConfigurationDirectory|RemoveIPC)=.*\n",
    re.MULTILINE,
)
SETTINGS = """\
mqtt: {host: 127.0.0.1, port: 1}
miners: [{id: nobody, host: 127.77.9.9, family: cgminer}]
"""
pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(missing()), reason=str(missing()))]


def shipped_unit(directory):
    """The unit of the repository, with this Python and with times a test can wait for."""
    command = f"{sys.executable} -m minerbridge run -c {directory}/config.yaml"
    unit = SYSTEM_ONLY.sub("", (ROOT / "systemd" / UNIT).read_text())
    unit = re.sub(r"(?m)^ExecStart=.*", f"ExecStart={command}\nWorkingDirectory={ROOT}", unit)
    unit = unit.replace("WatchdogSec=60", "WatchdogSec=2").replace("RestartSec=5", "RestartSec=0.1")
    return unit.replace("[Install]", f"StandardError=file:{directory}/bridge.log\n[Install]")


@pytest.fixture(scope="module")
def manager():
    directory = Path(tempfile.mkdtemp(prefix="minerbridge-systemd-"))
    (directory / "config.yaml").write_text(SETTINGS)
    manager = UserManager(directory)
    (manager.units / UNIT).write_text(shipped_unit(directory))
    try:
        manager.start()
        yield manager
    finally:
        manager.stop()
        shutil.rmtree(directory)


@pytest.fixture
def main_pid(manager):
    """Type=notify: `start` returns when the bridge has said READY=1."""
    started = manager.systemctl("start", UNIT)
    assert started.returncode == 0, (manager.directory / "bridge.log").read_text()
    return int(manager.show(UNIT, "MainPID"))


def is_another(manager, pid):
    return manager.show(UNIT, "ActiveState") == "active" and manager.show(UNIT, "MainPID") != pid


def test_ready_without_broker_and_miners_and_reloads_in_place(manager, main_pid):
    assert manager.systemctl("reload", UNIT).returncode == 0
    assert manager.show(UNIT, "ActiveState") == "active"
    assert int(manager.show(UNIT, "MainPID")) == main_pid


def test_killed_bridge_is_started_again(manager, main_pid):
    os.kill(main_pid, signal.SIGKILL)
    until(lambda: is_another(manager, str(main_pid)), 20, "another process is active")


def test_hung_bridge_is_replaced_by_the_watchdog(manager, main_pid):
    os.kill(main_pid, signal.SIGSTOP)
    until(lambda: is_another(manager, str(main_pid)), 30, "another process is active")


def test_stop_is_clean(manager, main_pid):
    assert manager.systemctl("stop", UNIT).returncode == 0
    assert manager.show(UNIT, "Result") == "success"
    assert manager.show(UNIT, "ExecMainStatus") == "0"
