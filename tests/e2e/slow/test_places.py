#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Which handler is whose, against the labels of the interpreter's source in its debug information."""
import json
import os
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
from harness import Skip, case
from places import debug_file, find, interpreter_file, labels
from pythons import find_all

# Numbers that no module of that version tells.
SPECIALISED = {11: {"RESUME_QUICK": 150}}
OPCODES = """
import json, opcode
try:
    import _opcode_metadata as m
    print(json.dumps(dict(m._specialized_opmap, **m.opmap)))
except ImportError:
    print(json.dumps({k: v for k, v in opcode.opmap.items() if v < 256}))
"""


def with_debug_information():
    """Link-time optimisation leaves no labels: Debian's have none."""
    return [p for p in find_all() if p.minor >= 11 and not p.tree and debug_file(interpreter_file(p))]


@case(each=with_debug_information)
def at_the_right_opcode(python):
    """The labels of the handlers in its source, as the debug information has them."""
    path = interpreter_file(python)
    names = labels(debug_file(path))
    if not names:
        raise Skip("its debug information is not here")
    numbers = json.loads(subprocess.run(python.command("-c", OPCODES), stdout=subprocess.PIPE, check=True).stdout)
    numbers.update(SPECIALISED.get(python.minor, {}))
    places = find(path, python.minor)
    both = sorted(set(names) & set(numbers))
    wrong = ["%s at %x, not %x" % (n, places.handlers[numbers[n]], names[n]) for n in both
             if places.handlers[numbers[n]] != names[n]]
    probed = {p.opcode for p in places.probes}
    unknown = probed - {numbers[n] for n in both}
    assert len(both) > 80 and not wrong, "%d of %d wrong: %s" % (len(wrong), len(both), "; ".join(wrong[:5]))
    assert not unknown, "no label tells of %r" % unknown
    assert all(n.split("_")[0] in ("RESUME", "INSTRUMENTED", "ENTER", "RETURN", "YIELD") for n in both
               if numbers[n] in probed), probed
    return "%d opcodes" % len(both)


if __name__ == "__main__":
    harness.main()
