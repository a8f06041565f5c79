# SPDX-License-Identifier: BSD-2-Clause
"""The programs that the profilers are pointed at."""
import glob
import os

import host
import running

PERF_MAPS = "/tmp/perf-*.map"  # what programs under `-X perf` leave behind
WORKLOADS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "workloads")


class Workload(running.Target):
    """One of workloads/, or of bench/targets, as @contestant's settings and Python run it."""

    def __init__(self, contestant, script, pinned=False):
        path = os.path.join(WORKLOADS, script)
        if not os.path.exists(path):
            path = os.path.join(running.TARGETS, script)
        self.maps = set(glob.glob(PERF_MAPS))
        super().__init__("env", "-u", "PYTHONPATH", "-u", "PYTHONHOME", *contestant.settings,
                         *contestant.python.command("-S", "-B", path),
                         cpu=host.a_cpu() if pinned else None)
        self.ask(*["fib"] if script == "burn.py" else [], 0)  # until it is there

    def __exit__(self, *args):
        self.process.stdin.close()
        self.process.wait()  # it ends by itself, having ended its children
        for path in set(glob.glob(PERF_MAPS)) - self.maps:
            os.unlink(path)
