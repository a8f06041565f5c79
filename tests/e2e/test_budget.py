#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The walk budget: what is not walked is still summed exactly, and is nobody's only if nobody was walked."""
import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import adder
import harness
from harness import Workload, case
from pythons import spread

SECOND = 1e9


def play(python, budget):
    with Workload(python, "pingpong.py") as program:
        program.expect("ready")
        with adder.Recording("-p", program.pid, "--budget", budget, hz=997) as recording:
            program.go()
            result = json.loads(program.read())
        program.go()
    return recording.profile, result


def check_sums(profile, result):
    wrong = []
    thread = [s for s in profile.samples if s.labels.get("tid") == result["tid"]]
    wall = sum(s.values["wall"] for s in thread)
    if abs(wall - profile.duration_ns) > 0.001 * profile.duration_ns:
        wrong.append("the thread's wall time is %.4f of %.4f s" %
                     (wall / SECOND, profile.duration_ns / SECOND))
    unnamed = sum(s.values["wall"] for s in thread if s.stack[0].function == "[not walked]")
    if unnamed > 0.01 * wall:
        wrong.append("%.4f s are of nobody" % (unnamed / SECOND))
    return wrong


@case(each=spread, alone=True)
def sums_stay_exact(python):
    profile, result = play(python, "0.05")
    wrong = check_sums(profile, result)
    assert not wrong, "; ".join(wrong)
    walked, unwalked = (int(profile.comments[k]) for k in ("walked", "unwalked"))
    assert unwalked > walked, "%d walked, %d not: the budget had nothing to do" % (walked, unwalked)
    return "%d of %d walked" % (walked, walked + unwalked)


@case(each=spread, alone=True)
def without_limit(python):
    profile, result = play(python, "100")
    wrong = check_sums(profile, result)
    assert not wrong, "; ".join(wrong)
    assert profile.comments["unwalked"] == "0", profile.comments["unwalked"]


if __name__ == "__main__":
    harness.main()
