# -*- coding: utf-8 -*-
# SPDX-License-Identifier: BSD-2-Clause
"""Two ways to wait, each thousands of times a second, timed by themselves.  Python 3.6 to 3.15.

Prints "ready", waits for a line, plays for three seconds, prints {"pid", "tid", "seconds": {function:
seconds}} and waits for a line to end.
"""
import json
import os
import sys
import time

SECONDS = 3.0


def answer(reader, writer, delay):
    while os.read(reader, 1) == b"?":
        end = time.perf_counter() + delay
        while time.perf_counter() < end:
            pass
        os.write(writer, b"!")


def player(delay, others=()):
    their_reader, writer = os.pipe()
    reader, their_writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        for fd in (writer, reader) + others:  # so that the end of the parent is ours, too
            os.close(fd)
        answer(their_reader, their_writer, delay)
        os._exit(0)
    return reader, writer, pid


def ask_quick(reader, writer):
    os.write(writer, b"?")
    os.read(reader, 1)


def ask_slow(reader, writer):
    os.write(writer, b"?")
    os.read(reader, 1)


def nothing(reader, writer):
    pass


def own_cost():
    """Seconds that timing a call adds to it."""
    total = 0.0
    for _ in range(20000):
        began = time.perf_counter()
        nothing(0, 0)
        total += time.perf_counter() - began
    return total / 20000


def main():
    quick = player(0)
    slow = player(0.0002, quick[:2])
    seconds = {"ask_quick": 0.0, "ask_slow": 0.0}
    print("ready")
    sys.stdout.flush()
    sys.stdin.readline()
    cost, calls = own_cost(), 0
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        for _ in range(20):
            began = time.perf_counter()
            ask_quick(*quick[:2])
            seconds["ask_quick"] += time.perf_counter() - began
        began = time.perf_counter()
        ask_slow(*slow[:2])
        seconds["ask_slow"] += time.perf_counter() - began
        calls += 1
    seconds["ask_quick"] -= 20 * calls * cost
    seconds["ask_slow"] -= calls * cost
    tid = int(os.readlink("/proc/thread-self").rsplit("/", 1)[1])
    print(json.dumps({"pid": os.getpid(), "tid": tid, "seconds": seconds}))
    sys.stdout.flush()
    sys.stdin.readline()
    for _, writer, pid in (quick, slow):
        os.write(writer, b".")
        os.waitpid(pid, 0)


main()
