#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Slow calls, one by one, and how long calls took: against the program's own clock."""
import json
import math
import os
import pty
import re
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import adder
import harness
from counting import end_with_parent
from harness import Workload, case, needs, every_python
from places import of_its_own_program
from pythons import find_all
from static_probes import has

MS = 10
PART, A_CALL = 0.05, 5e-6  # what a call's time may be off
LIMIT = 100e-6
# Of spans.py: half are off by two microseconds or less, one in a hundred by up to 90, for an interrupt, or
# what a hypervisor takes, may come between a call's begin and the program's first note, or behind its
# last.  Where the thread sleeps it is no worse: the switches are between the notes.
OUTLIERS, OUTLIER = 0.05, 500e-6


def slow_calls(pid, *options):
    """`adder calls` of @pid, from when it has begun."""
    calls = subprocess.Popen([adder.ADDER, "calls", "-p", str(pid), "--json"] + list(options),
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             preexec_fn=end_with_parent)
    line = calls.stderr.readline().decode()
    assert line.startswith(adder.READY), "adder calls said %r" % line
    return calls


def run(python, *options, script=("slowly.py",)):
    """(what the program says, the lines that adder wrote) of @script with its arguments."""
    with Workload(python, *script) as program:
        program.expect("ready")
        calls = slow_calls(program.pid, *options)
        program.go()
        said = json.loads(program.read()[len("done "):])
        calls.terminate()
        out, errors = calls.communicate(timeout=60)
        assert calls.returncode == 0, errors.decode()
        program.go()
    return said, [json.loads(line) for line in out.decode().splitlines()]


def new_enough(python):
    needs(python)
    if python.minor < 11 and not has(python, "function__return"):
        raise harness.Skip("calls of Python %s are not timed" % python.version)


def differences(said, lines):
    """What is wrong with the lines of functions that time themselves."""
    wanted = {}
    for call in said:
        wanted.setdefault(call[0], []).append(call)
    for name, calls in sorted(wanted.items()):
        got = sorted((l for l in lines if l["function"] == name), key=lambda l: l["time"])
        if len(got) != len(calls):
            yield "%s: %d calls, not %d" % (name, len(got), len(calls))
        for line, (_, caller, arguments, state, seconds) in zip(got, calls):
            most = max(line["states"], key=line["states"].get)
            if line["caller"] != caller:
                yield "%s called by %s" % (name, line["caller"])
            if line.get("arguments") != arguments:
                yield "%s(%s), not (%s)" % (name, line.get("arguments"), arguments)
            if sum(line["states"].values()) != line["duration"]:
                yield "%s: states sum to %d of %d ns" % (name, sum(line["states"].values()), line["duration"])
            if abs(line["duration"] / 1e9 - seconds) > PART * seconds:
                yield "%s: %.6f s, not %.6f" % (name, line["duration"] / 1e9, seconds)
            if most != state and line["states"].get(state, 0) < 0.009e9:  # a busy machine keeps it waiting, too
                yield "%s: in %s" % (name, line["states"])


@case(each=every_python, alone=True)
def slower(python):
    new_enough(python)
    said, lines = run(python, "--slower", str(MS))
    bad = list(differences(said, lines))
    assert not bad, "%d wrong: %s" % (len(bad), "; ".join(bad[:5]))
    quick = [l for l in lines if l["duration"] < MS * 1e6]
    assert not quick, "told although quick: %s" % quick[:2]
    return "%d calls" % len(lines)


def off_by(seconds, least, most):
    """Seconds that a call is off from what its program says."""
    return min(0, seconds - least) + max(0, seconds - most)


# nests() makes two calls, each of which may be off; that raises() has ended is seen when its caller next
# calls: 1 us later, 5 on a busy machine.
CALLS = {"nests": 3, "raises": 2}


def allowed(name, seconds=0):
    return max(PART * seconds, A_CALL * CALLS.get(name, 1))


def misjudged(said, told):
    """What is wrong with @told, {i: seconds} of the calls that took LIMIT or longer: a list."""
    off, bad = {}, []
    for i, name, least, most in said:
        if i in told:
            off.setdefault(name, []).append((off_by(told[i], least, most), allowed(name, least)))
        elif least > LIMIT + allowed(name, least):
            bad.append("%s is missing, of %.6f s" % (name, least))
    for name, calls in sorted(off.items()):
        part = sum(abs(by) <= may for by, may in calls) / len(calls)
        order = sorted(by for by, _ in calls)
        least, middle, most = order[0], order[len(calls) // 2], order[-1]
        # those that take 2 ms are no worse than those of 0.1: the middle one of all is right to A_CALL
        if part < 1 - OUTLIERS or abs(middle) > allowed(name) or not -OUTLIER < least <= most < OUTLIER:
            bad.append("%s: %.0f %% right, off by %.1f to %.1f us, half by %.1f or more" %
                       (name, 100 * part, 1e6 * least, 1e6 * most, 1e6 * middle))
    return bad


@case(each=every_python, alone=True)
def slower_to_microseconds(python):
    """Whatever was told before a call, or within it, is not its time."""
    new_enough(python)
    said, lines = run(python, "--slower", "%g" % (LIMIT * 1e3), "--match", "*/spans.py",
                      script=("spans.py", "each"))
    lines = [l for l in lines if l["function"] in {name for _, name, _, _ in said}]
    told = {int(re.match("i=([0-9]+),", l["arguments"]).group(1)): l["duration"] / 1e9 for l in lines}
    bad = misjudged(said, told)
    assert not bad, "; ".join(bad)
    assert min(told.values()) >= LIMIT, "told of what is quicker"
    return "%d calls" % len(told)


# Frames and numbers at all distances from the end of their page, behind which there may be nothing yet.
GOES_DEEP = """
import sys, time
def deep(n, big):
    a = b = c = d = e = f = g = h = i = j = k = l = m = None
    if n: deep(n - 1, big + 1)
    else: time.sleep(0.01)
print("ready", flush=True)
sys.stdin.readline()
deep(200, 2 ** 40)
print("done", flush=True)
sys.stdin.readline()
"""


@case(each=every_python)
def arguments_wherever_they_are(python):
    new_enough(python)
    with subprocess.Popen(python.command("-c", GOES_DEEP), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        program.stdout.readline()
        calls = slow_calls(program.pid, "--slower", "5", "--match", "deep")
        program.stdin.write(b"\n")
        program.stdin.flush()
        program.stdout.readline()
        calls.terminate()
        out, errors = calls.communicate(timeout=60)
    assert calls.returncode == 0, errors.decode()
    got = {json.loads(line)["arguments"] for line in out.decode().splitlines()}
    want = {"n=%d, big=%d" % (n, 2 ** 40 + 200 - n) for n in range(201)}
    assert got == want, "missing: %s; made up: %s" % (sorted(want - got)[:3], sorted(got - want)[:3])


@case(each=every_python, alone=True)
def slower_of_some(python):
    """Only those asked for, and without arguments."""
    new_enough(python)
    said, lines = run(python, "--slower", str(MS), "--match", "sleep*", "--match", "*method", "--no-args")
    said = [[*call[:2], None, *call[3:]] for call in said if call[0] in ("sleeper", "Thing.method")]
    bad = list(differences(said, lines))
    assert not bad, "%d wrong: %s" % (len(bad), "; ".join(bad[:5]))
    others = {l["function"] for l in lines} - {"sleeper", "Thing.method"}
    assert not others, "told of %s" % others


class Ending:
    """How a program ends, with a Python."""

    def __init__(self, python, how):
        self.python, self.how = python, how
        self.name = "%s.%s" % (how, python.name)


def each_ending():
    return [Ending(python, how) for python in every_python() for how in ("exit", "kill", "exec", "thread")]


@case(each=each_ending)
def with_their_program(ending):
    """What is open then has taken so long, and is told: no more, and of no less."""
    new_enough(ending.python)
    with Workload(ending.python, "ending.py", ending.how) as program:
        program.expect("ready")
        calls = slow_calls(program.pid, "--slower", "40")
        program.go()
        program.process.wait()
        calls.terminate()
        out, errors = calls.communicate(timeout=60)
    lines = [json.loads(line) for line in out.decode().splitlines()]
    took = {l["function"]: l["duration"] / 1e9 for l in lines}
    assert "leaves" in took and ("main" in took or ending.how == "thread"), (took, errors.decode())
    wrong = {f: t for f, t in took.items() if f in ("leaves", "main") and not 0.049 < t < 0.3}
    assert not wrong, "seconds: %s" % wrong


@case(each=every_python, alone=True)
def cost_of_others(python):
    """What probes cost in functions that nobody asked for is not the time of those that were."""
    new_enough(python)
    with Workload(python, "outer.py") as program:
        program.expect("ready")
        calls = slow_calls(program.pid, "--histogram", "outer")
        program.go()
        plain, probed = json.loads(program.read())
        calls.terminate()
        out, errors = calls.communicate(timeout=60)
        assert calls.returncode == 0, errors.decode()
        program.go()
    took = json.loads(out.decode())["max"] / 1e9
    assert probed > 2 * plain, "probes cost next to nothing: %.4f s, %.4f s without" % (probed, plain)
    # what a probe costs is known as a mean, of when adder began
    assert abs(took - plain) < 0.3 * (probed - plain), "%.4f s: %.4f without probes, %.4f with" % (took, plain, probed)
    return "%.1f ms; %.1f without probes, %.1f with" % (took * 1e3, plain * 1e3, probed * 1e3)


@case()
def apart_from_progress():
    """On a terminal every line is one of its own, though the live line of standard error is there, too."""
    found = [p for p in find_all() if not p.tree and p.minor >= 11]
    if not found:
        raise harness.Skip("no Python 3.11 or later outside of a tree")
    code = "import time\ndef slow(): time.sleep(0.3)\nfor i in range(4): slow()"
    ours, theirs = pty.openpty()
    with subprocess.Popen([adder.ADDER, "calls", "--slower", "100", "--match", "slow", "--"] +
                          found[-1].command("-I", "-S", "-c", code), stdin=subprocess.DEVNULL,
                          stdout=theirs, stderr=theirs, preexec_fn=end_with_parent) as calls:
        os.close(theirs)
        shown = b"".join(iter(lambda: read_terminal(ours), b"")).decode()
        os.close(ours)
    assert calls.returncode == 0, shown
    lines = [line.rpartition("\r\033[K")[2] for line in shown.split("\r\n")]
    assert "microseconds longer" in shown, "not told what calls cost: %r" % shown
    assert "stacks" in shown, "no live line: %r" % shown
    told = [line for line in lines if "slow" in line and not line.startswith("adder: ")]
    bad = [line for line in told if not re.match(r"\d\d:\d\d:\d\d\.\d+ ", line)]
    assert told and not bad, shown


def read_terminal(fd):
    try:
        return os.read(fd, 65536)
    except OSError:  # the other end is closed
        return b""


def below(said, edge):
    """How many calls at least, and at most, are shorter than @edge."""
    return (sum(seconds + allowed(name, seconds) < edge for _, name, seconds, _ in said),
            sum(seconds - allowed(name, seconds) < edge for _, name, seconds, _ in said))


def misplaced(said, buckets):
    """What is wrong with buckets, [from, to, calls] in seconds."""
    for place, (start, end, _) in enumerate(buckets):
        for edge, got in ((start, sum(b[2] for b in buckets[:place])),
                          (end, sum(b[2] for b in buckets[:place + 1]))):
            least, most = below(said, edge)
            if not least - len(said) // 100 <= got <= most:
                yield "%d, not %d to %d, below %.6f s" % (got, least, most, edge)


def in_order(said, part):
    """The seconds which @part of the calls take at most."""
    return sorted(seconds for _, _, seconds, _ in said)[math.ceil(part * len(said)) - 1]


@case(each=every_python, alone=True)
def histogram(python):
    """That of the program's own values."""
    new_enough(python)
    said, lines = run(python, "--histogram", "computes", script=("spans.py", "spread"))
    assert [l["function"] for l in lines] == ["computes"], lines
    (got,) = lines
    buckets = [(start / 1e9, end / 1e9, count) for start, end, count in got["buckets"]]
    assert got["calls"] == len(said) == sum(count for _, _, count in buckets), \
        "%d calls, %d in buckets, not %d" % (got["calls"], sum(b[2] for b in buckets), len(said))
    bad = list(misplaced(said, buckets))
    assert not bad, "%d wrong: %s" % (len(bad), "; ".join(bad[:4]))
    for name, part in ("p50", 0.5), ("p99", 0.99):
        want, may = in_order(said, part), allowed("computes", in_order(said, part))
        place = [b[:2] for b in buckets if b[0] <= got[name] / 1e9 <= b[1]]
        assert any(b[0] - may <= want < b[1] + may for b in place), "%s %d ns, not %.6f s" % (name, got[name], want)
    longest = max(seconds for _, _, seconds, _ in said)
    assert abs(got["max"] / 1e9 - longest) <= allowed("computes", longest), "%d ns, not %.6f s" % (got["max"], longest)
    return "%d calls in %d buckets" % (len(said), len(buckets))


# Its worker has ended seconds before it, and it before adder.
STARTS_A_WORKER = """
import subprocess, sys, time
def quick(): pass
if sys.argv[1:]:
    for i in range(3): quick()
else:
    worker = subprocess.Popen([sys.executable, "-I", "-S", "-c", sys.orig_argv[-1], "worker"])
    worker.wait()
    time.sleep(4)
    for i in range(20): quick()
    print(worker.pid, file=sys.stderr)
"""


@case()
def histograms_of_what_has_ended():
    """Are told with whose they were."""
    python = of_its_own_program()
    done = adder.run("calls", "--json", "--histogram", "quick", "--",
                     *python.command("-I", "-S", "-c", STARTS_A_WORKER))
    assert done.returncode == 0, done.stderr
    got = {line["pid"]: line for line in map(json.loads, done.stdout.decode().splitlines())}
    worker = got.pop(int(re.findall(rb"^[0-9]+$", done.stderr, re.M)[0]), None)
    assert worker and worker["calls"] == 3 and worker["process"], "of the worker %r" % worker
    (pid, command), = got.items()
    assert pid > 0 and command["calls"] == 20 and command["process"], command


if __name__ == "__main__":
    harness.main()
