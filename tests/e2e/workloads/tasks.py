# SPDX-License-Identifier: BSD-2-Clause
"""asyncio tasks that measure the time of their own steps.

tasks.py CASE: says "ready", waits for a line, runs the case, and says as JSON what each task spent:
{"tasks": {name: {"cpu": by thread_time, "asleep": at least, "in_sleep": at most, "coroutine":,
"awaited_by":}}, "pid":}.  Runs with CPython 3.8.
"""
import asyncio
import json
import os
import resource
import sys
import time

LONG = "x" * 70  # adder keeps 64 bytes of a name
HAS_AWAITERS = sys.version_info >= (3, 14)  # gather() and TaskGroup say who awaits

spent = {}


class Own(asyncio.Task):
    pass


def note(name, **more):
    entry = spent.setdefault(name, {"cpu": 0.0, "asleep": 0.0, "in_sleep": 0.0, "awaited_by": None})
    for key, value in more.items():
        entry[key] = entry.get(key, 0.0) + value if isinstance(value, float) else value


def my_name():
    return asyncio.current_task().get_name()


def burn(seconds, name=None):
    begin = time.thread_time()
    while time.thread_time() < begin + seconds:
        pass
    note(name or my_name(), cpu=time.thread_time() - begin)


def block(seconds, name=None):
    begin = time.perf_counter()
    time.sleep(seconds)
    note(name or my_name(), asleep=seconds, in_sleep=time.perf_counter() - begin)


async def hog():
    for _ in range(4):
        burn(0.05)
        await asyncio.sleep(0)


async def sleeper():
    for _ in range(3):
        block(0.04)
        await asyncio.sleep(0.001)


async def deep():
    async def inner():
        await asyncio.sleep(0.001)
        burn(0.05)
        block(0.03)
    await inner()


async def fetch():
    await asyncio.sleep(0.001)
    block(0.05)
    burn(0.04)


async def page():
    await named("fetch-1", fetch(), "page-1 < main")
    block(0.02)


async def child():
    await asyncio.sleep(0.001)
    block(0.03)


def named(name, coroutine, awaited_by=None):
    task = asyncio.ensure_future(coroutine)
    task.set_name(name)
    note(name, coroutine=coroutine.__qualname__, awaited_by=awaited_by)
    return task


def unnamed(coroutine, awaited_by=None):
    task = asyncio.ensure_future(coroutine)
    note(task.get_name(), coroutine=coroutine.__qualname__, awaited_by=awaited_by)
    return task


async def in_group(awaited_by):
    async with asyncio.TaskGroup() as group:
        task = group.create_task(child(), name="of-group")
        note("of-group", coroutine="child", awaited_by=awaited_by)
    return task


async def kinds():
    """Tasks of all kinds."""
    asyncio.current_task().set_name("main")
    note("main", coroutine="kinds")
    await named("hog", hog(), "main")
    await named("sleeper", sleeper(), "main")
    await named("deep", deep(), "main")
    await named("page-1", page(), "main")
    await named("naïve 任务", child(), "main")
    await named(LONG, child(), "main")
    await unnamed(child(), "main")
    by = "main" if HAS_AWAITERS else None
    await asyncio.gather(named("of-gather-1", child(), by), named("of-gather-2", child(), by))
    if hasattr(asyncio, "TaskGroup"):
        await in_group(by)
    asyncio.get_event_loop().set_task_factory(lambda loop, coro, **kw: Own(coro, loop=loop, **kw))
    await named("own", child(), "main")
    block(0.02)


async def work(name):
    block(0.002, name)
    await asyncio.sleep(0)
    block(0.001, name)


async def many():
    """More default names than are told apart; two kinds of coroutine, one awaited by the other."""
    asyncio.current_task().set_name("main")

    async def other(name):
        block(0.001, name)
        await asyncio.ensure_future(work("awaited"))
    for _ in range(60):
        await asyncio.gather(work("alone"), other("other"))


async def names():
    """More names than are told apart."""
    asyncio.current_task().set_name("main")

    async def job():
        block(0.0001, "job")
    for i in range(4500):
        task = asyncio.ensure_future(job())
        task.set_name("job-%d" % i)
        await task


async def wait_for_turns(done, born):
    """Ready all the time, and run for next to nothing: how long it waits is known from its clock."""
    name = my_name()
    note(name, waited=time.perf_counter() - born)
    while not done.is_set():
        begin = time.perf_counter()
        await asyncio.sleep(0)
        note(name, waited=time.perf_counter() - begin)


def delay():
    """How long this thread has waited for a CPU."""
    with open("/proc/thread-self/schedstat") as file:
        return int(file.read().split()[1]) / 1e9


def preempted():
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nivcsw


async def hold(count, work):
    """One task has the loop, @count others wait for it.  "delayed": while none had it, for a CPU;
    "stints": how often a CPU was taken from it."""
    done = asyncio.Event()

    async def holder():
        for _ in range(6):
            begin, before = time.perf_counter(), delay()
            note("holder", delayed=before)
            work(0.05)
            note("holder", held=time.perf_counter() - begin, delayed=-delay())
            await asyncio.sleep(0)
        done.set()
    names = ["holder"] + ["waiter-%d" % i for i in range(count)]
    born = time.perf_counter()
    note("holder", delayed=-delay(), stints=-float(preempted()))
    tasks = [named(name, wait_for_turns(done, born) if i else holder())
             for i, name in enumerate(names)]
    await asyncio.gather(*tasks)
    note("holder", delayed=delay(), stints=float(preempted()))


def outside():
    """No task: callbacks and what runs no loop."""
    loop = asyncio.new_event_loop()
    loop.call_soon(block, 0.05, "callback")
    loop.call_later(0.01, loop.stop)
    loop.run_forever()
    block(0.03, "no loop")


CASES = {
    "kinds": kinds, "many": many, "names": names,
    "blocked": lambda: hold(3, block), "busy": lambda: hold(3, burn), "crowd": lambda: hold(40, block),
}


def main():
    print("ready", flush=True)
    sys.stdin.readline()
    if sys.argv[1] == "outside":
        outside()
    else:
        asyncio.run(CASES[sys.argv[1]]())
    print(json.dumps({"tasks": spent, "pid": os.getpid()}), flush=True)
    sys.stdin.readline()


main()
