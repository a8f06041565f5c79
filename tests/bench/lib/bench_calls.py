# SPDX-License-Identifier: BSD-2-Clause
"""What counting a call costs the program: beside a bare uprobe on the same instruction, and cProfile.

One program calls an empty function, in turns: alone, with cProfile, with perf's uprobe (which counts
and no more) where adder's are, with adder that counts, and that times, too.
"""
import contextlib
import subprocess
import time

import host
import places
import table
from running import ADDER, python_target
from uprobe import Uprobe

CALLS = 20000
TURNS = 5  # the fastest of these: the others were interrupted
TOLD_SECONDS = 1.5  # until the kernel half knows which functions are wanted
AIM = 1.3  # times the bare uprobe
ENTRY_ROLES = (0, 1)  # of enum opcode_role


class Counting:
    """`adder calls` of @pid, while the context lasts."""

    def __init__(self, pid, *options):
        self.process = subprocess.Popen(
            [ADDER, "calls", "-p", str(pid), "--json"] + list(options), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        said = self.process.stderr.readline()
        if not said.startswith(b"adder: recording"):
            raise RuntimeError("adder did not begin to count: %s" % said.decode().strip())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.communicate()


def entries(version, path):
    """(file, offsets) of what adder probes to count calls."""
    minor = int(version.split(".")[1])
    out = subprocess.run([path, "-c", "print(open('/proc/self/maps').read())"], stdout=subprocess.PIPE)
    files = [line.split(None, 5)[5] for line in out.stdout.decode().splitlines() if line.count(" /")]
    file = ([f for f in files if "/libpython3" in f] or files)[0]
    if minor >= 11:
        addresses = [p.address for p in places.find(file, minor).probes if p.role in ENTRY_ROLES]
    else:
        addresses = [begin for begin, _ in places.eval_ranges(file)][:1]
    offsets = [places.offset_of(file, a) for a in addresses]
    if minor < 11:  # past a landing pad, as adder does
        with open(file, "rb") as f:
            f.seek(offsets[0])
            offsets[0] += 4 * (f.read(4) == b"\xf3\x0f\x1e\xfa")
    return file, offsets


@contextlib.contextmanager
def bare(file, offsets):
    with contextlib.ExitStack() as stack:
        for offset in offsets:
            stack.enter_context(Uprobe(file, offset))
        yield


def fastest(target, *words):
    return min(target.ask(CALLS, *words)["ns"] for _ in range(TURNS))


def measure(target, file, offsets):
    found = {"alone": fastest(target), "cProfile": fastest(target, "profiled")}
    with bare(file, offsets):
        found["bare"] = fastest(target)
    with Counting(target.pid, "--no-times"):
        found["counted"] = fastest(target)
    with Counting(target.pid, "--match", "no such function"):
        target.ask(CALLS)
        time.sleep(TOLD_SECONDS)
        found["unmatched"] = fastest(target)
    with Counting(target.pid):
        found["timed"] = fastest(target)
    found["after"] = fastest(target)
    return found


def rows_of(version, found):
    alone = [f["alone"] for f in found]
    added = {key: [f[key] - a for f, a in zip(found, alone)] for key in found[0]}
    ratio = [c / b for c, b in zip(added["counted"], added["bare"])]
    yield table.figure("calls", "%s, an empty call" % version, alone, "ns")
    yield table.figure("calls", "%s, a bare uprobe where adder's is, added" % version, added["bare"], "ns")
    yield table.figure("calls", "%s, counted, added" % version, added["counted"], "ns")
    yield table.figure("calls", "%s, counted, times the bare uprobe" % version, ratio, "x", AIM)
    yield table.figure("calls", "%s, timed, too, added" % version, added["timed"], "ns")
    yield table.figure("calls", "%s, of a function that --match leaves out, added" % version,
                       added["unmatched"], "ns")
    yield table.figure("calls", "%s, cProfile, added" % version, added["cProfile"], "ns")
    yield table.figure("calls", "%s, when adder has gone, added" % version, added["after"], "ns")


def run(rounds):
    rows = []
    for version, path in host.interpreters().items():
        file, offsets = entries(version, path)
        with python_target("calls.py", cpu=host.a_cpu(), path=path) as target:
            fastest(target)
            rows += rows_of(version, [host.undisturbed(measure, target, file, offsets)
                                      for _ in range(rounds)])
    return rows
