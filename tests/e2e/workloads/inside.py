# SPDX-License-Identifier: BSD-2-Clause
"""A thread for each of some ways of waiting, and one that works for half a second once there is a
file "go" beside this one.  For a container: prints nothing, reads nothing, and ends by itself after
the seconds of its argument.  Python 3.6 to 3.15."""
import os
import socket
import sys
import threading
import time

LIFE_SECONDS = float(sys.argv[1])
GO = os.path.join(os.path.dirname(os.path.abspath(__file__)), "go")


def in_sleep():
    time.sleep(LIFE_SECONDS)


def in_lock():
    threading.Event().wait()


def in_ipc(ends=os.pipe()):
    os.read(ends[0], 1)


def in_net():
    server = socket.socket()
    server.bind(("0.0.0.0", 0))  # the loopback device may be down
    server.listen(1)
    server.accept()


def work():
    end = time.process_time() + 0.5
    while time.process_time() < end:
        sum(range(10000))


def wait_to_work():
    while not os.path.exists(GO):
        time.sleep(0.02)
    work()
    time.sleep(LIFE_SECONDS)


for function in in_sleep, in_lock, in_ipc, in_net, wait_to_work:
    threading.Thread(target=function, daemon=True).start()
time.sleep(LIFE_SECONDS)
