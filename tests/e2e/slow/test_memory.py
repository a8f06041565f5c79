#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""adder's own memory: it stays below its bound whatever a program makes, and the sums stay exact."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import adder
import harness
from harness import Workload, case
from pythons import spread

SECOND = 1e9
MB = 1e6
FUNCTIONS = 80000
MEMORY = 32  # MB; half of the functions are enough to fill it
FLAT = 3     # MB that it may grow while the other half is made; without bounds, it is 8 and 16


def oldest_and_newest():
    return spread()[::2]


def rss(pid):
    with open("/proc/%d/status" % pid) as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("VmRSS"))


def play(python, kind):
    """The profile, the bytes that adder grew by in the second half, the program's CPU seconds and pid."""
    with Workload(python, "compiling.py", FUNCTIONS, kind) as program:
        program.expect("ready")
        with adder.Recording("-p", program.pid, "--memory", MEMORY, "--budget", 100) as recording:
            program.go()
            program.expect("half")
            half = rss(recording.process.pid)
            cpu = float(program.read())
            grown = rss(recording.process.pid) - half
        program.go()
    return recording.profile, grown, cpu, program.pid


def wall_in(profile, function):
    return sum(s.values["wall"] for s in profile.samples
               if any(f.function == function for f in s.stack)) / SECOND


def check(profile, grown, cpu, pid):
    wall = sum(s.values["wall"] for s in profile.samples)
    lived = int(profile.comments["wall_ns"])
    used = sum(s.values["cpu"] for s in profile.samples) / SECOND
    if abs(wall - lived) > 0.001 * lived:
        yield "%.4f of %.4f s are accounted for" % (wall / SECOND, lived / SECOND)
    if abs(used - cpu) > 0.01 * cpu:
        yield "%.4f s of CPU, but it used %.4f s" % (used, cpu)
    if grown > FLAT * MB:
        yield "it grew by %.1f MB while the second half was made" % (grown / MB)
    if int(profile.comments["own_rss_bytes"]) > MEMORY * MB:
        yield "it took %.1f MB" % (int(profile.comments["own_rss_bytes"]) / MB)
    if wall_in(profile, "[stack lost]") > 0.01 * lived / SECOND:
        yield "%.4f s have lost their stack" % wall_in(profile, "[stack lost]")
    if any(s.labels.get("pid") != pid for s in profile.samples):
        yield "time of another process"


def summary(profile, grown):
    return "%.1f MB, grown by %.1f" % (int(profile.comments["own_rss_bytes"]) / MB, grown / MB)


@case(each=oldest_and_newest)
def more_names_than_fit(python):
    """They are lumped together, and their callers and callees are right all the same."""
    profile, grown, cpu, pid = play(python, "names")
    wrong = list(check(profile, grown, cpu, pid))
    if int(profile.comments["lost_memory"]) < FUNCTIONS / 4:
        wrong.append("lost_memory: %s" % profile.comments["lost_memory"])
    lumped = wall_in(profile, "[memory full]")
    named = sum(s.values["wall"] for s in profile.samples if s.stack[0].function == "rest"
                and s.stack[1].function == "[memory full]" and len(s.stack) == 4) / SECOND
    if lumped <= 0 or named < 0.5 * lumped:
        wrong.append("of %.4f s without a name %.4f s have callee and caller" % (lumped, named))
    assert not wrong, "; ".join(wrong)
    return summary(profile, grown)


@case(each=oldest_and_newest)
def one_name_for_all(python):
    """Code objects come and go; the profile has them as one function, and none is lost."""
    profile, grown, cpu, pid = play(python, "one")
    wrong = list(check(profile, grown, cpu, pid))
    if profile.comments["lost_memory"] != "0":
        wrong.append("lost_memory: %s" % profile.comments["lost_memory"])
    nameless = wall_in(profile, "[name not read]")
    if nameless > 0.001 * wall_in(profile, "render"):
        wrong.append("%.4f s without a name" % nameless)
    assert not wrong, "; ".join(wrong)
    return summary(profile, grown)


if __name__ == "__main__":
    harness.main()
