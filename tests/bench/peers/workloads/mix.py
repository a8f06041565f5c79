# SPDX-License-Identifier: BSD-2-Clause
"""One thread that computes, sleeps, writes to a disk, waits for the network and for a lock.

Each function waits in one way only: what its thread was neither running nor waiting for a CPU, it
waited so.
"""
import os
import socket
import tempfile
import threading
import time

import asked

listening = socket.create_server(("127.0.0.1", 0))
asking = socket.create_connection(listening.getsockname())
answering = listening.accept()[0]
lock, wanted, taken = threading.Lock(), threading.Semaphore(0), threading.Semaphore(0)
os.makedirs("/var/tmp", exist_ok=True)  # a tree to chroot into may lack it
disk = tempfile.TemporaryFile(dir="/var/tmp", buffering=0)


def answer():
    while answering.recv(1):
        time.sleep(0.03)
        answering.send(b"a")


def hold():
    while True:
        wanted.acquire()
        with lock:
            taken.release()
            time.sleep(0.02)


def f_cpu():
    asked.burn(0.02)


def f_sleep():
    time.sleep(0.03)


def f_disk():
    until = time.perf_counter() + 0.02
    while time.perf_counter() < until:
        disk.seek(0)
        disk.write(b"x" * 65536)
        os.fsync(disk.fileno())


def f_net():
    asking.send(b"q")
    asking.recv(1)


def f_lock():
    wanted.release()
    taken.acquire()
    with lock:
        pass


def work(seconds):
    account, until = asked.Account(), time.perf_counter() + seconds
    while time.perf_counter() < until:
        for function in f_cpu, f_sleep, f_disk, f_net, f_lock:
            account.charge(function)
    return account.told()


for other in answer, hold:
    threading.Thread(target=other, daemon=True).start()
asked.serve(work)
