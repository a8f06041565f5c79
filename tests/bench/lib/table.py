# SPDX-License-Identifier: BSD-2-Clause
"""Figures with their range, their aim and the verdict, as a Markdown table."""
import statistics
from collections import namedtuple

# values: one a round; aim: what it should be at most, or None; slack: how far the median can be off
# by noise alone, so that a miss within it is "unclear"; note: said in place of figures
Row = namedtuple("Row", "bench what values unit aim slack note")

HEADER = ("bench", "what", "n", "median", "min - max", "unit", "aim", "met")


def figure(bench, what, values, unit, aim=None, slack=0):
    return Row(bench, what, list(values), unit, aim, slack, None)


def said(bench, text):
    return Row(bench, text, [], "", None, 0, text)


def digits(value):
    """Three that mean something."""
    size = abs(value)
    return "%.0f" % value if size >= 100 else "%.1f" % value if size >= 10 else \
        "%.2f" % value if size >= 0.1 else "%.3f" % value


def verdict(row):
    middle = statistics.median(row.values)
    if row.aim is None:
        return "-"
    if middle <= row.aim:
        return "yes"
    return "unclear" if middle - row.aim <= row.slack else "no"


def cells(row):
    span = "%s - %s" % (digits(min(row.values)), digits(max(row.values)))
    aim = "<= %g" % row.aim if row.aim is not None else "-"
    return (row.bench, row.what, str(len(row.values)), digits(statistics.median(row.values)), span,
            row.unit, aim, verdict(row))


def text(rows, heading):
    """A table of the figures, and the remarks below it."""
    lines = [HEADER] + [cells(row) for row in rows if row.values]
    widths = [max(3, *(len(line[i]) for line in lines)) for i in range(len(HEADER))]
    out = [heading, ""]
    for at, line in enumerate(lines):
        out.append("| " + " | ".join(c.ljust(w) for c, w in zip(line, widths)) + " |")
        if not at:
            out.append("|" + "|".join("-" * (w + 2) for w in widths) + "|")
    out.append("")
    out += ["- %s: %s" % (row.bench, row.note) for row in rows if row.note]
    return "\n".join(out) + "\n"
