# SPDX-License-Identifier: BSD-2-Clause
"""A stack that changes every microsecond.  The legal ones are main > ph_a > a1 > a2 ... or the same
with b, up to any depth.  Prints "ready", waits for a line, works for the seconds of its argument,
prints "done" and waits for a line to end."""
import sys
import time


def a12(x):
    return x


def a11(x):
    return a12(x) + 1


def a10(x):
    return a11(x) + 1


def a9(x):
    return a10(x) + 1


def a8(x):
    return a9(x) + 1


def a7(x):
    return a8(x) + 1


def a6(x):
    return a7(x) + 1


def a5(x):
    return a6(x) + 1


def a4(x):
    return a5(x) + 1


def a3(x):
    return a4(x) + 1


def a2(x):
    return a3(x) + 1


def a1(x):
    return a2(x) + 1


def ph_a():
    x = 0
    for _ in range(200):
        x = a1(x)
    return x


def b12(x):
    return x


def b11(x):
    return b12(x) + 1


def b10(x):
    return b11(x) + 1


def b9(x):
    return b10(x) + 1


def b8(x):
    return b9(x) + 1


def b7(x):
    return b8(x) + 1


def b6(x):
    return b7(x) + 1


def b5(x):
    return b6(x) + 1


def b4(x):
    return b5(x) + 1


def b3(x):
    return b4(x) + 1


def b2(x):
    return b3(x) + 1


def b1(x):
    return b2(x) + 1


def ph_b():
    x = 0
    for _ in range(200):
        x = b1(x)
    return x


def main(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        ph_a()
        ph_b()


print("ready", flush=True)
sys.stdin.readline()
main(float(sys.argv[1]))
print("done", flush=True)
sys.stdin.readline()
