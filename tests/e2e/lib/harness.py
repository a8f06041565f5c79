# SPDX-License-Identifier: BSD-2-Clause
"""Cases, and how one file of them is run.

A test file defines functions marked with @case and ends with harness.main().  A case asserts; it
raises Skip, with the reason, where the machine lacks what it needs.
"""
import os
import subprocess
import sys
import time
import traceback

import adder
import pythons

CASES = []
# In an emulated machine ticks come late or not at all, so CPU time falls to functions coarsely, and
# all takes six times as long.
EMULATED = bool(os.environ.get("EMULATED"))


class Skip(Exception):
    pass


def case(each=None, alone=False):
    """Mark a case.  @each: a function that lists what it is run with, one case each, named by
    .name; None there stands for what is missing.  @alone: others would disturb its timing."""
    def mark(function):
        for what in (each() if each else [None]):
            name = function.__name__ + (".%s" % what.name if what else "")
            run = (lambda w=what: function(w)) if each else function
            CASES.append((name, run, alone))
        return function
    return mark


class Missing:
    """In the place of an interpreter that this machine lacks."""

    def __init__(self, minor):
        self.name = "3.%d" % minor


def every_python():
    """An interpreter of each minor version, or what says that it is missing.  Most of what differs
    between versions lies between the oldest, a middle and the newest one: without EVERY_PYTHON in
    the environment, these."""
    if not os.environ.get("EVERY_PYTHON"):
        return pythons.spread()
    return [p or Missing(minor) for minor, p in pythons.one_each().items()]


def needs(python):
    if isinstance(python, Missing):
        raise Skip("no Python %s here (tests/e2e/fetch-pythons fetches some)" % python.name)


def run_case(name, function):
    """Run one case; returns "ok", "FAIL" or "skip", seconds and a line of why."""
    begin = time.monotonic()
    result, why = "ok", ""
    try:
        if not os.access(adder.ADDER, os.X_OK):
            raise Skip("no %s: run make" % adder.ADDER)
        if os.geteuid() != 0:
            raise Skip("needs root")
        why = function() or ""
    except Skip as e:
        result, why = "skip", str(e)
    except AssertionError as e:
        result, why = "FAIL", str(e) or traceback.format_exc().strip().split("\n")[-2].strip()
    except Exception:  # a broken test is a failure, not the end of the others
        result, why = "FAIL", traceback.format_exc().strip()
    return result, time.monotonic() - begin, why


def show(file, name, result, seconds, why):
    print("%-4s %-52s %6.1f s%s" % (result, "%s %s" % (file, name), seconds,
                                    "   " + why if why else ""), flush=True)


class Workload:
    """A program of tests/e2e/workloads, run by @python; it talks by lines: we read what it prints
    and write to let it go on."""

    def __init__(self, python, script, *args, **kwargs):
        path = os.path.join(pythons.WORKLOADS, script)
        # What is set for our own interpreter is not meant for those under test.
        kwargs["env"] = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        self.process = subprocess.Popen(python.command(path, *args), stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, **kwargs)
        self.pid = self.process.pid

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError("the workload ended (%s)" % self.process.wait())
        return line.decode().rstrip("\n")

    def expect(self, text):
        line = self.read()
        assert line == text, "the workload said %r, not %r" % (line, text)

    def go(self):
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def main():
    """Run this file's cases: all, or those named; --list lists them (and which are to be alone)."""
    file = os.path.splitext(os.path.basename(sys.argv[0]))[0]
    wanted = sys.argv[1:]
    if wanted == ["--list"]:
        for name, _, alone in CASES:
            print("%s%s" % (name, " alone" if alone else ""))
        return
    failed = 0
    for name, function, _ in CASES:
        if wanted and not any(name == w or name.startswith(w + ".") for w in wanted):
            continue
        result, seconds, why = run_case(name, function)
        show(file, name, result, seconds, why)
        failed += result == "FAIL"
    sys.exit(1 if failed else 0)
