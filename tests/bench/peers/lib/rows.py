# SPDX-License-Identifier: BSD-2-Clause
"""What was measured of whom, and the table of it."""
import statistics
from collections import namedtuple

import table

# values: {contestant's name: [one a round]}; more: whether more is better
Row = namedtuple("Row", "workload what unit values more", defaults=[False])
NOBODY = namedtuple("Nobody", "name")("none against none")  # stands for turns without a profiler


class Rows:
    """Rows that grow by a value a round; in the order in which they are first met."""

    def __init__(self, workload):
        self.workload, self.rows = workload, {}

    def add(self, what, unit, contestant, value, more=False):
        row = self.rows.setdefault(what, Row(self.workload, what, unit, {}, more))
        row.values.setdefault(contestant.name, []).append(value)

    def list(self):
        return list(self.rows.values())


def cell(values):
    if not values:
        return "-"
    middle = table.digits(statistics.median(values))
    return middle if len(values) == 1 else "%s (%s to %s)" % (
        middle, table.digits(min(values)), table.digits(max(values)))


def rivals(row, contestants):
    """(one of the contestants, adder on the same Python) for each that is not adder."""
    adders = {c.python: c.name for c in contestants if c.name.startswith("adder")}
    for c in contestants:
        adder = adders.get(c.python)
        if c.name != adder and row.values.get(c.name) and row.values.get(adder):
            yield c.name, adder


def chance(row, rounds):
    """By how much two medians of a row differ by noise alone, but once in twenty times.

    A figure is of one turn against the mean of two, noise of one against one."""
    noise = row.values.get(NOBODY.name, [])
    return 2 * (1.5 * statistics.variance(noise) / rounds) ** 0.5 if len(noise) > 1 else 0


def verdict(row, contestants):
    """How adder does: "best", "level with" (ranges overlap, or chance explains it) or "behind" whom."""
    sign, level, behind, others = -1 if row.more else 1, [], [], 0
    for peer, adder in rivals(row, contestants):
        ours, theirs = ([sign * v for v in row.values[name]] for name in (adder, peer))
        others += 1
        worse = statistics.median(ours) - statistics.median(theirs)
        if worse > 0:
            clear = min(ours) > max(theirs) and worse > chance(row, len(ours))
            (behind if clear else level).append(peer)
    if behind:
        return "behind " + " and ".join(behind)
    if level:
        return "level with " + " and ".join(level)
    return "best" if others else "alone"


def lines(rows, contestants):
    """A Markdown table."""
    columns = [c.name for c in contestants] + [NOBODY.name]
    yield ["workload", "what", "unit"] + columns + ["adder is"]
    yield ["---"] * (len(columns) + 4)
    last = None
    for row in rows:
        yield [row.workload if row.workload != last else "", row.what, row.unit] + \
            [cell(row.values.get(name)) for name in columns] + [verdict(row, contestants)]
        last = row.workload


def text(rows, contestants):
    return "".join("| %s |\n" % " | ".join(line) for line in lines(rows, contestants))
