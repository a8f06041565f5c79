#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Waits that the kernel itself was told to make: each is at least so long, and all of it is seen."""
import contextlib
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(HERE, "..", "e2e", "lib"))
import adder
import harness
from harness import Skip, Workload, case
from pythons import BUILD, find_all

SECOND = 1e9
DELAY_MS, COUNT = 20, 25
JIFFY_MS = 4  # dm-delay counts in these, and may be one early


def tool(name, *args, **kwargs):
    path = os.path.join(BUILD, "vm", "tools", "run", name)
    if os.uname().machine != "x86_64" or not os.access(path, os.X_OK):
        path = name  # those tools are x86_64's
    try:
        subprocess.run([path] + list(args), check=True, stderr=subprocess.PIPE, **kwargs)
    except (OSError, subprocess.CalledProcessError) as e:
        raise Skip("%s %s: %s" % (name, args[0], getattr(e, "stderr", e)))


@contextlib.contextmanager
def delayed_network():
    tool("tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "%dms" % DELAY_MS)
    try:
        yield
    finally:
        tool("tc", "qdisc", "del", "dev", "lo", "root")


@contextlib.contextmanager
def delayed_disk():
    with open("/run/adder-disk", "wb") as image:
        image.truncate(COUNT * 65536)
    tool("/run/busybox", "losetup", "/dev/loop0", "/run/adder-disk")
    table = "0 %d delay /dev/loop0 0 %d\n" % (COUNT * 128, DELAY_MS)
    tool("dmsetup", "create", "--noudevsync", "adder-slow", input=table.encode())
    tool("dmsetup", "mknodes")
    try:
        yield "/dev/mapper/adder-slow"
    finally:
        tool("dmsetup", "remove", "--noudevsync", "adder-slow")
        tool("/run/busybox", "losetup", "-d", "/dev/loop0")


def python():
    return [p for p in find_all() if p.minor >= 8][-1]


def check(state, least, *args):
    """All but what the thread ran, or wanted to, is @state: as much as the program measured."""
    with Workload(python(), "delayed.py", state, *args, str(COUNT)) as program:
        program.expect("ready")
        with adder.Recording("-p", program.pid, hz=997) as recording:
            program.go()
            said = json.loads(program.read())
        program.go()
    got = {}
    for s in recording.profile.samples:
        if s.labels.get("tid") == said["tid"] and any(f.function == "in_" + state for f in s.stack):
            for name, value in s.values.items():
                got[name] = got.get(name, 0) + value / SECOND
    assert got, "in_%s is not in the profile" % state
    waited = got["wall"] - got["cpu"] - got["runq"]
    assert got[state] <= said["seconds"], "%s %.4f s, but all took %.4f s" % (
        state, got[state], said["seconds"])
    assert got[state] >= 0.99 * waited, "%s %.4f s of %.4f s waited" % (state, got[state], waited)
    assert got[state] >= least, "%s %.4f s, but the delays alone are %.4f s" % (
        state, got[state], least)
    return "%.3f s of %.3f s, at least %.3f s" % (got[state], said["seconds"], least)


@case(alone=True)
def slow_disk():
    with delayed_disk() as device:
        return check("disk", COUNT * (DELAY_MS - JIFFY_MS) / 1e3, device)


@case(alone=True)
def slow_network():
    with delayed_network():
        return check("net", COUNT * 2 * DELAY_MS / 1e3)


if __name__ == "__main__":
    harness.main()
