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
SHAPES = {"at": "", "task": ", in a task awaited by two", "ready": ", with four more ready"}


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


def measure(hz, shapes, seconds, rounds, targets, values):
    """Add to @values {(hz, version, shape, depth): [us]}; returns the cost in ns of a run that misses."""
    pids = ",".join(str(t.pid) for t in targets.values())
    with Adder("-p", pids, hz=hz) as adder:
        programs = bpf.Programs(adder.pid)
        idle, _ = ticks(programs, lambda: time.sleep(1))
        miss_ns = idle.ns / max(1, idle.count)
        for version, target in targets.items():
            for shape, depth in shapes:
                target.ask("%s%d" % (shape, depth), 0.1)  # its stacks are told once
        for _ in range(rounds):
            for version, target in targets.items():
                for shape, depth in shapes:
                    us = sample_us(programs, target, "%s%d" % (shape, depth), seconds, miss_ns)
                    values.setdefault((hz, version, shape, depth), []).append(us)
    return miss_ns


def run(rounds):
    values, rows, targets = {}, [], {}
    try:
        for version, path in host.interpreters().items():
            targets[version] = python_target("burn.py", cpu=host.a_cpu(), path=path)
        with bpf.Stats():
            shapes = [("at", depth) for depth in DEPTHS] + [("task", AIM_DEPTH), ("ready", AIM_DEPTH)]
            miss = measure(999, shapes, SECONDS, rounds, targets, values)
            measure(99, [("at", AIM_DEPTH)], 3 * SECONDS, rounds, targets, values)
    finally:
        for target in targets.values():
            target.__exit__()
    for (hz, version, shape, depth), us in values.items():
        what = "%s, depth %d, %d Hz%s" % (version, depth, hz, SHAPES[shape])
        is_aimed = (shape, depth) == ("at", AIM_DEPTH)
        rows.append(table.figure("sample", what, us, "us", AIM_US if is_aimed else None))
    rows.append(table.figure("sample", "of no interest: another process, or none", [miss / 1000],
                             "us"))
    return rows
