"""`minerbridge demo` as a person starts it: a process in a terminal or behind a pipe."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
WITHOUT_MOSQUITTO = "from minerbridge.demo import mosquitto; mosquitto.program = lambda: None"
SECONDS = 20


def command(*options, prelude="pass"):
    program = f"import sys; {prelude}; from minerbridge.__main__ import main; sys.exit(main())"
    return [*as_nobody(), sys.executable, "-c", program, "demo", *options]


def as_nobody():
    """Return what makes a command an ordinary user's, who may still read this Python."""
    if os.geteuid() != 0:
        return []
    if not shutil.which("setpriv"):
        pytest.skip("setpriv (util-linux) is not installed")
    read_all = "-all,+dac_read_search"
    return [
        "setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--inh-caps", read_all,
        "--ambient-caps", read_all, "--bounding-set", read_all,
    ]  # fmt: skip


class Demo:
    """A running demo; what it prints is read from *source*."""

    def __init__(self, process, source):
        self.process = process
        self.source = source
        self.said = ""

    def until(self, *words):
        """Read on until all of *words* were said."""
        deadline = time.monotonic() + SECONDS
        while not all(word in self.said for word in words):
            ready, _, _ = select.select([self.source], [], [], deadline - time.monotonic())
            assert ready, f"not within {SECONDS} s: {words} in {self.said}"
            try:
                chunk = os.read(self.source, 65536)
            except OSError:  # how a pseudo-terminal ends
                chunk = b""
            assert chunk, f"ended without {words}: {self.said}"
            self.said += chunk.decode("utf-8", "replace")
        return self.said

    def ends(self, within_s=5):
        """Wait for the end; return exit code and everything said."""
        deadline = time.monotonic() + within_s
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"still runs after {within_s} s: {self.said}"
            self._drain(0.02)
        self._drain(0.2)
        return self.process.returncode, self.said

    def _drain(self, wait_s):
        while select.select([self.source], [], [], wait_s)[0]:
            try:
                chunk = os.read(self.source, 65536)
            except OSError:
                return
            if not chunk:
                return
            self.said += chunk.decode("utf-8", "replace")


@contextmanager
def piped(*options, prelude="pass"):
    process = subprocess.Popen(
        command(*options, prelude=prelude), cwd=ROOT, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout
    with _ended(process), process.stdout as source:
        yield Demo(process, source.fileno())


@contextmanager
def on_terminal(*options, prelude="pass", columns=120, lines=30):
    ours, theirs = pty.openpty()
    size = {"COLUMNS": str(columns), "LINES": str(lines), "TERM": "xterm-256color"}
    process = subprocess.Popen(
        command(*options, prelude=prelude), cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs,
        env={**os.environ, **size}, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    with _ended(process):
        yield Demo(process, ours)
    os.close(ours)


@contextmanager
def _ended(process):
    try:
        yield
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(10)
