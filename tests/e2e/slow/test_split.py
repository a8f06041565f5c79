#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The walk budget's split of waits that were not walked, at the highest rates of switches."""
import os
import statistics
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
import harness
from harness import case
from judging import off_by, record_with, wrong_sums
from pythons import spread

SECOND = 1e9

MODES = ("pipe", "unix", "tcp", "threads")
PLAYS = 5       # an outlier in one of them is chance, the median is not
PLAY_SECONDS = 1.5
BUDGETS = ("0.2", "100")


class Mode:
    def __init__(self, name):
        self.name = name


def check_hand_over(profile, result):
    """What holds in any single play, whatever was walked."""
    wrong = wrong_sums(profile, result["tid"])
    cpu = sum(s.values["cpu"] for s in profile.samples
              if s.labels.get("tid") == result["tid"]) / SECOND
    if abs(cpu - result["cpu"]) > 0.01 * result["cpu"] + 0.02:
        wrong.append("CPU %.3f s, but used %.3f s" % (cpu, result["cpu"]))
    off = off_by(profile, result, "ask_rarely")
    if abs(off) > 0.02 * result["outer"]["ask_rarely"]:
        wrong.append("ask_rarely: %+.3f s of %.3f s" % (off, result["outer"]["ask_rarely"]))
    return wrong


def each_mode():
    return [Mode(name) for name in MODES]


@case(each=each_mode, alone=True)
def split_is_unbiased(mode):
    """Against the program's own watches, and against the same without a limit: in points of the
    time that the functions took together.  The median of the plays is off by 3 points at most, and
    on a busy machine, where single waits are long, by as much as the plays differ among themselves."""
    pythons = spread()
    python = pythons[len(pythons) // 2]
    errors, walked = {}, [0, 0]
    for budget in BUDGETS:
        for _ in range(PLAYS):
            profile, result = record_with(python, budget, "handover.py", mode.name, PLAY_SECONDS)
            wrong = check_hand_over(profile, result)
            assert not wrong, "budget %s: %s" % (budget, "; ".join(wrong))
            total = sum(result["outer"].values()) - result["outer"]["ask_rarely"]
            for function in ("ask_quick", "ask_slow", "nap"):
                errors.setdefault((budget, function), []).append(
                    100 * off_by(profile, result, function) / total)
            if budget != "100":
                walked = [n + int(profile.comments[k]) for n, k in zip(walked, ("walked", "unwalked"))]
    assert walked[1] > walked[0], "%d walked, %d not: the budget had nothing to do" % tuple(walked)
    medians = {key: statistics.median(values) for key, values in errors.items()}
    wrong = ["%s, budget %s: %s points" % (key[1], key[0], " ".join("%+.1f" % v for v in sorted(values)))
             for key, values in errors.items()
             if abs(medians[key]) > 3 + (sorted(values)[-2] - sorted(values)[1]) / 2]
    assert not wrong, "; ".join(wrong)
    return "1 of %.1f walked; worst %+.1f points, unlimited %+.1f" % tuple(
        [sum(walked) / walked[0]] +
        [max((m for key, m in medians.items() if key[0] == b), key=abs) for b in BUDGETS])


if __name__ == "__main__":
    harness.main()
