#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Counts of calls, against what sys.setprofile sees of the same program: equal, on every build."""
import json
import os
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import harness
from counting import Counting
from harness import Workload, case, needs
from judging import every_build
from pythons import WORKLOADS, spread


def count(python):
    """{(function, line): [calls, resumes]} of called.py, as adder counts them."""
    with Workload(python, "called.py") as program:
        program.expect("ready")
        counting = Counting(program.pid)
        program.go()
        program.expect("done")
        report, profile = counting.stop()
        program.go()
    counts = {}
    for row in report["rows"]:
        if row["file"].endswith("/called.py"):
            key = row["function"].rsplit(".", 1)[-1], row["line"]
            counts[key] = [row["ncalls"], row["resumes"]]
    return counts, profile


def truth(python):
    out = subprocess.run(python.command(os.path.join(WORKLOADS, "called.py"), "truth"),
                         stdout=subprocess.PIPE, check=True).stdout
    return {(name.rpartition(":")[0], int(name.rpartition(":")[2])): counts
            for name, counts in json.loads(out).items()}


def differences(want, got):
    for key in sorted(set(want) | set(got)):
        # setprofile tells of throw() and close() into a generator as of a call; adder does not:
        # nothing of it is executed but the exception
        if key[0] in ("abandoned", "generator", "<module>"):
            if key in want and got.get(key, [0])[0] != want[key][0]:
                yield "%s:%d begun %s times, not %d" % (key + (got.get(key, [0])[0], want[key][0]))
        elif want.get(key) != got.get(key):
            yield "%s:%d %s, not %s" % (key + (got.get(key), want.get(key)))


@case(each=every_build)
def exact(python):
    needs(python)
    got, profile = count(python)
    wrong = list(differences(truth(python), got))
    assert not wrong, "%d wrong: %s" % (len(wrong), "; ".join(wrong[:4]))
    for lost in ("lost_calls", "lost_calls_full"):
        assert profile.comments[lost] == "0", "%s: %s" % (lost, profile.comments[lost])
    return "%d calls of %d functions" % (sum(c + r for c, r in got.values()), len(got))


if __name__ == "__main__":
    harness.main()
