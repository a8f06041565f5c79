#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""How the CPU time is split among functions, at three rates."""
import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import adder
import harness
from harness import Workload, case
from pythons import spread

SECONDS = 10


class Rate:
    def __init__(self, hz, points):
        self.hz, self.points, self.name = hz, points, "%d_hz" % hz


def rates():
    return [Rate(99, 4), Rate(999, 2), Rate(9000, 1)]


def cpu_of(profile, pid, function=None):
    return sum(s.values["cpu"] for s in profile.samples if s.labels.get("pid") == pid and
               (not function or any(f.function == function for f in s.stack))) / 1e9


@case(each=rates, alone=True)
def shares(rate):
    pythons = spread()
    python = pythons[len(pythons) // 2]
    with Workload(python, "shares.py", SECONDS) as program:
        program.expect("ready")
        with adder.Recording("-p", program.pid, hz=rate.hz) as recording:
            program.go()
            truth = json.loads(program.read())
    profile, pid = recording.profile, truth["pid"]
    total = cpu_of(profile, pid)
    assert abs(total - truth["total"]) <= 0.02 * truth["total"], \
        "CPU in all %.3f s, but used %.3f s" % (total, truth["total"])
    worst = 0
    for function, seconds in truth["cpu"].items():
        got = 100 * cpu_of(profile, pid, function) / total
        true = 100 * seconds / truth["total"]
        worst = max(worst, abs(got - true))
        assert abs(got - true) <= rate.points, \
            "%s: %.2f %% of the CPU time, but used %.2f %%" % (function, got, true)
    return "worst error %.2f points of %d; total %+.2f %%" % (
        worst, rate.points, 100 * (total / truth["total"] - 1))


if __name__ == "__main__":
    harness.main()
