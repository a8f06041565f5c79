# SPDX-License-Identifier: BSD-2-Clause
"""Two threads hand a byte to and fro through pipes, each at a given depth, when asked to.

A line "DEPTH ROUNDS" gives {"cpu": ns of the process, "switches": of its threads}.  Bound to one
CPU each hand-over is a switch.
"""
import _thread
import json
import os
import resource
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from ladder import climb

sys.setrecursionlimit(5000)


def play(inbox, outbox, rounds, first):
    if first:
        os.write(outbox, b"x")
    for _ in range(rounds):
        os.read(inbox, 1)
        os.write(outbox, b"x")


def thread(depth, done, *game):
    climb(depth - 2, play, *game)
    done.release()


def switches():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_nvcsw + usage.ru_nivcsw


def measure(depth, rounds):
    a, b = os.pipe(), os.pipe()
    locks = [_thread.allocate_lock() for _ in range(2)]
    for lock in locks:
        lock.acquire()
    before = time.process_time(), switches()
    _thread.start_new_thread(thread, (depth, locks[0], a[0], b[1], rounds, False))
    _thread.start_new_thread(thread, (depth, locks[1], b[0], a[1], rounds, True))
    for lock in locks:
        lock.acquire()
    after = time.process_time(), switches()
    for fd in a + b:
        os.close(fd)
    return {"cpu": int((after[0] - before[0]) * 1e9), "switches": after[1] - before[1]}


for line in sys.stdin:
    print(json.dumps(measure(*map(int, line.split()))), flush=True)
