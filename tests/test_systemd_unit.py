"""The systemd unit: accepted by systemd, well sandboxed, and livable for the libraries."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

UNIT = Path(__file__).parent.parent / "systemd" / "minerbridge.service"
DEPENDENCIES = "httpx, paho.mqtt.client, pydantic_settings, structlog, tenacity, Crypto.Cipher.AES"
# prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN) is what MemoryDenyWriteExecute= asks of the kernel.
WITHOUT_WRITABLE_CODE = f"""
import ctypes, os, sys
if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0):
    sys.exit(77)
os.execv(sys.executable, [sys.executable, "-c", "import {DEPENDENCIES}"])
"""

needs_systemd = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed"
)


def analyze(*arguments):
    return subprocess.run(
        ["systemd-analyze", *map(str, arguments)], capture_output=True, text=True, timeout=30
    )


@needs_systemd
def test_systemd_accepts_every_line(tmp_path):
    unit = tmp_path / UNIT.name
    # verify wants an executable; the one of the installation is not on this machine.
    unit.write_text(UNIT.read_text().replace("/opt/minerbridge/bin/minerbridge", sys.executable))
    verified = analyze("verify", unit)
    assert (verified.returncode, verified.stderr) == (0, "")


@needs_systemd
def test_exposure_is_at_most_1_5():
    scored = analyze("security", "--offline=yes", "--threshold=15", UNIT)
    assert scored.returncode == 0, scored.stdout


def test_libraries_load_where_memory_is_never_writable_and_executable():
    loaded = subprocess.run(
        [sys.executable, "-c", WITHOUT_WRITABLE_CODE], capture_output=True, text=True, timeout=30
    )
    if loaded.returncode == 77:
        pytest.skip("this kernel has no PR_SET_MDWE")
    assert loaded.returncode == 0, loaded.stderr


def test_password_file_may_be_absent():
    """A missing absolute source fails the start; a relative one is looked up in the credstore."""
    sources = [line for line in UNIT.read_text().splitlines() if line.startswith("LoadCredential=")]
    assert sources == ["LoadCredential=mqtt_password:minerbridge.mqtt_password"]
