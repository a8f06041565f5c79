# -*- coding: utf-8 -*-
# SPDX-License-Identifier: BSD-2-Clause
"""Calls of every kind, always the same.  Python 3.6 to 3.15.

Prints "ready", waits for a line, makes the calls, prints "done" and waits for a line.  With the
argument "truth" it makes them at once, under sys.setprofile, and prints what that saw as a line of
JSON: {"name:line": [calls, goings-on of generators and coroutines]}.

"ordinary" makes only those that cProfile counts alike in every version: in the first thread, and without
generators that are thrown into or closed.  "cprofile" makes these at once, under cProfile, and prints
{"name:line": [calls and goings-on, those of them that are not recursive]}.
"""
import functools
import json
import sys
import threading

ROUNDS = 400


def plain():
    return 1


def keywords(a, *args, b=2, **kw):
    return a


def recursive(n):
    return recursive(n - 1) + 1 if n else 0


def even(n):
    return odd(n - 1) if n else True


def odd(n):
    return even(n - 1) if n else False


def outer(x):
    def closure(y):
        return x + y
    return closure


def generator(n):
    for i in range(n):
        yield i


def delegating(n):
    yield from generator(n)


def abandoned():
    yield 1
    yield 2


class Thing:
    def __init__(self, value):
        self.value = value

    def method(self):
        return self.value

    @classmethod
    def of_class(cls):
        return cls(1)

    @staticmethod
    def static():
        return 2

    @property
    def prop(self):
        return self.value

    def __add__(self, other):
        return Thing(self.value + other.value)

    def __getitem__(self, key):
        return key

    def __lt__(self, other):
        return self.value < other.value

    def __enter__(self):
        return self

    def __exit__(self, *what):
        return False

    def __call__(self):
        return self.value


def raises(depth):
    if depth == 0:
        raise KeyError(depth)
    raises(depth - 1)


def catches():
    try:
        raises(3)
    except KeyError:
        return plain()


def key_of(x):
    return -x


def added(a, b):
    return a + b


class Awaitable:
    def __await__(self):
        yield 1


async def inner_coroutine():
    await Awaitable()
    return plain()


async def coroutine():
    return await inner_coroutine() + await inner_coroutine()


def run_coroutine():
    c = coroutine()
    while True:
        try:
            c.send(None)
        except StopIteration:
            return


def thrown_into():
    g = generator(3)
    next(g)
    try:
        g.throw(ValueError())
    except ValueError:
        pass


def closed_early():
    g = abandoned()
    next(g)
    g.close()


def walk(n):
    yield n
    if n:
        yield from walk(n - 1)


async def awaits(n):
    if n:
        await awaits(n - 1)
    await Awaitable()


def run_recursive_coroutine():
    c = awaits(3)
    while True:
        try:
            c.send(None)
        except StopIteration:
            return


def recursive_through_c(n):
    return sorted(range(n), key=recursive_through_c)


def in_thread(n):
    for _ in range(n):
        plain()


def one_round(i):
    plain()
    keywords(1, 2, 3, b=4, c=5)
    recursive(7)
    even(9)
    outer(i)(1)
    sum(generator(5))
    list(delegating(3))
    list(walk(4))
    catches()
    recursive_through_c(4)
    sorted([3, 1, 2], key=key_of)
    list(map(key_of, (1, 2, 3)))
    functools.reduce(added, (1, 2, 3))
    (lambda: i)()
    [plain() for _ in range(3)]
    {k: plain() for k in range(2)}
    run_coroutine()
    run_recursive_coroutine()
    thing = Thing(i)
    thing.method()
    Thing.of_class().method()
    thing.static()
    thing.prop
    (thing + thing)()
    thing[1]
    max(thing, Thing(2))
    with thing:
        pass


def ordinary():
    for i in range(ROUNDS):
        one_round(i)


def everything():
    ordinary()
    for _ in range(ROUNDS):
        thrown_into()
        closed_early()
    threads = [threading.Thread(target=in_thread, args=(500 * (i + 1),)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


def truth():
    counts, lock = {}, threading.Lock()

    def note(frame, event, arg):
        if event != "call" or frame.f_code.co_filename != __file__:
            return
        code = frame.f_code
        with lock:
            row = counts.setdefault("%s:%d" % (code.co_name, code.co_firstlineno), [0, 0])
            row[0 if is_beginning(frame) else 1] += 1

    def is_beginning(frame):
        if not frame.f_code.co_flags & 0x2a0:  # generator, coroutine, asynchronous generator
            return True
        begun = id(frame) in running
        if not begun:
            running[id(frame)] = frame  # kept: so its address is not used again
        return not begun

    running = {}
    threading.setprofile(note)
    sys.setprofile(note)
    everything()
    sys.setprofile(None)
    threading.setprofile(None)
    counts.pop("truth:%d" % truth.__code__.co_firstlineno, None)
    print(json.dumps(counts), flush=True)


def under_cprofile():
    import cProfile
    profile = cProfile.Profile()
    profile.enable()
    ordinary()
    profile.disable()
    counts = {}
    for entry in profile.getstats():
        if not isinstance(entry.code, str) and entry.code.co_filename == __file__:
            counts["%s:%d" % (entry.code.co_name, entry.code.co_firstlineno)] = [
                entry.callcount, entry.callcount - entry.reccallcount]
    print(json.dumps(counts), flush=True)


if sys.argv[1:] == ["truth"]:
    truth()
elif sys.argv[1:] == ["cprofile"]:
    under_cprofile()
else:
    print("ready", flush=True)
    sys.stdin.readline()
    (ordinary if sys.argv[1:] == ["ordinary"] else everything)()
    print("done", flush=True)
    sys.stdin.readline()
