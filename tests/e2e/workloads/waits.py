# -*- coding: utf-8 -*-
# SPDX-License-Identifier: BSD-2-Clause
"""A thread for each way of waiting, for as long as it is let, and one that goes from one wait to
another.  Python 3.6 to 3.15.

Prints a line of JSON {"tids": {function: tid}, "main": tid} when all wait, waits for a line, lets
the thread in wait_early() go on to wait_late(), prints {"turned": seconds on the monotonic clock}
and waits for a line to end.  Functions are named in_STATE_how.  With the argument "spin" there is
one more thread, spin(), which never waits.
"""
import json
import os
import select
import socket
import sys
import threading
import time
import warnings

LONG = 1000


def native_id():
    return int(os.readlink("/proc/thread-self").rsplit("/", 1)[1])


def in_sleep():
    time.sleep(LONG)


def in_sleep_select():
    select.select([], [], [], LONG)


def in_lock():
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def in_lock_timed():
    threading.Event().wait(LONG)


def tcp_server():
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(5)
    return server


def in_net_accept(server=tcp_server()):
    server.accept()


def in_net_timeout(server=tcp_server()):
    server.settimeout(LONG)
    server.accept()


def in_net_select(server=tcp_server()):
    select.select([server], [], [], LONG)


def in_net_udp(sock=socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)):
    sock.bind(("::1", 0))
    sock.recv(1)


def in_ipc_pipe(ends=os.pipe()):
    os.read(ends[0], 1)


def in_ipc_unix(ends=socket.socketpair()):
    ends[0].recv(1)


def in_ipc_poll(ends=socket.socketpair()):
    poll = select.poll()
    poll.register(ends[0], select.POLLIN)
    poll.poll()


def in_child(ends=os.pipe()):
    pid = os.fork()
    if pid == 0:
        os.close(ends[1])
        os.read(ends[0], 1)  # until the parent ends, however it does
        os._exit(0)
    os.waitpid(pid, 0)


def in_poll_epoll(ends=os.pipe()):
    epoll = select.epoll()
    epoll.register(ends[0], select.EPOLLIN)
    epoll.poll(LONG)


def in_poll_select(ends=os.pipe() + os.pipe()):
    select.select([ends[0], ends[2]], [], [], LONG)


def spin():
    x = 0
    while True:
        x += 1


def wait_early():
    EARLY.acquire()


def wait_late():
    LATE.acquire()


def turn():
    wait_early()
    TURNED.append(time.monotonic())
    wait_late()


TURNED, TIDS = [], {}
EARLY, LATE = threading.Lock(), threading.Lock()
EARLY.acquire()
LATE.acquire()
STARTED = threading.Semaphore(0)


def run(function):
    TIDS[function.__name__] = native_id()
    STARTED.release()
    function()


def main():
    warnings.simplefilter("ignore")  # of forking while there are threads
    functions = [f for name, f in sorted(globals().items()) if name.startswith("in_")] + [turn]
    if sys.argv[1:] == ["spin"]:
        functions.append(spin)
    for function in functions:
        threading.Thread(target=run, args=(function,), daemon=True).start()
    for _ in functions:
        STARTED.acquire()
    time.sleep(0.5)
    print(json.dumps({"tids": TIDS, "main": native_id()}), flush=True)
    sys.stdin.readline()
    EARLY.release()
    time.sleep(0.1)
    print(json.dumps({"turned": TURNED[0]}), flush=True)
    sys.stdin.readline()
    os._exit(0)


main()
