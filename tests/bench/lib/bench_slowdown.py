# SPDX-License-Identifier: BSD-2-Clause
"""By how much a busy target is slowed down: its own CPU time, and wall time, against no profiler.

One target does the same units of work all along, while profilers come and go: so neither its start
nor its place in memory differs.  A turn without a profiler comes before and after each: against the
mean of the two, a drift of the CPU's speed cancels out.  How much those two differ is the noise.

At 99 Hz the noise is larger than the cost; 99/999 of the cost at 999 Hz tells it better.
"""
import random
import statistics

import host
import table
from running import Adder, Nothing, Perf, python_target

SHAPES = ("fib", "deep20", "deep200")
CLOCKS = ("cpu", "wall")
SECONDS = 0.35  # of CPU time, a shape and turn
SCALED = "adder 99 Hz, as 99/999 of 999 Hz"
AIMS = {"adder 99 Hz": 0.5, SCALED: 0.5}  # per cent of CPU time


def profilers():
    found = {"adder 99 Hz": lambda: Adder(hz=99), "adder 999 Hz": lambda: Adder(hz=999)}
    if host.PERF:
        found["perf 99 Hz"] = lambda: Perf(99)
        found["perf 999 Hz"] = lambda: Perf(999)
    return found


def turn(target, profiler):
    """{(shape, clock): median ns of a unit}"""
    times = {}
    with profiler():
        for shape in SHAPES:
            for clock, values in target.ask(shape, SECONDS).items():
                times[shape, clock] = statistics.median(values)
    return times


def three_turns(target, way):
    return turn(target, Nothing), turn(target, way), turn(target, Nothing)


def play_round(target, ways, more, noise):
    """Add to @more {(shape, clock, profiler): [per cent]}, and to @noise {(shape, clock): [per cent]}."""
    for name in random.sample(sorted(ways), len(ways)):
        before, times, after = host.undisturbed(three_turns, target, ways[name])
        for key, ns in times.items():
            base = (before[key] + after[key]) / 2
            more.setdefault(key + (name,), []).append(100 * (ns / base - 1))
            noise.setdefault(key, []).append(100 * (after[key] / before[key] - 1))


def rows_of(ways, more, noise):
    for clock in CLOCKS:
        for shape in SHAPES:
            slack = statistics.median(map(abs, noise[shape, clock])) / 2
            what = "%s, %s time: " % (shape, clock)
            yield table.figure("slowdown", what + "none against none", noise[shape, clock], "%")
            for name in sorted(ways) + [SCALED]:
                values = [v * 99 / 999 for v in more[shape, clock, "adder 999 Hz"]] \
                    if name == SCALED else more[shape, clock, name]
                yield table.figure("slowdown", what + name, values, "%",
                                   AIMS.get(name) if clock == "cpu" else None, slack)


def run(rounds):
    ways, more, noise = profilers(), {}, {}
    with python_target("burn.py", cpu=host.a_cpu()) as target:
        for shape in SHAPES:
            target.ask(shape, 0.2)  # warm up
        for _ in range(rounds):
            play_round(target, ways, more, noise)
    rows = list(rows_of(ways, more, noise))
    if not host.PERF:
        rows.append(table.said("slowdown", "perf skipped: not installed"))
    return rows
