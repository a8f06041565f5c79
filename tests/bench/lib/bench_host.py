# SPDX-License-Identifier: BSD-2-Clause
"""What a recording of a whole host costs: 50 processes that mostly wait, and 2 that are busy.

By their pids, lest whatever else is Python on this machine be in the figures.
"""
import time

import bpf
import table
from running import Adder, Crowd

IDLE, BUSY = 50, 2
SLICE_SECONDS = 1.5
MB = 1 << 20


def peak_bytes(pid):
    with open("/proc/%d/status" % pid) as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmHWM:")) * 1024


def mapped_bytes(pid):
    """Of its resident memory, what is a BPF map's: the ring buffer's pages count twice there."""
    total, ours = 0, False
    with open("/proc/%d/smaps" % pid) as f:
        for line in f:
            if "-" in line.split()[0]:
                ours = line.rstrip().endswith("bpf-map")
            elif ours and line.startswith("Rss:"):
                total += int(line.split()[1]) * 1024
    return total


def slices(adder, programs, count):
    """Per cent of a CPU in each slice of time: adder's process, and its BPF programs."""
    own, kernel = [], {}
    for _ in range(count):
        before = time.monotonic_ns(), adder.cpu_ns(), programs.runs()
        time.sleep(SLICE_SECONDS)
        ran = bpf.difference(programs.runs(), before[2])
        cpu = adder.cpu_ns() - before[1]
        wall = time.monotonic_ns() - before[0]
        own.append(100 * cpu / wall)
        for name, runs in ran.items():
            kernel.setdefault(name, []).append(100 * runs.ns / wall)
    return own, kernel


def run(rounds):
    with Crowd(IDLE, BUSY) as crowd, bpf.Stats():
        with Adder("-p", ",".join(str(target.pid) for target in crowd.targets)) as adder:
            programs = bpf.Programs(adder.pid)
            time.sleep(1)
            own, kernel = slices(adder, programs, max(6, rounds))
            peak = peak_bytes(adder.pid)
            own_peak = peak - mapped_bytes(adder.pid)
            maps = bpf.map_bytes(adder.pid)
            at_end = adder.cpu_ns()
    rest = adder.usage.ru_utime + adder.usage.ru_stime - at_end / 1e9
    sums = [sum(values) for values in zip(*kernel.values())]
    rows = [table.figure("host", "adder's process", own, "% CPU", 0.5),
            table.figure("host", "its BPF programs", sums, "% CPU", 0.5),
            table.figure("host", "both", [a + b for a, b in zip(own, sums)], "% CPU", 0.5)]
    for name, values in sorted(kernel.items(), key=lambda item: -sum(item[1]))[:3]:
        rows.append(table.figure("host", "  of which " + name, values, "% CPU"))
    return rows + [
        table.figure("host", "memory at its peak (VmHWM)", [peak / MB], "MB", 64),
        table.figure("host", "  of which no BPF map's", [own_peak / MB], "MB"),
        table.figure("host", "kernel memory of its maps", [maps / MB], "MB"),
        table.figure("host", "memory in all", [(own_peak + maps) / MB], "MB", 64),
        table.figure("host", "CPU until it records", [adder.ready_cpu_ns / 1e6], "ms"),
        table.figure("host", "CPU to finish the profile", [1000 * rest], "ms")]
