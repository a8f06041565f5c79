# SPDX-License-Identifier: BSD-2-Clause
"""greenlet and gevent, for the interpreters that this machine has."""
import os
import shutil
import subprocess
import tempfile

from harness import Skip
from pythons import BUILD, find_all

PIP_SECONDS = 100


def pythons():
    """Those that modules from PyPI or Debian can be had for without building them."""
    return [p for p in find_all() if not p.tree and p.minor in (11, 13)]


def has(python, folder=None):
    code = "import sys; sys.path[:0] = sys.argv[1:]; import greenlet, gevent"
    done = subprocess.run(python.command("-c", code) + ([folder] if folder else []),
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return done.returncode == 0


def install(python, folder):
    """Fetch both modules; the folder appears when all is there."""
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    room = tempfile.mkdtemp(dir=os.path.dirname(folder))
    try:
        done = subprocess.run(python.command("-m", "pip", "install", "-q", "--only-binary", ":all:",
                                             "--target", room, "greenlet", "gevent"),
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              timeout=PIP_SECONDS)
        if done.returncode == 0:
            os.rename(room, folder)
    except subprocess.TimeoutExpired:
        pass
    shutil.rmtree(room, ignore_errors=True)


def modules(python):
    """Arguments for the workload: where greenlet and gevent are; none if @python has them."""
    folder = os.path.join(BUILD, "greenlet", python.name)
    if has(python):
        return []
    if not os.path.isdir(folder):
        install(python, folder)
    if not has(python, folder):
        raise Skip("greenlet and gevent can't be had from the registry")
    return [folder]
