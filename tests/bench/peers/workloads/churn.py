# SPDX-License-Identifier: BSD-2-Clause
"""A program whose stack is another one every few hundred nanoseconds; lists all that it can have.

ph_a is in a1 to a12, each called by the one before, ph_b in b1 to b12 likewise, ph_both in either.
"""
import time

import asked

DEPTH = 12
FUNCTION = "def {0}{1}():\n    return {0}{2}() + 1\n"
for chain in "ab":
    exec("def %s%d():\n    return 1\n" % (chain, DEPTH))
    for level in range(DEPTH - 1, 0, -1):
        exec(FUNCTION.format(chain, level, level + 1))


def ph_a():
    until = time.thread_time() + 0.02
    while time.thread_time() < until:
        a1(), a1(), a1(), a1()


def ph_b():
    until = time.thread_time() + 0.02
    while time.thread_time() < until:
        b1(), b1(), b1(), b1()


def ph_both():
    until = time.thread_time() + 0.02
    while time.thread_time() < until:
        a1(), b1(), a1(), b1()


def legal():
    """Every stack within a phase, outermost first."""
    for phase, chains in (("ph_a", "a"), ("ph_b", "b"), ("ph_both", "ab")):
        for chain in chains:
            for depth in range(DEPTH + 1):
                yield ["<module>", "serve", "work", "charge", phase] + \
                    ["%s%d" % (chain, i + 1) for i in range(depth)]


def work(seconds):
    account, until = asked.Account(), time.perf_counter() + seconds
    while time.perf_counter() < until:
        for phase in ph_a, ph_b, ph_both:
            account.charge(phase)
    return {"legal": list(legal()), "spent": account.told()}


asked.serve(work)
