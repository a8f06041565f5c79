# -*- coding: utf-8 -*-
# SPDX-License-Identifier: BSD-2-Clause
"""Two threads that both want to run all the time: with a GIL, in turns.  Python 3.6 to 3.15.

Prints "ready", waits for a line, runs spin() in both, and prints a line of JSON {tid: CPU seconds};
waits for a line to end.
"""
import json
import os
import sys
import threading
import time

SECONDS = 1.5


def spin(end):
    x = 0
    while time.monotonic() < end:
        x += 1


def run(used):
    tid = int(os.readlink("/proc/thread-self").rsplit("/", 1)[1])
    spin(time.monotonic() + SECONDS)
    used[tid] = time.clock_gettime(time.CLOCK_THREAD_CPUTIME_ID)


def main():
    used = {}
    print("ready", flush=True)
    sys.stdin.readline()
    threads = [threading.Thread(target=run, args=(used,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(used), flush=True)
    sys.stdin.readline()


main()
