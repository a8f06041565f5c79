# SPDX-License-Identifier: BSD-2-Clause
"""A view of the files for a test alone: what is mounted in it is seen by what the test starts, and
gone with it."""
import contextlib
import ctypes
import os
import subprocess
import tempfile

CLONE_NEWNS = 0x20000
LIBC = ctypes.CDLL(None, use_errno=True)


def check(result):
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


@contextlib.contextmanager
def private():
    """This process and what it starts from now on have mounts of their own."""
    where, before = os.getcwd(), os.open("/proc/self/ns/mnt", os.O_RDONLY)
    check(LIBC.unshare(CLONE_NEWNS))
    try:
        subprocess.run(["mount", "--make-rprivate", "/"], check=True)
        yield
    finally:
        check(LIBC.setns(before, CLONE_NEWNS))
        os.close(before)
        os.chdir(where)


def mount(*args):
    subprocess.run(["mount"] + list(args), check=True)


def empty(folder):
    """Hide what is in @folder behind an empty one."""
    mount("-t", "tmpfs", "adder", folder)


def overlay(lower, scratch):
    """A folder with all that @lower has, to be written to.  @scratch, an empty folder, holds it."""
    empty(scratch)
    for name in "upper", "work", "root":
        os.mkdir(os.path.join(scratch, name))
    mount("-t", "overlay", "overlay", "-o",
          "lowerdir={0},upperdir={1}/upper,workdir={1}/work".format(lower, scratch),
          scratch + "/root")
    return scratch + "/root"


@contextlib.contextmanager
def images(tree, count):
    """Folders that show @tree, each by an overlay of its own, as containers of one image have them."""
    with private(), tempfile.TemporaryDirectory(prefix="adder-e2e-") as folder:
        scratches = [os.path.join(folder, str(i)) for i in range(count)]
        for scratch in scratches:
            os.mkdir(scratch)
        yield [overlay(tree, scratch) for scratch in scratches]
        for scratch in scratches:
            subprocess.run(["umount", "-R", scratch], check=True)
