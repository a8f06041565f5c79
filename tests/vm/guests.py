# SPDX-License-Identifier: BSD-2-Clause
"""Boot a kernel that tests/vm/fetch has fetched, and read what tests/vm/guest says in it."""
import os
import re
import shlex
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
CHECKOUT = os.path.realpath(os.path.join(HERE, "../.."))
TREES = os.path.join(CHECKOUT, "build", "vm")
LINE = re.compile(r"(ok|FAIL|skip) +\w+ ([^ .]+)(?:\.(\S+))? +([\d.]+) s(?:   (.*))?$")


def missing(names):
    """Why nothing can be booted; None if all of @names are there."""
    for name in names:
        if not os.path.isdir(os.path.join(TREES, name)):
            return "no build/vm/%s: run tests/vm/fetch" % name
    return None


def run(kernel, environment, seconds):
    """(status, what tests/vm/guest said); build/vm/KERNEL.log keeps it, .console the kernel's words."""
    console, said = (os.path.join(TREES, kernel + end) for end in (".console", ".log"))
    command = " ".join("%s=%s" % (k, shlex.quote(v)) for k, v in environment.items())
    with open(said, "wb") as log:
        done = subprocess.run([HERE + "/boot", "-t", str(seconds), "-l", console, kernel,
                               "%s %s/guest" % (command, HERE)],
                              stdout=log, stderr=subprocess.STDOUT)
    with open(said, errors="replace") as log:
        return done.returncode, log.read()
