# -*- coding: utf-8 -*-
# SPDX-License-Identifier: BSD-2-Clause
"""Calls whose length is known to a microsecond.  Python 3.8 to 3.15.

  spans.py each        of several lengths, that end and spend their time in several ways
  spans.py spread      of computes(), in the middle of the buckets of adder's histogram, and short ones

Prints "ready", waits for a line, makes the calls, prints "done <JSON>" and waits for a line.  The
JSON: for each call [its argument i, function, least, most], seconds by perf_counter(): from its first
instruction to about its last, and to where its caller goes on, if no probe is in between.  What calls
within it took beside the time that they note, probes above all, is not in it.
"""
import gc
import itertools
import json
import os
import sys
import time

ROUNDS = 20
SECONDS = (60e-6, 120e-6, 200e-6, 500e-6, 0.0011, 0.002)
SHORT = (5e-6, 20e-6, 60e-6)
now, number = time.perf_counter, itertools.count().__next__
told = []


def computes(i, seconds):
    begun = now()
    end = begun + seconds
    while now() < end:
        pass
    told.append([i, "computes", begun, now() - begun])


def sleeps(i, seconds):
    begun = now()
    time.sleep(seconds)
    told.append([i, "sleeps", begun, now() - begun])


def raises(i, seconds):
    begun = now()
    end = begun + seconds
    while now() < end:
        pass
    told.append([i, "raises", begun, now() - begun])
    raise ValueError


def nests(i, seconds):
    """Two of its three parts are calls."""
    begun, beside = now(), 0
    for _ in range(2):
        before = now()
        computes(number(), seconds / 3)
        beside += now() - before - told[-1][3]
    end = now() + seconds / 3
    while now() < end:
        pass
    told.append([i, "nests", begun, now() - begun - beside])


def each():
    for _ in range(ROUNDS):
        for seconds in SECONDS:
            computes(number(), seconds)
            nests(number(), seconds)
            sleeps(number(), seconds)
            try:
                raises(number(), seconds)
            except ValueError:
                told[-1].append(now() - told[-1][2])


def spread():
    """The more calls, the longer they are."""
    for power in range(17, 21):
        for eighth in range(8):
            for _ in range(3 + eighth + 8 * (power - 17)):
                computes(number(), (1 + (eighth + 0.5) / 8) * 2 ** power / 1e9)
    for seconds in SHORT * ROUNDS:
        computes(number(), seconds)


def undisturbed():
    """Who waits for a CPU between a call's begin and its first note has another time than it notes."""
    gc.disable()
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except OSError:
        pass


def main():
    undisturbed()
    print("ready", flush=True)
    sys.stdin.readline()
    (each if sys.argv[1] == "each" else spread)()
    said = [[i, name, *seconds, seconds[-1]][:4] for i, name, _, *seconds in told]
    print("done " + json.dumps(said), flush=True)
    sys.stdin.readline()


main()
