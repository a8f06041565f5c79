# SPDX-License-Identifier: BSD-2-Clause
"""What profilers say, held to what the program itself says: CPU and wall time, waits, stacks."""
import re

from cost import shuffled
from rows import Rows
from targets import Workload

MIX_SECONDS, GIL_SECONDS, CHURN_SECONDS = 3, 2, 2
RATE = {"cpu": 999, "wall": 99}  # at 99 Hz, chance alone is points off within a second of CPU time
WAITS = {"f_sleep": "sleep", "f_disk": "disk", "f_net": "net", "f_lock": "lock"}


def sums(samples, pid, functions):
    """{function: {state: seconds}} of those that are in the process's stacks."""
    found = {function: {} for function in functions}
    for s in samples:
        function = next((f for f in s.frames if f in found), None) if s.pid == pid else None
        for state, seconds in s.seconds.items() if function else ():
            found[function][state] = found[function].get(state, 0) + seconds
    return found


def claim(said, kind):
    """{function: seconds} by those who tell states apart, and by those who were asked for one."""
    return {f: states.get(kind, states.get("all", 0)) for f, states in said.items()}


def worst_share(said, true):
    """By how many points of the whole the worst function is off."""
    all_said, all_true = sum(said.values()), sum(true.values())
    return max(abs(100 * said[f] / all_said - 100 * true[f] / all_true) for f in true) \
        if all_said else 100


def compare(rows, c, said, truth, kind):
    claimed, true = claim(said, kind), {f: t[kind] for f, t in truth.items()}
    rows.add("%s time of functions, %d Hz: the worst share is off by" % (kind, RATE[kind]), "points", c,
             worst_share(claimed, true))
    rows.add("%s time in all, %d Hz: off by" % (kind, RATE[kind]), "%", c,
             abs(100 * sum(claimed.values()) / sum(true.values()) - 100))


def blocked(clocks):
    """Seconds in which it neither ran nor was able to."""
    return clocks["wall"] - clocks["cpu"] - clocks["runq"]


def waits_of(said, truth):
    """By how many points of the wall time the worst kind of wait is off."""
    wall = sum(t["wall"] for t in truth.values())
    true = {state: blocked(truth[f]) for f, state in WAITS.items()}
    true["runq"] = sum(t["runq"] for t in truth.values())
    claimed = {state: sum(states.get(state, 0) for states in said.values()) for state in true}
    return max(100 * abs(claimed[state] - true[state]) / wall for state in true)


def tells_states(said):
    return any("gil" in states for states in said.values())


def mix(contestants, rounds):
    rows = Rows("W4: computes, sleeps, writes, waits for net and lock")
    for _ in range(rounds):
        for c in shuffled(contestants):
            with Workload(c, "mix.py", pinned=True) as target:
                target.ask(0.2)
                for kind in c.session.kinds:
                    with c.session(target.pid, RATE[kind], kind) as session:
                        truth = target.ask(MIX_SECONDS)
                    said = sums(session.samples, target.pid, truth)
                    compare(rows, c, said, truth, kind)
                    if kind == "wall" and tells_states(said):
                        rows.add("waits by their cause: the worst is off by", "points", c,
                                 waits_of(said, truth))
    return rows.list()


def gil(contestants, rounds):
    rows = Rows("W3: four threads fight for the GIL")
    for _ in range(rounds):
        for c in shuffled(contestants):
            with Workload(c, "gil.py") as target:
                with c.session(target.pid, RATE["cpu"], "cpu") as session:
                    truth = target.ask(GIL_SECONDS)
            said = sums(session.samples, target.pid, truth)
            compare(rows, c, said, truth, "cpu")
            if tells_states(said):
                wall = sum(t["wall"] for t in truth.values())
                waited = sum(map(blocked, truth.values()))
                rows.add("waits for the GIL are off by", "points", c,
                         100 * abs(sum(claim(said, "gil").values()) - waited) / wall)
    return rows.list()


def in_phase(frames):
    return any(re.fullmatch(r"ph_.*|[ab]\d+", f) for f in frames)


def churn(contestants, rounds):
    rows = Rows("W9: the stack changes all the time")
    for _ in range(rounds):
        for c in shuffled(contestants):
            with Workload(c, "churn.py", pinned=True) as target:
                with c.session(target.pid, RATE["cpu"]) as session:
                    told = target.ask(CHURN_SECONDS)
            judge_stacks(rows, c, [s for s in session.samples if s.pid == target.pid], told)
    return rows.list()


def judge_stacks(rows, c, samples, told):
    legal = set(map(tuple, told["legal"]))
    stacks = [(max(1, s.count), tuple(f.split(".")[-1] for f in s.frames)) for s in samples]
    counts = [(n, frames) for n, frames in stacks if in_phase(frames)]
    got = sum(n for n, _ in counts)
    wrong = sum(n for n, frames in counts if frames not in legal)
    due = RATE["cpu"] * sum(t["cpu"] for t in told["spent"].values())
    rows.add("stacks that can't be, 999 Hz", "%", c, 100 * wrong / max(1, got))
    rows.add("stacks missing of those due, 999 Hz", "%", c, max(0, 100 - 100 * got / due))
