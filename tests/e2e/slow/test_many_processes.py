#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Calls of many processes, one after the other: those that have ended make room, and nothing is lost."""
import json
import os
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import adder
import harness
from harness import case
from places import of_its_own_program

# Worker after worker calls EACH functions of its own, more in all than the kernel's table holds, and one that
# is asked for; then comes what is slow.  They leave adder the time to read most names.
WORKERS, STARTS_MANY = 70, """
import sys, time
PART = "def f%d(): pass\\nf%d()\\n"
def many_quick(): pass
def many_slow(): time.sleep(0.2)
if sys.argv[1:]:
    many_quick()
    for begin in range(0, EACH, 200):
        exec("".join(PART % (i, i) for i in range(begin, begin + 200)))
        time.sleep(0.02)
else:
    import subprocess
    for i in range(70):
        subprocess.run([sys.executable, "-I", "-S", "-c", sys.orig_argv[-1], "worker"], check=True)
        time.sleep(0.08)
    for i in range(5): many_slow()
"""


def run_many(each, *options):
    program = STARTS_MANY.replace("EACH", str(each))
    command = of_its_own_program().command("-I", "-S", "-c", program)
    done = adder.run("calls", "--json", *options, "--", *command)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


@case(alone=True)
def slower_after_many():
    """What has ended makes room: with functions that nobody asked for, too."""
    text = run_many(1000, "--slower", "150", "--match", "many_slow", "--match", "other")
    told = [json.loads(line)["function"] for line in text.splitlines()]
    assert told == ["many_slow"] * 5, told


@case(alone=True)
def histograms_of_many():
    """Each with its process's."""
    calls = {"many_quick": [], "many_slow": []}
    lines = [json.loads(line) for line in run_many(200, "--histogram", "many_*").splitlines()]
    for line in lines:
        calls[line["function"]].append(line["calls"])
    assert calls == {"many_quick": [1] * WORKERS, "many_slow": [5]}, calls
    assert len({line["pid"] for line in lines}) == WORKERS + 1


@case(alone=True)
def counts_of_many():
    """Nothing that has been counted is lost with its processes."""
    counts = {row["function"]: row["ncalls"] for row in json.loads(run_many(1000, "-l", "0"))["rows"]}
    unread = counts.get("[name not read]", 0)
    of_workers = {f: n for f, n in counts.items() if re.fullmatch("f[0-9]+", f)}
    assert max(of_workers.values()) <= WORKERS and counts["many_slow"] == 5
    missing = WORKERS * 1000 - sum(of_workers.values())
    assert 0 <= missing <= unread < 0.2 * WORKERS * 1000, "%d missing, %d unread" % (missing, unread)


if __name__ == "__main__":
    harness.main()
