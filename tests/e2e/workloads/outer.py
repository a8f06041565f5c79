# -*- coding: utf-8 -*-
# SPDX-License-Identifier: BSD-2-Clause
"""A function that does next to nothing but call another.  Python 3.11 to 3.15.

Prints "ready", waits for a line, calls outer() and prints a line of JSON: the seconds that outer()
took before "ready", and those that it takes after; waits for a line.
"""
import json
import sys
import time


def leaf():
    pass


def outer():
    for _ in range(100000):
        leaf()


def measure():
    begun = time.perf_counter()
    outer()
    return time.perf_counter() - begun


before = min(measure() for _ in range(5))
print("ready", flush=True)
sys.stdin.readline()
time.sleep(1.2)  # until adder knows which function is which
measure()
print(json.dumps([before, measure()]), flush=True)
sys.stdin.readline()
