# -*- coding: utf-8 -*-
# SPDX-License-Identifier: BSD-2-Clause
"""A thread that wakes for moments only, deep in a recursion.  Python 3.6 to 3.15.

Prints "ready" at the bottom, and sleeps there in doze() half a second at a time.
"""
import time

DEPTH = 600  # frames of several pages


def doze():
    while True:
        time.sleep(0.5)


def down(n):
    if n:
        down(n - 1)
    print("ready", flush=True)
    doze()


down(DEPTH)
