# SPDX-License-Identifier: BSD-2-Clause
"""`adder calls` in the background."""
import ctypes
import json
import os
import signal
import subprocess
import tempfile

import adder
import pprof


PR_SET_PDEATHSIG = 1


def end_with_parent():
    """A test that fails leaves no adder behind, which would count on beside the next ones."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Counting:
    """`adder calls` of @pid with @options, from when it has begun."""

    def __init__(self, pid, *options):
        self.folder = tempfile.TemporaryDirectory(prefix="adder-e2e-")
        self.path = os.path.join(self.folder.name, "out.pb.gz")
        self.process = subprocess.Popen(
            [adder.ADDER, "calls", "-p", str(pid), "-o", self.path, "--json"] + list(options),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            preexec_fn=end_with_parent)
        line = self.process.stderr.readline().decode()
        assert line.startswith(adder.READY), "adder calls said %r" % line

    def stop(self):
        """The report, and the profile."""
        self.process.terminate()
        out, errors = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, errors.decode()
        return json.loads(out), pprof.load(self.path)
