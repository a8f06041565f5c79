# SPDX-License-Identifier: BSD-2-Clause
"""What profilers cost their targets, and how much longer than asked for a recording takes."""
import contextlib
import random
import statistics

from rows import NOBODY, Rows
from running import Nothing
from targets import Workload

RATES = (99, 999)
SHAPES = {"fib": "W1: fib", "deep200": "W2: 200 calls deep", "tiny": "W6: tiny calls"}
SHAPE_SECONDS, SERVER_SECONDS = 0.3, 2


def plain(contestant):
    return contestant._replace(settings=())


def by_start(contestants):
    """{how their target runs: contestants}"""
    found = {}
    for c in contestants:
        found.setdefault((c.python, c.settings), []).append(c)
    return found


def excess(value, base):
    return 100 * (value / base - 1)


def against(rows, what, contestant, before, during, after):
    """A slow-down against the mean of the turns without; how these differ is the noise."""
    rows.add(what, "%", contestant, excess(during, (before + after) / 2))
    if after != before:
        rows.add(what, "%", NOBODY, excess(after, before))


def shuffled(contestants):
    return random.sample(contestants, len(contestants))


def start_all(stack, contestants, script, pinned=False):
    """{how it runs: a target}, each of which also runs plainly."""
    ways = by_start(contestants + [plain(c) for c in contestants])
    return {key: stack.enter_context(Workload(cs[0], script, pinned)) for key, cs in ways.items()}


def usual(values):
    """The mean of all but the extreme twentieths: a median would not see what meets few of them."""
    values = sorted(values)
    cut = len(values) // 20
    return statistics.mean(values[cut:len(values) - cut])


def turn(target, session):
    """{(shape, clock): ns of a unit of work}"""
    times = {}
    with session:
        for shape in SHAPES:
            for clock, values in target.ask(shape, SHAPE_SECONDS).items():
                times[shape, clock] = usual(values)
    return times


def slowdown(contestants, rounds):
    """Against a turn before and one after, without a profiler, in the same target if it can be."""
    rows = {shape: Rows(title) for shape, title in SHAPES.items()}
    with contextlib.ExitStack() as stack:
        targets = start_all(stack, contestants, "burn.py", pinned=True)
        for hz in RATES * rounds:
            for c in shuffled(contestants):
                target, base = targets[c.python, c.settings], targets[c.python, ()]
                before = turn(base, Nothing())
                times = turn(target, c.session(target.pid, hz))
                after = turn(base, Nothing())
                for shape, clock in times:
                    what = "slow-down, %s time, %d Hz" % (clock, hz)
                    against(rows[shape], what, c, *(t[shape, clock] for t in (before, times, after)))
    return [row for some in rows.values() for row in some.list()]


def start(contestants, rounds):
    rows = Rows("a program that waits")
    with contextlib.ExitStack() as stack:
        targets = start_all(stack, contestants, "burn.py")
        for _ in range(rounds):
            for c in shuffled(contestants):
                session = c.session(targets[c.python, c.settings].pid, RATES[0], seconds=1)
                rows.add("a recording of 1 s takes longer by", "ms", c,
                         1000 * (session.elapsed_seconds - 1))
    return rows.list()


def serve(target, session):
    """CPU time of a request: their number is the clients' doing, too."""
    with session:
        told = target.ask(SERVER_SECONDS)
    return told["cpu"] / told["requests"]


def server(contestants, rounds):
    """One at a time, as its clients never rest: with settings, the turns without are another's."""
    rows, base = Rows("W7: asyncio server"), {}
    for _ in range(rounds):
        for (python, settings), cs in by_start(contestants).items():
            with Workload(cs[0], "server.py") as target:
                target.ask(0.5)  # warms up
                for c in shuffled(cs):
                    before = base[python] if settings else serve(target, Nothing())
                    during = serve(target, c.session(target.pid, RATES[0]))
                    base[python] = after = before if settings else serve(target, Nothing())
                    against(rows, "slow-down, CPU time a request, 99 Hz", c, before, during, after)
    return rows.list()
