# SPDX-License-Identifier: BSD-2-Clause
"""Burn CPU time in a Python of known shape, when asked to.

A line "SHAPE SECONDS" of CPU time gives {"cpu": [ns a unit ...], "wall": [ns a unit ...]}; a unit is
always the same work.  Shapes: fib; deepN, down to depth N and up again; atN, at depth N all the time;
taskN, the same in an asyncio task that two others await; readyN, while four more tasks are ready;
tiny, calls of a function that does nothing.
With the argument "forever": fib, unasked.
"""
import json
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from ladder import climb

try:
    from time import process_time_ns
except ImportError:  # 3.6
    def process_time_ns():
        return int(time.process_time() * 1e9)

sys.setrecursionlimit(5000)


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def deep(n):
    return deep(n - 1) + 1 if n else 0


def nothing():
    pass


def tiny():
    for _ in range(100000):
        nothing()


def step(i, seen):
    seen[i & 255] = i
    return i * i % 7


def leaf():
    total, seen = 0, {}
    for i in range(20000):
        total += step(i, seen)
    return total


def frames():
    """Those of the caller's stack."""
    frame, count = sys._getframe(1), 0
    while frame:
        frame, count = frame.f_back, count + 1
    return count


def in_task(depth, ready):
    """One unit at @depth, in a task at the end of a chain of three, while @ready others are ready."""
    import asyncio

    async def chain(levels):
        if levels:
            task = asyncio.ensure_future(chain(levels - 1))
            others = [asyncio.ensure_future(asyncio.sleep(0)) for _ in range(0 if levels > 1 else ready)]
            await task
            for other in others:
                await other
        else:
            climb(depth - frames() - 1, leaf)
    loop = asyncio.new_event_loop()
    return lambda: loop.run_until_complete(chain(2))


def unit(shape):
    """A function that does one unit: some 5 to 30 ms."""
    if shape == "fib":
        return lambda: fib(20)
    if shape == "tiny":
        return tiny
    if shape.startswith("deep"):
        depth = int(shape[4:])
        return lambda: [deep(depth) for _ in range(60000 // depth)]
    for name, ready in ("task", 0), ("ready", 4):
        if shape.startswith(name):
            return in_task(int(shape[len(name):]), ready)
    depth = int(shape[2:])
    return lambda: climb(depth - 4, leaf)  # module, measure, this lambda and leaf are frames too


def measure(work, seconds):
    cpu, wall = [], []
    until = process_time_ns() + int(seconds * 1e9)
    while not cpu or process_time_ns() < until:
        before = process_time_ns(), time.perf_counter()
        work()
        cpu.append(process_time_ns() - before[0])
        wall.append(int((time.perf_counter() - before[1]) * 1e9))
    return {"cpu": cpu, "wall": wall}


if sys.argv[1:] == ["forever"]:
    print(flush=True)
    while True:
        fib(20)
for line in sys.stdin:
    name, length = line.split()
    print(json.dumps(measure(unit(name), float(length))), flush=True)
