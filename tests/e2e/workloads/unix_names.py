# SPDX-License-Identifier: BSD-2-Clause
"""Threads that wait for servers on UNIX sockets without a path, whose names end with their length alone.

Prints a line of JSON {tid: name} when all wait, and waits for a line to end.  Python 3.6 to 3.15.
"""
import json
import os
import socket
import sys
import threading

NAMES = 40  # of one length: what lies behind one in the kernel's memory may be another


def native_id():
    return int(os.readlink("/proc/thread-self").rsplit("/", 1)[1])


def in_ipc_abstract(client):
    client.recv(1)


def serve(name):
    server = socket.socket(socket.AF_UNIX)
    server.bind("\0" + name)
    server.listen(1)
    return server


def wait(name):
    client = socket.socket(socket.AF_UNIX)
    client.connect("\0" + name)
    TIDS[native_id()] = name
    STARTED.release()
    in_ipc_abstract(client)


TIDS, STARTED = {}, threading.Semaphore(0)
ALL = ["adder-%d-%02d" % (os.getpid(), i) for i in range(NAMES)]
SERVERS = [serve(name) for name in ALL]
for one in ALL:
    threading.Thread(target=wait, args=(one,), daemon=True).start()
for one in ALL:
    STARTED.acquire()
print(json.dumps(TIDS), flush=True)
sys.stdin.readline()
os._exit(0)
