#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Probes that come and go in a program that is busy."""
import os
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from called import Counted, calls_of
from counting import Counting
from harness import case, every_python, needs

TIMES = 8           # attached and detached
THREADS = 3         # each may have begun a call that it has not counted yet
UNDER_LOAD = 0.15   # seconds, each time
SLOWER = 1.25       # a call afterwards, at most; while it is counted, more than SLOWED times
SLOWED = 4


def cost(program):
    """Nanoseconds a call, as the program measures while its other threads rest."""
    program.hold(True)
    program.go()
    return float(program.read())


@case(each=every_python, alone=True)
def attached_again_and_again(python):
    """To a program of three busy threads: no call is missed or made up, and none slower afterwards."""
    needs(python)
    with Counted(python, "endless", THREADS) as program:
        program.go()
        before = cost(program)
        slowed = 0
        for i in range(TIMES):
            program.hold(False)
            outer = program.own()
            counting = Counting(program.pid)
            inner = program.own()
            time.sleep(UNDER_LOAD)
            if i == TIMES - 1:
                slowed = cost(program)
                program.hold(False)
            least = program.own()
            report, _ = counting.stop()
            most = program.own()
            got = calls_of(report, program)
            wrong = ["%s:%d %d, not %d to %d" % (f + (got[f], least[f] - inner[f], most[f] - outer[f]))
                     for f in got if not least[f] - inner[f] - THREADS <= got[f] <= most[f] - outer[f] + THREADS]
            assert not wrong, "time %d: %s" % (i, "; ".join(wrong[:4]))
        after = cost(program)
        assert program.process.poll() is None, "it has ended"
    assert slowed > SLOWED * before, "a call took %.0f ns, counted %.0f: nothing was tested" % (before, slowed)
    assert after < SLOWER * before, "a call took %.0f ns, now %.0f" % (before, after)
    return "%.0f ns a call, counted %.0f, afterwards %.0f" % (before, slowed, after)


if __name__ == "__main__":
    harness.main()
