# -*- coding: utf-8 -*-
# SPDX-License-Identifier: BSD-2-Clause
"""Functions whose names are longer than any table's, or no text at all.  Python 3.8 to 3.15.

Prints "ready", waits for a line, sleeps for 50 ms in each, prints a line of JSON (the first letters of
their names) and waits for a line to end.
"""
import ctypes
import json
import sys
import time

NAMES = {
    "long_": "long_" + "x" * 10000,
    "wide_": "wide_" + "\u0416" * 10000,
    "astral_": "astral_" + "\U00010300" * 10000,
    "undecodable_": "undecodable_" + "\udcff\udc80\udcfe" * 20,
    "half_": "half_\ud83d",
    "nul_": "nul_\x00\x1b[2J" * 100,
    "marks_": "marks_" + "\u0301" * 5000,
    "bell_": "bell_" + "\x07" * 9000 + "\x9b31m",
}


def template():
    time.sleep(0.05)


def renamed(name):
    changes = {"co_name": name, "co_filename": "/" + name * 3}
    if hasattr(template.__code__, "co_qualname"):
        changes["co_qualname"] = name
    if hasattr(template.__code__, "co_linetable"):
        changes["co_linetable"] = bytes(range(256)) * 1000
    else:
        changes["co_lnotab"] = bytes(range(255, -1, -1)) * 1000
    return type(template)(template.__code__.replace(**changes), globals())


functions = [renamed(name) for name in NAMES.values()]
ctypes.CDLL(None).prctl(15, b"t\xff\x1b]0;\x07\n|;", 0, 0, 0)
print("ready", flush=True)
sys.stdin.readline()
for function in functions:
    function()
print(json.dumps(list(NAMES)), flush=True)
sys.stdin.readline()
