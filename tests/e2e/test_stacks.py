#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Stacks that are hard to read, of every interpreter, against what the interpreter itself says."""
import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import adder
import harness
from harness import Workload, case, needs
from judging import difference, every_build

AT_LEAST_NS = 300_000_000  # of the second and a half for which each thread is blocked


def blocked_stack(profile, pid, tid):
    """The stack in which a thread has been longest, of those behind the start signal."""
    best, most = None, AT_LEAST_NS
    for s in profile.samples:
        if s.labels.get("pid") != pid or s.labels.get("tid") != tid:
            continue
        if any(f.function.endswith("Event.wait") or f.function == "wait" for f in s.stack):
            continue
        if s.values["wall"] - s.values["cpu"] > most:
            best, most = s, s.values["wall"] - s.values["cpu"]
    return best


@case(each=every_build)
def stacks(python):
    needs(python)
    with Workload(python, "hard_stacks.py") as program:
        program.expect("ready")
        with adder.Recording("-p", program.pid) as recording:
            program.go()
            truth = json.loads(program.read())
    profile = recording.profile
    wrong = []
    for tid, thread in sorted(truth.items()):
        why = difference(thread, blocked_stack(profile, program.pid, int(tid)))
        if why:
            wrong.append("%s: %s" % (thread["name"], why))
    assert not wrong, "%d of %d wrong: %s" % (len(wrong), len(truth), "; ".join(wrong[:8]))
    labels = {s.labels.get("python") for s in profile.samples}
    assert labels == {python.version}, "the label python is %r" % labels
    return "%d stacks" % len(truth)


if __name__ == "__main__":
    harness.main()
