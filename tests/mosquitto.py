"""A real mosquitto per test: users, ACL, TLS, persistence, restarts and kills."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

PROGRAM = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Mosquitto:
    """Unprivileged and on one port for life, so that a restart is found again by its clients."""

    def __init__(
        self, directory, *, users=None, acl=None, tls=None, mtls=False, persistence=False, extra=""
    ):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True)
        self.port = free_port()
        self.tls_port = free_port() if tls else None
        self.log = self.directory / "mosquitto.log"
        lines = [
            "per_listener_settings false",
            "log_dest stderr",
            "log_type all",
            "set_tcp_nodelay true",
            f"allow_anonymous {'false' if users else 'true'}",
        ]
        if users:
            lines.append(f"password_file {self._passwords(users)}")
        if acl:
            (self.directory / "acl").write_text(acl)
            lines.append(f"acl_file {self.directory}/acl")
        if persistence:
            lines += ["persistence true", f"persistence_location {self.directory}/"]
            lines.append("autosave_interval 1")
        lines.append(f"listener {self.port} 127.0.0.1")
        if tls:
            lines += self._tls_listener(tls, mtls)
        self.config = self.directory / "mosquitto.conf"
        self.config.write_text("\n".join([*lines, extra, ""]))
        self.process: subprocess.Popen[bytes] | None = None

    def _passwords(self, users):
        path = self.directory / "passwords"
        path.touch(mode=0o600)
        for name, password in users.items():
            subprocess.run(["mosquitto_passwd", "-b", path, name, password], check=True)
        return path

    def _tls_listener(self, tls, mtls):
        return [
            f"listener {self.tls_port} 127.0.0.1",
            f"cafile {tls['ca']}",
            f"certfile {tls['certificate']}",
            f"keyfile {tls['key']}",
            f"require_certificate {str(mtls).lower()}",
        ]

    def start(self):
        assert PROGRAM
        identity: dict[str, Any] = {}
        if os.geteuid() == 0:  # else it drops to a user who cannot read this directory
            nobody = pwd.getpwnam("nobody")
            identity = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            for path in [self.directory, *self.directory.rglob("*")]:
                os.chown(path, nobody.pw_uid, nobody.pw_gid)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [PROGRAM, "-c", self.config], stdout=log, stderr=log, cwd="/", **identity
            )
        self._wait_until_open(time.monotonic() + 5)
        return self

    def _wait_until_open(self, deadline):
        assert self.process
        while True:
            assert self.process.poll() is None, self.log.read_text()
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
                return
            except OSError:
                assert time.monotonic() < deadline, self.log.read_text()
                time.sleep(0.01)

    def stop(self, sig=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(sig)
            self.process.wait(10)

    def kill(self):
        """Without a word: what was not saved is lost."""
        self.stop(signal.SIGKILL)

    def restart(self):
        """Retained messages survive only with persistence."""
        self.stop()
        return self.start()

    def reload(self):
        """Read users and ACL again."""
        assert self.process
        self.process.send_signal(signal.SIGHUP)


@contextmanager
def readable_directory():
    """pytest's own directories are closed to the user a broker runs as."""
    directory = Path(tempfile.mkdtemp(prefix="minerbridge-", dir="/tmp"))
    directory.chmod(0o755)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def brokers():
    """A function that starts brokers; all of them end with the context."""
    started: list[Mosquitto] = []

    def start(**options):
        started.append(Mosquitto(directory / str(len(started)), **options))
        return started[-1].start()

    with readable_directory() as directory:
        try:
            yield start
        finally:
            for broker in started:
                broker.kill()


@pytest.fixture
def mosquitto():
    """Start brokers: `mosquitto(users={"bridge": "secret"}, persistence=True)`."""
    if not PROGRAM:
        pytest.skip("mosquitto is not installed")
    with brokers() as start:
        yield start
