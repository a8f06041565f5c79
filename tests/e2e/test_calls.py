#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Counts of calls, against what sys.setprofile sees of the same program, and against programs that count
their own: equal, on every build, however programs end and whatever else looks at them."""
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import adder
import greenlets
import harness
import mounts
from called import (Counted, calls_of, check_exact, check_hot, check_like_cprofile, check_lower_bounds,
                    differences, of_file, truth, unequal)
from counting import Counting
from harness import Skip, Workload, case, every_python, needs
from judging import every_build, some_builds
from places import find, interpreter_file, offset_of
from pythons import Python, find_all, spread
from static_probes import PROBED, semaphores, timed_old
from uprobe import Uprobe

BREAKPOINT = 0xcc  # x86's


@case(each=every_build)
def exact(python):
    needs(python)
    return check_exact(python)


@case(each=some_builds)
def like_cprofile(python):
    """All, and those that are not recursive: in the table, and in what pstats reads."""
    needs(python)
    return check_like_cprofile(python)


def check_counted(python, *how):
    """All that it does, from before to behind it."""
    with Counted(python, *how) as program:
        counting = Counting(program.pid)
        program.go()
        program.process.stdout.readline()  # "done", or its end
        report, profile = counting.stop()
        want, got = program.own(), calls_of(report, program)
    wrong = unequal(want, got)
    assert not wrong, "%d wrong: %s" % (len(wrong), "; ".join(wrong[:6]))
    assert profile.comments["lost_calls"] == "0", profile.comments["lost_calls"]
    return "%d calls" % sum(want.values())


@case(each=every_python)
def exits(python):
    """By sys.exit, through frames of its own and functions for the exit."""
    needs(python)
    return check_counted(python, "exit")


@case(each=every_python)
def exits_at_once(python):
    """By os._exit: none of its frames is left."""
    needs(python)
    return check_counted(python, "_exit")


@case(each=some_builds)
def beside_tools(python):
    """sys.setprofile, sys.settrace and sys.monitoring, switched on and off meanwhile."""
    needs(python)
    return check_counted(python, "tools")


@case(each=every_python)
def killed(python):
    """What it has called until then; it may have been about to count one call more."""
    needs(python)
    with Counted(python, "endless", "1") as program:
        counting = Counting(program.pid)
        program.go()
        time.sleep(0.3)
        program.process.kill()
        program.process.wait()
        report, _ = counting.stop()
        want, got = program.own(), calls_of(report, program)
    over = {f: got[f] - want[f] for f in want if got[f] != want[f]}
    assert sum(want.values()) > 1000 and sum(over.values()) in (0, 1) and len(over) < 2, over
    return "%d calls" % sum(want.values())


@case(each=greenlets.pythons)
def in_greenlets(python):
    """That switch with their frames open, and are dropped so."""
    return check_counted(python, "greenlets", *greenlets.modules(python))


@case()
def from_the_first():
    """With a command, no call is missed: its interpreter is probed before it runs."""
    found = [p for p in find_all() if not p.tree and interpreter_file(p) == os.path.realpath(p.path)]
    if not found:
        raise Skip("no interpreter that is in its program")
    code = "def f(): pass\nfor i in range(1000): f()"
    done = adder.run("calls", "--json", "-l", "0", "--", *found[0].command("-I", "-S", "-c", code))
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    counts = {row["function"]: row["ncalls"] for row in report["rows"]}
    assert counts.get("f") == 1000, counts
    said = [c for c in report["comments"] if c.startswith("command: adder calls --json -l 0 -- ")]
    assert said, "it does not say which command was counted: %s" % report["comments"]
    return "%d calls" % sum(counts.values())


@case()
def of_one_image():
    """In containers of one image no call counts twice: their overlays show one file below."""
    trees = [p for p in find_all() if p.tree]
    if not trees:
        raise Skip("no tree to make containers of")
    with mounts.images(trees[0].tree, 2) as images:
        a, b = [Workload(trees[0]._replace(tree=image), "called.py") for image in images]
        with a, b:
            a.expect("ready")
            b.expect("ready")
            counting = Counting("%d,%d" % (a.pid, b.pid))
            for program in a, b:
                program.go()
                program.expect("done")
            got = of_file(counting.stop()[0], "called.py")
    want = {key: [2 * n for n in counts] for key, counts in truth(trees[0]).items()}
    wrong = list(differences(want, got))
    assert not wrong, "%d wrong: %s" % (len(wrong), "; ".join(wrong[:4]))
    return "%d functions" % len(got)


class Inside:
    """A Python with sub-interpreters, each with a GIL of its own or not."""

    def __init__(self, python, own):
        self.python, self.own = python, own
        self.name = "%s.%s" % (python.name, "own_gil" if own else "one_gil")


def with_interpreters():
    found = [p for p in some_builds() if not isinstance(p, harness.Missing) and p.minor >= 8]
    return [Inside(p, own) for p in found for own in (False, True) if p.minor >= 12 or not own]


@case(each=with_interpreters)
def in_subinterpreters(inside):
    """Of four interpreters at once, in threads: what their functions count themselves."""
    with Workload(inside.python, "subinterpreters.py", "calls", *(["own"] if inside.own else [])) as program:
        program.expect("ready")
        counting = Counting(program.pid, "-l", "0")
        program.go()
        want = json.loads(program.read())
        report, profile = counting.stop()
    got = {row["function"]: row["ncalls"] for row in report["rows"]}
    wrong = ["%s %s, not %d" % (f, got.get(f), want[f]) for f in sorted(want) if got.get(f) != want[f]]
    assert len(want) == 17 and not wrong, "%d of %d wrong: %s" % (len(wrong), len(want), "; ".join(wrong[:4]))
    assert profile.comments["lost_calls"] == "0", profile.comments["lost_calls"]
    return "%d calls" % sum(want.values())


class Copy(Python):
    """An interpreter in a file that nobody else probes."""
    home = None

    def command(self, *args):
        return ["env", "PYTHONHOME=" + self.home] + Python.command(self, *args)

    def probed_offset(self):
        """In the file, of a place that adder probes."""
        return offset_of(self.path, find(self.path, self.minor).probes[-1].address)


def copied_to(folder):
    for python in find_all():
        file = os.path.realpath(python.path)
        if python.minor >= 11 and not python.tree and interpreter_file(python) == file:
            copy = Copy(python.version, shutil.copy(file, os.path.join(folder, "python3")), "copy", None)
            copy.home = subprocess.run(python.command("-c", "import sys; print(sys.base_prefix)"),
                                       stdout=subprocess.PIPE, check=True).stdout.decode().strip()
            return copy
    raise Skip("no interpreter of 3.11 or later that is in one file")


@case()
def beside_another_adder():
    """Both count all."""
    with Counted(spread()[-1], "exit") as program:
        both = [Counting(program.pid), Counting(program.pid)]
        program.go()
        program.process.stdout.readline()
        for counting in both:
            wrong = unequal(program.own(), calls_of(counting.stop()[0], program))
            assert not wrong, "; ".join(wrong[:4])


@case()
def beside_another_tracer():
    """With a probe at the very same place."""
    with tempfile.TemporaryDirectory(prefix="adder-e2e-") as folder:
        python = copied_to(folder)
        with Uprobe(python.path, python.probed_offset()):
            return check_counted(python, "exit")


@case()
def barred_by_another_tracer():
    """Whose probe there has a semaphore: the kernel lets no other in.  It is said, and nothing is half counted."""
    with tempfile.TemporaryDirectory(prefix="adder-e2e-") as folder:
        python = copied_to(folder)
        with Uprobe(python.path, python.probed_offset(), 0x4000), Counted(python, "exit") as program:
            counting = Counting(program.pid)
            program.go()
            program.process.stdout.readline()
            report, _ = counting.stop()
    said = [c for c in report["comments"] if "counted: %d " % program.pid in c]
    assert len(said) == 1 and said[0].startswith("uncounted: ") and "another tracer" in said[0], said
    assert not report["rows"], "counted all the same: %r" % report["rows"][:2]


# It says when a quarter of its work is done, and in the end what it has computed.
COMPUTES = """
import sys
def step(x, n): return step(x * 31 + n & 0xffffffff, n - 1) if n else x
def steps(n):
    for i in range(n): yield step(i, 5)
def fails(x):
    if x & 1: raise ValueError(x)
print("ready", flush=True)
sys.stdin.readline()
x = 0
for _ in range(4):
    for value in steps(10000):
        x = x * 33 + value & 0xffffffff
        try: fails(x)
        except ValueError: x += 1
    print("on", flush=True)
print(x, flush=True)
sys.stdin.readline()
"""


def changed_code(pid):
    """Of the interpreter's code in a process, the bytes that are not the file's."""
    found = []
    with open("/proc/%d/maps" % pid) as maps, open("/proc/%d/mem" % pid, "rb") as memory:
        for line in maps:
            place, rights, offset, _, _, *path = line.split(None, 5)
            if "x" not in rights or not path or "python" not in os.path.basename(path[0]):
                continue
            start, end = (int(x, 16) for x in place.split("-"))
            memory.seek(start)
            now = memory.read(end - start)
            with open("/proc/%d/map_files/%x-%x" % (pid, start, end), "rb") as file:
                file.seek(int(offset, 16))
                then = file.read(end - start)
            if now != then:
                found += [now[i] for i in range(len(then)) if now[i] != then[i]]
    return found


def held(python, pid):
    """Its static probes that someone has told it to pass."""
    return [name for name, value in semaphores(python, pid).items() if value] if python in PROBED else []


def computed(program):
    """What it says in the end; @program has been let go."""
    while True:
        line = program.stdout.readline().decode().strip()
        if line != "on":
            return line


def start(python):
    program = subprocess.Popen(python.command("-c", COMPUTES), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    program.stdout.readline()
    return program


def go(program):
    program.stdin.write(b"\n")
    program.stdin.flush()


@case(each=some_builds, alone=True)
def killed_itself(python):
    """kill -9 of adder: its probes go, as if they had never been, and the program doesn't notice."""
    needs(python)
    with start(python) as program:
        go(program)
        want = computed(program)
        go(program)
    with start(python) as program:
        assert not changed_code(program.pid), "probed by another"
        counting = Counting(program.pid)
        go(program)
        program.stdout.readline()
        probes, semaphore = changed_code(program.pid), held(python, program.pid)
        counting.process.kill()
        counting.process.communicate()
        deadline = time.monotonic() + 5
        while (changed_code(program.pid) or held(python, program.pid)) and time.monotonic() < deadline:
            time.sleep(0.05)  # the kernel takes its time
        left = changed_code(program.pid), held(python, program.pid)
        got = computed(program)
        go(program)
    assert BREAKPOINT in probes, "while it counted: %s" % bytes(probes).hex()
    assert semaphore == (["function__return"] if python in timed_old() else []), semaphore
    assert left == ([], []), "left: %s, %s" % left
    assert program.returncode == 0 and got == want, "%s %s, not %s" % (program.returncode, got, want)
    return "%d bytes of code were changed" % len(probes)


def check_refused(python, why):
    with Counted(python, "exit") as program:
        counting = Counting(program.pid)
        program.go()
        program.process.stdout.readline()
        report, _ = counting.stop()
    said = [c for c in report["comments"] if "counted: %d " % program.pid in c]
    assert said == ["uncounted: %d counted.py: %s" % (program.pid, why)], said
    assert not report["rows"], "counted all the same: %r" % report["rows"][:2]


@case()
def refused():
    """An interpreter that is not understood: here one of the table's slots that are never used has a handler."""
    with tempfile.TemporaryDirectory(prefix="adder-e2e-") as folder:
        python = copied_to(folder)
        places = find(python.path, python.minor)
        unused = max(o for o, at in places.handlers.items() if list(places.handlers.values()).count(at) > 20)
        with open(python.path, "r+b") as f:
            f.seek(offset_of(python.path, places.table + 8 * unused))
            if struct.unpack("<Q", f.read(8))[0] != places.handlers[unused]:
                raise Skip("this interpreter's table is made when it is loaded")
            f.seek(-8, os.SEEK_CUR)
            f.write(struct.pack("<Q", places.handlers[1]))
        check_refused(python, "it has no dispatch table that fits its version")


def load_more(path, size):
    """Make of a program's note one more segment of data, of nothing but zeroes."""
    address, offset = 1 << 32, os.path.getsize(path) + 4095 & ~4095
    with open(path, "r+b") as f:
        head = f.read(4096)
        at, count = struct.unpack_from("<Q", head, 32)[0], struct.unpack_from("<H", head, 56)[0]
        types = [struct.unpack_from("<I", head, at + 56 * i)[0] for i in range(count)]
        if 4 not in types or 1 in types[types.index(4):]:
            raise Skip("no note behind what is loaded")
        f.seek(at + 56 * types.index(4))
        f.write(struct.pack("<IIQQQQQQ", 1, 4, offset, address, address, size, size, 4096))
        f.truncate(offset + size)


@case()
def refused_for_its_size():
    """Whoever makes a file decides how much there is to search."""
    with tempfile.TemporaryDirectory(prefix="adder-e2e-") as folder:
        python = copied_to(folder)
        load_more(python.path, 64 << 20)
        check_refused(python, "it has more code or data than is searched for its dispatch table")


class Sid(Python):
    """One of Debian's builds that have a JIT, which it is told to use or not."""
    jit = False

    def command(self, *args):
        return ["env", "PYTHON_JIT=%d" % self.jit] + Python.command(self, *args)


def with_jit():
    return [p for p in every_build() if not isinstance(p, harness.Missing) and p.how == "sid"]


def told(python, jit):
    python = Sid(*python)
    python.jit = jit
    return python


@case(each=with_jit)
def with_jit_off(python):
    """As any other."""
    return check_hot(told(python, False))


@case(each=with_jit)
def with_jit_on(python):
    return check_lower_bounds(told(python, True))


if __name__ == "__main__":
    harness.main()
