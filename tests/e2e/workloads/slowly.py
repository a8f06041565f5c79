# -*- coding: utf-8 -*-
# SPDX-License-Identifier: BSD-2-Clause
"""Calls that take long, each for a reason of its own.  Python 3.9 to 3.15.

Prints "ready", waits for a line, makes the calls, prints "done <JSON>" and waits for a line.  The
JSON: for each call [function, caller, arguments as adder should write them, state that it is in
most of the time, seconds], seconds by perf_counter().
"""
import json
import os
import queue
import sys
import threading
import time

ROUNDS = 6
now = time.perf_counter
told = []


class Thing:
    def method(self, n):
        begun = now()
        time.sleep(0.012)
        told.append(("Thing.method", "main", "self=<Thing>, n=%d" % n, "sleep", now() - begun))


def sleeper(seconds, name, *rest, flag=True, **more):
    begun = now()
    time.sleep(seconds)
    told.append(("sleeper", "main", "seconds=%s, name='%s', flag=None, *rest=tuple(%d), **more=dict(%d)"
                 % (seconds, name, len(rest), len(more)), "sleep", now() - begun))


def computes(n, big, negative, ratio, yes, no, data, items):
    begun = now()
    end = now() + 0.015
    while now() < end:
        pass
    told.append(("computes", "main", "n=%d, big=%d, negative=%d, ratio=%s, yes=True, no=False, "
                 "data=b'a\\x00b', items=list(3)" % (n, big, negative, ratio), "cpu", now() - begun))


def waits(lock):
    begun = now()
    with lock:
        told.append(("waits", "main", "lock=<_thread.lock>", "lock", now() - begun))


def reads(fd, prompt):
    begun = now()
    os.read(fd, 1)
    told.append(("reads", "main", "fd=%d, prompt='gr\u00f6\u00dfe'" % fd, "ipc", now() - begun))


def raises(text):
    begun = now()
    time.sleep(0.011)
    told.append(("raises", "main", "text='%s...'(%d)" % (text[:SHOWN], len(text)), "sleep", now() - begun))
    raise ValueError


def shared(value):
    """A closure has the argument, too; what it was is gone when it is told."""
    begun = now()
    time.sleep(0.011)
    shown = "'%s'" % value if sys.version_info >= (3, 11) else "..."
    told.append(("shared", "main", "value=%s" % shown, "sleep", now() - begun))
    keep = lambda: value
    value = "user-%04d" % len(told)
    return keep


def helper(lock, pipe, orders):
    while True:
        what = orders.get()
        if what is None:
            return
        if what == "lock":
            lock.acquire()
            orders.task_done()
            time.sleep(0.02)
            lock.release()
        else:
            orders.task_done()
            time.sleep(0.02)
            os.write(pipe, b"x")


SHOWN = 88 - 40  # of a text's letters: behind its head


def main():
    global SHOWN
    if sys.version_info < (3, 12):
        SHOWN = 88 - 48
    lock, orders = threading.Lock(), queue.Queue()
    ends = os.pipe()
    thread = threading.Thread(target=helper, args=(lock, ends[1], orders))
    thread.start()
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))  # others keep it from no CPU
    except OSError:
        pass
    print("ready", flush=True)
    sys.stdin.readline()
    time.sleep(0.01)
    for i in range(ROUNDS):
        Thing().method(i)
        sleeper(0.012, "caf\u00e9"[:3] + str(i), 1, 2, flag=None, a=1)
        computes(i, 10 ** 30, -2 ** 40, 0.25, True, False, b"a\0b", [1, 2, 3])
        orders.put("lock")
        orders.join()
        waits(lock)
        orders.put("pipe")
        orders.join()
        reads(ends[0], "gr\u00f6\u00dfe")
        try:
            raises("x" * 100)
        except ValueError:
            pass
        shared("guest-%d" % i)
    orders.put(None)
    thread.join()
    print("done " + json.dumps(told), flush=True)
    sys.stdin.readline()


main()
