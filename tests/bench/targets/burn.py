# SPDX-License-Identifier: BSD-2-Clause
"""Burn CPU time in a Python of known shape, when asked to.

A line "SHAPE SECONDS" of CPU time gives {"cpu": [ns a unit ...], "wall": [ns a unit ...]}; a unit is
always the same work.  Shapes: fib; deepN, down to depth N and up again; atN, at depth N all the time.
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


def step(i, seen):
    seen[i & 255] = i
    return i * i % 7


def leaf():
    total, seen = 0, {}
    for i in range(20000):
        total += step(i, seen)
    return total


def unit(shape):
    """A function that does one unit: some 5 to 30 ms."""
    if shape == "fib":
        return lambda: fib(20)
    if shape.startswith("deep"):
        depth = int(shape[4:])
        return lambda: [deep(depth) for _ in range(60000 // depth)]
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
