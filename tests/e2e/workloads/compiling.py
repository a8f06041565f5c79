# SPDX-License-Identifier: BSD-2-Clause
"""Functions that are made, called once and freed, as by a template engine: each waits once.

Arguments: how many, and "names" for a name to each or "one" for the same name for all.  Prints
"ready", waits for a line, makes half of them, prints "half", makes the others, and prints its CPU
seconds since the line, and waits for a line to end.
"""
import sys
import time


def rest():
    time.sleep(0.000001)


def make(name):
    space = {"rest": rest}
    exec(compile("def %s():\n    rest()\n" % name, "<template>", "exec"), space)
    return space[name]


def main(count, kind):
    for i in range(count):
        make("f%d" % i if kind == "names" else "render")()
        if i == count // 2:
            print("half", flush=True)


print("ready", flush=True)
sys.stdin.readline()
begin = time.process_time()
main(int(sys.argv[1]), sys.argv[2])
print(time.process_time() - begin, flush=True)
sys.stdin.readline()
