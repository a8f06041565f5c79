# SPDX-License-Identifier: BSD-2-Clause
"""Calls an empty function as often as a line on its input says: {"ns": a call}.  The word "profiled"
behind has cProfile count along."""
import cProfile
import json
import sys
import time


def empty():
    pass


def call(times):
    begun = time.perf_counter_ns()
    for _ in range(times):
        empty()
    return (time.perf_counter_ns() - begun) / times


for line in sys.stdin:
    times, _, how = line.partition(" ")
    profile = cProfile.Profile()
    if how.strip() == "profiled":
        profile.enable()
    ns = call(int(times))
    profile.disable()
    print(json.dumps({"ns": ns}), flush=True)
