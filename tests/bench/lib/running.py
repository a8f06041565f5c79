# SPDX-License-Identifier: BSD-2-Clause
"""Run adder, perf and the programs that they are pointed at."""
import json
import os
import signal
import subprocess
import tempfile
import time

import host

TARGETS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "targets")
ADDER = os.environ.get("ADDER") or os.path.join(host.BUILD, "adder")
PERF_READY_SECONDS = 0.4  # it does not say


class Target:
    """A program that works when it is asked to: a line in, a JSON object out."""

    def __init__(self, *command, cpu=None):
        self.process = subprocess.Popen(
            [str(c) for c in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            preexec_fn=cpu is not None and (lambda: os.sched_setaffinity(0, [cpu])) or None)
        self.pid = self.process.pid

    def ask(self, *words):
        self.process.stdin.write((" ".join(map(str, words)) + "\n").encode())
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("%s ended with status %s" % (self.process.args, self.process.wait()))
        return json.loads(line)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


def python_target(name, *args, cpu=None, path=None):
    """Without site-packages: a start costs 10 ms less, and nothing is loaded that is not used."""
    return Target(path or host.interpreter(), "-I", "-S", "-B", os.path.join(TARGETS, name), *args,
                  cpu=cpu)


class Adder:
    """`adder record` with @args, from when it says that it records to the context's end."""

    def __init__(self, *args, hz=99):
        self.folder = tempfile.TemporaryDirectory(prefix="adder-bench-")
        command = [ADDER, "record", "-r", str(hz), "-o", self.folder.name + "/out.pb.gz"]
        self.began = time.monotonic_ns()
        self.process = subprocess.Popen(command + [str(a) for a in args], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.pid = self.process.pid
        said = self.process.stderr.readline()
        self.ready_ns = time.monotonic_ns() - self.began
        self.ready_cpu_ns = self.cpu_ns() if said.startswith(b"adder: recording") else 0
        if not self.ready_cpu_ns:
            self.__exit__()
            raise RuntimeError("adder did not begin to record: %s" % said.decode().strip())

    def cpu_ns(self):
        """CPU time of its threads so far."""
        total = 0
        for task in os.listdir("/proc/%d/task" % self.pid):
            with open("/proc/%d/task/%s/schedstat" % (self.pid, task)) as f:
                total += int(f.read().split()[0])
        return total

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.errors = self.process.stderr.read().decode(errors="replace")
        _, status, self.usage = os.wait4(self.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        self.process.stderr.close()
        self.folder.cleanup()


class Perf:
    """`perf record` of the whole host, with call graphs, at a rate."""

    def __init__(self, hz):
        self.folder = tempfile.TemporaryDirectory(prefix="adder-bench-")
        self.process = subprocess.Popen(
            [host.PERF, "record", "-q", "-a", "-g", "-e", "cpu-clock", "-F", str(hz), "-o",
             self.folder.name + "/perf.data"], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(PERF_READY_SECONDS)
        if self.process.poll() is not None:
            raise RuntimeError("perf record ended with status %d" % self.process.returncode)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.process.wait()
        self.folder.cleanup()


class Nothing:
    """No profiler; as long a pause as its start would be."""

    def __init__(self):
        time.sleep(0.1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class Crowd:
    """Idle and busy Python processes that need no asking."""

    def __init__(self, idle, busy):
        self.targets = [python_target("idle.py") for _ in range(idle)]
        self.targets += [python_target("burn.py", "forever") for _ in range(busy)]
        for target in self.targets:
            target.process.stdout.readline()  # says when it is at it

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for target in self.targets:
            target.process.kill()
        for target in self.targets:
            target.process.communicate()
