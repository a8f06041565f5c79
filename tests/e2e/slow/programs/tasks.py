# SPDX-License-Identifier: BSD-2-Clause
"""Celery's tasks; as a program, feed them for the seconds of its argument and print how many."""
import os
import sys
import time

from celery import Celery

from counted import counted

REDIS = "redis://127.0.0.1:%s/" % os.environ["REDIS_PORT"]
app = Celery("tasks", broker=REDIS + "0", backend=REDIS + "1")


@counted
def crunch(n):
    return sum(i * i % 7 for i in range(n))


@app.task(name="work")
def work(n):
    return crunch(n)


if __name__ == "__main__":
    end, count = time.monotonic() + float(sys.argv[1]), 0
    while time.monotonic() < end:
        results = [work.delay(20000) for _ in range(20)]
        for result in results:
            result.get(timeout=20)
        count += len(results)
    print("calls", count)
