# SPDX-License-Identifier: BSD-2-Clause
"""Processes and threads without end.

Arguments: the kind, how many, how many at a time.  When all is over, prints a line of JSON: {"started":
how many, "cpu": seconds of CPU that it and they used}.
"""
import json
import os
import resource
import subprocess
import sys
import threading
import time


def burn(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        sum(range(100))


def at_a_time(start, count, room):
    """Call @start @count times; each gives the id of a child, of which @room are alive at a time."""
    for i in range(count):
        if i >= room:
            os.wait()
        start(i)
    for _ in range(min(count, room)):
        os.wait()


def execs(count, room):
    """Interpreters that start and end."""
    argv = [sys.executable, "-I", "-S", "-c", "pass"]
    at_a_time(lambda i: os.spawnv(os.P_NOWAIT, argv[0], argv), count, room)
    return count


def forks(count, room):
    def start(i):
        if not os.fork():
            burn(0.001)
            os._exit(0)
    at_a_time(start, count, room)
    return count


def breed(depth, width):
    """A family of workers that start workers."""
    children = []
    for _ in range(width if depth else 0):
        pid = os.fork()
        if not pid:
            breed(depth - 1, width)
            os._exit(0)
        children.append(pid)
    burn(0.001)
    for pid in children:
        os.waitpid(pid, 0)


def bomb(depth, width):
    breed(depth, width)
    return sum(width ** level for level in range(1, depth + 1))


def chain(count, room):
    """One process that becomes another program, again and again."""
    code = "import os, sys, time\n" \
           "n = int(sys.argv[1])\n" \
           "exec('def link_%d(): time.sleep(0.001)' % n)\n" \
           "globals()['link_%d' % n]()\n" \
           "if n: os.execv(sys.executable, [sys.executable, '-I', '-S', '-c', sys.argv[2], " \
           "str(n - 1), sys.argv[2]])\n"
    for _ in range(room):
        subprocess.Popen([sys.executable, "-I", "-S", "-c", code, str(count - 1), code])
    for _ in range(room):
        os.wait()
    return count * room


def threads(count, room):
    """In @room processes; of each, eight threads live at a time."""
    def few_at_a_time(mine):
        while mine > 0:
            some = [threading.Thread(target=time.sleep, args=(0.0001,)) for _ in range(min(mine, 8))]
            for thread in some:
                thread.start()
            for thread in some:
                thread.join()
            mine -= len(some)

    def start(i):
        if not os.fork():
            few_at_a_time(count // room)
            os._exit(0)
    at_a_time(start, room, room)
    return count // room * room


kind, count, room = globals()[sys.argv[1]], int(sys.argv[2]), int(sys.argv[3])
result = {"started": kind(count, room)}
used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
result["cpu"] = sum(u.ru_utime + u.ru_stime for u in used)
print(json.dumps(result), flush=True)
os._exit(0)
