# SPDX-License-Identifier: BSD-2-Clause
"""workloads/states.py, which measures what it does, against the ledger."""
import json

import adder
from harness import EMULATED, Workload

STATES = "cpu runq gil lock disk net ipc child poll sleep fault stop other".split()
SECOND = 1e9
# Of a function's wall time: waits, exactly, and its share of the CPU time, by ticks.
FUNCTION_WALL = 0.25 if EMULATED else 0.01
IN_STATE = 0.8 if EMULATED else 0.98
WAITS = 0.02 if EMULATED else 0.2
CPU = 0.03 if EMULATED else 0.01
CHILDREN_SECONDS = 0.3 if EMULATED else 0.02
HZ = 997  # so that the split of the CPU time is no finer worry than the tolerances below


# Waits of their own, long on a busy machine: to begin a thread is one for a lock; to evict pages, one
# for a worker of the kernel's on each CPU.
OTHER_WAITS = ("after_a_while", "evict")


def state_of(function):
    """in_net_timeout -> net."""
    return function.split("_")[1]


def add_up(samples):
    total = dict.fromkeys(["wall"] + STATES, 0)
    for s in samples:
        for name in total:
            total[name] += s.values[name]
    return total


def of_function(profile, pid, tid, function, but=()):
    """What a thread spent in @function and what it called, but not in those of @but."""
    return add_up(s for s in profile.samples
                  if s.labels.get("pid") == pid and s.labels.get("tid") == tid
                  and any(f.function == function for f in s.stack)
                  and not any(f.function in but for f in s.stack))


def check_function(profile, result, name, measured, has_gil=True):
    """What is wrong with a function's seconds; None if nothing."""
    tid = result["tids"].get(name, result["tid"])
    function = "in_gil" if name.startswith("in_gil") else name
    got, state = of_function(profile, result["pid"], tid, function), state_of(name)
    if state == "gil" and not has_gil:
        state = "cpu"
    wall = got["wall"] / SECOND
    if abs(wall - measured) > FUNCTION_WALL * measured:
        return "%s: wall %.4f s, but took %.4f s" % (name, wall, measured)
    got = of_function(profile, result["pid"], tid, function, but=OTHER_WAITS)
    if state == "cpu":
        busy = got["cpu"] + got["runq"]
        return None if busy >= 0.98 * got["wall"] else "%s: %s" % (name, show(got))
    waited = got["wall"] - got["cpu"] - got["runq"]
    if got[state] < IN_STATE * waited or waited + got["runq"] < WAITS * got["wall"]:
        return "%s: waiting should be %s: %s" % (name, state, show(got))
    return None


def show(total):
    return " ".join("%s %.4f" % (k, v / SECOND) for k, v in total.items() if v)


def check_sums(profile):
    """The states of each thread sum to its wall time."""
    wrong, threads = [], {}
    for s in profile.samples:
        threads.setdefault((s.labels.get("pid"), s.labels.get("tid")), []).append(s)
    for thread, samples in threads.items():
        total = add_up(samples)
        parts = sum(total[name] for name in STATES)
        if abs(parts - total["wall"]) > 0.001 * total["wall"]:
            wrong.append("thread %s/%s: states sum to %.4f s of %.4f s" %
                         (thread + (parts / SECOND, total["wall"] / SECOND)))
    return wrong


def check_lifetime(profile, result):
    """The main thread was there all the time: its wall time is the recording's."""
    total = add_up(s for s in profile.samples if s.labels.get("tid") == result["tid"])
    if abs(total["wall"] - profile.duration_ns) > 0.001 * profile.duration_ns:
        return ["main thread: wall %.4f s of a recording of %.4f s" %
                (total["wall"] / SECOND, profile.duration_ns / SECOND)]
    return []


def check_cpu(profile, result):
    wrong, pid = [], result["pid"]
    own = add_up(s for s in profile.samples if s.labels.get("pid") == pid)["cpu"] / SECOND
    if abs(own - result["cpu"]["self"]) > CPU * result["cpu"]["self"]:
        wrong.append("CPU of the process: %.4f s, but used %.4f s" % (own, result["cpu"]["self"]))
    # Four children of a few milliseconds each: two of the kernel's clock ticks are allowed them.
    theirs = add_up(s for s in profile.samples if s.labels.get("pid") != pid)["cpu"] / SECOND
    if abs(theirs - result["cpu"]["children"]) > max(
            CHILDREN_SECONDS, 0.01 * result["cpu"]["children"]):
        wrong.append("CPU of the children: %.4f s, but used %.4f s" %
                     (theirs, result["cpu"]["children"]))
    return wrong


def check_ledger(python):
    """Every function's seconds and states, the sums, the CPU time."""
    with Workload(python, "states.py") as program:
        program.expect("ready")
        with adder.Recording("-p", program.pid, hz=HZ) as recording:
            program.go()
            result = json.loads(program.read())
        program.go()
    profile = recording.profile
    has_gil = not getattr(python, "free_threaded", False)
    wrong = [check_function(profile, result, name, seconds, has_gil)
             for name, seconds in result["seconds"].items()]
    wrong = [w for w in wrong if w]
    wrong += check_sums(profile) + check_lifetime(profile, result) + check_cpu(profile, result)
    assert not wrong, "; ".join(wrong)
    return "%d functions" % len(result["seconds"])
