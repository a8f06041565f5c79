# SPDX-License-Identifier: BSD-2-Clause
"""Two greenlets import a module each, which switch to each other while they are being imported.

switching_imports.py [FOLDER]: where greenlet is.  Says as JSON how long each import took.
"""
import json
import os
import sys
import tempfile
import time

sys.path[:0] = sys.argv[1:]
import greenlet

MODULE = """
import __main__, time
for _ in range(3):
    time.sleep(%f)
    __main__.turn()
"""


def turn():
    other = greenlets["b" if greenlet.getcurrent() is greenlets["a"] else "a"]
    if not other.dead:
        other.switch()


def importing_a():
    start = time.perf_counter()
    import adder_switching_a
    took[adder_switching_a.__name__] = time.perf_counter() - start
    turn()


def importing_b():
    start = time.perf_counter()
    import adder_switching_b
    took[adder_switching_b.__name__] = time.perf_counter() - start
    turn()


took = {}
greenlets = {"a": greenlet.greenlet(importing_a), "b": greenlet.greenlet(importing_b)}
with tempfile.TemporaryDirectory(prefix="adder-e2e-") as folder:
    for name, seconds in ("a", 0.01), ("b", 0.03):
        with open(os.path.join(folder, "adder_switching_%s.py" % name), "w") as f:
            f.write(MODULE % seconds)
    sys.path.insert(0, folder)
    sys.modules["__main__"] = sys.modules[__name__]
    print("ready", flush=True)
    sys.stdin.readline()
    greenlets["a"].switch()
    for g in greenlets.values():
        while not g.dead:
            g.switch()
print(json.dumps(took), flush=True)
sys.stdin.readline()
