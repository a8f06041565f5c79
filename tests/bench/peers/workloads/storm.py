# SPDX-License-Identifier: BSD-2-Clause
"""Processes that live for some 80 ms, four at a time: as many as it takes seconds in units of 20 ms.

Tells their pids, and how long it all took.
"""
import subprocess
import sys
import time

import asked

AT_A_TIME = 4


def life():
    asked.burn(0.04)


def work(seconds):
    begin, running, pids = time.perf_counter(), [], []
    for _ in range(int(seconds / 0.02)):
        while len(running) == AT_A_TIME:
            time.sleep(0.002)
            running = [p for p in running if p.poll() is None]
        running.append(subprocess.Popen([sys.executable, "-B", __file__, "live"]))
        pids.append(running[-1].pid)
    for p in running:
        p.wait()
    return {"pids": pids, "wall": time.perf_counter() - begin}


if sys.argv[1:] == ["live"]:
    life()
else:
    asked.serve(work)
