# -*- coding: utf-8 -*-
# SPDX-License-Identifier: BSD-2-Clause
"""Waits of four kinds, many thousands a second, timed by themselves.  Python 3.6 to 3.15.

  handover.py pipe|unix|tcp|threads SECONDS

The other end of a pipe or socket, a process, is asked and answers: at once, after it has spun for 0.2 ms,
or once a second after half a second's sleep; all through the same file.  "threads": it is a thread,
and each hand-over one of the GIL.  Prints "ready", waits for a line, plays, prints {"pid", "tid",
"cpu": seconds of the thread, "inner", "outer": {function: seconds}} and waits for a line to end.
What a function takes lies between what it measures of itself and what its caller measures of it.
"""
import json
import os
import socket
import sys
import threading
import time

clock = time.perf_counter
INNER = {}
OUTER = {}


def answer(file):
    while True:
        question = file[0](1)
        if question == b"s":
            end = clock() + 0.0002
            while clock() < end:
                pass
        elif question == b"r":
            time.sleep(0.5)
        elif question != b"q":
            return
        file[1](b"!")


def close_pipe(*files):
    for file in files:
        os.close(file)


def pipe_ends():
    """Two ends, each how to read, how to write and how to close it."""
    mine, theirs = os.pipe(), os.pipe()
    return ((lambda n: os.read(mine[0], n), lambda data: os.write(theirs[1], data),
             lambda: close_pipe(mine[0], theirs[1])),
            (lambda n: os.read(theirs[0], n), lambda data: os.write(mine[1], data),
             lambda: close_pipe(theirs[0], mine[1])))


def socket_ends(tcp):
    if tcp:
        server = socket.socket()
        server.bind(("127.0.0.1", 0))
        server.listen(1)
        mine = socket.create_connection(server.getsockname())
        theirs = server.accept()[0]
        for end in (mine, theirs):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    else:
        mine, theirs = socket.socketpair()
    return (mine.recv, mine.send, mine.close), (theirs.recv, theirs.send, theirs.close)


def start(mode):
    mine, theirs = pipe_ends() if mode in ("pipe", "threads") else socket_ends(mode == "tcp")
    if mode == "threads":
        thread = threading.Thread(target=answer, args=(theirs,))
        thread.daemon = True
        thread.start()
    elif os.fork() == 0:
        mine[2]()
        answer(theirs)
        os._exit(0)
    else:
        theirs[2]()  # so that the end of either is seen by the other
    return mine


def ask_quick(file):
    began = clock()
    file[1](b"q")
    file[0](1)
    INNER["ask_quick"] += clock() - began


def ask_slow(file):
    began = clock()
    file[1](b"s")
    file[0](1)
    INNER["ask_slow"] += clock() - began


def ask_rarely(file):
    began = clock()
    file[1](b"r")
    file[0](1)
    INNER["ask_rarely"] += clock() - began


def nap(file):
    began = clock()
    time.sleep(0.01)
    INNER["nap"] += clock() - began


def timed(function, file):
    began = clock()
    function(file)
    OUTER[function.__name__] += clock() - began


def play(file, seconds):
    end, second = clock() + seconds, 0
    began = clock()
    while clock() < end:
        for _ in range(50):
            for _ in range(20):
                timed(ask_quick, file)
            timed(ask_slow, file)
        timed(nap, file)
        if clock() - began > second + 0.3:
            timed(ask_rarely, file)
            second += 1


def cpu_now():
    return time.thread_time() if hasattr(time, "thread_time") else time.clock_gettime(3)


def main():
    os.sched_setaffinity(0, [max(os.sched_getaffinity(0))])  # so that each hand-over is a switch
    file = start(sys.argv[1])
    for function in (ask_quick, ask_slow, ask_rarely, nap):
        INNER[function.__name__] = OUTER[function.__name__] = 0.0
    print("ready")
    sys.stdout.flush()
    sys.stdin.readline()
    cpu = cpu_now()
    play(file, float(sys.argv[2]))
    cpu = cpu_now() - cpu
    tid = int(os.readlink("/proc/thread-self").rsplit("/", 1)[1])
    print(json.dumps({"pid": os.getpid(), "tid": tid, "cpu": cpu, "inner": INNER, "outer": OUTER}))
    sys.stdout.flush()
    sys.stdin.readline()
    os._exit(0)


main()
