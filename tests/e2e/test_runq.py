#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Why a thread that could run did not: its cgroup's quota, against what the kernel says of it."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import adder
import harness
from cgroup import CpuQuota
from harness import Workload, case
from pythons import spread

SECOND = 1e9
# Between the kernel's account and ours lies the way from the quota's end to the next switch; and
# from one reading of the clock to the next.
KEPT, PART = (0.08, 0.01) if harness.EMULATED else (0.03, 0)


@case(each=spread)
def throttled(python):
    """One thread that wants all of a CPU and may have a fifth: the kernel counts what it kept."""
    with CpuQuota(0.2) as quota, Workload(python, "spinner.py") as program:
        program.expect("ready")
        quota.add(program.pid)
        with adder.Recording("-p", program.pid) as recording:
            before = quota.throttled_seconds()
            program.go()
            program.expect("done")
            kept = quota.throttled_seconds() - before
        program.go()
    values = [s.values for s in recording.profile.samples]
    got = sum(v["throttled"] for v in values) / SECOND
    queued = sum(v["runq"] for v in values) / SECOND
    assert abs(got - kept) < KEPT * kept, "throttled %.3f s, the kernel says %.3f s" % (got, kept)
    assert queued >= got * (1 - PART), "throttled is a part of runq: %.3f s of %.3f s" % (got, queued)
    return "%.2f s" % got


if __name__ == "__main__":
    harness.main()
