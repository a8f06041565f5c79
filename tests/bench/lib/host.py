# SPDX-License-Identifier: BSD-2-Clause
"""This machine: its interpreters, its CPUs, and what else runs on it."""
import glob
import os
import platform
import resource
import shutil
import time

import pythons

BUILD = pythons.BUILD
PERF = shutil.which("perf")
MEASURED = (8, 11, 13)  # minor versions whose frames are laid out differently
_interpreters = {}


def interpreters():
    """{"3.11": path} of those in MEASURED that this machine has; any one if it has none of them."""
    if not _interpreters:
        found = [p for p in pythons.find_all() if not p.tree]
        wanted = [p for p in found if p.minor in MEASURED] or found[:1]
        for p in wanted:
            _interpreters.setdefault(p.version, os.path.realpath(p.path))
    if not _interpreters:
        raise LookupError("no Python interpreter to measure")
    return dict(_interpreters)


def interpreter():
    """The one that stands for all where one is enough."""
    found = interpreters()
    return found.get("3.11") or list(found.values())[-1]


def a_cpu():
    """The CPU that targets are bound to: not the first, where most interrupts go."""
    return max(os.sched_getaffinity(0))


def busy_ns():
    """CPU time of everything on this machine, steal left out."""
    with open("/proc/stat") as f:
        user, nice, system, _, _, irq, softirq = [int(n) for n in f.readline().split()[1:8]]
    return (user + nice + system + irq + softirq) * 1000000000 // os.sysconf("SC_CLK_TCK")


def own_ns():
    return sum(int(1e9 * (u.ru_utime + u.ru_stime)) for u in
               map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


def other_adders():
    """Other people's recordings: their programs run at each of our switches, too."""
    count = 0
    for path in glob.glob("/proc/[0-9]*/comm"):
        try:
            with open(path) as f:
                count += f.read() == "adder\n"
        except OSError:
            pass
    return count


def undisturbed(measure, *args):
    """What measure(*args) gives with no other adder beside, if that can be had within seconds."""
    for _ in range(3):
        for _ in range(6):
            if not other_adders():
                break
            time.sleep(0.5)
        result = measure(*args)
        if not other_adders():
            break
    return result


class Noise:
    """What others did meanwhile.  All children must be waited for before end()."""

    def __init__(self):
        self.at = time.monotonic_ns(), busy_ns(), own_ns(), other_adders()

    def end(self):
        wall, busy, own = (b - a for a, b in
                           zip(self.at, (time.monotonic_ns(), busy_ns(), own_ns())))
        others = max(0, busy - own) / wall
        text = "others used %.0f %% of one CPU" % (100 * others)
        if self.at[3] or other_adders():
            text += "; another adder was running"
        return text + (": HIGH LOAD" if others > 0.25 else "")


def describe():
    return ("adder's cost, %s: kernel %s, %d CPUs, load %.1f, Python %s; medians of rounds, CPU time unless "
            "said otherwise" % (time.strftime("%Y-%m-%d"), platform.release(), os.cpu_count(),
                                os.getloadavg()[0], ", ".join(interpreters())))
