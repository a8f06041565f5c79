# SPDX-License-Identifier: BSD-2-Clause
"""Fifty children that mostly wait, and two that are busy.  Tells {pid: CPU time in seconds}."""
import os
import subprocess
import sys
import time

import asked

IDLE, BUSY = 50, 2
TARGETS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "targets")


def child(script, *args):
    command = [sys.executable, "-I", "-S", "-B", os.path.join(TARGETS, script)] + list(args)
    started = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    started.stdout.readline()  # says when it is at it
    return started


def cpu_seconds(pid):
    with open("/proc/%d/schedstat" % pid) as f:
        return int(f.read().split()[0]) / 1e9


def work(seconds):
    before = {pid: cpu_seconds(pid) for pid in pids}
    time.sleep(seconds)
    return {pid: cpu_seconds(pid) - before[pid] for pid in pids}


children = [child("idle.py") for _ in range(IDLE)] + [child("burn.py", "forever") for _ in range(BUSY)]
pids = [c.pid for c in children]
asked.serve(work)
for c in children:
    c.kill()
    c.wait()
