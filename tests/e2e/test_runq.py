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
# Between the kernel's account and ours lies the way from the quota's end to the next switch, which on a
# busy machine is as long as others have the CPU; and from one reading of the clock to the next.
KEPT, PART = (0.08, 0.01) if harness.EMULATED else (0.03, 0)


def queued_seconds(pid):
    """How long a program's main thread has waited for a CPU, for whatever reason."""
    with open("/proc/%d/task/%d/schedstat" % (pid, pid)) as file:
        return int(file.read().split()[1]) / SECOND


@case(each=spread)
def throttled(python):
    """One thread that wants all of a CPU and may have a fifth: the kernel counts what it kept."""
    with CpuQuota(0.2) as quota, Workload(python, "spinner.py") as program:
        program.expect("ready")
        quota.add(program.pid)
        with adder.Recording("-p", program.pid) as recording:
            before, queued_before = quota.throttled_seconds(), queued_seconds(program.pid)
            program.go()
            program.expect("done")
            kept = quota.throttled_seconds() - before
            most = max(kept, queued_seconds(program.pid) - queued_before)
        program.go()
    values = [s.values for s in recording.profile.samples]
    got = sum(v["throttled"] for v in values) / SECOND
    queued = sum(v["runq"] for v in values) / SECOND
    assert (1 - KEPT) * kept < got < (1 + KEPT) * most, \
        "throttled %.3f s, the kernel says %.3f s of %.3f s" % (got, kept, most)
    assert queued >= got * (1 - PART), "throttled is a part of runq: %.3f s of %.3f s" % (got, queued)
    return "%.2f s" % got


if __name__ == "__main__":
    harness.main()
