"""A real `systemd --user`, also where process 1 is not systemd: needs root."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.waiting import until

CGROUPS = Path("/sys/fs/cgroup")
# It refuses to run unless the system looks booted with systemd.
BOOT = """
for group in {groups}; do echo $$ > $group/cgroup.procs; done
exec unshare --mount --propagation private sh -c '
    mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system &&
    exec /lib/systemd/systemd --user --log-target=console --unit=basic.target'
"""


def missing():
    """Why it cannot run here; None when it can."""
    if os.geteuid() != 0:
        return "only root can give systemd a cgroup and a mount namespace"
    if not Path("/lib/systemd/systemd").exists() or not shutil.which("systemctl"):
        return "systemd is not installed"
    if not os.access(CGROUPS, os.W_OK):
        return "there are no writable cgroups"
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
        return "mount namespaces are not allowed here"
    return None


class UserManager:
    def __init__(self, directory):
        self.directory = directory
        self.units = directory / "config/systemd/user"
        self.units.mkdir(parents=True)
        self.runtime = directory / "runtime"
        self.runtime.mkdir(mode=0o700)
        trees = [tree for tree in (CGROUPS / "systemd", CGROUPS / "unified") if tree.is_dir()]
        self.groups = [tree / f"minerbridge-{os.getpid()}" for tree in trees or [CGROUPS]]
        self.environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "HOME": str(directory),
            "XDG_RUNTIME_DIR": str(self.runtime),
            "XDG_CONFIG_HOME": str(directory / "config"),
        }
        self.log = directory / "manager.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self):
        for group in self.groups:
            group.mkdir()
        script = BOOT.format(groups=" ".join(map(str, self.groups)))
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                ["sh", "-c", script], env=self.environment, stdout=log, stderr=log, cwd="/"
            )
        until((self.runtime / "systemd/private").exists, 10, self.log.read_text)

    def systemctl(self, *arguments):
        command = ["systemctl", "--user", *arguments]
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=60
        )

    def show(self, unit, name):
        return self.systemctl("show", unit, "-p", name, "--value").stdout.strip()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.systemctl("exit")
            self.process.wait(30)
        for group in self.groups:
            for folder, _, _ in os.walk(group, topdown=False):
                os.rmdir(folder)  # noqa: PTH106  the files in it are the kernel's
