# -*- coding: utf-8 -*-
# SPDX-License-Identifier: BSD-2-Clause
"""Waits for others, each of a name of its own.  Python 3.6 to 3.15.

Prints "ready" and waits for a line; waits; prints a line of JSON, {function that waits: [state, for
whom: what the label `on` ends with]}, and waits for a line.
"""
import json
import os
import queue
import socket
import sys
import tempfile
import threading
import time

ROUNDS, SECONDS = 3, 0.12


def alpha(end):
    x = 0
    while time.monotonic() < end:
        x += 1


def beta(end):
    x = 0
    while time.monotonic() < end:
        x += 1


def waits_for_beta():
    alpha(time.monotonic() + 1)


def waits_for_alpha():
    beta(time.monotonic() + 1)


def takes(orders):
    for _ in range(ROUNDS):
        orders.get()


def produces(orders):
    for _ in range(ROUNDS):
        time.sleep(SECONDS)
        orders.put(1)


def awaits_events(events):
    for event in events:
        event.wait()


def sets(events):
    for event in events:
        time.sleep(SECONDS)
        event.set()


def awaits_condition(condition):
    with condition:
        for _ in range(ROUNDS):
            condition.wait()


def notifies(condition):
    for _ in range(ROUNDS):
        time.sleep(SECONDS)
        with condition:
            condition.notify()


def asks_ipv6(server):
    for _ in range(ROUNDS):
        server.sendall(b"?")
        server.recv(1)


def asks_by_path(server):
    for _ in range(ROUNDS):
        server.sendall(b"?")
        server.recv(1)


def answers(listener):
    connection = listener.accept()[0]
    while connection.recv(1):
        time.sleep(SECONDS)
        connection.sendall(b"!")


def writes(file):
    end = time.monotonic() + 0.4
    while time.monotonic() < end:
        os.pwrite(file, b"x" * 65536, 0)
        os.fsync(file)


def reads_of_child(pipe):
    for _ in range(ROUNDS):
        os.read(pipe, 1)


def at_once(*functions):
    threads = [threading.Thread(target=f[0], args=f[1:]) for f in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def serve(family, address):
    """A connection to a thread that answers there, and where."""
    listener, client = socket.socket(family), socket.socket(family)
    listener.bind(address)
    listener.listen(1)
    threading.Thread(target=answers, args=(listener,), daemon=True).start()
    client.connect(listener.getsockname())
    return client, listener.getsockname()


def fork_writer(pipe):
    pid = os.fork()
    if not pid:
        for _ in range(ROUNDS):
            time.sleep(SECONDS)
            os.write(pipe, b"x")
        time.sleep(0.2)
        os._exit(0)
    return pid


def main():
    os.makedirs("/var/tmp", exist_ok=True)  # on a disk; an unpacked tree of packages may lack it
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        print("ready", flush=True)
        sys.stdin.readline()
        at_once((waits_for_beta,), (waits_for_alpha,))
        orders = queue.Queue()
        at_once((takes, orders), (produces, orders))
        events = [threading.Event() for _ in range(ROUNDS)]
        at_once((awaits_events, events), (sets, events))
        condition = threading.Condition()
        at_once((awaits_condition, condition), (notifies, condition))
        client, ipv6 = serve(socket.AF_INET6, ("::1", 0))
        asks_ipv6(client)
        client, path = serve(socket.AF_UNIX, folder + "/socket")
        asks_by_path(client)
        data = folder + "/data"
        writes(os.open(data, os.O_RDWR | os.O_CREAT))
        ends = os.pipe()
        child = fork_writer(ends[1])
        reads_of_child(ends[0])
        print(json.dumps({
            "waits_for_beta": ["gil", "beta"], "waits_for_alpha": ["gil", "alpha"],
            "takes": ["lock", "produces"], "awaits_events": ["lock", "sets"],
            "awaits_condition": ["lock", "notifies"], "asks_ipv6": ["net", "[::1]:%d" % ipv6[1]],
            "asks_by_path": ["ipc", path], "writes": ["disk", data],
            "reads_of_child": ["ipc", " (%d)" % child]}), flush=True)
        sys.stdin.readline()


main()
