# SPDX-License-Identifier: BSD-2-Clause
"""A short life: 10 to 40 ms of work and sleep, in a function named by the first argument."""
import sys
import time


def burn(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        sum(range(100))


def live(work, rest):
    burn(work)
    time.sleep(rest)


name, work, rest = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
space = {"live": live, "work": work, "rest": rest}
exec(compile("def %s():\n    live(work, rest)\n" % name, "<%s>" % name, "exec"), space)
space[name]()
