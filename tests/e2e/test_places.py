#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Where calls are probed, against what interpreters' symbols and debug information say."""
import bisect
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import harness
from harness import case, needs
from judging import every_build
from places import VERSIONS, debug_file, eval_ranges, find, interpreter_file

EVAL = "_PyEval_EvalFrameDefault"

def with_handlers():
    return [p for p in every_build() if isinstance(p, harness.Missing) or p.minor >= 11]


def with_symbols():
    return [p for p in with_handlers() if not isinstance(p, harness.Missing) and debug_file(interpreter_file(p))]


@case(each=with_handlers)
def found_once(python):
    """One table fits, and only those of its own version do."""
    needs(python)
    path = interpreter_file(python)
    for minor in VERSIONS:
        places = find(path, minor)
        assert bool(places.why) == (minor != python.minor), "as 3.%d: %s" % (minor, places.why or "found")
    handlers = find(path, python.minor).handlers
    return "%d handlers" % len(set(handlers.values()))


@case(each=with_symbols)
def in_the_eval_loop(python):
    """Every handler and every probe is within the function; of a handler, before the next one begins."""
    path = interpreter_file(python)
    ranges, places = sorted(set(eval_ranges(debug_file(path)))), find(path, python.minor)
    begins = sorted(set(places.handlers.values()))
    assert ranges, "no symbol of the eval loop"
    outside = [o for o, at in places.handlers.items() if not any(a <= at < b for a, b in ranges)]
    assert not outside, "handlers of %r are outside of %r" % (outside[:9], ranges)
    for probe in places.probes:
        handler = places.handlers[probe.opcode]
        assert any(a <= probe.address < b for a, b in ranges), "%r is outside" % (probe,)
        assert begins[bisect.bisect(begins, probe.address) - 1] == handler, "%r is in another handler" % (probe,)
    return "%d probes" % len(places.probes)


if __name__ == "__main__":
    harness.main()
