# SPDX-License-Identifier: BSD-2-Clause
"""Work and sleep in turn, in a function named by the first argument, for the seconds of the second."""
import sys
import time


def serve(seconds):
    end = time.time() + seconds
    while time.time() < end:
        sum(range(50000))
        time.sleep(0.005)


name, seconds = sys.argv[1], float(sys.argv[2])
space = {"serve": serve, "seconds": seconds}
exec(compile("def %s():\n    serve(seconds)\n" % name, "<%s>" % name, "exec"), space)
space[name]()
