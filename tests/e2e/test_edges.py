#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The recording's edges: what had begun before it, and what ends after it, is in it all the same."""
import json
import os
import signal
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import adder
import harness
from harness import Workload, case, needs
from judging import misjudged
from pythons import spread

STATES = "cpu runq gil lock disk net ipc child poll sleep fault stop other".split()
SECOND = 1e9
TOLERANCE = 0.01  # of the recording's length


class Threads:
    """The samples of a process, by thread."""

    def __init__(self, profile, pid):
        self.length, self.samples = profile.duration_ns, {}
        for s in profile.samples:
            if s.labels.get("pid") == pid:
                self.samples.setdefault(s.labels["tid"], []).append(s)

    def wall(self, tid, function=None, state="wall"):
        return sum(s.values[state] for s in self.samples.get(tid, [])
                   if not function or any(f.function == function for f in s.stack))

    def state(self, tid):
        """In which it was longest; None if it is not there."""
        if tid in self.samples:
            return max(STATES, key=lambda name: self.wall(tid, state=name))

    def functions(self, tid):
        longest = max(self.samples[tid], key=lambda s: s.values["wall"])
        return [f.function for f in longest.stack]


def about(got, want, length):
    return abs(got - want) <= TOLERANCE * length


def too_long_or_short(threads, said):
    """Threads whose wall time is not the recording's length."""
    for function, tid in sorted(said["tids"].items()):
        wall = threads.wall(tid)
        if not about(wall, threads.length, threads.length):
            yield "%s: wall %.4f of %.4f s" % (function, wall / SECOND, threads.length / SECOND)


def check(threads, said, *more):
    wrong = list(misjudged(said, threads.state, threads.functions))
    wrong += list(too_long_or_short(threads, said)) + [m for m in more if m]
    assert not wrong, "; ".join(wrong)


@case(each=harness.every_python)
def asleep_all_the_time(python):
    """Threads that neither fall asleep nor wake while it lasts: no event tells of them."""
    needs(python)
    with Workload(python, "waits.py") as program:
        said = json.loads(program.read())
        with adder.Recording("-p", program.pid) as recording:
            time.sleep(1)
        program.go()
        program.read()
        program.go()
    threads = Threads(recording.profile, program.pid)
    unread = sum(threads.wall(tid, "[blocked since before recording]") for tid in threads.samples)
    check(threads, said, unread and "%.4f s have no stack" % (unread / SECOND))
    return "%d threads" % len(threads.samples)


@case(each=harness.every_python)
def wakes_in_the_middle(python):
    """One that slept when it began, and sleeps elsewhere when it ends: each has its part."""
    needs(python)
    with Workload(python, "waits.py") as program:
        said = json.loads(program.read())
        with adder.Recording("-p", program.pid) as recording:
            time.sleep(0.8)
            program.go()
            turned = json.loads(program.read())["turned"]
            time.sleep(0.5)
            stopped = time.monotonic()
        program.go()
    threads, tid = Threads(recording.profile, program.pid), said["tids"]["turn"]
    early = threads.wall(tid, "wait_early", "lock") / SECOND
    late = threads.wall(tid, "wait_late", "lock") / SECOND
    length = threads.length / SECOND
    # It ends a moment after it is told to, so the second part is known less exactly.
    wrong = []
    if not about(early + late, length, length):
        wrong.append("early %.4f + late %.4f s of %.4f s" % (early, late, length))
    if not stopped - turned <= late <= stopped - turned + 0.1:
        wrong.append("late %.4f s, not %.4f s and a moment" % (late, stopped - turned))
    check(threads, said, *wrong)
    return "%.4f + %.4f = %.4f s" % (early, late, length)


@case(each=harness.every_python, alone=True)
def runs_all_the_time(python):
    """One that never leaves its CPU of itself."""
    needs(python)
    with Workload(python, "waits.py", "spin") as program:
        said = json.loads(program.read())
        with adder.Recording("-p", program.pid) as recording:
            time.sleep(1)
    threads, tid = Threads(recording.profile, program.pid), said["tids"]["spin"]
    busy = threads.wall(tid, state="cpu") + threads.wall(tid, state="runq")
    check(threads, said, not about(busy, threads.length, threads.length) and
          "spin: busy for %.4f of %.4f s" % (busy / SECOND, threads.length / SECOND))


@case(each=spread)
def ends_with_it(python):
    """A program that is killed as the recording ends: its last seconds count on both sides."""
    for delay in (0.001, 0.002, 0.003, 0.005, 0.01):
        with Workload(python, "waits.py") as program:
            program.read()
            recording = adder.Recording("-p", program.pid)
            time.sleep(0.2)
            recording.process.send_signal(signal.SIGINT)
            time.sleep(delay)
            program.process.kill()
        profile = recording.stop(None)
        lived = int(profile.comments["wall_ns"])
        seen = sum(s.values["wall"] for s in profile.samples)
        assert abs(seen - lived) <= 0.001 * lived, "killed %.3f s later: %.4f of %.4f s" % (
            delay, seen / SECOND, lived / SECOND)


if __name__ == "__main__":
    harness.main()
