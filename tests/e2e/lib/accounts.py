# SPDX-License-Identifier: BSD-2-Clause
"""What adder says of other people's programs, against what the kernel and their own counters say.

Samples are those of the program's processes; counters are programs.Program.counters().  What is
called wrong_... yields a line for each thing that is.
"""
import contextlib
import os
import time

STATES = "cpu runq gil lock disk net ipc child poll sleep fault stop other".split()
SECOND = 1e9
TICK = 0.01  # of the kernel's account of a process that has ended
HZ = 99


# ---- what the kernel says ----

def threads_cpu(pids):
    """{(pid, tid): seconds} as the scheduler has charged it, of those that are there."""
    found = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            for tid in os.listdir("/proc/%d/task" % pid):
                with open("/proc/%d/task/%s/schedstat" % (pid, tid)) as file:
                    found[pid, int(tid)] = int(file.read().split()[0]) / SECOND
    return found


def processes_cpu(pids):
    """Seconds of all threads of those that are there, with the threads that have ended."""
    seconds = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            seconds += time.clock_gettime(~pid << 3 | 2)  # clock_getcpuclockid(pid)
    return seconds


def delay():
    """How long this thread has waited for a CPU."""
    with open("/proc/thread-self/schedstat") as file:
        return int(file.read().split()[1]) / SECOND


# ---- what adder says ----

def total(samples, state):
    return sum(s.values[state] for s in samples) / SECOND


def is_in(sample, function):
    return any(f.function.rsplit(".", 1)[-1] == function for f in sample.stack)


def wrong_sums(samples):
    threads = {}
    for s in samples:
        threads.setdefault((s.labels["pid"], s.labels["tid"]), []).append(s)
    for thread, mine in threads.items():
        wall, parts = total(mine, "wall"), sum(total(mine, state) for state in STATES)
        if abs(wall - parts) > 0.001 * wall:
            yield "thread %d/%d: states %.4f of %.4f s" % (thread + (parts, wall))


def wrong_cpu(samples, before, after):
    """Of the processes that were there all the time, without the threads that were not."""
    by_thread, by_pid, used = {}, {}, {}
    for s in samples:
        thread = s.labels["pid"], s.labels["tid"]
        by_thread[thread] = by_thread.get(thread, 0) + s.values["cpu"] / SECOND
    for thread in set(before) & set(after):
        pid = thread[0]
        used[pid] = used.get(pid, 0) + after[thread] - before[thread]
        by_pid[pid] = by_pid.get(pid, 0) + by_thread.get(thread, 0)
    python = {s.labels["pid"] for s in samples}
    for pid in set(used) & python:
        if abs(by_pid[pid] - used[pid]) > max(0.01 * used[pid], 2 * TICK):
            yield "process %d: CPU %.4f s, but used %.4f s" % (pid, by_pid[pid], used[pid])
    if not python:
        yield "none of its processes is there"


def unwalked(profile):
    """The part of the switches at which no stack was walked, for the sake of the budget: whose waits
    these were is an estimate."""
    walked, not_walked = (int(profile.comments[name]) for name in ("walked", "unwalked"))
    return not_walked / max(1, walked + not_walked)


def wrong_functions(samples, before, after, states, estimated):
    """A function's seconds, as it has measured them itself; @estimated is a part of its waits."""
    names = {name for _, name in after}
    for name in sorted(names):
        calls = wall = cpu = 0
        for key in (k for k in after if k[1] == name):
            old = before.get(key, (0, 0, 0))
            calls, wall, cpu = (x + b - a for x, a, b in zip((calls, wall, cpu), old, after[key]))
        if not calls:
            continue
        mine = [s for s in samples if is_in(s, name)]
        # The split of CPU time is sampled: four standard deviations of the number of ticks.
        chance = 4 * (max(total(mine, "cpu"), cpu) * HZ + 1) ** 0.5 / HZ
        if abs(total(mine, "cpu") - cpu) > 0.01 * cpu + chance:
            yield "%s: CPU %.3f s, but used %.3f s in %d calls" % (
                name, total(mine, "cpu"), cpu, calls)
        if name not in states:
            continue
        if abs(total(mine, "wall") - wall) > 0.01 * wall + chance + estimated * (wall - cpu):
            yield "%s: wall %.3f s, but took %.3f s in %d calls" % (
                name, total(mine, "wall"), wall, calls)
        waited = sum(total(mine, state) for state in set(STATES) - {"cpu", "runq", "gil"})
        known = sum(total(mine, state) for state in states[name].split("+"))
        if known < 0.98 * waited:
            yield "%s: %s is %.3f of the %.3f s it waited: %s" % (
                name, states[name], known, waited, {s: round(total(mine, s), 3) for s in STATES})


def wrong_calls(before, after, least, most):
    """Every request was a call."""
    for name in sorted({name for _, name in after}):
        calls = sum(after[k][0] - before.get(k, (0,))[0] for k in after if k[1] == name)
        if not least <= calls <= most:
            yield "%s: %d calls for %d to %d requests" % (name, calls, least, most)
