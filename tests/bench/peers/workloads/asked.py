# SPDX-License-Identifier: BSD-2-Clause
"""What the workloads share: to work for as long as a line asks, and to tell the truth about it."""
import json
import os
import sys
import threading
import time
from collections import namedtuple

Clocks = namedtuple("Clocks", "wall cpu runq")  # of the calling thread, in seconds


opened = threading.local()  # opening takes ten times as long as reading


def clocks():
    if not hasattr(opened, "schedstat"):
        opened.schedstat = open("/proc/thread-self/schedstat", "rb", buffering=0)
    runq = int(os.pread(opened.schedstat.fileno(), 100, 0).split()[1]) / 1e9
    return Clocks(time.perf_counter(), time.thread_time(), runq)


class Account:
    """What each function took of its thread: {name: Clocks}."""

    def __init__(self):
        self.spent, self.lock = {}, threading.Lock()

    def charge(self, function, *args):
        before = clocks()
        function(*args)
        took = [b - a for a, b in zip(before, clocks())]
        with self.lock:
            sums = self.spent.get(function.__name__, Clocks(0, 0, 0))
            self.spent[function.__name__] = Clocks(*map(sum, zip(sums, took)))

    def told(self):
        return {name: sums._asdict() for name, sums in self.spent.items()}


def burn(seconds):
    """CPU time of the calling thread."""
    until, total = time.thread_time() + seconds, 0
    while time.thread_time() < until:
        for i in range(50):
            total += i


def serve(work):
    """For each line, a number of seconds, the truth that work(seconds) tells, as JSON."""
    for line in sys.stdin:
        print(json.dumps(work(float(line))), flush=True)
