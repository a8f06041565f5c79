# SPDX-License-Identifier: BSD-2-Clause
"""Static probes (USDT) of the interpreters: which have them, where they are, and their semaphores."""
import os
import re
import struct

from places import readelf
from pythons import find_all


def program_of(python):
    return os.path.realpath((python.tree or "") + python.path)


def has(python, probe="gc__start"):
    with open(program_of(python), "rb") as f:
        return b"\0%s\0" % probe.encode() in f.read()


FOUND = find_all()
PROBED = [p for p in FOUND if has(p)]


def probed():
    """Every interpreter with static probes; None if there is none."""
    return PROBED or [None]


def timed_old():
    """Those before 3.11 whose calls' ends are probed."""
    return [p for p in PROBED if p.minor < 11 and has(p, "function__return")]


def place_of(path, probe):
    """Its address in the file."""
    notes = readelf(path, "-n")
    return int(re.search(r"Name: %s\n\s+Location: 0x([0-9a-f]+)" % probe, notes).group(1), 16)


def semaphores(python, pid):
    """{probe: its semaphore's value in the process}; of a program that isn't moved."""
    found = {}
    with open("/proc/%d/mem" % pid, "rb") as memory:
        for name, address in re.findall(r"Name: (\S+)\n.*Semaphore: 0x([0-9a-f]+)",
                                        readelf(program_of(python), "-n")):
            memory.seek(int(address, 16))
            found[name] = struct.unpack("<H", memory.read(2))[0]
    return found
