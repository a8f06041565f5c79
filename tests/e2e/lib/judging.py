# SPDX-License-Identifier: BSD-2-Clause
"""What several tests judge by."""
import json
import os
import re

import adder
from harness import Missing, Workload, every_python
from pythons import find_all, one_each

# What would do something to a terminal.
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
BEFORE_QUALIFIED = ["3.%d" % minor for minor in range(6, 11)]
AT_LEAST_NS = 300_000_000  # of the second and a half for which each thread is blocked


def every_build():
    """Every interpreter there is, several of one version too; and those that are missing."""
    return find_all() + [Missing(minor) for minor, p in one_each().items() if not p]


def some_builds():
    """All of these where every Python is asked for, else those of every_python()."""
    return every_build() if os.environ.get("EVERY_PYTHON") else every_python()


def is_name(got, name, sample):
    """Before 3.11 a method's class is found where its first argument could be read, else left out."""
    plain = name.rpartition(".")[2] if sample.labels.get("python") in BEFORE_QUALIFIED else name
    return got in (name, plain)


def difference(truth, sample):
    """What is wrong with a stack; None if nothing."""
    if not sample:
        return "it is not in the profile"
    for i, (name, file, line) in enumerate(truth["stack"]):
        if i >= len(sample.stack):
            return "%d frames of %d" % (len(sample.stack), len(truth["stack"]))
        frame = sample.stack[i]
        if not is_name(frame.function, name, sample) or frame.file != file or frame.line != line:
            return "frame %d is %s (%s:%d), not %s (%s:%d)" % (
                i, frame.function, frame.file, frame.line, name, file, line)
    if len(sample.stack) > len(truth["stack"]):
        return "%d frames of %d" % (len(sample.stack), len(truth["stack"]))
    if sample.labels.get("thread") not in (truth["name"][:15], None) and \
            not sample.labels["thread"].startswith("python"):
        return "the thread is called %r" % sample.labels["thread"]
    return None


def with_class(truth, sample):
    """The methods of a stack, and those that were found with their class."""
    pairs = [(name, frame.function) for (name, _, _), frame in zip(truth["stack"], sample.stack) if "." in name]
    return {name for name, _ in pairs}, {name for name, got in pairs if got == name}


def misjudged(said, state_of, functions_of):
    """What is wrong with the threads of workloads/waits.py, which said what @said is.

    @state_of, @functions_of: give the state, and the functions of the stack, of a tid; None if it
    is missing."""
    for function, tid in sorted(said["tids"].items()):
        if not function.startswith("in_"):
            continue
        state, want = state_of(tid), function.split("_")[1]
        if state is None:
            yield "%s is missing" % function
        elif state != want:
            yield "%s is %s" % (function, state)
        elif function not in functions_of(tid):
            yield "%s: its stack is %r" % (function, functions_of(tid))


def blocked_stack(profile, pid, tid):
    """The stack in which a thread has been longest, of those behind the start signal."""
    best, most = None, AT_LEAST_NS
    for s in profile.samples:
        if s.labels.get("pid") != pid or s.labels.get("tid") != tid:
            continue
        if any(f.function.endswith("Event.wait") or f.function == "wait" for f in s.stack):
            continue
        if s.values["wall"] - s.values["cpu"] > most:
            best, most = s, s.values["wall"] - s.values["cpu"]
    return best


def check_stacks(python, then=None):
    """The stacks of workloads/hard_stacks.py, against what the interpreter says.  @then is done when
    it has started."""
    with Workload(python, "hard_stacks.py") as program:
        program.expect("ready")
        if then:
            then(program)
        with adder.Recording("-p", program.pid) as recording:
            program.go()
            truth = json.loads(program.read())
    profile = recording.profile
    wrong, methods, found = [], set(), set()
    for tid, thread in sorted(truth.items()):
        sample = blocked_stack(profile, program.pid, int(tid))
        why = difference(thread, sample)
        if why:
            wrong.append("%s: %s" % (thread["name"], why))
        else:
            every, named = with_class(thread, sample)
            methods, found = methods | every, found | named
    assert not wrong, "%d of %d wrong: %s" % (len(wrong), len(truth), "; ".join(wrong[:8]))
    # before 3.11 it is read from the first argument, which may be gone when adder comes to it
    assert len(found) >= 0.7 * len(methods), "no class: %s" % ", ".join(sorted(methods - found))
    labels = {s.labels.get("python") for s in profile.samples}
    assert labels == {python.version}, "the label python is %r" % labels
    return "%d stacks" % len(truth)


def wrong_sums(profile, tid):
    """What is wrong with the sums of a thread that lived all along: a list of sentences."""
    wrong = []
    thread = [s for s in profile.samples if s.labels.get("tid") == tid]
    wall = sum(s.values["wall"] for s in thread)
    if abs(wall - profile.duration_ns) > 0.001 * profile.duration_ns:
        wrong.append("the thread's wall time is %.4f of %.4f s" %
                     (wall / 1e9, profile.duration_ns / 1e9))
    unnamed = sum(s.values["wall"] for s in thread if s.stack[0].function == "[not walked]")
    if unnamed > 0.01 * wall:
        wrong.append("%.4f s are of nobody" % (unnamed / 1e9))
    return wrong


def record_with(python, budget, script, *args):
    """The profile of a workload that says of itself a line of JSON, and what it says."""
    with Workload(python, script, *args) as program:
        program.expect("ready")
        with adder.Recording("-p", program.pid, "--budget", budget, hz=997) as recording:
            program.go()
            result = json.loads(program.read())
        program.go()
    return recording.profile, result


def off_by(profile, result, function):
    """Seconds that a function of handover.py has outside of what its own and its caller's watch
    leave room for."""
    got = sum(s.values["wall"] for s in profile.samples if s.labels.get("tid") == result["tid"] and
              any(f.function == function for f in s.stack)) / 1e9
    return min(0, got - result["inner"][function]) + max(0, got - result["outer"][function])
