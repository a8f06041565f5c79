#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Names when addresses are reused, and stacks that change all the time: nothing impossible is seen."""
import os
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import adder
import harness
from harness import Workload, case
from pythons import spread

HZ = 5000
SECONDS = 4
CHAIN = 12  # functions in churn.py's chains
MEMORY_MB = 500  # tens of thousands of names: the bound is not what is tested here


def record(python, script):
    """The samples of a program's main thread; the profile's comments for the messages."""
    with Workload(python, script, SECONDS) as program:
        program.expect("ready")
        with adder.Recording("-p", program.pid, "--memory", MEMORY_MB, hz=HZ) as recording:
            program.go()
            program.expect("done")
    return [s for s in recording.profile.samples if s.labels.get("pid") == program.pid], \
        recording.profile.comments


def weight(sample):
    """How many stacks that were seen it stands for."""
    return max(1, sample.values["samples"])


def made(frame):
    """("f", 7) for the function f7."""
    m = re.fullmatch(r"([fg])(\d+)", frame.function)
    return (m.group(1), int(m.group(2))) if m else None


def wrong_frame(stack, i):
    """What is wrong with frame @i of @stack, leaf first."""
    frame, who = stack[i], made(stack[i])
    caller = stack[i + 1] if i + 1 < len(stack) else None
    if frame.function in ("burn", "rest"):
        return None if caller and made(caller) and made(caller)[0] == "g" else "called by nobody"
    if not who:
        return None
    kind, n = who
    if frame.file != "<%s%d>" % who:
        return "in the file %s" % frame.file
    if frame.start_line != 1 + n % 97 or frame.line not in (1 + n % 97, 2 + n % 97):
        return "at lines %d, %d" % (frame.start_line, frame.line)
    if kind == "g" and (not caller or made(caller) != ("f", n)):
        return "called by %s" % (caller and caller.function)
    if kind == "f" and (not caller or caller.function != "main_loop"):
        return "called by %s" % (caller and caller.function)
    return None


def show(sample):
    state = max((v, k) for k, v in sample.values.items() if k not in ("wall", "samples", "loop"))[1]
    return "%s (%s)" % (";".join(f.function for f in reversed(sample.stack)), state)


def is_bracketed(stack):
    """adder says itself that it has not read the stack, or not all of it."""
    return any(re.fullmatch(r"\[.*\]", f.function) for f in stack)


def check_unread(samples, comments):
    """The stacks that adder says it did not read are few."""
    unread = sum(weight(s) for s in samples if is_bracketed(s.stack))
    count = sum(weight(s) for s in samples)
    lost = {k: v for k, v in comments.items() if "lost" in k or "loss" in k}
    assert unread <= 0.005 * count, "%d of %d stacks not read: %s" % (unread, count, lost)
    return count


@case(each=spread)
def reused_addresses(python):
    samples, comments = record(python, "torture.py")
    seen, wrong = set(), []
    for s in samples:
        for i in range(0 if is_bracketed(s.stack) else len(s.stack)):
            seen.add(s.stack[i].function)
            why = wrong_frame(s.stack, i)
            if why:
                wrong.append("%s %s in %s" % (s.stack[i].function, why, show(s)))
    count = check_unread(samples, comments)
    assert not wrong, "%d wrong names in %d stacks: %s" % (len(wrong), count, "; ".join(wrong[:5]))
    assert count >= 1000, "only %d stacks" % count  # more on a machine of one's own
    return "%d stacks, %d functions" % (count, len(seen))


def is_legal(stack):
    """Leaf first.  The module itself may also be reading the line that lets it go on."""
    names = [f.function for f in reversed(stack)]
    if names[:2] != ["<module>", "main"]:
        return names[:1] == ["<module>"] and all("codecs" in f.file for f in stack[:-1])
    if len(names) == 2:
        return True
    phase = re.fullmatch("ph_([ab])", names[2])
    chain = names[3:]
    return bool(phase) and len(chain) <= CHAIN and \
        chain == ["%s%d" % (phase.group(1), i + 1) for i in range(len(chain))]


@case(each=spread)
def changing_stacks(python):
    samples, comments = record(python, "churn.py")
    wrong = {}
    for s in samples:
        if not is_bracketed(s.stack) and not is_legal(s.stack):
            wrong[show(s)] = weight(s)
    count = check_unread(samples, comments)
    assert not wrong, "%d impossible stacks of %d: %s" % (
        sum(wrong.values()), count, " ".join(list(wrong)[:5]))
    assert count >= 1000, "only %d stacks" % count  # more on a machine of one's own
    depths = {len(s.stack) for s in samples}
    assert len(depths) > CHAIN, "only %d different depths" % len(depths)
    return "%d stacks" % count


if __name__ == "__main__":
    harness.main()
