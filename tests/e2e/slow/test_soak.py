#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Long recordings: adder's memory stays as it is, and it leaks none.  SOAK_SECONDS in the environment
says how long (60; `make soak`: 600)."""
import os
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "lib"))
import adder
import harness
from harness import Skip, Workload, case
from pythons import BUILD, WORKLOADS, find_all

SECONDS = float(os.environ.get("SOAK_SECONDS", 60))
SECOND, MB = 1e9, 1e6
FLAT = 2  # MB that the last half may have more than the second quarter
INSTRUMENTED = os.path.join(BUILD, "asan", "adder")
STORMS = [("execs", 10, 2), ("forks", 20, 4), ("threads", 200, 2), ("chain", 5, 1)]


def newest():
    return [p for p in find_all() if not p.tree][-1]


def rss(pid):
    with open("/proc/%d/status" % pid) as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("VmRSS")) / MB


@case(alone=True)
def memory_is_flat():
    """What one program does for long, however often its stacks and functions change.  (Where others
    keep adder from its CPU for seconds, as the other test does, there is more to hold at once.)"""
    with Workload(newest(), "soak.py", SECONDS) as program:
        program.expect("ready")
        with adder.Recording("-p", program.pid, "--budget", "100") as recording:
            program.go()
            sizes = []
            for _ in range(40):
                time.sleep(SECONDS / 40)
                sizes.append(rss(recording.process.pid))
            cpu = float(program.read())
        program.go()
    profile = recording.profile
    early, late = max(sizes[10:20]), max(sizes[20:])
    used = sum(s.values["cpu"] for s in profile.samples) / SECOND
    wall, lived = sum(s.values["wall"] for s in profile.samples), int(profile.comments["wall_ns"])
    wrong = []
    if late > early + FLAT:
        wrong.append("it grew from %.1f to %.1f MB" % (early, late))
    if abs(used - cpu) > 0.01 * cpu:
        wrong.append("%.2f s of CPU, but it used %.2f s" % (used, cpu))
    if abs(wall - lived) > 0.001 * lived:
        wrong.append("%.2f of %.2f s are accounted for" % (wall / SECOND, lived / SECOND))
    assert not wrong, "; ".join(wrong)
    return "%.0f s: %.1f MB, then %.1f" % (profile.duration_ns / SECOND, early, late)


@case()
def nothing_leaks():
    """An instrumented adder records the host while processes and threads come and go."""
    if not os.access(INSTRUMENTED, os.X_OK):
        raise Skip("no %s: `make soak` makes it" % os.path.relpath(INSTRUMENTED, os.path.dirname(BUILD)))
    end, python, count = time.monotonic() + SECONDS, newest(), 0
    # its own allocator keeps what is freed for a while: little of it
    os.environ["ASAN_OPTIONS"] = "detect_leaks=1:quarantine_size_mb=4:exitcode=23"
    with adder.Recording(program=INSTRUMENTED) as recording:
        while time.monotonic() < end:
            kind = STORMS[count % len(STORMS)]
            subprocess.run(python.command(os.path.join(WORKLOADS, "storm.py"), *kind), check=True,
                           stdout=subprocess.DEVNULL)
            count += 1
    assert not recording.has_said("Sanitizer") and not recording.has_said("runtime error"), \
        recording.text()
    return "%d storms, %s processes, %s threads" % (
        count, recording.profile.comments["processes"], recording.profile.comments["threads"])


if __name__ == "__main__":
    harness.main()
