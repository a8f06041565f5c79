# SPDX-License-Identifier: BSD-2-Clause
"""Programs that go on by themselves: loops.py NAME [PORT]."""
import concurrent.futures
import multiprocessing
import os
import subprocess
import sys
import threading
import zlib

from counted import counted


def numpy():
    """BLAS, by as many threads as it likes, and a loop."""
    import numpy as np
    square = np.random.default_rng(1).random((300, 300))

    @counted
    def multiply():
        for _ in range(10):
            square @ square

    @counted
    def decompose():
        np.linalg.svd(square)

    @counted
    def loop():
        return [float(x) ** 0.5 for x in square[0] for _ in range(100)]

    while True:
        multiply()
        decompose()
        loop()


def gil_release():
    """Two threads that compress without the GIL, and one that needs it."""
    data = os.urandom(1 << 19)

    @counted
    def compress():
        zlib.compress(data, 6)

    @counted
    def pure():
        sum(i * i for i in range(20000))

    def forever(function):
        while True:
            function()

    for function in compress, compress, pure:
        threading.Thread(target=forever, args=(function,)).start()


@counted
def crunch(n):
    return sum(i * i % 7 for i in range(n))


def processes(context=None):
    """Two workers, forked."""
    with concurrent.futures.ProcessPoolExecutor(2, context) as pool:
        while True:
            list(pool.map(crunch, [20000] * 100, chunksize=5))


def fork_server():
    """Two workers that a server has forked, which is a program of its own."""
    processes(multiprocessing.get_context("forkserver"))


def spawning():
    """One program after another."""
    @counted
    def spawn():
        subprocess.run(["true"])

    while True:
        spawn()


def forking():
    """One child after another, which does a little."""
    @counted
    def fork():
        pid = os.fork()
        if pid == 0:
            sum(range(20000))
            os._exit(0)
        os.waitpid(pid, 0)

    while True:
        fork()


if __name__ == "__main__":  # a fork server's children import it, too
    globals()[sys.argv[1]]()
