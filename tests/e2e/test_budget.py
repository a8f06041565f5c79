#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The walk budget: what is not walked is still summed exactly, and is nobody's only if nobody was walked."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import harness
from harness import case
from judging import off_by, record_with, wrong_sums
from pythons import spread


def oldest_and_newest():
    return spread()[::2]


@case(each=oldest_and_newest, alone=True)
def sums_stay_exact(python):
    profile, result = record_with(python, "0.05", "pingpong.py")
    wrong = wrong_sums(profile, result["tid"])
    assert not wrong, "; ".join(wrong)
    walked, unwalked = (int(profile.comments[k]) for k in ("walked", "unwalked"))
    assert unwalked > walked, "%d walked, %d not: the budget had nothing to do" % (walked, unwalked)
    return "%d of %d walked" % (walked, walked + unwalked)


@case(each=oldest_and_newest, alone=True)
def without_limit(python):
    profile, result = record_with(python, "100", "pingpong.py")
    wrong = wrong_sums(profile, result["tid"])
    assert not wrong, "; ".join(wrong)
    assert profile.comments["unwalked"] == "0", profile.comments["unwalked"]


@case(each=oldest_and_newest, alone=True)
def long_waits_keep_their_stack(python):
    """Through the same file as thousands of short ones, next to none of which are walked."""
    profile, result = record_with(python, "0.05", "handover.py", "pipe", 3)
    wrong = wrong_sums(profile, result["tid"])
    off, took = off_by(profile, result, "ask_rarely"), result["outer"]["ask_rarely"]
    if abs(off) > 0.02 * took:
        wrong.append("ask_rarely: %+.3f s of %.3f s" % (off, took))
    assert not wrong, "; ".join(wrong)
    assert int(profile.comments["unwalked"]), "all were walked"
    return "%s of %d walked; %+.1f ms of %.3f s" % (
        profile.comments["walked"], sum(int(profile.comments[k]) for k in ("walked", "unwalked")),
        1000 * off, took)


if __name__ == "__main__":
    harness.main()
