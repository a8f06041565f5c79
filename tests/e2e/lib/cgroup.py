# SPDX-License-Identifier: BSD-2-Clause
"""A cgroup with a CPU quota, of version 1 or 2, whichever this machine has."""
import os
import time

from harness import Skip

PERIOD_US = 100000


def controller_root(controller):
    """Of the hierarchy that has @controller, and whether it is version 1."""
    with open("/proc/self/mountinfo") as mounts:
        for line in mounts:
            fields = line.split()
            kind = fields[fields.index("-") + 1]
            if kind == "cgroup" and controller in fields[-1].split(","):
                return fields[4], True
            if kind == "cgroup2" and has_controller(fields[4], controller):
                return fields[4], False
    raise Skip("no cgroup hierarchy here has the controller %s" % controller)


def has_controller(root, controller):
    if controller == "freezer":
        return True  # built into version 2, and listed nowhere
    with open(root + "/cgroup.controllers") as file:
        return controller in file.read().split()


class Cgroup:
    """Of version 2, which may be there beside version 1; without limits."""

    def __init__(self, root=None):
        usual = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
        root = root or next((r for r in usual if os.path.exists(r + "/cgroup.controllers")), None)
        if not root:
            raise Skip("no cgroup hierarchy of version 2 here")
        self.root, self.name = root, "/adder-e2e-%d" % os.getpid()
        self.path = root + self.name

    def write(self, name, text):
        with open(os.path.join(self.path, name), "w") as file:
            file.write(text)

    def add(self, pid):
        self.write("cgroup.procs", str(pid))

    def __enter__(self):
        os.mkdir(self.path)
        return self

    def __exit__(self, *args):
        for _ in range(50):  # what was in it may still be on its way out
            try:
                os.rmdir(self.path)
                return
            except OSError:
                time.sleep(0.1)


class CpuQuota(Cgroup):
    """Of version 1 or 2, whichever has the controller."""

    def __init__(self, cpus):
        root, self.is_v1 = controller_root("cpu")
        super().__init__(root)
        self.quota_us = int(cpus * PERIOD_US)

    def throttled_seconds(self):
        with open(os.path.join(self.path, "cpu.stat")) as file:
            stat = dict(line.split() for line in file)
        return (int(stat["throttled_time"]) / 1e9 if self.is_v1
                else int(stat["throttled_usec"]) / 1e6)

    def __enter__(self):
        if not self.is_v1:
            with open(os.path.join(self.root, "cgroup.subtree_control"), "w") as file:
                file.write("+cpu")
        super().__enter__()
        if self.is_v1:
            self.write("cpu.cfs_quota_us", str(self.quota_us))
        else:
            self.write("cpu.max", "%d %d" % (self.quota_us, PERIOD_US))
        return self
