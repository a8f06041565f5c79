# SPDX-License-Identifier: BSD-2-Clause
"""Ways in which somebody else keeps a process from running: each is a context, with hold() and release()."""
import ctypes
import glob
import os
import signal
import time

from cgroup import controller_root
from harness import Skip

PATIENCE = 5  # seconds


def wait_for(what, done):
    end = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < end, "it took too long: %s" % what
        time.sleep(0.001)


def tids(pid):
    return [int(tid) for tid in os.listdir("/proc/%d/task" % pid)]


def states(pid):
    """State letters of all threads."""
    letters = set()
    for path in glob.glob("/proc/%d/task/*/stat" % pid):
        with open(path) as f:
            letters.add(f.read().rsplit(")", 1)[1].split()[0])
    return letters


class Hold:
    lets_wait = False

    def __init__(self, pid):
        self.pid = pid

    def __enter__(self):
        return self

    def __exit__(self, *args):
        pass


class Stopped(Hold):
    """By a signal, as Ctrl-Z."""
    name = "stopped"

    def hold(self):
        os.kill(self.pid, signal.SIGSTOP)
        wait_for("stop", lambda: states(self.pid) == {"T"})

    def release(self):
        os.kill(self.pid, signal.SIGCONT)


class Traced(Hold):
    """By a debugger: every thread seized and interrupted, as gdb does."""
    name = "traced"
    SEIZE, INTERRUPT, DETACH = 0x4206, 0x4207, 17
    WALL = 0x40000000

    def call(self, request, tid):
        ptrace = ctypes.CDLL(None, use_errno=True).ptrace
        ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
        if ptrace(request, tid, None, None):
            error = ctypes.get_errno()
            raise Skip("ptrace(%#x): %s" % (request, os.strerror(error)))

    def hold(self):
        self.tids = tids(self.pid)
        for tid in self.tids:
            self.call(self.SEIZE, tid)
            self.call(self.INTERRUPT, tid)
        for tid in self.tids:
            os.waitpid(tid, self.WALL)

    def release(self):
        for tid in self.tids:
            self.call(self.DETACH, tid)


class Frozen(Hold):
    """By its cgroup, as `docker pause` does."""
    name = "frozen"

    def __enter__(self):
        root, self.is_v1 = controller_root("freezer")
        self.path = os.path.join(root, "adder-e2e-freeze-%d" % os.getpid())
        self.root, self.lets_wait = root, self.is_v1
        os.mkdir(self.path)
        self.write(self.path, "cgroup.procs", self.pid)
        return self

    def write(self, path, name, value):
        with open(os.path.join(path, name), "w") as file:
            file.write(str(value))

    def read(self, name):
        with open(os.path.join(self.path, name)) as file:
            return file.read()

    def hold(self):
        if self.is_v1:
            self.write(self.path, "freezer.state", "FROZEN")
            wait_for("freeze", lambda: self.read("freezer.state") == "FROZEN\n")
        else:
            self.write(self.path, "cgroup.freeze", 1)
            wait_for("freeze", lambda: "frozen 1" in self.read("cgroup.events"))

    def release(self):
        if self.is_v1:
            self.write(self.path, "freezer.state", "THAWED")
        else:
            self.write(self.path, "cgroup.freeze", 0)

    def __exit__(self, *args):
        self.release()
        self.write(self.root, "cgroup.procs", self.pid)
        os.rmdir(self.path)


HOLDS = [Stopped, Traced, Frozen]
for hold in HOLDS:
    hold.__name__ = hold.name
