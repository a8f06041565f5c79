# SPDX-License-Identifier: BSD-2-Clause
"""CPU and disk, mixed for some seconds (argument), each function's CPU measured by itself.

Prints "ready", waits for a line, works, prints a line of JSON {"pid", "cpu": {function: seconds},
"total": seconds of the thread} and waits for a line to end.
"""
import json
import os
import sys
import tempfile
import time


def cpu_now():
    return time.clock_gettime(time.CLOCK_THREAD_CPUTIME_ID)


def spin(seconds):
    end = cpu_now() + seconds
    x = 0
    while cpu_now() < end:
        for _ in range(200):
            x += 1
    return x


def cpu_long():
    spin(0.023)


def cpu_short():
    spin(0.009)


def cpu_strings():
    end = cpu_now() + 0.013
    while cpu_now() < end:
        ",".join(str(i) for i in range(200)).split(",")


def disk(file):
    data = os.urandom(65536)
    for _ in range(6):
        os.pwrite(file, data, 0)
        os.fsync(file)


def sleep():
    time.sleep(0.015)


def timed(cpu, function, *args):
    begin = cpu_now()
    function(*args)
    cpu[function.__name__] = cpu.get(function.__name__, 0) + cpu_now() - begin


def main():
    seconds, cpu = float(sys.argv[1]), {}
    with tempfile.TemporaryFile() as file:
        print("ready", flush=True)
        sys.stdin.readline()
        begin, end = cpu_now(), time.perf_counter() + seconds
        while time.perf_counter() < end:
            timed(cpu, cpu_long)
            timed(cpu, disk, file.fileno())
            timed(cpu, cpu_short)
            timed(cpu, sleep)
            timed(cpu, cpu_strings)
        total = cpu_now() - begin
        print(json.dumps({"pid": os.getpid(), "cpu": cpu, "total": total}), flush=True)
        sys.stdin.readline()


main()
