#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A program that computes from its exec on without being switched out: its stack is known all the same."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(HERE, "..", "e2e", "lib"))
import adder
import harness
from harness import case
from pythons import find_all

SECONDS = 1.5
PROGRAM = """
import time
def computes():
    while time.monotonic() < end: pass
end = time.monotonic() + %s
computes()
""" % SECONDS
NO_LIMIT = "/proc/sys/kernel/sched_rt_runtime_us"


@case(alone=True)
def first_stint():
    python = [p for p in find_all() if not p.tree][0]
    with open(NO_LIMIT, "w") as f:
        f.write("-1")
    # of real-time priority: nothing takes the CPU from it
    with adder.Recording("--", "chrt", "-f", "1", *python.command("-c", PROGRAM), hz=499) as recording:
        recording.process.wait(60)
        recording.stop(None)
    got = sum(s.values["cpu"] for s in recording.profile.samples
              if any(f.function == "computes" for f in s.stack)) / 1e9
    # what ticks do not find there is split among the start's functions: a little
    assert got >= 0.9 * SECONDS, "computes() had %.3f s of CPU time, not %.1f s" % (got, SECONDS)
    return "%.3f s" % got


if __name__ == "__main__":
    harness.main()
