# SPDX-License-Identifier: BSD-2-Clause
"""Run the program under test."""
import os
import signal
import subprocess
import tempfile
import threading
import time

import pprof
from pythons import BUILD

ADDER = os.environ.get("ADDER") or os.path.join(BUILD, "adder")
READY = "adder: recording"
READY_SECONDS = 60 if os.environ.get("EMULATED") else 20


def run(*args, **kwargs):
    """Run adder to its end; .stdout and .stderr are bytes."""
    kwargs.setdefault("timeout", 60)
    kwargs.setdefault("stdin", subprocess.DEVNULL)
    kwargs.setdefault("stdout", subprocess.PIPE)
    kwargs.setdefault("stderr", subprocess.PIPE)
    command = [ADDER] + [str(a) for a in args]
    try:
        return subprocess.run(command, **kwargs)
    except subprocess.TimeoutExpired:
        raise AssertionError("%s did not end within %d s" % (command[1:], kwargs["timeout"]))


class Recording:
    """`adder record` with @args in the background, from when it says that it has started.  @program: a
    build of its own.

    Used as a context, it is stopped at the end; then .profile is what it has written.
    """

    def __init__(self, *args, hz=None, program=ADDER):
        self.folder = tempfile.TemporaryDirectory(prefix="adder-e2e-")
        self.path = os.path.join(self.folder.name, "out.pb.gz")
        rate = ["-r", str(hz)] if hz else []
        rate += os.environ.get("RECORD_OPTIONS", "").split()
        command = [program, "record", "-o", self.path] + rate + [str(a) for a in args]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.lines, self.ready = [], threading.Event()
        self.reader = threading.Thread(target=self.read_errors, daemon=True)
        self.reader.start()
        self.profile = None
        if not self.ready.wait(READY_SECONDS) or not self.has_said(READY):
            self.process.kill()
            raise AssertionError("adder did not start to record: %s" % (self.text() or "silence"))
        self.started = time.time()

    def read_errors(self):
        for line in self.process.stderr:
            self.lines.append(line.decode(errors="replace").rstrip("\n"))
            if self.lines[-1].startswith(READY):
                self.ready.set()
        self.ready.set()

    def has_said(self, text):
        return any(text in line for line in self.lines)

    def text(self):
        return " | ".join(self.lines)

    def stop(self, number=signal.SIGINT):
        """End it (without @number: it has been told to), and read the profile."""
        if number and self.process.poll() is None:
            self.process.send_signal(number)
        out = self.process.stdout.read()
        status = self.process.wait(timeout=60)
        self.reader.join(5)
        assert status == 0, "adder record ended with %d: %s" % (status, self.text())
        assert out == b"", "adder record wrote to standard output: %r" % out[:100]
        self.profile = pprof.load(self.path)
        return self.profile

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is None:
            self.stop()
        else:
            self.process.kill()
            self.process.wait()
