# SPDX-License-Identifier: BSD-2-Clause
"""The profilers: how each is had, started and stopped, and what it then says of which stacks.

A Session records from when it is ready to the end of its context; then .samples are what it says.
adder and perf record the whole host, as is their nature; the others one process, or with @tree it
and its children.
"""
import functools
import glob
import os
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import time
from collections import namedtuple

import bench_host
import bpf
import host
import pprof
import pythons
from running import ADDER

FOLDER = os.path.join(host.BUILD, "peers")
PACKAGES = {"py-spy": ["py-spy==0.4.3"], "austin": ["austin-dist==4.0.0", "austin-python==2.4.0"]}
FETCH = os.path.join(pythons.HERE, "fetch-pythons")
UNSAID_SECONDS = 1  # to get ready, for those that do not say when they are
READY_SECONDS, FAMILY_READY_SECONDS = 30, 60

# frames: outermost first; count: how often it was sampled; seconds: {state: seconds}, or of those who
# tell no states apart {"all": seconds}
Sample = namedtuple("Sample", "pid frames count seconds")


class Missing(Exception):
    """A peer, or what it needs, can't be had here; why."""


def packaged(program):
    """The path of a program from the Python Package Index; fetched when it is first asked for."""
    programs = os.path.join(FOLDER, "bin")
    for command in ([shutil.which("python3"), "-m", "venv", FOLDER],
                    [programs + "/pip", "install", "-q"] + PACKAGES[program]):
        if not os.path.exists(os.path.join(programs, program)):
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            if done.returncode:
                last = done.stdout.decode(errors="replace").strip().split("\n")[-1]
                raise Missing("%s: %s" % (" ".join(command[1:3]), last))
    return os.path.join(programs, program)


@functools.lru_cache()
def newest_python():
    """3.15, which has a profiler of its own: one of this machine's, else Debian's sid's."""
    for _ in range(2):
        for python in pythons.find_all():
            if python.minor == 15:
                return python
        subprocess.run([FETCH, "sid"], stdout=subprocess.DEVNULL)
    raise Missing("there is no Python 3.15")


def usual_python():
    """The one that stands for all, of those that are no tree."""
    path = host.interpreter()
    return pythons.Python(pythons.version_of(path), path, "here", None)


def loader():
    """A dynamic loader newer than this machine's C library, as some packages want one."""
    for tree in glob.glob(pythons.BUILD + "/pythons/*"):
        if os.path.basename(tree) in ("trixie", "sid"):
            return [tree + "/lib64/ld-linux-x86-64.so.2", "--library-path",
                    tree + "/lib/x86_64-linux-gnu"]
    raise Missing("it needs a newer C library")


def runs(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.stdout.decode(errors="replace").strip() if done.returncode == 0 else None


def family(pid):
    """It and its descendants."""
    parents = {}
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path) as f:
                name, rest = f.read().rsplit(")", 1)
            parents.setdefault(int(rest.split()[1]), []).append(int(name.split()[0]))
        except OSError:
            continue  # has ended
    found = [pid]
    for one in found:
        found += parents.get(one, [])
    return found


def cpu_ns(pids):
    total = 0
    for path in (p for pid in pids for p in glob.glob("/proc/%d/task/*/schedstat" % pid)):
        try:
            with open(path) as f:
                total += int(f.read().split()[0])
        except OSError:
            continue
    return total


class Session:
    """One recording of the process @pid at @hz; @mode is "cpu" or "wall"; None: as it does by itself.

    With @seconds it ends by itself, and is waited for: .elapsed_seconds from start to end."""

    says = None  # the text that tells that it is ready
    kinds = ["cpu", "wall"]  # of time that it can tell

    def __init__(self, pid, hz, mode=None, tree=False, seconds=None):
        self.target, self.hz, self.mode, self.tree, self.seconds = pid, hz, mode, tree, seconds
        self.folder = tempfile.TemporaryDirectory(prefix="adder-bench-")
        self.out, self.log = self.folder.name + "/out", self.folder.name + "/log"
        command, began = self.command(), time.monotonic()
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, start_new_session=True,
                                            env=dict(os.environ, LC_ALL="C"))
        if seconds:
            self.__exit__(stop=False)
            self.elapsed_seconds = time.monotonic() - began
        else:
            self.await_ready()

    def said(self):
        with open(self.log, errors="replace") as f:
            return f.read()

    def await_ready(self):
        until = time.monotonic() + (READY_SECONDS if self.says else UNSAID_SECONDS)
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise RuntimeError("%s ended: %s" % (self.process.args, self.said()[-300:]))
            if self.says and self.says in self.said():
                return
            time.sleep(0.01)
        if self.says:
            self.process.kill()
            self.process.wait()
            raise RuntimeError("%s is not ready: %s" % (self.process.args, self.said()[-300:]))

    def cpu_ns(self):
        """CPU time of its processes so far, as far as they live."""
        return cpu_ns(family(self.process.pid))

    def memory_bytes(self):
        return sum(bench_host.peak_bytes(pid) for pid in family(self.process.pid))

    def __enter__(self):
        return self

    def __exit__(self, *_, stop=True):
        if stop:
            os.killpg(self.process.pid, signal.SIGINT)  # as Ctrl-C does
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise RuntimeError("%s did not end" % self.process.args)
        self.samples = [] if self.seconds else list(self.read())
        self.folder.cleanup()

    def counted(self, pid, frames, count):
        return Sample(pid, frames, count, {"all": count / self.hz})


class Adder(Session):
    says = "adder: recording"

    @staticmethod
    def version():
        return runs([ADDER, "--version"])

    def command(self):
        return [ADDER, "record", "-r", str(self.hz), "-o", self.out] + \
            (["-d", str(self.seconds)] if self.seconds else [])

    def cpu_ns(self):
        """And of its BPF programs, while bpf.Stats are on."""
        programs = bpf.Programs(self.process.pid)
        return super().cpu_ns() + sum(runs.ns for runs in programs.runs().values())

    def memory_bytes(self):
        """The ring buffer's pages, which are mapped twice, once."""
        return bench_host.peak_bytes(self.process.pid) - bench_host.mapped_bytes(self.process.pid) + \
            bpf.map_bytes(self.process.pid)

    def read(self):
        for s in pprof.load(self.out).samples:
            states = {state: ns / 1e9 for state, ns in s.values.items()
                      if state not in ("sys", "throttled", "samples", "calls")}
            yield Sample(s.labels["pid"], [f.function for f in reversed(s.stack)],
                         s.values["samples"], states)


class PySpy(Session):
    says, options = "Sampling process", []

    @staticmethod
    def version():
        return runs([packaged("py-spy"), "--version"])

    def command(self):
        return [packaged("py-spy"), "record", "-F", "-f", "raw", "-p", str(self.target), "-r",
                str(self.hz), "-o", self.out] + self.options + \
            (["--idle"] if self.mode == "wall" else []) + (["--subprocesses"] if self.tree else []) + \
            (["-d", str(self.seconds)] if self.seconds else [])

    def read(self):
        with open(self.out) as f:
            for line in f:
                stack, count = line.rsplit(" ", 1)
                pid = (re.findall(r'(?:^|;)process (\d+):"', stack) or [self.target])[-1]
                frames = re.sub(r'process \d+:"[^"]*";?', "", stack).split(";")
                yield self.counted(int(pid), [f.rsplit(" (", 1)[0] for f in frames if f], int(count))


class PySpyNonblocking(PySpy):
    options = ["--nonblocking"]


class Austin(Session):
    says = "version: "  # of Python, once it knows the process

    @staticmethod
    @functools.lru_cache()
    def start():
        """How it can be started on this machine."""
        path = packaged("austin")
        for command in ([path], loader() + [path]):
            if runs(command + ["--version"]):
                return command
        raise Missing("%s does not start" % path)

    @staticmethod
    def version():
        return runs(Austin.start() + ["--version"])

    def command(self):
        return Austin.start() + ["-i", str(1000000 // self.hz), "-p", str(self.target)] + \
            ["-o", self.out] + (["-c"] if self.mode == "cpu" else []) + (["-C"] if self.tree else []) + \
            (["-x", str(self.seconds)] if self.seconds else [])

    def read(self):
        text = self.out + ".txt"
        subprocess.run([os.path.join(FOLDER, "bin", "mojo2austin"), self.out, text], check=True,
                       stdout=subprocess.DEVNULL)
        with open(text) as f:
            for line in f:
                if line.startswith("P"):
                    stack, us = line.rsplit(" ", 1)
                    pid, _, *frames = stack.split(";")
                    yield Sample(int(pid[1:]), [f.split(":")[-2] for f in frames if ":" in f], 1,
                                 {"all": int(us) / 1e6})


class Tachyon(Session):
    """Of Python 3.15, in whose mount namespace and root it must be started."""

    @staticmethod
    def version():
        return "profiling.sampling of Python " + newest_python().version

    def command(self):
        return ["nsenter", "-t", str(self.target), "-m", "-r", newest_python().path, "-m",
                "profiling.sampling", "attach", "-a", "-r", str(self.hz), "--collapsed", "-o", self.out,
                "--mode", self.mode or "wall"] + (["--subprocesses"] if self.tree else []) + \
            (["-d", str(self.seconds)] if self.seconds else []) + [str(self.target)]

    @staticmethod
    def is_sampling(pid):
        """Whether it sleeps again and again: starting, it has no cause to."""
        try:
            with open("/proc/%d/status" % pid) as f:
                return int(re.search(r"\nvoluntary_ctxt_switches:\s+(\d+)", f.read())[1]) > 40
        except OSError:
            return False  # it has ended

    def await_ready(self):
        """It does not say; for each process of a family it starts another of its own."""
        super().await_ready()
        until, size = time.monotonic() + FAMILY_READY_SECONDS, 0
        while self.tree and time.monotonic() < until:
            pids = family(self.process.pid)
            if len(pids) == size and all(map(self.is_sampling, pids)):
                break
            size = len(pids)
            time.sleep(0.5)

    def read(self):
        for path in glob.glob(self.out + "*"):
            pid = int((re.findall(r"out_(\d+)$", path) or [self.target])[0])
            with open(path) as f:
                for line in f:
                    stack, count = line.rsplit(" ", 1)
                    frames = [f.rsplit(":", 2)[1] for f in stack.split(";")[1:]]
                    yield self.counted(pid, frames, int(count))


class Perf(Session):
    """Python functions only of programs under `-X perf`; CPU time only."""

    kinds = ["cpu"]

    @staticmethod
    def version():
        if not host.PERF:
            raise Missing("it is not installed (Debian: linux-perf)")
        return runs([host.PERF, "--version"])

    def command(self):
        return [host.PERF, "record", "-q", "-a", "-g", "-e", "cpu-clock", "-F", str(self.hz), "-o",
                self.out] + (["sleep", str(self.seconds)] if self.seconds else [])

    def read(self):
        script = subprocess.run([host.PERF, "script", "-i", self.out, "-F", "pid,ip,sym"],
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        for text in script.stdout.decode(errors="replace").split("\n\n"):
            lines = text.strip().split("\n")
            if lines[0].strip().isdigit():
                names = [line.split(None, 1)[1] for line in lines[1:] if " py::" in line]
                yield self.counted(int(lines[0]), [n.split(":")[2] for n in reversed(names)], 1)


# settings: environment of its targets; without: measures that would say nothing of it
Contestant = namedtuple("Contestant", "name session python settings without")
NO_NAMES = ("mix", "gil", "churn")
LIKE_ITS_BROTHER = ("server", "start", "gil", "crowd", "storm")


def contestants(say):
    """Those that can be had; say(why) for each that can't."""
    usual, found = usual_python(), []

    def add(name, session, python=None, settings=(), without=()):
        try:
            python = python or newest_python()
            session.version()
            found.append(Contestant(name, session, python, settings, without))
        except Missing as e:
            say("%s skipped: %s" % (name, e))
        except (OSError, subprocess.SubprocessError) as e:
            say("%s skipped: %s" % (name, e))

    add("adder", Adder, usual)
    add("py-spy", PySpy, usual)
    add("py-spy --nonblocking", PySpyNonblocking, usual, without=LIKE_ITS_BROTHER)
    add("austin", Austin, usual)
    add("perf", Perf, usual, without=NO_NAMES)
    add("adder, 3.15", Adder)
    add("Tachyon, 3.15", Tachyon)
    add("perf, -X perf, 3.15", Perf, settings=("PYTHONPERFSUPPORT=1",))
    return found
