# -*- coding: utf-8 -*-
# SPDX-License-Identifier: BSD-2-Clause
"""One function a way of spending time, each timed by itself.  Python 3.6 to 3.15.

Prints "ready", waits for a line, calls the functions one after the other, prints a line of JSON
{"tid": of the main thread, "cpu": {"self", "children"}, "seconds": {function: seconds},
 "tids": {function: tid, where it is not the main thread}} and waits for a line to end.
"""
import json
import mmap
import os
import random
import resource
import select
import socket
import sys
import tempfile
import threading
import time

ROUNDS = 3  # of each way to wait ...
ROUND_SECONDS = 0.15  # ... of this each
MAPPED_BYTES = 64 << 20


def native_id():
    return int(os.readlink("/proc/thread-self").rsplit("/", 1)[1])


def spin(seconds):
    end = time.perf_counter() + seconds
    x = 0
    while time.perf_counter() < end:
        for _ in range(500):
            x += 1
    return x


def after_a_while(action):
    def helper_thread():
        time.sleep(ROUND_SECONDS)
        action()
    threading.Thread(target=helper_thread).start()


def evict(file):
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)


# ---- each spends its time in one state ----

def in_cpu():
    spin(1.2)


def in_sleep():
    for _ in range(ROUNDS):
        time.sleep(ROUND_SECONDS)


def in_disk(file):
    end = time.perf_counter() + 0.6
    data = b"x" * 65536
    while time.perf_counter() < end:
        os.pwrite(file, data, 0)
        os.fsync(file)


def in_disk_mapped(file):
    end = time.perf_counter() + 0.6
    while time.perf_counter() < end:
        with mmap.mmap(file, MAPPED_BYTES, prot=mmap.PROT_READ) as pages:
            for _ in range(100):
                pages[random.randrange(MAPPED_BYTES)]
        evict(file)


def in_net(sock):
    for _ in range(ROUNDS):
        sock.sendall(b"?")
        sock.recv(1)


def in_net_timeout(sock):
    sock.settimeout(10)
    for _ in range(ROUNDS):
        sock.sendall(b"?")
        sock.recv(1)


def in_net_connect(address):
    socket.create_connection(address).close()


def in_net_accept(server):
    for _ in range(2):
        address = server.getsockname()
        after_a_while(lambda: in_net_connect(address))
        server.accept()[0].close()


def in_ipc_pipe(reader, writer):
    for _ in range(ROUNDS):
        after_a_while(lambda: os.write(writer, b"x"))
        os.read(reader, 1)


def in_ipc_unix(ours, theirs):
    for _ in range(ROUNDS):
        after_a_while(lambda: theirs.sendall(b"x"))
        ours.recv(1)


def in_lock(lock):
    for _ in range(ROUNDS):
        lock.acquire()
        after_a_while(lock.release)
        lock.acquire()
        lock.release()


def in_lock_timed(event):
    for _ in range(ROUNDS):
        event.wait(ROUND_SECONDS)


def in_child():
    for _ in range(ROUNDS):
        pid = os.fork()
        if pid == 0:
            time.sleep(ROUND_SECONDS)
            os._exit(0)
        os.waitpid(pid, 0)


def in_poll_epoll(epoll):
    for _ in range(ROUNDS):
        epoll.poll(ROUND_SECONDS)


def in_poll_select(files):
    for _ in range(ROUNDS):
        select.select(files, [], [], ROUND_SECONDS)


def in_poll_poll(poll):
    for _ in range(ROUNDS):
        poll.poll(1000 * ROUND_SECONDS)


def in_gil():
    spin(1.2)


# ---- what they need around them, not timed ----

def answer_slowly(server):
    connection = server.accept()[0]
    while connection.recv(1):
        time.sleep(ROUND_SECONDS)
        connection.sendall(b"!")


def fill(file):
    """With what no page cache holds: faults on it have to read."""
    for _ in range(MAPPED_BYTES >> 20):
        os.write(file, os.urandom(1 << 20))
    os.fsync(file)
    evict(file)
    return file


def tcp_server():
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(5)
    return server


def slow_connection():
    server = tcp_server()
    threading.Thread(target=answer_slowly, args=(server,), daemon=True).start()
    return socket.create_connection(server.getsockname())


def timed(result, name, function, *args):
    begin = time.perf_counter()
    function(*args)
    result["seconds"][name] = time.perf_counter() - begin


def gil_rivals(result):
    """Two threads that both want to run: only one can hold the GIL."""
    def rival_a():
        result["tids"]["in_gil_a"] = native_id()
        timed(result, "in_gil_a", in_gil)

    def rival_b():
        result["tids"]["in_gil_b"] = native_id()
        timed(result, "in_gil_b", in_gil)
    threads = [threading.Thread(target=f) for f in (rival_a, rival_b)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


def run_all(result, file):
    timed(result, "in_cpu", in_cpu)
    timed(result, "in_sleep", in_sleep)
    timed(result, "in_disk", in_disk, file)
    timed(result, "in_disk_mapped", in_disk_mapped, fill(file))
    timed(result, "in_net", in_net, slow_connection())
    timed(result, "in_net_timeout", in_net_timeout, slow_connection())
    timed(result, "in_net_accept", in_net_accept, tcp_server())
    reader, writer = os.pipe()
    timed(result, "in_ipc_pipe", in_ipc_pipe, reader, writer)
    timed(result, "in_ipc_unix", in_ipc_unix, *socket.socketpair())
    timed(result, "in_lock", in_lock, threading.Lock())
    timed(result, "in_lock_timed", in_lock_timed, threading.Event())
    timed(result, "in_child", in_child)
    epoll, poll = select.epoll(), select.poll()
    for f in (reader, writer):
        poll.register(f, select.POLLIN)
    epoll.register(reader, select.EPOLLIN)
    timed(result, "in_poll_epoll", in_poll_epoll, epoll)
    timed(result, "in_poll_select", in_poll_select, [reader, os.pipe()[0]])
    timed(result, "in_poll_poll", in_poll_poll, poll)
    gil_rivals(result)


def used(who):
    r = resource.getrusage(who)
    return r.ru_utime + r.ru_stime


def main():
    result = {"tid": native_id(), "pid": os.getpid(), "seconds": {}, "tids": {}}
    folder = sys.argv[1] if len(sys.argv) > 1 else None
    with tempfile.TemporaryFile(dir=folder) as file:
        print("ready", flush=True)
        sys.stdin.readline()
        before = used(resource.RUSAGE_SELF), used(resource.RUSAGE_CHILDREN)
        run_all(result, file.fileno())
        result["cpu"] = {"self": used(resource.RUSAGE_SELF) - before[0],
                         "children": used(resource.RUSAGE_CHILDREN) - before[1]}
        print(json.dumps(result), flush=True)
        sys.stdin.readline()


main()
