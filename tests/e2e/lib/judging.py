# SPDX-License-Identifier: BSD-2-Clause
"""What several tests judge by."""
import re

from harness import Missing
from pythons import find_all, one_each

# What would do something to a terminal.
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def every_build():
    """Every interpreter there is, several of one version too; and those that are missing."""
    return find_all() + [Missing(minor) for minor, p in one_each().items() if not p]


def difference(truth, sample):
    """What is wrong with a stack; None if nothing."""
    if not sample:
        return "it is not in the profile"
    for i, (names, file, line) in enumerate(truth["stack"]):
        if i >= len(sample.stack):
            return "%d frames of %d" % (len(sample.stack), len(truth["stack"]))
        frame = sample.stack[i]
        if frame.function not in names or frame.file != file or frame.line != line:
            return "frame %d is %s (%s:%d), not %s (%s:%d)" % (
                i, frame.function, frame.file, frame.line, names[-1], file, line)
    if len(sample.stack) > len(truth["stack"]):
        return "%d frames of %d" % (len(sample.stack), len(truth["stack"]))
    if sample.labels.get("thread") not in (truth["name"][:15], None) and \
            not sample.labels["thread"].startswith("python"):
        return "the thread is called %r" % sample.labels["thread"]
    return None


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
