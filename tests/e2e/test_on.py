#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""For whom a thread waits: the label `on`, where the program knows the answer."""
import json
import os
import re
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import adder
import harness
from harness import Workload, case
from pythons import spread

# function -> the state it waits in, what `on` must be, and for how much of that state's time: GIL
# holders run while they are read, locks also end by time-out, and a fault that has to wait twice tells
# its file only at its end
EXPECTED = {
    "in_net": ("net", r"127\.0\.0\.1:\d+", 0.98),
    "in_net_timeout": ("net", r"127\.0\.0\.1:\d+", 0.98),
    "in_net_accept": ("net", r":\d+", 0.98),
    "in_disk": ("disk", r"/.*", 0.95),
    "in_disk_mapped": ("disk", r"/.*", 0.85),
    "in_ipc_pipe": ("ipc", r".* \({pid}\)", 0.95),
    "in_ipc_unix": ("ipc", r".* \({pid}\)", 0.95),
    "in_lock": ("lock", r"(after_a_while\.<locals>\.)?helper_thread", 0.95),
    "in_child": ("child", r"[Pp]ython.*", 0.95),
    "in_gil": ("gil", r"spin|gil_rivals", 0.90),  # who starts the two needs it, too
}


def check(profile, pid, function):
    state, pattern, least = EXPECTED[function]
    right = total = 0
    others = {}
    for s in profile.samples:
        if s.labels.get("pid") != pid or not any(f.function == function for f in s.stack):
            continue
        on, time = s.labels.get("on"), s.values[state]
        total += time
        if on and re.fullmatch(pattern.format(pid=pid), on):
            right += time
        elif time:
            others[on] = others.get(on, 0) + time
    if total == 0:
        return "%s: no time in %s" % (function, state)
    if right < (least - 0.1 * harness.EMULATED) * total:
        worst = max(others, key=others.get)
        return "%s: %.0f %% of its %s is on %s; most else on %s" % (
            function, 100 * right / total, state, pattern, worst)
    return None


@case(each=spread)
def awaited(python):
    with Workload(python, "states.py") as program:
        program.expect("ready")
        with adder.Recording("-p", program.pid) as recording:
            program.go()
            result = json.loads(program.read())
        program.go()
    wrong = [check(recording.profile, result["pid"], f) for f in EXPECTED]
    wrong = [w for w in wrong if w]
    assert not wrong, "; ".join(wrong)
    return "%d kinds" % len(EXPECTED)


@case(each=spread)
def strangers(python):
    """Each waits for one of another name, and that is told of 95 % of its time; of the GIL 85 %: who
    begins the two threads needs it, too.  3.6 keeps to itself who has just taken it."""
    least_of_gil = 0.7 if python.minor == 6 else 0.85
    with Workload(python, "strangers.py") as program:
        program.expect("ready")
        with adder.Recording("-p", program.pid) as recording:
            program.go()
            expected = json.loads(program.read())
        program.go()
    wrong = []
    for function, (state, whom) in sorted(expected.items()):
        on = {}
        for s in recording.profile.samples:
            if any(f.function == function for f in s.stack) and s.values[state]:
                name = s.labels.get("on") or "nobody"
                on[name] = on.get(name, 0) + s.values[state] / 1e9
        right, total = sum(t for name, t in on.items() if name.endswith(whom)), sum(on.values())
        if total < 0.03 or right < (least_of_gil if state == "gil" else 0.95) * total:
            wrong.append("%s: %.3f of %.3f s in %s are on %s; %r" % (function, right, total, state, whom, on))
    assert not wrong, "; ".join(wrong)
    return "%d kinds" % len(expected)


@case(each=spread)
def abstract_names(python):
    """No more and no less than the name."""
    with Workload(python, "unix_names.py") as program:
        names = json.loads(program.read())
        with adder.Recording("-p", program.pid) as recording:
            time.sleep(0.3)
        program.go()
    got = {s.labels["tid"]: s.labels.get("on") for s in recording.profile.samples
           if s.values["ipc"] and str(s.labels["tid"]) in names}
    wrong = {tid: got.get(int(tid)) for tid, name in names.items() if got.get(int(tid)) != "@" + name}
    assert not wrong, "of %d names %d are wrong, such as %r" % (len(names), len(wrong), wrong.popitem())
    return "%d names" % len(names)


if __name__ == "__main__":
    harness.main()
