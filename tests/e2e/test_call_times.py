#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Times of calls, against the program's own clocks: by wall and by CPU time, whatever ends a call."""
import json
import os
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import greenlets
import harness
from counting import Counting
from harness import Workload, case, every_python, needs
from static_probes import timed_old

# What a generator's consumer does between two turns is the generator's where the ends of turns are
# not seen; adder says so.
GENERATORS = ("generator", "consumer", "delegating", "closer", "inner", "driver")
# What is done after the program's last note: the exception is made, and its way out.
RAISING = ("raiser", "breaking", "failing_callback", "passer", "catcher", "through_c")
PART, A_CALL = 0.05, 5e-6
COLD = 0.005      # a program's first probes and calls, before its first note, take long
MOST_LATE = 0.01  # that an exception has ended a call may be seen so late, while nothing else is called
A_CALL_BY_CPU = 30e-6  # most of them sleep: what a switch takes, the clocks divide as they like


def timed(python, *options, how=()):
    """({function: truth}, {function: row}, seconds that a probe costs) of timed.py."""
    with Workload(python, "timed.py", *how) as program:
        program.expect("ready")
        counting = Counting(program.pid, *options)
        program.go()
        said = json.loads(program.read()[len("done "):])
        report, profile = counting.stop()
        program.go()
    rows = {row["function"]: row for row in report["rows"] if row["file"].endswith("/timed.py")}
    return said, rows, int(profile.comments["probe_ns"]) / 1e9


def allowed(want, calls, by_cpu):
    """What may be wrong with seconds of @calls; each that is made in there counts for two."""
    return max(PART * want, (A_CALL_BY_CPU if by_cpu else A_CALL) * calls)


def differences(said, rows, cost, by_cpu):
    for name, truth in sorted(said.items()):
        row, calls = rows.get(name), truth["calls"] + truth["turns"]
        if not row:
            yield "%s is missing" % name
            continue
        if (row["ncalls"], row["primitive"]) != (truth["calls"], truth["primitive"]):
            yield "%s: %d/%d calls, not %d/%d" % (name, row["ncalls"], row["primitive"],
                                                  truth["calls"], truth["primitive"])
        if not row["timed"]:
            yield "%s was not timed" % name
        if row["late"] and name in GENERATORS or by_cpu and name in RAISING:
            continue
        # its own clock has run on in the probes of what it has called, half of each is in its own
        for key, of, within in (("tottime_ns", "cpu" if by_cpu else "self", "direct"),
                                ("cumtime_ns", "total", "all")):
            want, got = truth[of] - cost * 2 * truth[within], row[key] / 1e9
            if of == "total" and by_cpu:
                continue
            if abs(got - want) > allowed(want, calls + 2 * truth[within], by_cpu):
                yield "%s: %s %.6f s, not %.6f (%d calls with %d)" % (name, key, got, want, calls,
                                                                     truth[within])


def judge(python, *options, how=()):
    said, rows, cost = timed(python, *options, how=how)
    bad = list(differences(said, rows, cost, bool(options)))
    assert not bad, "%d wrong: %s" % (len(bad), "; ".join(bad[:6]))
    return "%d functions; %.2f us a probe" % (len(said), cost * 1e6)


def timed_pythons():
    """Those that are new enough, or have a static probe where calls end."""
    every = [p for p in every_python() if isinstance(p, harness.Missing) or p.minor >= 11]
    return timed_old() + every


@case(each=timed_pythons, alone=True)
def wall(python):
    needs(python)
    return judge(python)


@case(each=timed_pythons, alone=True)
def cpu(python):
    needs(python)
    return judge(python, "--cpu")


@case(each=greenlets.pythons, alone=True)
def in_greenlets(python):
    """That switch in the middle of their calls: each call's time goes on meanwhile, as if it slept."""
    return judge(python, how=("greenlets", *greenlets.modules(python)))


class Ending:
    """How calls end with their program, or go on as adder ends, with a Python."""

    def __init__(self, python, how):
        self.python, self.how = python, how
        self.name = "%s.%s" % (how, python.name)


def each_ending():
    return [Ending(python, how) for python in timed_pythons()
            for how in ("exit", "_exit", "killed", "exec", "thread", "stay")]


def end_of(program, how, counting):
    """([when main() and leaves() began], when they had not ended yet, when they had), and the report."""
    *begun, last = (float(x) for x in program.read().split())
    if how in ("killed", "stay"):
        time.sleep(0.03)
        last = time.perf_counter()
    if how == "killed":
        program.process.kill()
    if how != "stay":
        program.process.wait()
        over = min(time.perf_counter(), last + MOST_LATE)
    report, profile = counting.stop()
    if how == "stay":  # the recording's end
        over = (profile.time_ns + profile.duration_ns) / 1e9 - time.time() + time.perf_counter()
    return begun, last, over, report


@case(each=each_ending)
def open_at_the_end(ending):
    """What is open then counts, and takes until then."""
    needs(ending.python)
    how = "stay" if ending.how == "killed" else ending.how
    with Workload(ending.python, "ending.py", how) as program:
        program.expect("ready")
        counting = Counting(program.pid)
        program.go()
        (main, leaves), last, over, report = end_of(program, ending.how, counting)
    rows = {row["function"]: row for row in report["rows"] if row["file"].endswith("/ending.py")}
    took = {name: [rows[name][key] / 1e9 for key in ("tottime_ns", "cumtime_ns")] for name in ("main", "leaves")}
    before = leaves - main + COLD if ending.how != "thread" else took["main"][1]  # there it does more
    for name, got, least, most in (("main", took["main"][1], last - main, over - main),
                                   ("main by itself", took["main"][0], 0, before),
                                   ("leaves", took["leaves"][1], last - leaves, over - leaves),
                                   ("leaves by itself", took["leaves"][0], last - leaves, over - leaves)):
        may = allowed(least, 2, False)
        assert least - may <= got <= most + may, "%s: %.6f s, not %.6f to %.6f" % (name, got, least, most)
    counts = {name: [rows[name][key] for key in ("ncalls", "primitive", "timed")] for name in rows}
    assert counts["main"] == counts["leaves"] == [1, 1, True], counts
    return "%.1f ms" % (1e3 * took["main"][1])


if __name__ == "__main__":
    harness.main()
