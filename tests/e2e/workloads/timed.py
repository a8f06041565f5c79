# -*- coding: utf-8 -*-
# SPDX-License-Identifier: BSD-2-Clause
"""Calls that time themselves.  Python 3.8 to 3.15.

Each function notes when it begins and ends, and generators and coroutines each turn; no note calls
a function of Python.  Prints "ready", waits for a line, makes the calls, prints "done <JSON>" and
waits for a line.  The JSON: {"function": {"calls", "primitive", "turns": of generators, "self", "total",
"cpu": in itself, "direct", "all"}}: seconds of wall time, and of the thread's CPU time; and how many
calls and turns the thread made within, in what is its own time and in all.

  timed.py greenlets [FOLDER of the module]

makes other calls, in greenlets that take turns in the middle of them: what others do then is a call's own
time, as any waiting is.
"""
import functools
import json
import os
import sys
import threading
import time

ROUNDS = 12
now, cpu = time.perf_counter, time.thread_time
logs = threading.local()
all_logs = [[] for _ in range(3)]


def nap(log, seconds):
    log.append(("+", "nap", now(), cpu()))
    time.sleep(seconds)
    log.append(("-", "nap", now(), cpu()))


def burn(log, seconds):
    log.append(("+", "burn", now(), cpu()))
    end = now() + seconds
    while now() < end:
        pass
    log.append(("-", "burn", now(), cpu()))


def outer(log):
    log.append(("+", "outer", now(), cpu()))
    nap(log, 0.002)
    time.sleep(0.001)
    burn(log, 0.002)
    sum(range(20000))
    log.append(("-", "outer", now(), cpu()))


def recursive(log, n):
    log.append(("+", "recursive", now(), cpu()))
    time.sleep(0.0005)
    if n:
        recursive(log, n - 1)
    log.append(("-", "recursive", now(), cpu()))


def even(log, n):
    log.append(("+", "even", now(), cpu()))
    time.sleep(0.0003)
    if n:
        odd(log, n - 1)
    log.append(("-", "even", now(), cpu()))


def odd(log, n):
    log.append(("+", "odd", now(), cpu()))
    time.sleep(0.0002)
    if n:
        even(log, n - 1)
    log.append(("-", "odd", now(), cpu()))


def raiser(log):
    log.append(("+", "raiser", now(), cpu()))
    time.sleep(0.002)
    log.append(("-", "raiser", now(), cpu()))
    raise KeyError


def passer(log):
    log.append(("+", "passer", now(), cpu()))
    time.sleep(0.001)
    try:
        raiser(log)
    finally:
        log.append(("-", "passer", now(), cpu()))


def catcher(log):
    log.append(("+", "catcher", now(), cpu()))
    try:
        passer(log)
    except KeyError:
        time.sleep(0.004)
        nap(log, 0.001)
    log.append(("-", "catcher", now(), cpu()))


def callback(x):
    log = logs.log
    log.append(("+", "callback", now(), cpu()))
    time.sleep(0.0002)
    log.append(("-", "callback", now(), cpu()))
    return x


def sorter(log):
    log.append(("+", "sorter", now(), cpu()))
    sorted(range(8), key=callback)
    log.append(("-", "sorter", now(), cpu()))


def failing_callback(x):
    log = logs.log
    log.append(("+", "failing_callback", now(), cpu()))
    time.sleep(0.001)
    log.append(("-", "failing_callback", now(), cpu()))
    raise ValueError


def through_c(log):
    """An exception that passes a frame of C."""
    log.append(("+", "through_c", now(), cpu()))
    try:
        sorted([1], key=failing_callback)
    except ValueError:
        time.sleep(0.003)
    log.append(("-", "through_c", now(), cpu()))


class Made:
    def __init__(self, log):
        log.append(("+", "Made.__init__", now(), cpu()))
        time.sleep(0.001)
        nap(log, 0.001)
        log.append(("-", "Made.__init__", now(), cpu()))


def maker(log):
    log.append(("+", "maker", now(), cpu()))
    Made(log)
    time.sleep(0.001)
    log.append(("-", "maker", now(), cpu()))


def generator(log):
    log.append(("+", "generator", now(), cpu()))
    for i in range(4):
        time.sleep(0.001)
        log.append(("-", "generator", now(), cpu()))
        yield i
        log.append(("~", "generator", now(), cpu()))
    log.append(("-", "generator", now(), cpu()))


def consumer(log):
    log.append(("+", "consumer", now(), cpu()))
    for _ in generator(log):
        time.sleep(0.002)
    log.append(("-", "consumer", now(), cpu()))


def delegating(log):
    log.append(("+", "delegating", now(), cpu()))
    time.sleep(0.001)
    log.append(("-", "delegating", now(), cpu()))
    yield 0
    log.append(("~", "delegating", now(), cpu()))
    nap(log, 0.001)
    log.append(("-", "delegating", now(), cpu()))


def closer(log):
    """Of a generator that has not ended."""
    log.append(("+", "closer", now(), cpu()))
    started = delegating(log)
    next(started)
    time.sleep(0.002)
    started.close()
    time.sleep(0.001)
    log.append(("-", "closer", now(), cpu()))


class Rest:
    __await__ = staticmethod(functools.partial(iter, (None,)))  # nothing of Python


async def inner(log):
    log.append(("+", "inner", now(), cpu()))
    time.sleep(0.001)
    log.append(("-", "inner", now(), cpu()))
    await Rest()
    log.append(("~", "inner", now(), cpu()))
    nap(log, 0.001)
    log.append(("-", "inner", now(), cpu()))


def driver(log):
    """Of a coroutine."""
    log.append(("+", "driver", now(), cpu()))
    running = inner(log)
    running.send(None)
    time.sleep(0.002)
    try:
        running.send(None)
    except StopIteration:
        time.sleep(0.001)
    log.append(("-", "driver", now(), cpu()))


ALL = (sorter, catcher, through_c, maker, consumer, closer, driver)


def breaking(log):
    """A generator that an exception ends; its caller then began before adder."""
    log.append(("+", "breaking", now(), cpu()))
    time.sleep(0.001)
    log.append(("-", "breaking", now(), cpu()))
    raise KeyError
    yield


def work(log):
    log.append(("+", "work", now(), cpu()))
    logs.log = log
    for _ in range(ROUNDS):
        for function in ALL:
            function(log)
        recursive(log, 5)
        even(log, 5)
    log.append(("-", "work", now(), cpu()))


def count_within(stacks, sums):
    """A call begins that is not in its thread's open calls yet, or has ended: half of what is counted
    within these."""
    for stack in stacks:
        for o in stack[-1:]:
            sums[o["name"]]["direct"] += 0.5
    for other in {o["name"] for stack in stacks for o in stack}:
        sums[other]["all"] += 0.5


def summed(logs, sums):
    """Add what a thread's logs say to @sums: of greenlets each has its own, of others the thread one."""
    stacks = [[] for _ in logs]
    notes = sorted((note[2], i, note) for i, log in enumerate(logs) for note in log)
    for _, i, (what, name, wall, used) in notes:
        open_calls = stacks[i]
        if what != "-":
            active = any(o["name"] == name for stack in stacks for o in stack)
            s = sums.setdefault(name, dict.fromkeys(
                ("calls", "turns", "primitive", "self", "total", "cpu", "direct", "all"), 0))
            s["calls" if what == "+" else "turns"] += 1
            s["primitive"] += what == "+" and not active
            count_within(stacks, sums)
            open_calls.append({"name": name, "wall": wall, "cpu": used, "inner": 0, "inner_cpu": 0,
                               "active": active})
            continue
        call = open_calls.pop()
        count_within(stacks, sums)
        took, took_cpu = wall - call["wall"], used - call["cpu"]
        s = sums[call["name"]]
        s["self"] += took - call["inner"]
        s["cpu"] += took_cpu - call["inner_cpu"]
        if not call["active"]:
            s["total"] += took
        if open_calls:
            open_calls[-1]["inner"] += took
            open_calls[-1]["inner_cpu"] += took_cpu


# ---- greenlets ----

def switching(log, turn):
    log.append(("+", "switching", now(), cpu()))
    nap(log, 0.001)
    turn()
    time.sleep(0.001)
    turn()
    nap(log, 0.001)
    log.append(("-", "switching", now(), cpu()))


def around(log, turn):
    log.append(("+", "around", now(), cpu()))
    burn(log, 0.001)
    switching(log, turn)
    time.sleep(0.001)
    log.append(("-", "around", now(), cpu()))


def failing(log, turn):
    """With an exception that has ended a call: that is seen when its caller next calls."""
    log.append(("+", "failing", now(), cpu()))
    try:
        raiser(log)
    except KeyError:
        nap(log, 0.0005)
        turn()
        time.sleep(0.001)
    log.append(("-", "failing", now(), cpu()))


def in_greenlet(log, turn):
    log.append(("+", "in_greenlet", now(), cpu()))
    for _ in range(ROUNDS):
        around(log, turn)
        failing(log, turn)
        turn()
    log.append(("-", "in_greenlet", now(), cpu()))


def in_greenlets(path):
    """Two take turns, and the thread's own, which does something, too."""
    sys.path[:0] = path
    import greenlet
    logs = [[] for _ in range(3)]
    begin_lines()
    turn = greenlet.getcurrent().switch
    going = [greenlet.greenlet(in_greenlet) for _ in logs[1:]]
    for g, log in zip(going, logs[1:]):
        g.switch(log, turn)
    while not all(g.dead for g in going):
        for g in going:
            g.switch()
            nap(logs[0], 0.0005)
    sums = {}
    summed(logs, sums)
    end_lines(sums)


def undisturbed():
    """Who waits for a CPU or the GIL between a call's begin and its first note has another time than
    it notes."""
    sys.setswitchinterval(10)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except OSError:
        pass


def begin_lines():
    print("ready", flush=True)
    sys.stdin.readline()


def end_lines(sums):
    print("done " + json.dumps(sums), flush=True)
    sys.stdin.readline()


def main():
    undisturbed()
    if sys.argv[1:2] == ["greenlets"]:
        in_greenlets(sys.argv[2:])
        return
    begin_lines()
    threads = [threading.Thread(target=work, args=(log,)) for log in all_logs[1:]]
    for t in threads:
        t.start()
    work(all_logs[0])
    for t in threads:
        t.join()
    for _ in range(ROUNDS):  # alone: others would have to be let have the GIL, after the last note
        outer(all_logs[0])
        try:
            next(breaking(all_logs[0]))
        except KeyError:
            burn(all_logs[0], 0.003)
    sums = {}
    for log in all_logs:
        summed([log], sums)
    end_lines(sums)


main()
