#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Storms, tables that are full, targets that are held or killed, adder killed: the sums hold, every
loss is counted, and no target notices."""
import ctypes
import glob
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "lib"))
import adder
import harness
import pprof
from harness import Skip, Workload, case
from hold import HOLDS
from judging import UNSAFE
from pythons import WORKLOADS, find_all, spread

STATES = "cpu runq gil lock disk net ipc child poll sleep fault stop other".split()
SECOND = 1e9
# CPU time after a thread was taken out of its process: the kernel counts it to the thread alone, so
# that no rusage has it.  3 us here; more with cold caches.
LAST_SECONDS = 10e-6


def newest():
    return [p for p in find_all() if not p.tree][-1]


class Variant:
    def __init__(self, name, *args):
        self.name, self.args = name, args


# ---- the law ----

def lost(profile):
    """Losses by cause, those that there were."""
    counts = {k[len("lost_"):]: int(v) for k, v in profile.comments.items() if k.startswith("lost_")}
    return {cause: count for cause, count in counts.items() if count}


def seconds(profile, name, pids=None):
    return sum(s.values[name] for s in profile.samples
               if pids is None or s.labels["pid"] in pids) / SECOND


def pids_in(profile):
    return {s.labels["pid"] for s in profile.samples}


def functions_in(profile):
    return {f.function for s in profile.samples for f in s.stack}


def check_law(profile):
    """Every sample is the sum of its states, and the samples are all of the threads' lives."""
    broken = sum(s.values["wall"] != sum(s.values[state] for state in STATES) for s in profile.samples)
    if broken:
        yield "%d samples are not the sum of their states" % broken
    if any(value < 0 for s in profile.samples for value in s.values.values()):
        yield "there is negative time"
    wall, lived = seconds(profile, "wall"), int(profile.comments["wall_ns"]) / SECOND
    if abs(wall - lived) > 0.001 * lived:
        yield "%.4f of %.4f s are accounted for" % (wall, lived)


def check_cpu(got, used, threads):
    if not 0.99 * used <= got <= 1.01 * used + threads * LAST_SECONDS:
        yield "%.4f s of CPU, but %.4f s were used" % (got, used)


def check_count(profile, started, causes):
    """Each of @started programs, and the first one, is there or lost.  (Pids would not do: they recur.)"""
    there = int(profile.comments["processes"])
    gone = sum(lost(profile).get(cause, 0) for cause in causes)
    if there + gone != started + 1:
        yield "of %d processes %d are there, and %d lost" % (started + 1, there, gone)


def judge(*complaints):
    wrong = [c for some in complaints for c in some]
    assert not wrong, "; ".join(wrong)


def summary(profile):
    losses = ", ".join("%s %d" % pair for pair in sorted(lost(profile).items()))
    return "%s processes, %s threads, %.1f s of CPU; lost: %s; %.0f MB" % (
        profile.comments["processes"], profile.comments["threads"], seconds(profile, "cpu"),
        losses or "nothing", int(profile.comments["own_rss_bytes"]) / 1e6)


# ---- storms ----

def record_storm(*args, options=(), python=None):
    """Profile of workloads/storm.py @args, and what that said."""
    command = (python or newest()).command(os.path.join(WORKLOADS, "storm.py"), *args)
    with tempfile.TemporaryDirectory(prefix="adder-e2e-") as folder:
        path = os.path.join(folder, "out")
        done = adder.run("record", "-o", path, *options, "--", *command, timeout=300)
        assert done.returncode == 0, "status %d: %r" % (done.returncode, done.stderr)
        return pprof.load(path), json.loads(done.stdout.decode())


def storms():
    return [Variant("2000_execs", "execs", 2000, 4), Variant("10000_forks", "forks", 10000, 8),
            Variant("100000_threads", "threads", 100000, 4), Variant("fork_bomb", "bomb", 4, 8)]


@case(each=storms, alone=True)
def storm(variant):
    """No process is lost, and the CPU time is what they used, to the kernel.  Who forks to execute is
    two programs."""
    profile, said = record_storm(*variant.args)
    started, kind = said["started"], variant.args[0]
    judge(check_law(profile), check_cpu(seconds(profile, "cpu"), said["cpu"], started),
          check_count(profile, {"execs": 2 * started, "threads": 4}.get(kind, started), ()))
    return summary(profile)


@case(each=spread, alone=True)
def exec_chain(python):
    """One process that is 200 programs, one after another: each has its time under its own name."""
    profile, said = record_storm("chain", 200, 2, python=python)
    links = {f for f in functions_in(profile) if f.startswith("link_")}
    missing = {"link_%d" % i for i in range(200)} - links
    judge(check_law(profile), check_cpu(seconds(profile, "cpu"), said["cpu"], said["started"]),
          ["functions are missing: %s" % " ".join(sorted(missing))] if missing else (),
          ["stacks were looked for while exec had taken the memory"] if "tstate" in lost(profile) else ())
    return summary(profile)


# ---- tables that are too small ----

EXACT = ("ledger_full", "tstate", "frame_fault", "code_fault", "stacks")  # of stacks and names alone


def tables():
    """What is made small, and the causes of which one must then be there and no other may."""
    ring = ["ring_stack", "ring_code", "ring_exit", "ring_process"]
    return [Variant("processes", "processes=64", ["processes_full"]),
            Variant("threads", "threads=64", ["threads_full"]),
            Variant("ledger", "ledger=16", ["ledger_full"]),
            Variant("ring", "ring=4096", ring),
            Variant("names", "stacks=1,codes=1", []),
            Variant("all", "processes=64,threads=32,ledger=16,stacks=1,codes=1,ring=4096",
                    ring + ["processes_full", "threads_full", "ledger_full"])]


@case(each=tables)
def full_tables(variant):
    """585 processes in tables for a few: what is there sums, what is not is counted by its cause."""
    sizes, causes = variant.args
    profile, said = record_storm("bomb", 3, 8, options=["--tables", sizes])
    there = lost(profile)
    wrong = []
    if causes and not set(there) & set(causes):
        wrong.append("no loss is said")
    wrong += ["lost by %s" % cause for cause in set(there) - set(causes) - set(EXACT)]
    if set(there) <= set(EXACT):
        wrong += check_cpu(seconds(profile, "cpu"), said["cpu"], said["started"])
        wrong += check_count(profile, said["started"], ())
    elif "threads_full" not in there:
        wrong += check_count(profile, said["started"], ("processes_full", "ring_process"))
    if "burn" not in functions_in(profile) and sizes != "ledger=16" and variant.name != "all":
        wrong.append("no function is named")
    judge(check_law(profile), wrong)
    return summary(profile)


# ---- targets that are held, or killed ----

def thread_states(pid):
    """State letter by tid."""
    states = {}
    for path in glob.glob("/proc/%d/task/*/stat" % pid):
        with open(path) as f:
            states[int(path.split("/")[4])] = f.read().rsplit(")", 1)[1].split()[0]
    return states


@case(each=lambda: HOLDS)
def held(hold):
    """Every thread, of whatever it waited, is in the state 'stop' for as long as it is held.  Version
    1's freezer lets some go on waiting: they are not woken to be frozen, and stay in their state."""
    with Workload(newest(), "waits.py", "spin") as program:
        said = json.loads(program.read())
        with hold(program.pid) as held_by, adder.Recording("-p", program.pid) as recording:
            time.sleep(0.3)
            before = time.monotonic()
            held_by.hold()
            begin = time.monotonic()
            time.sleep(1)
            end = time.monotonic()
            held_by.release()
            after = time.monotonic()
            time.sleep(0.3)
    profile, wrong = recording.profile, []
    for tid in thread_states(program.pid) or said["tids"].values():
        got = sum(s.values["stop"] for s in profile.samples if s.labels["tid"] == tid) / SECOND
        wall = sum(s.values["wall"] for s in profile.samples if s.labels["tid"] == tid) / SECOND
        if held_by.lets_wait and got == 0 and tid != said["tids"]["spin"]:
            continue
        if not end - begin - 0.001 <= got <= after - before + 0.001:
            wrong.append("thread %d: stopped for %.4f s, not %.4f to %.4f" % (
                tid, got, end - begin, after - before))
        if abs(wall - profile.duration_ns / SECOND) > 0.001 * wall:
            wrong.append("thread %d: %.4f s of %.4f" % (tid, wall, profile.duration_ns / SECOND))
    judge(check_law(profile), wrong)
    return "%d threads, %.3f s each" % (len(said["tids"]), end - begin)


@case()
def killed():
    """Killed in the middle: every thread has the time that it lived, whatever it waited for."""
    with Workload(newest(), "waits.py", "spin") as program:
        said = json.loads(program.read())
        with adder.Recording("-p", program.pid) as recording:
            time.sleep(0.7)
            before = time.time()
            program.process.kill()
            program.process.wait()
            after = time.time()
            time.sleep(0.3)
    profile, wrong = recording.profile, []
    for name, tid in said["tids"].items():
        wall = sum(s.values["wall"] for s in profile.samples if s.labels["tid"] == tid) / SECOND
        begin = profile.time_ns / SECOND
        if not before - begin - 0.001 <= wall <= after - begin + 0.001:
            wrong.append("%s: %.4f s, not %.4f to %.4f" % (name, wall, before - begin, after - begin))
    judge(check_law(profile), wrong)
    return "%d threads" % len(said["tids"])


# ---- adder beside itself, and adder killed ----

@case()
def two_at_once():
    """One records the host while another records a command: both see all of it."""
    with adder.Recording() as wide:
        narrow, said = record_storm("bomb", 3, 8)
    judge(check_law(narrow), check_law(wide.profile), check_count(narrow, said["started"], ()),
          check_cpu(seconds(narrow, "cpu"), said["cpu"], said["started"]),
          check_cpu(seconds(wide.profile, "cpu", pids_in(narrow)), said["cpu"], said["started"]))
    return "%.4f and %.4f s of CPU; used %.4f" % (
        seconds(narrow, "cpu"), seconds(wide.profile, "cpu", pids_in(narrow)), said["cpu"])


def kernel_objects(pid):
    """(kind, id) of the programs, maps and links that a process has open."""
    found = set()
    for path in glob.glob("/proc/%d/fdinfo/*" % pid):
        try:
            with open(path) as f:
                found.update(re.findall(r"^(prog|map|link)_id:\s*(\d+)", f.read(), re.M))
        except OSError:
            pass  # closed meanwhile
    return found


class BpfId(ctypes.Structure):
    _fields_ = [("id", ctypes.c_uint32), ("next", ctypes.c_uint32), ("flags", ctypes.c_uint32)]


def still_there(objects):
    """Those of them that the kernel still has: bpf(BPF_*_GET_FD_BY_ID)."""
    syscall, commands = ctypes.CDLL(None, use_errno=True).syscall, {"prog": 13, "map": 14, "link": 30}
    for kind, number in objects:
        what = BpfId(int(number))
        fd = syscall(321, commands[kind], ctypes.byref(what), ctypes.sizeof(what))
        if fd >= 0:
            os.close(fd)
            yield "%s %s" % (kind, number)


@case()
def killed_itself():
    """kill -9 of adder: no program, map or link stays, and its target goes on."""
    with Workload(newest(), "waits.py", "spin") as program:
        program.read()
        recording = adder.Recording("-p", program.pid)
        time.sleep(0.3)
        objects = kernel_objects(recording.process.pid)
        kinds = {kind for kind, _ in objects}
        assert kinds == {"prog", "map", "link"}, "it has no more than %s open" % kinds
        assert len(list(still_there(objects))) == len(objects), "ids are not found while it lives"
        recording.process.kill()
        recording.process.wait()
        for _ in range(50):
            left = list(still_there(objects))
            if not left:
                break
            time.sleep(0.1)
        assert not left, "left: %s" % " ".join(left)
        program.go()
        program.read()
    return "%d objects" % len(objects)


# ---- targets that lie ----

@case(each=spread)
def corrupt_frames(python):
    """Frames that lead in circles, nowhere, and into other memory: what can't be read is counted."""
    with Workload(python, "corrupt.py") as program:
        said = json.loads(program.read())
        with adder.Recording("-p", program.pid, "--budget", "100", hz=4999) as recording:
            program.go()
            dumps = [adder.run("dump", "-p", program.pid) for _ in range(3)]
            said.update(json.loads(program.read()))
        program.go()
    profile = recording.profile
    mine = [s for s in profile.samples if s.labels["tid"] == said["victim"]]
    whole = sum(s.values["wall"] for s in mine) / SECOND
    # Half of the lies are of the leaf's code, or of who called it; what the others leave is said.
    named = sum(s.values["wall"] for s in mine if s.stack[0].function == "inner") / SECOND
    wrong = ["a dump ended with %d: %r" % (d.returncode, d.stderr) for d in dumps if d.returncode]
    if said["written"] != 128 << 20:
        wrong.append("the victim wrote %d bytes" % said["written"])
    if named < 0.5 * whole:
        wrong.append("inner has %.4f of %.4f s" % (named, whole))
    for cause in "frame_fault", "frame_loop":
        if cause not in lost(profile):
            wrong.append("no %s is counted" % cause)
    judge(check_law(profile), wrong)
    return "%d lies in %.2f s; %s" % (said["lies"], whole, summary(profile))


@case(each=lambda: [p for p in spread() if p.minor >= 8])
def long_names(python):
    """10 000 letters, bytes that are no text, controls: named by what there is, safe where shown."""
    with Workload(python, "long_names.py") as program:
        program.expect("ready")
        with adder.Recording("-p", program.pid) as recording:
            program.go()
            names = json.loads(program.read())
    profile, wrong = recording.profile, []
    for name in names:
        slept = sum(s.values["sleep"] for s in profile.samples
                    if s.stack[0].function.startswith(name)) / SECOND
        if not 0.0495 <= slept <= 0.06:  # its timer runs while it is still on its way out
            wrong.append("%s: %.4f s, not 0.05" % (name, slept))
    for args in (["report"], ["report", "--tree"], ["report", "--by", "thread", "--idle"],
                 ["export", "-f", "folded", "-o", "-"], ["export", "-f", "flamegraph", "-o", "-"],
                 ["export", "-f", "speedscope", "-o", "-"]):
        done = adder.run(*args, recording.path)
        found = UNSAFE.search(done.stdout.decode())
        if done.returncode or found:
            wrong.append("%s: %d, %r %r" % (args, done.returncode, found, done.stderr))
    judge(check_law(profile), wrong)
    return "%d names" % len(names)


# ---- what a target shows ----

PROGRAMS = {
    "result": "print(sum(hash(i) for i in range(10 ** 6)))",
    "traceback": "def f(n):\n    return f(n - 1) if n else 1 // 0\nf(50)",
    "recursion": "def f(): f()\nf()",
    "status": "import sys; sys.stdout.write('out'); sys.stderr.write('err'); sys.exit(77)",
    "signal": "import os, signal; print('before', flush=True); os.kill(os.getpid(), signal.SIGTERM)",
    "alarm": "import signal\nheard = []\nsignal.signal(signal.SIGALRM, lambda *a: heard.append(a[0]))\n"
             "signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)\n"
             "while len(heard) < 10: signal.pause()\nsignal.setitimer(signal.ITIMER_REAL, 0)\n"
             "print(heard[:10])",
    "children": "import os\nfor i in range(20):\n    if not os.fork(): os._exit(i)\n"
                "print(sorted(os.wait()[1] for _ in range(20)))",
    "threads": "import queue, threading\nq = queue.Queue()\n"
               "ts = [threading.Thread(target=lambda: q.put(sum(range(10 ** 5)))) for _ in range(50)]\n"
               "[t.start() for t in ts]; [t.join() for t in ts]\nprint(sum(q.get() for _ in ts))",
    "descriptors": "import os; print(sorted(os.listdir('/proc/self/fd')))",
    "status_of_itself": "print([l for l in open('/proc/self/status') if l[:4] in "
                        "('Trac', 'SigB', 'SigI', 'SigC', 'CapE', 'Secc')])",
}


def shown(python, code, before=()):
    command = list(before) + python.command("-c", code)
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=60, env=env)
    return done.returncode, done.stdout, done.stderr


@case(each=spread)
def outputs(python):
    """Programs print, and end, with and without adder alike."""
    plain = {name: shown(python, code) for name, code in PROGRAMS.items()}
    with adder.Recording(hz=997):
        beside = {name: shown(python, code) for name, code in PROGRAMS.items()}
    wrong = ["%s: %r became %r" % (name, plain[name], beside[name])
             for name in PROGRAMS if plain[name] != beside[name]]
    assert not wrong, "; ".join(wrong)
    return "%d programs" % len(PROGRAMS)


@case(each=spread)
def outputs_counted(python):
    """The same, of programs whose code has probes in it: adder's own lines come before and behind."""
    wrong = []
    for name, code in PROGRAMS.items():
        status, out, errors = shown(python, code)
        got = shown(python, code, before=[adder.ADDER, "calls", "--"])
        if (got[0], got[1][:len(out)]) != (status if status >= 0 else 128 - status, out) or errors not in got[2]:
            wrong.append("%s: %r became %r" % (name, (status, out, errors), got))
    assert not wrong, "; ".join(wrong)
    return "%d programs" % len(PROGRAMS)


if __name__ == "__main__":
    harness.main()
