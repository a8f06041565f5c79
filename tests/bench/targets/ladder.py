# SPDX-License-Identifier: BSD-2-Clause
"""Stacks of a given depth, of many functions: each calls the next one.

Recursion would flatter a profiler: one code object, read again and again, stays in the CPU's cache.
"""
RUNGS = 24
SOURCE = """
def rung%d(depth, act, *args):
    if depth <= 1:
        return act(*args)
    return next_rung(depth - 1, act, *args)
"""


def make_rungs():
    """The functions, each with globals of its own, in which next_rung is the next."""
    worlds = [{} for _ in range(RUNGS)]
    files = ["ladder%d.py" % i for i in range(RUNGS // 4)]  # functions share their file's name
    for i, world in enumerate(worlds):
        exec(compile(SOURCE % i, files[i // 4], "exec"), world)
    for i, world in enumerate(worlds):
        world["next_rung"] = worlds[(i + 1) % RUNGS]["rung%d" % ((i + 1) % RUNGS)]
    return worlds[0]["rung0"]


# climb(depth, act, *args) calls act(*args) with @depth frames above the caller's
climb = make_rungs()
