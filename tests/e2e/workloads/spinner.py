# -*- coding: utf-8 -*-
# SPDX-License-Identifier: BSD-2-Clause
"""Prints "ready", waits for a line, spins for two seconds, prints "done", waits for a line."""
import sys
import time


def spin(seconds):
    end = time.time() + seconds
    while time.time() < end:
        pass


print("ready", flush=True)
sys.stdin.readline()
spin(2)
print("done", flush=True)
sys.stdin.readline()
