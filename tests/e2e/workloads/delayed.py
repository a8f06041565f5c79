# SPDX-License-Identifier: BSD-2-Clause
"""Waits of a length that is known before: a slow disk's, and a slow network's.

  delayed.py disk DEVICE COUNT    reads, one block each, past the page cache
  delayed.py net COUNT            questions to a server of its own on the loopback interface

Says "ready", waits for a line, then says what it took: {"pid", "tid", "seconds"}.
"""
import json
import mmap
import os
import socket
import sys
import threading
import time


def in_disk(fd, count):
    block = mmap.mmap(-1, 4096)
    for i in range(count):
        os.preadv(fd, [block], i * 65536)


def in_net(connection, count):
    for _ in range(count):
        connection.sendall(b"?")
        connection.recv(1)


def answer(server):
    connection, _ = server.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while connection.recv(1):
        connection.sendall(b"!")


def connect():
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(1)
    threading.Thread(target=answer, args=(server,), daemon=True).start()
    connection = socket.create_connection(server.getsockname())
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def main():
    kind, count = sys.argv[1], int(sys.argv[-1])
    if kind == "disk":
        what, wait = os.open(sys.argv[2], os.O_RDONLY | os.O_DIRECT), in_disk
    else:
        what, wait = connect(), in_net
    print("ready", flush=True)
    sys.stdin.readline()
    begin = time.perf_counter()
    wait(what, count)
    seconds = time.perf_counter() - begin
    print(json.dumps({"pid": os.getpid(), "tid": threading.main_thread().native_id,
                      "seconds": seconds}), flush=True)
    sys.stdin.readline()


main()
