# SPDX-License-Identifier: BSD-2-Clause
"""What adder adds to a context switch.

Two players hand a byte to and fro on one CPU, in turns with adder and without.  Their CPU time holds
all that a switch costs, BPF programs included: the kernel charges the tracepoint to whom it
switches to, and a wake-up to the waker.
"""
import os

import host
import table
from running import Adder, Nothing, Target, python_target

DEPTHS = (5, 30, 100)
ROUNDS = 12000  # hand-overs there and back
AIM_DEPTH, AIM_PYTHON_NS, AIM_OTHER_NS = 30, 1000, 100
BUSY_SWITCHES, BUSY_AIM = 20000, 3  # a second; per cent


def games(targets):
    """{name: ns a switch} of each target at each depth."""
    found = {}
    for name, target in targets.items():
        for depth in (None,) if name == "C" else DEPTHS:
            cost = target.ask(*([depth] if depth else []), ROUNDS)
            found[name, depth] = cost["cpu"] / cost["switches"]
    return found


def start_targets():
    cpu = host.a_cpu()
    targets = {version: python_target("pingpong.py", cpu=cpu, path=path)
               for version, path in host.interpreters().items()}
    targets["C"] = Target(os.path.join(host.BUILD, "bench", "pingpong"), cpu=cpu)
    return targets


def rows_of(base, added):
    for (name, depth), ns in added.items():
        if name == "C":
            yield table.figure("switch", "between C programs, added", ns, "ns", AIM_OTHER_NS)
            continue
        yield table.figure("switch", "%s, depth %d, added" % (name, depth), ns, "ns",
                           AIM_PYTHON_NS if depth == AIM_DEPTH else None)
        if depth == AIM_DEPTH:
            busy = [n * BUSY_SWITCHES / 1e7 for n in ns]
            yield table.figure("switch", "%s, depth %d: at %d a second" % (name, depth, BUSY_SWITCHES),
                               busy, "%", BUSY_AIM)
    for (name, depth), ns in base.items():
        yield table.figure("switch", "%s%s without adder" % (name, ", depth %d" % depth if depth else
                                                             ""), ns, "ns")


def pair(targets):
    with Nothing():
        without = games(targets)
    with Adder():
        return without, games(targets)


def run(rounds):
    base, added, targets = {}, {}, start_targets()
    try:
        games(targets)  # warm up
        for _ in range(rounds):
            without, with_adder = host.undisturbed(pair, targets)
            for key, ns in without.items():
                base.setdefault(key, []).append(ns)
                added.setdefault(key, []).append(with_adder[key] - ns)
    finally:
        for target in targets.values():
            target.__exit__()
    return list(rows_of(base, added))
