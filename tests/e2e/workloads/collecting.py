# SPDX-License-Identifier: BSD-2-Clause
"""Collects garbage in several ways and says as JSON what gc.callbacks saw of it, or who was forked.

  collecting.py              by itself and by threads, of each generation
  collecting.py exec SCRIPT  a finalizer within a collection replaces the program by SCRIPT
  collecting.py fork         a finalizer forks, and both go on with the collection
  collecting.py wait         a finalizer prints "within" and waits for a line
"""
import gc
import json
import os
import resource
import sys
import threading
import time

seen = []
begun = {}
THREADS = 3


class Node:
    def __init__(self):
        self.me = self


class Held:
    """Something that a collection takes its time over."""

    def __init__(self, act):
        self.me, self.act = self, act

    def __del__(self):
        self.act()


def switches():
    usage = resource.getrusage(resource.RUSAGE_THREAD)
    return usage.ru_nivcsw + usage.ru_nvcsw


def watch(phase, info):
    me = threading.get_ident()
    if phase == "start":
        caller = sys._getframe(1)
        code = caller.f_code
        name = getattr(code, "co_qualname", code.co_name)
        begun[me] = [name, caller.f_lineno, switches(), time.perf_counter()]
        return
    end = time.perf_counter()
    name, line, before, start = begun.pop(me)
    seen.append({
        "start": start, "duration": end - start, "generation": info["generation"],
        "collected": info["collected"] + info["uncollectable"], "function": name, "line": line,
        "switched": switches() != before, "tid": tids[me]})


tids = {}


def know_me():
    tids[threading.get_ident()] = int(os.path.basename(os.readlink("/proc/thread-self")))


def litter(count):
    for _ in range(count):
        Node()


class Maker:
    def collect(self, generation):
        litter(2000)
        gc.collect(generation)


def allocate():
    """Collections that come about by themselves."""
    return [[i] for i in range(30000)]


def work():
    know_me()
    maker = Maker()
    for i in range(6):
        maker.collect(i % 3)
    allocate()


def all_ways():
    gc.collect()
    gc.callbacks.append(watch)
    work()
    for _ in range(THREADS):  # in turn: while one is in a callback, others can't collect
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    gc.callbacks.remove(watch)
    gc.disable()


def sleep_and(act):
    def both():
        time.sleep(0.5)
        act()
    return both


def collect(act):
    Held(act)
    gc.collect()


def main(how="", script=""):
    gc.disable()
    print("ready", flush=True)
    sys.stdin.readline()
    gc.enable()
    if how == "exec":
        collect(sleep_and(lambda: os.execv(sys.executable, [sys.executable, script])))
    elif how == "wait":
        collect(lambda: print("within", flush=True) or sys.stdin.readline())
    elif how == "fork":
        children = []
        collect(sleep_and(lambda: children.append(os.fork())))
        gc.collect()
        if children == [0]:
            os._exit(0)
        os.waitpid(children[0], 0)
        seen.extend(children)
    else:
        all_ways()
    gc.disable()
    print(json.dumps(seen), flush=True)
    sys.stdin.readline()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
