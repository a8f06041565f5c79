# -*- coding: utf-8 -*-
# SPDX-License-Identifier: BSD-2-Clause
"""Calls that count themselves, in memory that the judge shares: right however the program ends.

  counted.py FILE HOW...

Prints a line of JSON, [[name, line]...] of the functions, each of which has a 64-bit number in every
thread's row of FILE, and counts itself there before it does anything else.  Then it waits for a line
and does what HOW says:

  exit, _exit      after some calls, through frames that are open
  endless N        calls in N threads until it is killed; a byte at the end of FILE holds them up
  tools            meanwhile profilers, tracers and monitors come and go
  greenlets PATH   calls from greenlets that switch in the middle
  hot              loops that a JIT compiles

and prints "done".  Python 3.6 to 3.15.
"""
import atexit
import functools
import json
import mmap
import os
import sys
import threading
import time

ROW, ROWS = 64, 64  # functions at most, threads at most
file = open(sys.argv[1], "r+b")
memory = memoryview(mmap.mmap(file.fileno(), ROW * ROWS * 8 + 8))
numbers, held = memory[:ROW * ROWS * 8].cast("Q"), memory[ROW * ROWS * 8:]
mine, functions, rows = threading.local(), [], iter(range(ROWS))


def counted(function):
    """A decorator that calls nothing: its function's number is a constant of it."""
    functions.append([function.__qualname__.rpartition(".")[2], function.__code__.co_firstlineno])
    return function


def begin_thread():
    mine.n = numbers[ROW * next(rows):][:ROW]


@counted
def plain():
    mine.n[0] += 1
    return 1


@counted
def recursive(n):
    mine.n[1] += 1
    return recursive(n - 1) + 1 if n else 0


@counted
def raising(depth):
    mine.n[2] += 1
    if not depth:
        raise KeyError(depth)
    try:
        raising(depth - 1)
    finally:
        plain()


@counted
def catching():
    mine.n[3] += 1
    try:
        raising(4)
    except KeyError:
        return plain()


@counted
def key_of(x):
    mine.n[4] += 1
    return -x


@counted
def added(a, b):
    mine.n[5] += 1
    return a + b


@counted
def generator(n):
    mine.n[6] += 1
    try:
        for i in range(n):
            yield plain()
    except ValueError:
        yield plain()
    finally:
        plain()


@counted
def using_generators():
    mine.n[7] += 1
    list(generator(3))
    closed, thrown, dropped = generator(3), generator(3), generator(3)
    next(closed), next(thrown), next(dropped)
    closed.close()
    thrown.throw(ValueError())
    generator(3)


class Thing:
    @counted
    def __init__(self):
        mine.n[8] += 1

    @counted
    def __del__(self):
        mine.n[9] += 1

    @counted
    def __call__(self):
        mine.n[10] += 1
        return (lambda: plain())()


class Awaitable:
    @counted
    def __await__(self):
        mine.n[11] += 1
        yield 1


@counted
async def awaiting(depth):
    mine.n[12] += 1
    if depth:
        return await awaiting(depth - 1)
    await Awaitable()


@counted
def using_coroutines():
    mine.n[13] += 1
    coroutine, cut = awaiting(3), awaiting(2)
    cut.send(None)
    cut.close()
    try:
        while True:
            coroutine.send(None)
    except StopIteration:
        return


@counted
def in_thread():
    begin_thread()
    mine.n[14] += 1
    some()


@counted
def some():
    mine.n[15] += 1
    plain()
    recursive(6)
    catching()
    sorted([3, 1, 2], key=key_of)
    list(map(key_of, (1, 2)))
    functools.reduce(added, (1, 2, 3))
    using_generators()
    using_coroutines()
    Thing()()


# ---- how it ends ----

@counted
def at_exit():
    mine.n[16] += 1
    some()


@counted
def leaving(depth, how):
    mine.n[17] += 1
    try:
        if depth:
            leaving(depth - 1, how)
        how(3)
    finally:
        plain()


def end(how):
    for _ in range(30):
        some()
    threads = [threading.Thread(target=in_thread) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    atexit.register(at_exit)
    leaving(5, how)


# ---- tools ----

@counted
def note(frame, event, arg):
    mine.n[18] += 1


@counted
def trace(frame, event, arg):
    mine.n[19] += 1
    if sys.version_info > (3, 7):
        frame.f_trace_opcodes = True
    return trace


@counted
def monitored(*args):
    mine.n[20] += 1


def monitors():
    """Pairs of functions that switch a tool on and off."""
    yield functools.partial(sys.setprofile, note), functools.partial(sys.setprofile, None)
    yield functools.partial(sys.settrace, trace), functools.partial(sys.settrace, None)
    if sys.version_info < (3, 12):
        return
    tools = sys.monitoring
    e = tools.events
    tools.use_tool_id(3, "counted")
    for event in e.PY_START, e.PY_RETURN, e.PY_YIELD, e.PY_RESUME, e.LINE, e.CALL:
        tools.register_callback(3, event, monitored)
    off = functools.partial(tools.set_events, 3, 0)
    yield functools.partial(tools.set_events, 3, e.PY_START | e.PY_YIELD), off
    yield functools.partial(tools.set_events, 3, e.LINE | e.PY_RETURN | e.PY_RESUME), off
    yield (functools.partial(tools.set_local_events, 3, plain.__code__, e.PY_START | e.LINE),
           functools.partial(tools.set_local_events, 3, plain.__code__, 0))


def meanwhile(is_over):
    begin_thread()
    while not is_over.is_set():
        some()


def use_tools():
    is_over = threading.Event()
    other = threading.Thread(target=meanwhile, args=(is_over,))
    other.start()
    switches = list(monitors())
    for i in range(60):
        on, off = switches[i % len(switches)]
        going = generator(4)
        next(going)
        on()
        some()
        next(going)
        off()
        some()
        next(going)
    is_over.set()
    other.join()


# ---- without an end ----

@counted
def timed():
    mine.n[21] += 1


def nanoseconds_a_call():
    """The least of many tries: of a machine that does other things too."""
    best = float("inf")
    for _ in range(40):
        begun = time.perf_counter()
        for _ in range(2000):
            timed()
        best = min(best, time.perf_counter() - begun)
    return best / 2000 * 1e9


def endlessly():
    begin_thread()
    while True:
        assert recursive(6) == 6 and plain() == 1
        some()
        while held[0]:
            time.sleep(0.001)


def call_without_end(threads):
    for _ in range(threads):
        threading.Thread(target=endlessly, daemon=True).start()
    while sys.stdin.readline():
        print("%.1f" % nanoseconds_a_call(), flush=True)


# ---- greenlets ----

@counted
def in_greenlet(depth, parent):
    mine.n[22] += 1
    if depth:
        in_greenlet(depth - 1, parent)
    parent.switch()
    plain()


def use_greenlets(path):
    sys.path[:0] = path
    import greenlet
    main = greenlet.getcurrent()
    for _ in range(50):
        going = [greenlet.greenlet(in_greenlet) for _ in range(5)]
        for g in going:
            g.switch(4, main)
        while going:
            for g in going:
                g.switch()
                some()
            going = [g for g in going if not g.dead]
        left = greenlet.greenlet(in_greenlet)
        left.switch(2, main)
        del left


# ---- loops ----

@counted
def looping(n):
    mine.n[23] += 1
    for _ in range(n):
        plain()
    return sum(map(key_of, range(n)))


def main():
    how, rest = sys.argv[2], sys.argv[3:]
    begin_thread()
    print(json.dumps(functions), flush=True)
    sys.stdin.readline()
    if how in ("exit", "_exit"):
        end(sys.exit if how == "exit" else os._exit)
    elif how == "endless":
        call_without_end(int(rest[0]))
    elif how == "tools":
        use_tools()
    elif how == "hot":
        looping(40000)
    else:
        use_greenlets(rest)
    print("done", flush=True)
    sys.stdin.readline()


main()
