# SPDX-License-Identifier: BSD-2-Clause
"""RQ's jobs, each of which has a process; as a program, feed them for the seconds of its argument
and print how many."""
import os
import sys
import time

from counted import counted


@counted
def crunch(n):
    return sum(i * i % 7 for i in range(n))


if __name__ == "__main__":
    import redis
    import rq

    queue = rq.Queue(connection=redis.Redis(port=int(os.environ["REDIS_PORT"])))
    end, count = time.monotonic() + float(sys.argv[1]), 0
    while time.monotonic() < end:
        jobs = [queue.enqueue("rqjobs.crunch", 200000) for _ in range(5)]
        while not all(job.get_status() == "finished" for job in jobs):
            time.sleep(0.005)
        count += len(jobs)
    print("calls", count)
