# SPDX-License-Identifier: BSD-2-Clause
"""BPF time of one sample, by the depth of the stack.

The kernel times each run of on_tick.  Runs that meet anything but the target end at once; what one
of these costs is measured, and taken off.  How many met the target: its share of all CPU time, for
the clock ticks on each CPU alike.
"""
import os
import time

import bpf
import host
import table
from running import Adder, python_target

DEPTHS = (5, 20, 100, 500)
SECONDS = 0.35
AIM_US, AIM_DEPTH = 4, 20


def ticks(programs, work):
    """Runs of on_tick during @work(), and the wall time in ns."""
    before, begin = programs.runs(), time.monotonic_ns()
    work()
    wall = time.monotonic_ns() - begin
    return bpf.difference(programs.runs(), before)["on_tick"], wall


def sample_us(programs, target, shape, seconds, miss_ns):
    cpu = []
    runs, wall = ticks(programs, lambda: cpu.append(sum(target.ask(shape, seconds)["cpu"])))
    hits = runs.count * cpu[0] / (wall * os.cpu_count())
    return (runs.ns - (runs.count - hits) * miss_ns) / hits / 1000


def measure(hz, depths, seconds, rounds, targets, values):
    """Add to @values {(hz, version, depth): [us]}; returns the cost in ns of a run that misses."""
    pids = ",".join(str(t.pid) for t in targets.values())
    with Adder("-p", pids, hz=hz) as adder:
        programs = bpf.Programs(adder.pid)
        idle, _ = ticks(programs, lambda: time.sleep(1))
        miss_ns = idle.ns / max(1, idle.count)
        for version, target in targets.items():
            for depth in depths:
                target.ask("at%d" % depth, 0.1)  # its stacks are told once
        for _ in range(rounds):
            for version, target in targets.items():
                for depth in depths:
                    us = sample_us(programs, target, "at%d" % depth, seconds, miss_ns)
                    values.setdefault((hz, version, depth), []).append(us)
    return miss_ns


def run(rounds):
    values, rows, targets = {}, [], {}
    try:
        for version, path in host.interpreters().items():
            targets[version] = python_target("burn.py", cpu=host.a_cpu(), path=path)
        with bpf.Stats():
            miss = measure(999, DEPTHS, SECONDS, rounds, targets, values)
            measure(99, (AIM_DEPTH,), 3 * SECONDS, rounds, targets, values)
    finally:
        for target in targets.values():
            target.__exit__()
    for (hz, version, depth), us in values.items():
        rows.append(table.figure("sample", "%s, depth %d, %d Hz" % (version, depth, hz), us, "us",
                                 AIM_US if depth == AIM_DEPTH else None))
    rows.append(table.figure("sample", "of no interest: another process, or none", [miss / 1000],
                             "us"))
    return rows
