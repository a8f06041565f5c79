#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""How the CPU time is split among functions, at three rates."""
import contextlib
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
POINTS = {99: 4, 999: 2, 9000: 1}  # of a percentage, that a function's share may be off at a rate


def cpu_of(profile, pid, function=None):
    return sum(s.values["cpu"] for s in profile.samples if s.labels.get("pid") == pid and
               (not function or any(f.function == function for f in s.stack))) / 1e9


def wrong_shares(profile, truth, points):
    """A line for each share that is wrong, and how far the worst is off."""
    total, wrong, worst = cpu_of(profile, truth["pid"]), [], 0
    if abs(total - truth["total"]) > 0.02 * truth["total"]:
        wrong.append("CPU in all %.3f s, but used %.3f s" % (total, truth["total"]))
    for function, seconds in truth["cpu"].items():
        got = 100 * cpu_of(profile, truth["pid"], function) / total
        true = 100 * seconds / truth["total"]
        worst = max(worst, abs(got - true))
        if abs(got - true) > points:
            wrong.append("%s: %.2f %% of the CPU time, but used %.2f %%" % (function, got, true))
    return wrong, worst


@case(alone=True)
def shares():
    """By three adders at once, that see the same."""
    pythons = spread()
    with Workload(pythons[len(pythons) // 2], "shares.py", SECONDS) as program:
        program.expect("ready")
        with contextlib.ExitStack() as stack:
            recordings = {hz: stack.enter_context(adder.Recording("-p", program.pid, hz=hz))
                          for hz in POINTS}
            program.go()
            truth = json.loads(program.read())
    wrong, worst = [], []
    for hz, recording in recordings.items():
        mine, off = wrong_shares(recording.profile, truth, POINTS[hz])
        wrong += ["%d Hz: %s" % (hz, line) for line in mine]
        worst.append("%.2f points at %d Hz" % (off, hz))
    assert not wrong, "; ".join(wrong)
    return "off by at most " + ", ".join(worst)


if __name__ == "__main__":
    harness.main()
