# SPDX-License-Identifier: BSD-2-Clause
"""From exec of adder until it says that it records, on a host with 50 Python processes."""
import table
from running import Adder, Crowd

CROWD = 50
AIM_MS = 150


def starts(count):
    """Wall and CPU time in ms of each start."""
    wall, cpu = [], []
    for _ in range(count):
        with Adder() as adder:
            wall.append(adder.ready_ns / 1e6)
            cpu.append(adder.ready_cpu_ns / 1e6)
    return wall, cpu


def run(rounds):
    alone = starts(max(5, rounds))
    with Crowd(CROWD, 0):
        crowded = starts(2 * rounds)
    return [table.figure("ready", "wall time with %d Pythons" % CROWD, crowded[0], "ms", AIM_MS),
            table.figure("ready", "CPU time with %d Pythons" % CROWD, crowded[1], "ms"),
            table.figure("ready", "wall time without them", alone[0], "ms"),
            table.figure("ready", "CPU time without them", alone[1], "ms")]
