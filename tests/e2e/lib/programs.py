# SPDX-License-Identifier: BSD-2-Clause
"""Other people's programs under load: started, loaded, asked what they did."""
import contextlib
import glob
import os
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import time
import urllib.request

import engines
from harness import Skip
from pythons import HERE

APPS = os.path.join(HERE, "slow", "programs")
PYTHON = "/usr/bin/python3"
COUNTER = struct.Struct("qdd")  # as programs/counted.py writes it
START_SECONDS = 30
CONNECTIONS = 8
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def environment(folder):
    """What is installed on this machine, else unpacked; and the folder for a program's counters."""
    tree = engines.unpacked("programs")
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    libraries = tree + "/lib/x86_64-linux-gnu"
    env.update(COUNTERS=folder, LANG="C.UTF-8", HOME=folder,
               PYTHONPATH="%s:%s/lib/python3/dist-packages" % (APPS, tree),
               LD_LIBRARY_PATH=":".join([libraries, libraries + "/blas", libraries + "/lapack"]))
    return env


def find(pattern):
    """A file of a package, installed or unpacked."""
    found = glob.glob(os.path.join(engines.BUILD, "programs", pattern)) + glob.glob("/" + pattern)
    if not found:
        raise Skip("no %s here" % pattern)
    return found[0]


class Program:
    """Running.  .env is its environment, .folder its own; .port, where its first part listens."""

    def __init__(self, folder):
        self.folder, self.port, self.processes = folder, free_port(), []
        self.env = environment(folder)
        os.mkdir(folder + "/counters")
        self.env["COUNTERS"] = folder + "/counters"

    def start(self, *command, port=None, **kwargs):
        """Start a part of it, and wait until it listens at @port."""
        log = open(os.path.join(self.folder, "log"), "ab")
        with log:
            process = subprocess.Popen([str(c) for c in command], env=self.env, cwd=self.folder,
                                       stdin=subprocess.DEVNULL, stdout=log, stderr=log, **kwargs)
        self.processes.append(process)
        deadline = time.monotonic() + START_SECONDS
        while port:
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError("%s: %s" % (command[0], self.log()))
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        return process

    def python(self, *args, port=None):
        return self.start(PYTHON, *args, port=port)

    def log(self):
        with open(os.path.join(self.folder, "log"), errors="replace") as file:
            return file.read()[-400:].strip()

    def stop(self):
        for process in reversed(self.processes):
            for pid in {process.pid} | engines.descendants(process.pid):
                with contextlib.suppress(OSError):
                    os.kill(pid, 9)
            process.wait()

    def pids(self):
        found = set()
        for process in self.processes:
            found |= {process.pid} | engines.descendants(process.pid)
        return found

    def counters(self):
        """{(pid, function): (calls, seconds, seconds of CPU)}"""
        found = {}
        for path in glob.glob(self.folder + "/counters/[0-9]*.*"):
            pid, _, name = os.path.basename(path).partition(".")
            with open(path, "rb") as file:
                data = file.read()
            if data:  # else it is being made
                found[int(pid), name] = COUNTER.unpack(data)
        return found

    def needs(self, *modules):
        """The distribution may lack a package."""
        for name in modules:
            found = [PYTHON, "-c", "import importlib.util as i, sys; sys.exit(not i.find_spec('%s'))" % name]
            if subprocess.run(found, env=self.env, cwd=self.folder).returncode:
                raise Skip("no %s here" % name)


@contextlib.contextmanager
def running(build):
    with tempfile.TemporaryDirectory(prefix="adder-program-") as folder:
        os.chmod(folder, 0o755)
        program = Program(folder)
        try:
            build(program)
            yield program
        finally:
            program.stop()


def wait_for_answer(program, url):
    """A server may listen long before its workers are ready."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            with urllib.request.urlopen("http://127.0.0.1:%d%s" % (program.port, url), timeout=5):
                return
        time.sleep(0.1)
    raise AssertionError("it does not answer: " + program.log())


def wait_for_counters(program):
    """A program that counts has counters from its first call on."""
    deadline = time.monotonic() + START_SECONDS
    while not program.counters():
        ended = [p.args[0] for p in program.processes if p.poll() is not None]
        if ended or time.monotonic() > deadline:
            raise AssertionError("it does not begin: " + program.log())
        time.sleep(0.1)


def wrk(program, url, seconds):
    """Load a web server; returns the requests that were answered."""
    if not shutil.which("wrk"):
        raise Skip("no wrk here")
    done = subprocess.run(["wrk", "-t1", "-c%d" % CONNECTIONS, "-d%d" % seconds,
                           "http://127.0.0.1:%d%s" % (program.port, url)], env=program.env,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds + 30)
    text = done.stdout.decode()
    answered = re.search(r"(\d+) requests in", text)
    assert answered and "Non-2xx" not in text, "wrk: %s; the server: %s" % (
        text[-300:], program.log())
    return int(answered.group(1))
