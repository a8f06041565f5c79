# SPDX-License-Identifier: BSD-2-Clause
"""The interpreters of this machine: those that are installed, pyenv's, and the fetched trees."""
import functools
import glob
import json
import os
import pwd
import re
import subprocess
from collections import namedtuple

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(os.path.dirname(os.path.dirname(HERE)), "build")
WORKLOADS = os.path.join(HERE, "workloads")
MINORS = range(6, 16)  # of Python 3, that adder knows

# Bound into a tree so that a program there sees the same files under the same names.
CHROOT = """
for d in /proc /dev /tmp "$2"; do
	mkdir -p "$1$d" && mount --bind "$d" "$1$d" || exit 125
done
root=$1
shift 2
exec chroot "$root" "$@"
"""


class Python(namedtuple("Python", "version path how tree")):
    """version "3.11", path of the program (within tree, if there is one), how it came here."""

    @property
    def name(self):
        return "%s-%s" % (self.version, self.how)

    @property
    def minor(self):
        return int(self.version.split(".")[1])

    def command(self, *args):
        """The arguments that make the kernel run it with @args; the pid stays that of the first."""
        run = [self.path] + [str(a) for a in args]
        if not self.tree:
            return run
        return ["unshare", "-m", "--propagation", "private", "sh", "-c", CHROOT, "sh",
                self.tree, os.path.dirname(HERE)] + run


def version_of(path, tree=None):
    run = (["chroot", tree] if tree else []) + [path, "-c",
          "import sys, threading; print('%d.%d %s' % (sys.version_info[:2] + (sys.implementation.name,)))"]
    try:
        out = subprocess.run(run, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    m = re.match(rb"(3\.\d+) cpython", out.stdout)
    return m.group(1).decode() if m else None


def homes():
    names = ["root", os.environ.get("SUDO_USER") or "root"]
    for name in dict.fromkeys(names):
        try:
            yield pwd.getpwnam(name).pw_dir
        except KeyError:
            pass


def candidates():
    """(path, how, tree) of all that may be an interpreter."""
    for path in filter(None, os.environ.get("PYTHONS", "").split(":")):
        yield path, "given", None
    for home in homes():
        for path in glob.glob(home + "/.pyenv/versions/*/bin/python"):
            yield path, "pyenv", None
    for path in glob.glob("/usr/bin/python3.*"):
        if re.fullmatch(r".*/python3\.\d+", path):
            yield path, "system", None
    if os.geteuid() == 0:
        for path in glob.glob(BUILD + "/pythons/*/usr/bin/python3.*"):
            if re.fullmatch(r".*/python3\.\d+", path):
                tree = path[:-len("/usr/bin/") - len(os.path.basename(path))]
                yield "/usr/bin/" + os.path.basename(path), os.path.basename(tree), tree


@functools.lru_cache(maxsize=None)
def find_all():
    """Every interpreter, oldest first; the same program is not listed twice.  To find out takes a
    second, as each is asked for its version: what runs many tests tells them, by the environment."""
    if os.environ.get("FOUND_PYTHONS"):
        return [Python(*fields) for fields in json.loads(os.environ["FOUND_PYTHONS"])]
    found, seen = [], set()
    for path, how, tree in candidates():
        real = os.path.realpath(path if not tree else tree + path)
        version = None if real in seen else version_of(path, tree)
        seen.add(real)
        if version and int(version.split(".")[1]) in MINORS:
            found.append(Python(version, path, how, tree))
    return sorted(found, key=lambda p: (p.minor, p.how))


def one_each():
    """One interpreter a minor version: {minor: Python or None}."""
    found = {}
    for python in find_all():
        found.setdefault(python.minor, python)
    return {minor: found.get(minor) for minor in MINORS}


def spread():
    """The oldest, a middle and the newest one."""
    have = [p for p in one_each().values() if p]
    return list(dict.fromkeys([have[0], have[len(have) // 2], have[-1]])) if have else []
