# -*- coding: utf-8 -*-
# SPDX-License-Identifier: BSD-2-Clause
"""Functions whose names and files would harm a terminal or a careless format.  Python 3.8 to 3.15.

Prints "ready", waits for a line, sleeps and burns in each for a while, prints a line of JSON (the
names) and waits for a line to end.
"""
import json
import sys
import time

NAMES = [
    "esc\x1b[31mred\x1b]0;title\x07",
    "new\nline",
    "tab\tand\rreturn",
    "semi;colon",
    "<script>alert(1)</script>",
    "quo\"te'&amp;",
    "back\\slash",
    "over\u202eride",
    "c1\x9b31m",
    "  spaces  and 42",
    "]]>",
    "=cmd()",
    "é函数𐌀",
]


def template():
    time.sleep(0.05)
    end = time.perf_counter() + 0.05
    while time.perf_counter() < end:
        sum(range(100))


def renamed(name):
    changes = {"co_name": name, "co_filename": "/srv/%s.py" % name}
    if hasattr(template.__code__, "co_qualname"):
        changes["co_qualname"] = name
    return type(template)(template.__code__.replace(**changes), globals())


functions = [renamed(name) for name in NAMES]
print("ready", flush=True)
sys.stdin.readline()
for function in functions:
    function()
print(json.dumps(NAMES), flush=True)
sys.stdin.readline()
