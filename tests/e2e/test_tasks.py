#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""asyncio tasks: each one's time, name, coroutine and awaiters, against what the tasks measured."""
import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import adder
import harness
from harness import Workload, case, needs
from judging import every_build

SECOND = 1e9
HZ = 997
# CPU time is split by ticks: by 1 ms or so for each stint on a CPU, so by far less than this.
CPU_SHARE, CPU_SECONDS = 0.05, 0.01
FEW_TICKS = 0.005  # each stands for 1 ms, however short the stint that it finds


def with_tasks():
    """Builds that have tasks with names."""
    return [p for p in every_build() if float(p.name.split("-")[0].split(".")[1]) >= 8]


def record(python, name, *options):
    """What the workload said, the samples of its process, and the rows of --by task."""
    needs(python)
    with Workload(python, "tasks.py", name) as program:
        program.expect("ready")
        with adder.Recording("-p", program.pid, *options, hz=HZ) as recording:
            program.go()
            said = json.loads(program.read())
        program.go()
    shown = adder.run("report", recording.path, "--by", "task", "--json")
    samples = [s for s in recording.profile.samples if s.labels["pid"] == said["pid"]]
    return said["tasks"], samples, json.loads(shown.stdout)["rows"]


def total(samples, state):
    return sum(s.values[state] for s in samples) / SECOND


def by_task(samples):
    found = {}
    for s in samples:
        found.setdefault(s.labels.get("task"), []).append(s)
    return found


def wrong_time(name, samples, truth):
    """What is wrong with a task's seconds; it sleeps exactly as long as it sleeps."""
    asleep, cpu = total(samples, "sleep"), total(samples, "cpu")
    if not 0.999 * truth["asleep"] <= asleep <= truth["in_sleep"] + 0.0001:
        yield "%s: asleep for %.4f s, not %.4f to %.4f" % (name, asleep, truth["asleep"],
                                                          truth["in_sleep"])
    if abs(cpu - truth["cpu"]) > CPU_SHARE * truth["cpu"] + CPU_SECONDS:
        yield "%s: CPU %.4f s, not %.4f" % (name, cpu, truth["cpu"])


def wrong_words(name, samples, truth):
    for key in "coroutine", "awaited_by":
        # (A task's last moments, when it has told who awaited it, are in no function of its own.)
        said = {s.labels.get(key) for s in samples
                if any(f.function in ("block", "burn") for f in s.stack)}
        if said != {truth[key]}:
            yield "%s: %s is %s, not %s" % (name, key, said, truth[key])


@case(each=with_tasks, alone=True)
def kinds(python):
    """Names of all kinds, chains, gather, TaskGroup, a Task of its own class: time and words."""
    truths, samples, rows = record(python, "kinds")
    found, wrong = by_task(samples), []
    for name, truth in truths.items():
        kept = name if len(name.encode()) <= 64 else name[:64] + "…"
        mine = found.get(kept, [])
        wrong += wrong_time(kept, mine, truth)
        wrong += wrong_words(kept, mine, truth) if mine else []
    shown, there = (sum(row["total"]["wall"] for row in rows) / SECOND, total(samples, "wall"))
    if abs(shown - there) > 1e-6:
        wrong.append("the rows of --by task sum to %.6f of %.6f s" % (shown, there))
    # "main" is Task-1 until it has called itself so; others, while they wait for their first step.
    strange = [t for t in found if t and t not in truths and t != "Task-1" and t[-1] != "…" and
               (total(found[t], "wall") or total(found[t], "loop") > FEW_TICKS)]
    assert not wrong and not strange, "; ".join(wrong + ["there is a %r" % t for t in strange])
    return "%d tasks" % len(truths)


@case(each=with_tasks)
def many(python):
    """Beyond 64 default names of a process they are summed by coroutine, the first ones too."""
    truths, samples, _ = record(python, "many", "--budget", "100")
    found = by_task(samples)
    want = {"Task-* (work)": ["alone", "awaited"], "Task-* (many.<locals>.other)": ["other"]}
    others = {t for t in found if not t or t in ("main", "Task-* (many)") or "BaseEventLoop.shutdown" in t}
    assert set(found) - others == set(want), "tasks are %s" % sorted(map(str, found))
    for task, parts in want.items():
        low, high = (sum(truths[p][key] for p in parts) for key in ("asleep", "in_sleep"))
        got = total(found[task], "sleep")
        assert 0.999 * low <= got <= high + 0.0001, \
            "%s: asleep for %.4f s, not %.4f to %.4f" % (task, got, low, high)
    chain = {s.labels.get("awaited_by") for s in found["Task-* (work)"] if s.values["sleep"]}
    assert "Task-* (many.<locals>.other)" in {c.split(" < ")[0] for c in chain if c}, chain


@case(each=lambda: [with_tasks()[-1]])
def names(python):
    """Beyond 4096 names of a process, the others are summed."""
    truths, samples, _ = record(python, "names", "--budget", "100")
    found = by_task(samples)
    kept = [t for t in found if t and t.startswith("job-")]
    got = total((s for t in kept + ["[other tasks]"] for s in found[t]), "sleep")
    low, high = (truths["job"][key] for key in ("asleep", "in_sleep"))
    assert 4000 < len(kept) <= 4096, "%d names" % len(kept)
    assert total(found["[other tasks]"], "sleep") > 0.05 * got, "too little is summed"
    assert 0.999 * low <= got <= high + 0.0001, "asleep for %.4f s, not %.4f" % (got, low)


@case(each=with_tasks)
def outside(python):
    """A callback that is no task's, and code outside of a loop, are in no task."""
    truths, samples, _ = record(python, "outside")
    asleep = total(samples, "sleep")
    assert set(by_task(samples)) == {None}, "there are tasks"
    low = sum(t["asleep"] for t in truths.values())
    assert asleep >= 0.999 * low, "asleep for %.4f s, not %.4f" % (asleep, low)


def wrong_waits(samples, truths, share, seconds):
    """What is wrong with how long tasks waited for their loop: more, or less than by their clocks
    by @share and @seconds.  That it waited for a CPU while no task had it is in their clocks only."""
    found, delayed = by_task(samples), truths["holder"]["delayed"]
    for name, truth in truths.items():
        got = total(found.get(name, []), "loop")
        if name == "holder":
            continue
        slack = share * truth["waited"] + seconds
        if not truth["waited"] - delayed - slack <= got <= truth["waited"] + slack:
            yield "%s: waited %.4f s, not %.4f, of which %.4f for a CPU" % (
                name, got, truth["waited"], delayed)


@case(each=with_tasks)
def blocked(python):
    """Tasks that are ready while another one sleeps: their waits are as exact as its sleep."""
    truths, samples, _ = record(python, "blocked")
    wrong = list(wrong_waits(samples, truths, 0.02, 0.01))
    for_holder = [s for s in samples if s.labels.get("on") == "holder" and s.values["loop"]]
    there = total((s for s in for_holder if "block" in [f.function for f in s.stack]), "loop")
    low, high = (3 * truths["holder"][key] for key in ("asleep", "held"))
    if not 0.999 * low <= there <= high + 3 * FEW_TICKS:
        wrong.append("of all, %.4f s were for `block`, not %.4f to %.4f" % (there, low, high))
    if any(s.values["wall"] for s in for_holder):
        wrong.append("waits for the loop are in the sum")
    assert not wrong, "; ".join(wrong)


@case(each=with_tasks, alone=True)
def busy(python):
    """Tasks that are ready while another one computes: by ticks, each of 1 ms.  A stint on a CPU may
    find one more or less than its length, and on a busy machine stints are short and alike."""
    truths, samples, _ = record(python, "busy")
    wrong = list(wrong_waits(samples, truths, 0.05, 0.02 + truths["holder"]["stints"] / HZ))
    assert not wrong, "; ".join(wrong)


@case(each=with_tasks)
def crowd(python):
    """More tasks than are told apart: all of their waits are counted."""
    truths, samples, _ = record(python, "crowd")
    there = [s for s in samples if "block" in [f.function for f in s.stack]]
    got, others = total(there, "loop"), total(by_task(there).get("[other tasks]", []), "loop")
    low, high = (40 * truths["holder"][key] for key in ("asleep", "held"))
    assert 0.999 * low <= got <= high + 40 * FEW_TICKS, "%.4f s, not %.4f to %.4f" % (got, low, high)
    assert abs(others - 24 / 40 * got) <= 0.01 * got, "[other tasks]: %.4f s" % others


if __name__ == "__main__":
    harness.main()
