# SPDX-License-Identifier: BSD-2-Clause
"""Greenlets that take turns in the middle of their functions, and measure what each does.

greenlets.py greenlet|gevent [FOLDER of those modules]: says "ready", waits for a line, and then says
as JSON {"functions": {function: [asleep at least, in sleep at most, CPU]}, "pid":}.
"""
import functools
import json
import os
import sys
import time

sys.path[:0] = sys.argv[2:]

spent = {}


def note(function, asleep=0.0, in_sleep=0.0, cpu=0.0):
    entry = spent.setdefault(function, [0.0, 0.0, 0.0])
    for i, value in enumerate((asleep, in_sleep, cpu)):
        entry[i] += value


def block(who, seconds):
    begin = time.perf_counter()
    time.sleep(seconds)
    note(who, asleep=seconds, in_sleep=time.perf_counter() - begin)


def burn(who, seconds):
    begin = time.thread_time()
    while time.thread_time() < begin + seconds:
        pass
    note(who, cpu=time.thread_time() - begin)


def deep_a(turn):
    block("run_a", 0.03)
    turn()
    burn("run_a", 0.05)


def run_a(turn):
    for _ in range(4):
        deep_a(turn)
        turn()


def run_b(turn):
    for _ in range(4):
        block("run_b", 0.02)
        turn()
        burn("run_b", 0.03)
        turn()


def with_greenlet():
    import greenlet
    pair = []

    def take_turns():
        other = pair[greenlet.getcurrent() is pair[0]]
        if not other.dead:
            other.switch()
    pair += [greenlet.greenlet(functools.partial(run, take_turns)) for run in (run_a, run_b)]
    while not (pair[0].dead and pair[1].dead):  # who ends comes back to its parent, which is here
        pair[pair[0].dead].switch()
    block("with_greenlet", 0.05)


def with_gevent():
    import gevent
    gevent.joinall([gevent.spawn(run, functools.partial(gevent.sleep, 0)) for run in (run_a, run_b)])
    block("with_gevent", 0.05)


def main():
    __import__(sys.argv[1])
    print("ready", flush=True)
    sys.stdin.readline()
    {"greenlet": with_greenlet, "gevent": with_gevent}[sys.argv[1]]()
    print(json.dumps({"functions": spent, "pid": os.getpid()}), flush=True)
    sys.stdin.readline()


main()
