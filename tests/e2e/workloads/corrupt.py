# -*- coding: utf-8 -*-
# SPDX-License-Identifier: BSD-2-Clause
"""A thread whose frames lie: cycles, other people's memory, none at all.  Python 3.6 to 3.15.

The victim is in one long write() to a pipe, of which the main thread reads piece by piece: so it waits
and runs in turn, and can't return into frames that are not whole again.  Prints {"victim": tid}, waits
for a line, lies for some while in each way, prints {"lies": how many, "cpu": seconds of CPU since the
line, "written": bytes that the victim says} and waits for a line to end.
"""
import ctypes
import gc
import json
import mmap
import os
import random
import sys
import threading
import time

PAGE = mmap.PAGESIZE
TOTAL = 128 << 20
PIECES = 24  # of 64 KB, read while one lie stands
MINOR = sys.version_info[1]

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int,
                      ctypes.c_long]
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]


def word(address):
    return ctypes.c_uint64.from_address(address)


def record_of(frame):
    """Addresses of the pointers to a frame's caller and to its code, and of what a caller points to."""
    if MINOR <= 10:
        return id(frame) + 24, id(frame) + 32, id(frame)
    record = word(id(frame) + 24).value
    return record + (48 if MINOR == 11 else 8), record + (32 if MINOR == 11 else 0), record


def pages(count):
    return libc.mmap(None, count * PAGE, 3, 0x22, -1, 0)


def strange_places():
    """Where no frame is."""
    unmapped, closed, edge, noise = pages(1), pages(1), pages(2), pages(1)
    libc.munmap(unmapped, PAGE)
    libc.mprotect(closed, PAGE, 0)
    libc.mprotect(edge + PAGE, PAGE, 0)
    ctypes.memmove(noise, bytes(random.Random(1).getrandbits(8) for _ in range(PAGE)), PAGE)
    return [0, 1, 0xffff888000000000, 0x4141414141414141, 0x7ffffffffff0, 2 ** 64 - 1, 2 ** 63,
            unmapped, closed, edge + PAGE - 8, edge + PAGE - 40, noise, noise + 1, id(int), id(b"AAAA" * 64)]


def native_id():
    return int(os.readlink("/proc/thread-self").rsplit("/", 1)[1])


def inner():
    written.append(os.write(ends[1], payload))


def middle():
    inner()


def outer():
    tids.append(native_id())
    middle()


def chain():
    """The victim's frames, leaf first; none is made anew from here on."""
    frame, found = sys._current_frames()[thread.ident], []
    while frame:
        found.append(frame)
        frame = frame.f_back
    return found


def read_some(pieces):
    got = 0
    for _ in range(pieces):
        got += len(os.read(ends[0], 1 << 16))
        time.sleep(0.0002)
    return got


def lie(places):
    """(address, what to write there): a cycle of one, of two, and every strange place as caller and
    as code, of the leaf and of its caller."""
    yield records[0][0], records[0][2]
    yield records[1][0], records[0][2]
    for caller, code, _ in records[:2]:
        for place in places:
            yield caller, place
            yield code, place


def misname(frame):
    """Let the name of a frame's function claim to be longer than memory."""
    length = word(id(frame.f_code.co_name) + 16)
    was, length.value = length.value, 1 << 62
    return length, was


written, tids, ends, payload = [], [], os.pipe(), bytes(TOTAL)
gc.disable()
thread = threading.Thread(target=outer)
thread.start()
os.read(ends[0], 1)
frames = chain()
while frames[0].f_code.co_name != "inner":
    frames = chain()
records = [record_of(frame) for frame in frames]
misnamed, was = misname(frames[2])
print(json.dumps({"victim": tids[0]}), flush=True)
sys.stdin.readline()
begin, lies = time.process_time(), 0
got = 1 + read_some(PIECES)
misnamed.value = was
for address, value in lie(strange_places()):
    truth, word(address).value = word(address).value, value
    got += read_some(PIECES)
    word(address).value = truth
    lies += 1
cpu = time.process_time() - begin
while got < TOTAL:
    got += len(os.read(ends[0], 1 << 16))
thread.join()
print(json.dumps({"lies": lies, "cpu": cpu, "written": written[0]}), flush=True)
sys.stdin.readline()
