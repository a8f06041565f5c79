# SPDX-License-Identifier: BSD-2-Clause
"""What adder adds to a context switch.

Two players hand a byte to and fro on one CPU, in turns with adder and without.  Their CPU time holds
all that a switch costs, BPF programs included: the kernel charges the tracepoint to whom it
switches to, and a wake-up to the waker.  Once with each switch's stack walked, once with as many as
adder's budget allows; at so many switches a second, these are few.
"""
import os
import subprocess

import host
import table
from running import ADDER, TARGETS, Adder, Nothing, Target, python_target

DEPTHS = (5, 30, 100)
ROUNDS = 12000  # hand-overs there and back
AIM_DEPTH, AIM_PYTHON_NS, AIM_OTHER_NS = 30, 1000, 100
BUSY_SWITCHES, BUSY_AIM = 20000, 3  # a second; per cent
ALL, BUDGET = "all walked", "within the budget"


def ways():
    """{name: arguments} of recordings to measure."""
    text = subprocess.run([ADDER, "record", "--help"], stdout=subprocess.PIPE, check=True).stdout
    return {ALL: ["--budget=100"], BUDGET: []} if b"--budget" in text else {ALL: []}


def pingpong():
    """The program, built if it is older than its source."""
    source = os.path.join(TARGETS, "pingpong.c")
    program = os.path.join(host.BUILD, "bench", "pingpong")
    if not os.path.exists(program) or os.path.getmtime(program) < os.path.getmtime(source):
        os.makedirs(os.path.dirname(program), exist_ok=True)
        subprocess.run([os.environ.get("CC", "cc"), "-O2", "-o", program, source], check=True)
    return program


def start_targets():
    cpu, targets = host.a_cpu(), {"C": Target(pingpong(), cpu=host.a_cpu())}
    for version, path in host.interpreters().items():
        targets[version] = python_target("pingpong.py", cpu=cpu, path=path)
    return targets


def games(targets):
    """{(name, depth): ns a switch} of each target at each depth."""
    found = {}
    for name, target in targets.items():
        for depth in (None,) if name == "C" else DEPTHS:
            cost = target.ask(*([depth] if depth else []), ROUNDS)
            found[name, depth] = cost["cpu"] / cost["switches"]
    return found


def pair(targets, args):
    with Nothing():
        without = games(targets)
    with Adder(*args):
        return without, games(targets)


def rows_of(base, added):
    for (way, name, depth), ns in added.items():
        if name == "C":
            yield table.figure("switch", "between C programs, added, " + way, ns, "ns", AIM_OTHER_NS)
            continue
        what, aim = "%s, depth %d, " % (name, depth), AIM_PYTHON_NS if depth == AIM_DEPTH else None
        yield table.figure("switch", what + "added, " + way, ns, "ns", aim)
        if depth == AIM_DEPTH and way == ALL:
            busy = [n * BUSY_SWITCHES / 1e7 for n in ns]
            yield table.figure("switch", what + "at %d a second" % BUSY_SWITCHES, busy, "%", BUSY_AIM)
    for (name, depth), ns in base.items():
        what = name + (", depth %d" % depth if depth else "")
        yield table.figure("switch", what + ", without adder", ns, "ns")


def run(rounds):
    base, added, targets = {}, {}, start_targets()
    try:
        games(targets)  # warm up
        for _ in range(rounds):
            for way, args in ways().items():
                without, with_adder = host.undisturbed(pair, targets, args)
                for key, ns in without.items():
                    base.setdefault(key, []).append(ns)
                    added.setdefault((way,) + key, []).append(with_adder[key] - ns)
    finally:
        for target in targets.values():
            target.__exit__()
    return list(rows_of(base, dict(sorted(added.items(), key=lambda item: item[0][0]))))
