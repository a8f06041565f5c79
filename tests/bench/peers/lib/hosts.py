# SPDX-License-Identifier: BSD-2-Clause
"""Many processes: a crowd that lives long, and a storm of short lives."""
import time

import bpf
from cost import RATES, by_start, excess, shuffled
from rows import Rows
from running import Nothing
from targets import Workload

CROWD_SECONDS, STORM_SECONDS = 2.5, 2
MB = 1 << 20


def fewer(rounds):
    """These take long, and their ranges are small."""
    return max(1, rounds - 1)


def crowd(contestants, rounds):
    """One crowd for all rounds: it takes long to start."""
    rows = Rows("W5: 50 idle, 2 busy")
    for cs in by_start(contestants).values():
        with Workload(cs[0], "crowd.py") as target, bpf.Stats():
            for _ in range(fewer(rounds)):
                for c in shuffled(cs):
                    watch(rows, c, target)
    return rows.list()


def watch(rows, c, target):
    with c.session(target.pid, RATES[0], "wall", tree=True) as session:
        before, begin = session.cpu_ns(), time.monotonic_ns()
        truth = {int(pid): seconds for pid, seconds in target.ask(CROWD_SECONDS).items()}
        cpu = 100 * (session.cpu_ns() - before) / (time.monotonic_ns() - begin)
        memory = session.memory_bytes() / MB
    rows.add("profiler's CPU time, 99 Hz", "% of a CPU", c, cpu)
    rows.add("its memory at the peak", "MB", c, memory)
    seen = {s.pid for s in session.samples} & truth.keys()
    rows.add("processes seen of %d" % len(truth), "", c, len(seen), more=True)


def storm(contestants, rounds):
    rows, base = Rows("W8: 100 processes of 80 ms"), {}
    for _ in range(fewer(rounds)):
        for (python, settings), cs in by_start(contestants).items():
            with Workload(cs[0], "storm.py") as target:
                if not settings:
                    with Nothing():
                        base[python] = target.ask(STORM_SECONDS)["wall"]
                for c in shuffled(cs):
                    with c.session(target.pid, RATES[0], tree=True) as session:
                        told = target.ask(STORM_SECONDS)
                    count(rows, c, session, told["pids"])
                    rows.add("storm takes longer by", "%", c, excess(told["wall"], base[python]))
    return rows.list()


def count(rows, c, session, pids):
    seen = {s.pid for s in session.samples}.intersection(pids)
    named = {s.pid for s in session.samples if "life" in s.frames}.intersection(pids)
    rows.add("processes seen", "%", c, 100 * len(seen) / len(pids), more=True)
    rows.add("processes seen in their function", "%", c, 100 * len(named) / len(pids), more=True)
