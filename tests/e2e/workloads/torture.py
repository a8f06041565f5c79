# SPDX-License-Identifier: BSD-2-Clause
"""Functions that are made, called once and freed, so that their code objects' addresses recur.

Function fN lives in the file "<fN>", begins at line 1 + N % 97 and calls gN, of the file "<gN>",
in the line behind; gN burns or sleeps in its second line.  So a stack tells by itself whether its
names, files and lines belong together.  Prints "ready", waits for a line, works for the seconds of
its argument, prints "done" and waits for a line to end.
"""
import sys
import time


def burn():
    sum(range(2000))


def rest():
    time.sleep(0.0001)


def make(n, kind, body):
    space = {"burn": burn, "rest": rest}
    text = "\n" * (n % 97) + "def %s%d(call=None):\n    %s\n" % (kind, n, body)
    exec(compile(text, "<%s%d>" % (kind, n), "exec"), space)
    return space["%s%d" % (kind, n)]


def main_loop(seconds):
    end, n = time.perf_counter() + seconds, 0
    while time.perf_counter() < end:
        g = make(n, "g", "rest()" if n % 4 == 0 else "burn(); burn()")
        make(n, "f", "call()")(g)
        del g
        n += 1


print("ready", flush=True)
sys.stdin.readline()
main_loop(float(sys.argv[1]))
print("done", flush=True)
sys.stdin.readline()
