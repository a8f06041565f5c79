# SPDX-License-Identifier: BSD-2-Clause
"""Mostly idle: a look around every 100 ms, as a worker that waits for work."""
import time


def look_around():
    return sum(range(100))


print(flush=True)
while True:
    time.sleep(0.1)
    look_around()
