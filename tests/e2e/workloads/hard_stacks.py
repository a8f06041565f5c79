# -*- coding: utf-8 -*-
# SPDX-License-Identifier: BSD-2-Clause
"""Threads with stacks that are hard to read, and the truth about each.  Python 3.6 to 3.15.

Prints "ready", waits for a line, lets every thread go to where it blocks, and when all have had
time to prints a line of JSON: {tid: {"name": thread, "stack": [[name, file, line], ...]}}, leaf
first, as sys._current_frames() has it.  name is the qualified name: from 3.11 on every function's,
before only a method's that is found by the classes of its first argument.
"""
import asyncio  # before the threads: it takes its time
import functools
import importlib
import json
import os
import re
import select
import sys
import tempfile
import threading
import time

LOCK = threading.Lock()
LOCK.acquire()
READER, WRITER = os.pipe()


def block():
    time.sleep(100)


def block_lock():
    LOCK.acquire()


def block_select():
    select.select([], [], [], 100)


def block_read():
    os.read(READER, 1)


# ---- calls over several lines, recursion ----

def recursion(n):
    if n == 0:
        block()
    return (1 +
            recursion(n - 1))


def t_recursion():
    recursion(30)


def t_deep_recursion():
    recursion(400)


def t_lines():
    len(
        str(
            max(
                1,
                block() or
                2)))


def backward():
    for _ in (
        1,
        2,
    ):
        (lambda:
            block())()


def t_backward():
    backward()


# ---- classes, properties, C code between ----

class K:
    class Inner:
        def method(self, x):
            f = lambda y: self.go(
                y,
                x)
            return f(3)

        def go(self, a, b):
            def closure(q):
                # comment
                return sorted([3, 1], key=lambda z: block_lock() or z)
            return list(map(closure, [1]))

    @staticmethod
    def static():
        return functools.reduce(lambda a, b: K.Inner().method(a), [1, 2])

    @classmethod
    def of_class(cls):
        return cls.static()

    @property
    def prop(self):
        return K.of_class()


def t_class():
    return K().prop


def t_class_body():
    class Body(object):
        x = 1
        y = block()


class Meta(type):
    def __new__(mcs, name, bases, space):
        if name == "Made":
            block()
        return type.__new__(mcs, name, bases, space)


def t_metaclass():
    Meta("Made", (), {})


def t_type_body():
    class Made(metaclass=Meta):
        pass


class Dunder:
    def __getattr__(self, n):
        block()

    def __call__(self, x):
        return self.missing

    def __len__(self):
        return self(1)


def t_dunder():
    return len(Dunder())


class Init:
    def __init__(self):
        self.v = {1: self.f()}

    def f(self):
        raise_later(
            1, 2,
            3)


def raise_later(a, b, c):
    block()


def t_init():
    Init()


def t_del():
    class X:
        def __del__(self):
            block()
    x = X()
    del x


def t_regex():
    re.sub("(b)", lambda m: block() or "", "abc")


def t_partial():
    functools.partial(functools.partial(raise_later, 1), 2)(3)


def decorate(fn):
    @functools.wraps(fn)
    def wrapper(*a, **kw):
        try:
            raise ValueError(1)
        except ValueError:
            with open(os.devnull):
                return fn(*a,
                          **kw)
        finally:
            pass
    return wrapper


@decorate
@decorate
def t_decorated(a=1, b=2):
    for i in range(10):
        if i == 5:
            while True:
                block()


# ---- generators, coroutines, comprehensions ----

def generator(n):
    for i in range(n):
        yield i
    block_select()
    yield 5


def delegating():
    x = yield from generator(3)
    return x


def delegating_again():
    yield from delegating()


def t_generator():
    for _ in delegating_again():
        pass


def t_list_comprehension():
    return [block_read() for q in (1,)] + \
           [2]


def t_dict_comprehension():
    return {q: {block() for r in (1,)} for q in (1,)}


def t_generator_expression():
    return sum(block() or 1
               for q in (1,))


def t_asyncio():
    async def inner():
        await asyncio.sleep(0)
        time.sleep(100)

    async def middle():
        return (await
                inner())

    async def outer():
        t = asyncio.ensure_future(middle())
        await t
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(outer())


async def agen():
    yield 1
    block()
    yield 2


def t_async_generator():
    async def consume():
        async for _ in agen():
            pass
    try:
        consume().send(None)
    except StopIteration:
        pass


# ---- names and files ----

def naïve_é():
    block()


def 函数():
    naïve_é()


def 𐌀𐌁():
    函数()


def t_unicode():
    𐌀𐌁()


def t_exec():
    exec(compile("\n\n\ndef dyn(a):\n    import time\n    time.sleep(100)\n\ndyn(1)\n",
                 "<dyn>", "exec"), {})


def t_eval():
    eval("[(lambda x: block())(1)]")


def t_import():
    folder = tempfile.mkdtemp()
    name = "slow_module_%d" % os.getpid()
    with open(os.path.join(folder, name + ".py"), "w") as f:
        f.write("import shutil\nimport time\nshutil.rmtree(%r)\n\n\ndef f():\n    time.sleep(100)\n\n\n"
                "f()\n" % folder)
    sys.path.insert(0, folder)
    importlib.import_module(name)


# ---- warmed up: what the specialising interpreters make of the hundredth call ----

class W:
    def __init__(self, k):
        self.k = k
        if k == 60: block()

    @property
    def p(self):
        if self.k == 61: block()
        return 1

    def __getitem__(self, i):
        if i == 62: block()
        return i

    def __getattribute__(self, n):
        if n == "zz63": block()
        return object.__getattribute__(self, n)


class W2(W):
    def __init__(self, k):
        super().__init__(k)

    def __add__(self, o):
        if o == 64: block()
        return o


def t_warm_init():
    for i in range(100):
        W(i)


def t_warm_init_of_base():
    for i in range(100):
        W2(i)


def t_warm_property():
    w = W(0)
    for i in range(100):
        w.k = i
        if i != 60: w.p


def t_warm_item():
    w = W(0)
    for i in range(100):
        w[i]


def t_warm_getattribute():
    w = W(0)
    w.zz = 1
    for i in range(100):
        if i == 63: w.zz63
        else: w.zz


def t_warm_add():
    w = W2(0)
    for i in range(100):
        w + i


def warm_generator(n):
    for i in range(n):
        if i == 65: block()
        yield i


def warm_delegating(n):
    yield from warm_generator(n)


def t_warm_generator():
    for _ in warm_generator(100):
        pass


def t_warm_delegating():
    for _ in warm_delegating(100):
        pass


def t_warm_keywords():
    def f(*a, **k):
        def g(x, *, y=1):
            if x == 66: block()
        return g(*a, **k)
    for i in range(100):
        f(i, y=2)


def t_warm_compare():
    class C:
        def __init__(self, v): self.v = v

        def __lt__(self, o):
            if self.v == 67: block()
            return self.v < o.v
    [C(i) for i in range(100)].sort()


def t_warm_context():
    class C:
        def __init__(self, v): self.v = v
        def __enter__(self): return self

        def __exit__(self, *a):
            if self.v == 68: block()
    for i in range(100):
        with C(i):
            pass


# ---- long code: lines past 1000, jumps of hundreds of lines, code of many kilobytes ----

LONG = "\n" * 1200 + """
def t_long_jump():
    x = 0
""" + "    x += 1\n" * 300 + "    y = (x,\n" + "\n" * 400 + "       block())\n" + \
    "    x += 2\n" * 200 + """    return x

def t_long_code():
    x = 0
""" + "    x = x + 1 if x else x * 2 if x < 3 else x\n" * 700 + """    block()
    return x

def t_long_line():
    x = """ + "+".join(["1*int(1)"] * 300) + """ + int(block() or 0)
    return x
"""
exec(compile(LONG, "long.py", "exec"))


# ---- the judge ----

def native_id():
    return int(os.readlink("/proc/thread-self").rsplit("/", 1)[1])


def wait_for_go(go, ids, started, test):
    ids[threading.get_ident()] = native_id()
    started.release()
    go.wait()
    test()


def function_of(value, code, depth=0):
    """The function with @code that @value is, wraps or decorates."""
    if getattr(value, "__code__", None) is code:
        return value
    inner = [getattr(value, name, None) for name in ("__func__", "fget", "fset", "fdel")]
    inner += [cell.cell_contents for cell in getattr(value, "__closure__", None) or ()]
    for value in inner if depth < 3 else ():
        found = value is not None and function_of(value, code, depth + 1)
        if found:
            return found
    return None


def right_name(frame):
    """Before 3.11 that of the function, in the classes of its first argument, which has this code."""
    code = frame.f_code
    if hasattr(code, "co_qualname"):
        return code.co_qualname
    first = frame.f_locals.get(code.co_varnames[0]) if code.co_argcount else None
    for cls in type.mro(first if isinstance(first, type) else type(first)):
        found = function_of(vars(cls).get(code.co_name), code)
        if found:
            return found.__qualname__
    return code.co_name


def judge(ids):
    truth, threads = {}, {t.ident: t.name for t in threading.enumerate()}
    for ident, frame in sys._current_frames().items():
        if ident not in ids:
            continue
        stack = []
        while frame:
            stack.append([right_name(frame), frame.f_code.co_filename, frame.f_lineno])
            frame = frame.f_back
        truth[ids[ident]] = {"name": threads[ident], "stack": stack}
    return truth


def main():
    tests = [v for k, v in sorted(globals().items()) if k.startswith("t_")]
    go, started, ids = threading.Event(), threading.Semaphore(0), {}
    for test in tests:
        threading.Thread(target=wait_for_go, args=(go, ids, started, test), name=test.__name__,
                         daemon=True).start()
    for _ in tests:
        started.acquire()
    print("ready", flush=True)
    sys.stdin.readline()
    go.set()
    time.sleep(1.5)
    print(json.dumps(judge(ids)), flush=True)
    sys.stdin.readline()
    os._exit(0)


main()
