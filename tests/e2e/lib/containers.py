# SPDX-License-Identifier: BSD-2-Clause
"""Containers made with runc, of the trees that fetch-pythons has unpacked."""
import json
import os
import secrets
import shutil
import subprocess
import tempfile
import time

from pythons import BUILD, WORKLOADS

# Where the root itself is on overlayfs, what lies below it: on Linux 6.12 a program on an overlayfs
# that lies on another is not found.
HOST = os.environ.get("HOST_ROOT", "")
NAMESPACES = ["pid", "mount", "ipc", "uts", "network"]


def lacking():
    """What is missing to make containers; None if nothing is."""
    if not shutil.which("runc"):
        return "runc is not installed"
    for suite in "bullseye", "trixie":
        if not os.path.isdir(os.path.join(BUILD, "pythons", suite)):
            return "no build/pythons/%s: run tests/e2e/fetch-pythons" % suite
    return None


class Container:
    """A runc container that runs @command over a tree; its files lie on overlayfs, as in Docker.

    @cgroup is its cgroup's path, with %s for its id of 64 digits; .pid is its first process as the
    host numbers it.
    """

    def __init__(self, suite, cgroup, command):
        self.id = secrets.token_hex(32)
        self.folder = tempfile.mkdtemp(prefix="adder-ctr-")
        self.runc = ["runc", "--root", self.folder + "/runc"]
        self.mount(HOST + os.path.realpath(os.path.join(BUILD, "pythons", suite)))
        with open(self.folder + "/data/bundle/config.json", "w") as f:
            json.dump(self.spec(cgroup % self.id if "%s" in cgroup else cgroup, command), f)
        self.pid = None

    def mount(self, lower):
        data = self.folder + "/data"
        os.mkdir(data)
        subprocess.run(["mount", "-t", "tmpfs", "adder", data], check=True)
        for name in "upper", "work", "root", "bundle":
            os.mkdir(data + "/" + name)
        os.mkdir(data + "/upper/app")
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", "lowerdir=%s,upperdir=%s/upper,"
                        "workdir=%s/work" % (lower, data, data), data + "/root"], check=True)

    def spec(self, cgroup, command):
        caps = ["CAP_CHOWN", "CAP_KILL", "CAP_SETUID", "CAP_SETGID"]
        return {
            "ociVersion": "1.0.2", "hostname": "e2e",
            "root": {"path": self.folder + "/data/root"},
            "process": {"user": {"uid": 0, "gid": 0}, "args": command, "cwd": "/app",
                        "noNewPrivileges": True, "env": ["PATH=/usr/bin:/bin"],
                        "capabilities": {k: caps for k in ("bounding", "effective", "permitted")}},
            "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
                       {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"},
                       {"destination": "/tmp", "type": "tmpfs", "source": "tmp"},
                       {"destination": "/app", "type": "bind", "source": WORKLOADS,
                        "options": ["rbind", "ro"]}],
            "linux": {"cgroupsPath": cgroup, "namespaces": [{"type": t} for t in NAMESPACES]}}

    def __enter__(self):
        log = open(self.folder + "/log", "w+")
        with log:
            done = subprocess.run(self.runc + ["run", "-d", "-b", self.folder + "/data/bundle",
                                  "--pid-file", self.folder + "/pid", self.id],
                                  stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            log.seek(0)
            text = log.read().strip()
        if done.returncode:
            self.__exit__()
            raise AssertionError("runc: " + text)
        with open(self.folder + "/pid") as f:
            self.pid = int(f.read())
        return self

    def __exit__(self, *args):
        subprocess.run(self.runc + ["kill", self.id, "KILL"], stderr=subprocess.DEVNULL)
        for _ in range(50):
            if subprocess.run(self.runc + ["delete", self.id],
                              stderr=subprocess.DEVNULL).returncode == 0:
                break
            time.sleep(0.05)
        subprocess.run(["umount", "-R", self.folder + "/data"])
        shutil.rmtree(self.folder)
