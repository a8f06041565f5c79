#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""greenlet and gevent: the stack is the running greenlet's own, and so is the time."""
import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import adder
import harness
from greenlets import modules, pythons
from harness import Workload, case

SECOND = 1e9
HZ = 997
CPU_SHARE, CPU_SECONDS = 0.05, 0.01  # of what is split by ticks


def wrong_stacks(samples, entry):
    """Samples that are in @entry with it not as the outermost, or with frames of who spawned it."""
    for s in samples:
        names = [f.function for f in s.stack]
        if entry in names and (names[-1] != entry or {"run_a", "run_b"} <= set(names)):
            yield "%s is in %s" % (entry, names)


def wrong_time(samples, function, truth):
    mine = [s for s in samples if s.stack[-1].function == function]
    asleep, cpu = (sum(s.values[k] for s in mine) / SECOND for k in ("sleep", "cpu"))
    if not 0.999 * truth[0] <= asleep <= truth[1] + 0.0001:
        yield "%s: asleep for %.4f s, not %.4f to %.4f" % (function, asleep, truth[0], truth[1])
    if abs(cpu - truth[2]) > CPU_SHARE * truth[2] + CPU_SECONDS:
        yield "%s: CPU %.4f s, not %.4f" % (function, cpu, truth[2])


def check(python, kind):
    with Workload(python, "greenlets.py", kind, *modules(python)) as program:
        program.expect("ready")
        with adder.Recording("-p", program.pid, hz=HZ) as recording:
            program.go()
            said = json.loads(program.read())
        program.go()
    samples = [s for s in recording.profile.samples if s.labels["pid"] == said["pid"]]
    wrong = []
    for function in "run_a", "run_b":
        wrong += list(wrong_stacks(samples, function))
        wrong += wrong_time(samples, function, said["functions"][function])
    assert not wrong, "; ".join(wrong)


@case(each=pythons, alone=True)
def greenlet(python):
    check(python, "greenlet")


@case(each=pythons, alone=True)
def gevent(python):
    check(python, "gevent")


if __name__ == "__main__":
    harness.main()
