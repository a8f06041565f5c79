# -*- coding: utf-8 -*-
# SPDX-License-Identifier: BSD-2-Clause
"""Calls that end with their program: leaves() takes 50 ms and then does what the argument says.
Python 3.8 to 3.15.

Prints "ready" and waits for a line first.  "exit": sys.exit(); "_exit": os._exit(); "kill": it is killed; "exec": it becomes another
program, which takes half a second; "thread": the same in a thread that is not the first; "stay": it waits to be killed.  Just before
that it prints when main() and leaves() began and how late it is, by perf_counter().
"""
import os
import signal
import sys
import threading
import time


now = time.perf_counter
begun = []


def leaves(how):
    begun.append(now())
    time.sleep(0.05)
    print("%.9f %.9f %.9f" % (begun[0], begun[1], now()), flush=True)
    if how == "stay":
        time.sleep(100)
    if how == "exit":
        sys.exit(0)
    if how == "_exit":
        os._exit(0)
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(1)
    os.execv(sys.executable, [sys.executable, "-I", "-S", "-c", "import time; time.sleep(0.5)"])


def main():
    begun.append(now())
    if sys.argv[1] == "thread":
        thread = threading.Thread(target=leaves, args=("exec",))
        thread.start()
        thread.join()
    leaves(sys.argv[1])


print("ready", flush=True)
sys.stdin.readline()
main()
