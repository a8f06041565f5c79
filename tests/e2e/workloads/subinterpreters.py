# -*- coding: utf-8 -*-
# SPDX-License-Identifier: BSD-2-Clause
"""Threads in sub-interpreters, blocked and busy.  Python 3.8 to 3.15.

With the argument "own" (3.12), each interpreter has a GIL of its own.  Prints "ready", waits for a
line, spins in two sub-interpreters for SECONDS while others sleep there, and prints a line of JSON
{"tids": {what: tid}}; waits for a line to end.  what is blocked_1, blocked_2: in blocked_N() called
by middle_N(); busy_1, busy_2: in spin_N() called by middle_N(); outside: a thread of the main
interpreter, in outside_leaf() called by outside().

With "calls" functions count their own calls there, in several interpreters at once, and in a thread of
the main one: prints "ready", waits for a line, prints a line of JSON {function: calls}, and waits.
"""
import functools
import json
import os
import sys
import threading
import time

SECONDS = 1.5
BLOCKED = """
import time

def blocked_{0}():
    time.sleep(100)

def middle_{0}():
    blocked_{0}()

middle_{0}()
"""
BUSY = """
import time

def spin_{0}(end):
    x = 0
    while time.monotonic() < end:
        x += 1

def middle_{0}():
    spin_{0}(time.monotonic() + {1})

middle_{0}()
"""
# Each function's name ends in its interpreter's number; what it has counted goes to a pipe.
CALLS = """
import os
counts = {{}}

def plain_{0}(x=None):
    counts["plain_{0}"] = counts.get("plain_{0}", 0) + 1
    return 0

def recursive_{0}(n):
    counts["recursive_{0}"] = counts.get("recursive_{0}", 0) + 1
    return recursive_{0}(n - 1) if n else plain_{0}()

def raises_{0}(n):
    counts["raises_{0}"] = counts.get("raises_{0}", 0) + 1
    raise KeyError(n)

def generates_{0}(n):
    counts["generates_{0}"] = counts.get("generates_{0}", 0) + 1
    for i in range(n):
        yield plain_{0}()

for i in range({1}):
    recursive_{0}(5)
    list(generates_{0}(3))
    sorted((2, 1), key=plain_{0})
    try:
        raises_{0}(i)
    except KeyError:
        plain_{0}()
os.write({2}, (repr(counts).replace("'", '"') + "\\n").encode())
"""


def native_id():
    return int(os.readlink("/proc/thread-self").rsplit("/", 1)[1])


def make_interpreter(own):
    if sys.version_info >= (3, 13):
        import _interpreters
        return _interpreters.create("isolated" if own else "legacy")
    import _xxsubinterpreters
    if sys.version_info >= (3, 9):
        return _xxsubinterpreters.create(isolated=own)
    return _xxsubinterpreters.create()


def prepare(own, text):
    """In the thread that is to run it: up to 3.12 the thread state is that of who makes it."""
    interpreter = make_interpreter(own)
    return lambda: run_in(interpreter, text)


def run_in(interpreter, text):
    if sys.version_info >= (3, 13):
        import _interpreters
        _interpreters.exec(interpreter, text)
    else:
        import _xxsubinterpreters
        _xxsubinterpreters.run_string(interpreter, text)


def outside_leaf():
    time.sleep(100)


def outside():
    outside_leaf()


def call_there(own):
    ends, threads, counts = os.pipe(), [], {"run_in": 3}
    may_begin, prepared = threading.Event(), threading.Semaphore(0)

    def run(make, text):
        go_on = make(text)
        prepared.release()
        may_begin.wait()
        go_on()

    for i in range(4):
        make = functools.partial(prepare, own) if i else lambda text: functools.partial(exec, text, {})
        threads.append(threading.Thread(target=run, args=(make, CALLS.format(i, 300 * (i + 1), ends[1]))))
        threads[-1].start()
        prepared.acquire()
    print("ready", flush=True)
    sys.stdin.readline()
    may_begin.set()
    for thread in threads:
        thread.join()
    with os.fdopen(ends[0]) as said:
        for _ in threads:
            counts.update(json.loads(said.readline()))
    print(json.dumps(counts), flush=True)
    sys.stdin.readline()
    os._exit(0)


def main():
    own, tids, threads = "own" in sys.argv, {}, []
    may_spin = threading.Event()

    def begin(what, make, *args):
        started = threading.Event()

        def run():
            tids[what] = native_id()
            go_on = make(*args)
            started.set()
            if what.startswith("busy"):
                may_spin.wait()
            go_on()
        threads.append(threading.Thread(target=run, daemon=True))
        threads[-1].start()
        started.wait()

    for n in "12":
        begin("blocked_" + n, prepare, own, BLOCKED.format(n))
        begin("busy_" + n, prepare, own, BUSY.format(n, SECONDS))
    begin("outside", lambda: outside)
    time.sleep(0.5)
    print("ready", flush=True)
    sys.stdin.readline()
    may_spin.set()
    for thread in threads[1::2][:2]:
        thread.join()
    print(json.dumps({"tids": tids}), flush=True)
    sys.stdin.readline()
    os._exit(0)  # no one waits for threads that sleep in other interpreters


if "calls" in sys.argv:
    call_there("own" in sys.argv)
else:
    main()
