# -*- coding: utf-8 -*-
# SPDX-License-Identifier: BSD-2-Clause
"""Calls that end with their program: leaves() takes 50 ms and then does what the argument says.
Python 3.11 to 3.15.

Prints "ready" and waits for a line first.  "exit": sys.exit(); "kill": it is killed; "exec": it becomes another program, which takes half a
second; "thread": the same in a thread that is not the first.
"""
import os
import signal
import sys
import threading
import time


def leaves(how):
    time.sleep(0.05)
    if how == "exit":
        sys.exit(0)
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(1)
    os.execv("/bin/sleep", ["sleep", "0.5"])


def main():
    if sys.argv[1] == "thread":
        thread = threading.Thread(target=leaves, args=("exec",))
        thread.start()
        thread.join()
    leaves(sys.argv[1])


print("ready", flush=True)
sys.stdin.readline()
main()
