# SPDX-License-Identifier: BSD-2-Clause
"""Forks without exec, and execs into another interpreter.

Arguments: the program to exec into, the script for it and its arguments.  Prints "ready", waits for
a line, prints a line of JSON {"fork": pid of the child that only forked, "exec": pid of the one that
became another Python} and waits for a line to end.
"""
import json
import os
import sys
import time


def burn(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        sum(range(100))


def child_work():
    burn(0.05)
    time.sleep(0.1)


def grandchild_work():
    burn(0.05)


def before_exec():
    burn(0.05)
    time.sleep(0.05)


def fork_only():
    pid = os.fork()
    if pid == 0:
        child_work()
        if os.fork() == 0:
            grandchild_work()
            os._exit(0)
        os.wait()
        os._exit(0)
    return pid


def fork_and_exec(argv):
    pid = os.fork()
    if pid == 0:
        before_exec()
        os.execv(argv[0], argv)
    return pid


def main():
    print("ready", flush=True)
    sys.stdin.readline()
    pids = {"fork": fork_only(), "exec": fork_and_exec(sys.argv[1:])}
    for pid in pids.values():
        os.waitpid(pid, 0)
    print(json.dumps(pids), flush=True)
    sys.stdin.readline()


main()
