#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What every thread does now: `adder dump`."""
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import adder
import harness
import pprof
from cgroup import Cgroup
from harness import Workload, case, needs
from judging import difference, every_build, misjudged
from pythons import spread

NOBODY = 65534
PROCESSES = 50
LIMIT_SECONDS = 0.3  # three times the aim, for a machine that does other things as well
ROUNDS = 15  # of dumping what changes


def dump(*args):
    """The processes that dump --json lists."""
    done = adder.run("dump", "--json", *args)
    assert done.returncode == 0, "status %d: %s" % (done.returncode, done.stderr.decode())
    return json.loads(done.stdout.decode())


def threads_of(pid, *args):
    """The threads of one process by tid."""
    processes = dump("-p", pid, *args)
    assert [p["pid"] for p in processes] == [pid], "listed %r" % [p["pid"] for p in processes]
    return {t["tid"]: t for t in processes[0]["threads"]}


def as_sample(thread):
    """As a recording would have it, for the judge of recorded stacks."""
    stack = tuple(pprof.Frame(f["function"], f["file"], f["line"], 0) for f in thread["frames"])
    return pprof.Sample(stack, {}, {"thread": thread["thread"]})


@case(each=every_build)
def stacks(python):
    needs(python)
    with Workload(python, "hard_stacks.py") as program:
        program.expect("ready")
        program.go()
        truth = json.loads(program.read())
        threads = threads_of(program.pid)
    wrong = []
    for tid, thread in sorted(truth.items()):
        got = threads.get(int(tid))
        why = difference(thread, as_sample(got) if got else None)
        if why:
            wrong.append("%s: %s" % (thread["name"], why))
    assert not wrong, "%d of %d wrong: %s" % (len(wrong), len(truth), "; ".join(wrong[:8]))
    return "%d stacks" % len(truth)


def check_waits(threads, said):
    """Each thread of workloads/waits.py is in the state that its function is named after."""
    wrong = list(misjudged(said, lambda tid: threads[tid]["state"] if tid in threads else None,
                           lambda tid: [f["function"] for f in threads[tid]["frames"]]))
    assert not wrong, "; ".join(wrong)


@case(each=harness.every_python)
def states(python):
    needs(python)
    with Workload(python, "waits.py") as program:
        said = json.loads(program.read())
        threads = threads_of(program.pid)
        program.go()
        program.read()
        program.go()
    check_waits(threads, said)
    main = threads[said["main"]]
    assert (main["state"], main["detail"]) == ("ipc", "read"), "main is %r" % main
    return "%d ways to wait" % len(said["tids"])


@case(each=harness.every_python)
def gil(python):
    """One thread spins among sleepers: it holds the GIL, whenever one looks."""
    needs(python)
    with Workload(python, "waits.py", "spin") as program:
        said = json.loads(program.read())
        for _ in range(10):
            threads = threads_of(program.pid)
            holders = [t for t in threads.values() if t["gil"]]
            assert [t["tid"] for t in holders] == [said["tids"]["spin"]], "held by %r" % holders
            assert holders[0]["state"] in ("cpu", "runq"), "the holder is %r" % holders[0]
            assert holders[0]["frames"][0]["function"] == "spin", "it is in %r" % holders[0]
            check_waits(threads, said)


RIVALS = """
import threading
def spin():
    while True:
        pass
for _ in range(4):
    threading.Thread(target=spin).start()
"""


class Script:
    """A program given by its text."""

    def __init__(self, python, text, *args, **kwargs):
        self.process = subprocess.Popen(python.command("-c", text, *args),
                                        stdout=subprocess.DEVNULL, **kwargs)
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.process.kill()
        self.process.wait()


@case(each=harness.every_python)
def rivals(python):
    """Of several that spin, one holds the GIL, and the others wait for that one's function."""
    needs(python)
    with Script(python, RIVALS) as program:
        time.sleep(1)
        waits = 0
        for _ in range(10):
            threads = [t for t in threads_of(program.pid).values() if t["tid"] != program.pid]
            assert len(threads) == 4, "%d threads" % len(threads)
            assert sum(t["gil"] for t in threads) <= 1, "several hold the GIL: %r" % threads
            for t in threads:
                assert t["frames"][0]["function"] == "spin", "%r" % t
                assert t["state"] in ("cpu", "runq", "gil"), "%r" % t
                waits += t["state"] == "gil" and t["on"] == "spin"
    assert waits >= 15, "only %d of 40 waited for the GIL of spin" % waits


def source_lines(python, file):
    """Where the process's file is for us: its own root may be a tree of ours."""
    if python.tree and os.path.exists(python.tree + file):
        file = python.tree + file
    with open(file, encoding="utf-8") as f:
        return f.read().split("\n")


@case(each=harness.every_python)
def source(python):
    needs(python)
    with Workload(python, "waits.py") as program:
        json.loads(program.read())
        threads = threads_of(program.pid, "--source")
        frames = [f for t in threads.values() for f in t["frames"]]
        wrong, right = [], 0
        for f in frames:
            if not f["file"].startswith("/"):
                continue
            want = source_lines(python, f["file"])[f["line"] - 1].lstrip()
            right += f.get("source") == want
            if f.get("source") != want:
                wrong.append("%s:%d: %r" % (f["file"], f["line"], f.get("source")))
    assert not wrong, "; ".join(wrong[:5])
    assert right >= 30, "only %d lines" % right
    return "%d lines" % right


@case()
def source_safely():
    """Files that a program names but that are none: nothing is opened, nobody waits."""
    text = """
import os, sys, time
os.chdir(%r)
os.mkfifo("fifo")
os.symlink("/etc/hostname", "link")
def make(name):
    code = "def f(g):\\n    g()\\n"
    space = {}
    exec(compile(code, name, "exec"), space)
    return space["f"]
f = lambda: time.sleep(1000)
for name in ["fifo", "/dev/zero", "/proc/kcore", "link", "../../../etc/hostname", "", "\\udc80",
             "missing", "/", "a\\x1b[31mb"]:
    f = (lambda inner, outer: lambda: outer(inner))(f, make(name))
f()
"""
    with tempfile.TemporaryDirectory() as folder:
        with Script(spread()[-1], text % folder) as program:
            time.sleep(0.5)
            done = adder.run("dump", "--source", program.pid, timeout=10)
    out = done.stdout.decode()
    assert done.returncode == 0, done.stderr
    assert "f (fifo:2)" in out and "f (/dev/zero:2)" in out, out
    assert "\x1b" not in out and "a\\e[31mb:2" in out, out


@case()
def text():
    with Workload(spread()[-1], "waits.py") as program:
        said = json.loads(program.read())
        done = adder.run("dump", program.pid)
        also = adder.run("dump", "-p", program.pid)
        by_name = adder.run("dump", "--comm", "no-such-thing")
        program.go()
        program.read()
        program.go()
    out, tid = done.stdout.decode().split("\n"), said["tids"]["in_net_timeout"]
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert also.stdout == done.stdout, "-p says something else"
    assert out[0] == "%d waits.py python %s, %d threads" % (
        program.pid, spread()[-1].version, len(said["tids"]) + 1), out[0]
    assert out[1].startswith("  thread %d \"" % program.pid) and " ipc (read)" in out[1], out[1]
    at = [i for i, line in enumerate(out) if line.startswith("  thread %d " % tid)][0]
    assert out[at].endswith(" net (poll)"), out[at]
    assert any("    in_net_timeout (" in line for line in out[at:at + 5]), out[at:at + 5]
    assert by_name.returncode == 0 and not by_name.stdout, by_name
    assert b"no Python process matches" in by_name.stderr, by_name.stderr


@case()
def filters():
    """Each lists the one program of two that it means."""
    python, sleep = sys.executable, "import os, time; os.setuid(%d); print(flush=True); time.sleep(60)"
    with tempfile.TemporaryDirectory(prefix="adder-e2e-") as folder, Cgroup() as group:
        named = os.path.join(folder, "pyfilter")
        os.symlink(python, named)
        plain = subprocess.Popen([python, "-c", sleep % 0], stdout=subprocess.PIPE)
        other = subprocess.Popen([named, "-c", sleep % NOBODY], stdout=subprocess.PIPE)
        try:
            for program in (plain, other):
                program.stdout.readline()
            group.add(other.pid)
            for option in (["--comm", "pyfilt*"], ["--user", "nobody"], ["--user", str(NOBODY)], ["--cgroup", group.name]):
                listed = {p["pid"] for p in dump(*option)}
                assert other.pid in listed and plain.pid not in listed, "%s lists %r" % (option, listed)
        finally:
            for program in (plain, other):
                program.kill()
                program.communicate()


@case()
def keys():
    with Workload(spread()[0], "waits.py") as program:
        json.loads(program.read())
        processes = dump("-p", program.pid)
    process = processes[0]
    assert set(process) == {"pid", "process", "container", "python", "threads"}, set(process)
    assert process["process"] == "waits.py" and process["container"] is None, process
    assert process["python"] == spread()[0].version, process["python"]
    for t in process["threads"]:
        assert set(t) == {"tid", "thread", "state", "detail", "on", "gil", "task", "coroutine",
                          "awaited_by", "frames"}, set(t)
        for f in t["frames"]:
            assert set(f) == {"function", "file", "line"}, set(f)


def check_refused(what, *args):
    done = adder.run("dump", *args)
    said = done.stderr.decode().splitlines()
    assert done.returncode == 1 and not done.stdout and len(said) == 1, "%s: %r" % (what, done)
    return said[0]


@case()
def missing():
    gone = subprocess.Popen(["true"])
    gone.wait()
    assert "no such process" in check_refused("a dead pid", "-p", gone.pid)
    with subprocess.Popen(["sleep", "60"]) as other:
        said = check_refused("not Python", other.pid)
        other.kill()
    assert "no Python" in said, said
    with Workload(spread()[-1], "waits.py") as program:
        json.loads(program.read())
        done = adder.run("dump", "-p", "%d,%d" % (program.pid, gone.pid))
    assert done.returncode == 1 and b"waits.py" in done.stdout, done
    assert len(done.stderr.splitlines()) == 1, done.stderr


@case(alone=True)
def quickly():
    """Fifty processes."""
    python = spread()[-1] if not spread()[-1].tree else spread()[len(spread()) // 2]
    text = "import threading, time\n" \
           "threading.Thread(target=time.sleep, args=(1000,)).start()\ntime.sleep(1000)"
    programs = [Script(python, text) for _ in range(PROCESSES)]
    took = []
    try:
        time.sleep(3)
        for _ in range(7):
            begin = time.perf_counter()
            done = adder.run("dump")
            took.append(time.perf_counter() - begin)
            assert done.returncode == 0, done.stderr
        listed = {p["pid"]: p for p in dump()}
        for program in programs:
            threads = listed[program.pid]["threads"]
            assert len(threads) == 2 and all(t["state"] == "sleep" for t in threads), threads
    finally:
        for program in programs:
            program.__exit__()
    median = statistics.median(took)
    assert median < LIMIT_SECONDS, "%.0f ms" % (1000 * median)
    return "median %.0f ms, best %.0f ms" % (1000 * median, 1000 * min(took))


@case()
def stopped():
    with Workload(spread()[-1], "waits.py") as program:
        said = json.loads(program.read())
        os.kill(program.pid, signal.SIGSTOP)
        time.sleep(0.2)
        threads = threads_of(program.pid)
        os.kill(program.pid, signal.SIGCONT)
    assert len(threads) == len(said["tids"]) + 1, "%d threads" % len(threads)
    for function, tid in said["tids"].items():
        t = threads[tid]
        assert t["state"] == "stop", "%s is %s" % (function, t["state"])
        assert function in [f["function"] for f in t["frames"]], "%s: %r" % (function, t)


EXECS = """
import os, sys, time
time.sleep(0.005)
os.execv(sys.executable, sys.orig_argv if hasattr(sys, "orig_argv") else
         [sys.executable, "-c", open("/proc/self/cmdline").read().split("\\0")[2]])
"""

FORKS = """
import os, threading, time
while True:
    pid = os.fork()
    if pid == 0:
        threading.Thread(target=time.sleep, args=(0.003,)).start()
        os._exit(0)
    os.waitpid(pid, 0)
"""


def change_while_dumped(python, text):
    """Statuses of dumps of everything, and of the process alone."""
    needs(python)
    with Script(python, text) as program:
        time.sleep(0.3)
        listed = 0
        for _ in range(ROUNDS):
            listed += any(p["pid"] == program.pid for p in dump())
            done = adder.run("dump", "--source", "-p", program.pid)
            assert done.returncode in (0, 1), "status %d" % done.returncode
            assert b"anitizer" not in done.stderr, done.stderr
        assert program.process.poll() is None, "the program ended"
    assert listed >= ROUNDS // 2, "listed %d times of %d" % (listed, ROUNDS)
    return "listed %d times of %d" % (listed, ROUNDS)


@case(each=spread)
def execs_in_a_loop(python):
    return change_while_dumped(python, EXECS)


@case(each=spread)
def forks_in_a_loop(python):
    return change_while_dumped(python, FORKS)


if __name__ == "__main__":
    harness.main()
