# SPDX-License-Identifier: BSD-2-Clause
"""Counts of calls, and what they must be: what the programs say that were counted."""
import json
import marshal
import os
import struct
import subprocess
import tempfile

import adder
from counting import Counting
from harness import Workload
from pythons import WORKLOADS

# Of workloads/counted.py: functions in a thread's row, rows.
ROW, ROWS = 64, 64


def of_file(report, file):
    """{(function, line): [calls, resumes]} of a report."""
    return {(row["function"].rsplit(".", 1)[-1], row["line"]): [row["ncalls"], row["resumes"]]
            for row in report["rows"] if row["file"].endswith("/" + file)}


# ---- workloads/called.py ----

def count(python, *how):
    """What adder counts of it: the report, the profile, and the same as pstats."""
    with Workload(python, "called.py", *how) as program:
        program.expect("ready")
        counting = Counting(program.pid)
        program.go()
        program.expect("done")
        report, profile = counting.stop()
        program.go()
    done = adder.run("export", "-f", "pstats", "-o", "-", counting.path)
    assert done.returncode == 0, done.stderr
    return report, profile, marshal.loads(done.stdout)


def truth(python, how="truth"):
    """What sys.setprofile sees of it, or cProfile."""
    out = subprocess.run(python.command(os.path.join(WORKLOADS, "called.py"), how),
                         stdout=subprocess.PIPE, check=True).stdout
    return {(name.rpartition(":")[0], int(name.rpartition(":")[2])): counts
            for name, counts in json.loads(out).items()}


def differences(want, got):
    for key in sorted(set(want) | set(got)):
        # setprofile tells of throw() and close() into a generator as of a call; adder does not:
        # nothing of it is executed but the exception
        if key[0] in ("abandoned", "generator", "<module>"):
            if key in want and got.get(key, [0])[0] != want[key][0]:
                yield "%s:%d begun %s times, not %d" % (key + (got.get(key, [0])[0], want[key][0]))
        elif want.get(key) != got.get(key):
            yield "%s:%d %s, not %s" % (key + (got.get(key), want.get(key)))


def check_exact(python):
    """Equal counts, and none lost."""
    report, profile, _ = count(python)
    got = of_file(report, "called.py")
    wrong = list(differences(truth(python), got))
    assert not wrong, "%d wrong: %s %r" % (len(wrong), "; ".join(wrong[:4]), said(profile))
    for lost in ("lost_calls", "lost_calls_full"):
        assert profile.comments[lost] == "0", "%s: %s" % (lost, profile.comments[lost])
    return "%d calls of %d functions" % (sum(c + r for c, r in got.values()), len(got))


# Of those that begin within another call of themselves, the part that does not.
GENERATORS_PRIMITIVE = {"walk": 5, "awaits": 4}


def unlike_cprofile(want, report, pstats):
    """@want: {(function, line): [calls and goings-on, those that are not recursive]}."""
    exported = {(name.rpartition(".")[2], line): [calls, primitive] for (file, line, name),
                (primitive, calls, *_) in pstats.items() if file.endswith("/called.py")}
    rows = {(row["function"].rpartition(".")[2], row["line"]): row for row in report["rows"]
            if row["file"].endswith("/called.py")}
    for key in sorted(set(want) | {k for k in set(rows) | set(exported) if k[0] != "<module>"}):
        row, (calls, primitive) = rows.get(key), want.get(key, [0, 0])
        if not row or row["ncalls"] + row["resumes"] != calls or exported[key][0] != calls:
            yield "%s:%d %s, exported %s, not %d" % (*key, row, exported.get(key), calls)
        elif not row["timed"]:  # then it is not known which are recursive
            continue
        elif exported[key][1] != primitive:
            yield "%s:%d exported %d/%d, not /%d" % (*key, *exported[key], primitive)
        elif row["primitive"] != (row["ncalls"] // GENERATORS_PRIMITIVE.get(key[0], 1)
                                  if row["resumes"] else primitive):
            yield "%s:%d %d/%d and %d, not %d of all" % (*key, row["ncalls"], row["primitive"],
                                                        row["resumes"], primitive)


def check_like_cprofile(python):
    report, profile, pstats = count(python, "ordinary")
    wrong = list(unlike_cprofile(truth(python, "cprofile"), report, pstats))
    assert not wrong, "%d wrong: %s %r" % (len(wrong), "; ".join(wrong[:4]), said(profile))
    return "%d functions" % len(report["rows"])


def said(profile):
    """What the profile says of processes."""
    return [text for key, text in profile.comments.items() if key in ("uncounted", "note", "unprofiled")]


# ---- workloads/counted.py ----

class Counted(Workload):
    """The program that counts its own calls."""

    def __init__(self, python, how, *args):
        self.file = tempfile.NamedTemporaryFile(prefix="adder-e2e-", dir="/tmp")
        self.file.truncate(8 * ROW * ROWS + 8)
        super().__init__(python, "counted.py", self.file.name, how, *args)
        self.functions = [tuple(f) for f in json.loads(self.read())]

    def hold(self, held):
        """Let the threads of "endless" rest, or go on."""
        self.file.seek(8 * ROW * ROWS)
        self.file.write(bytes([held]))
        self.file.flush()

    def own(self):
        """{(function, line): calls} as it has counted so far."""
        self.file.seek(0)
        numbers = struct.unpack("%dQ" % (ROW * ROWS), self.file.read(8 * ROW * ROWS))
        return {f: sum(numbers[i::ROW]) for i, f in enumerate(self.functions)}


def calls_of(report, program):
    """{(function, line): calls} as adder has counted."""
    got = of_file(report, "counted.py")
    return {f: got.get(f, [0])[0] for f in program.functions}


def unequal(want, got):
    return ["%s:%d %d, not %d" % (f + (got[f], want[f])) for f in want if got[f] != want[f]]


def count_hot(python):
    """Of its loops, what the program counted, what adder did, and what it says of the JIT."""
    with Counted(python, "hot") as program:
        counting = Counting(program.pid)
        program.go()
        program.expect("done")
        report, _ = counting.stop()
    notes = [c for c in report["comments"] if "the JIT is on" in c]
    return program.own(), calls_of(report, program), notes


def check_hot(python):
    want, got, notes = count_hot(python)
    assert not unequal(want, got) and not notes, "%r %r" % (unequal(want, got), notes)
    return "%d calls" % sum(want.values())


def check_lower_bounds(python):
    """With a JIT that is on, not all calls are seen: it is said, and none is made up."""
    want, got, notes = count_hot(python)
    over = ["%s:%d %d of %d" % (f + (got[f], want[f])) for f in want if got[f] > want[f]]
    assert not over, "more than there were: %r" % over
    assert sum(got.values()) < sum(want.values()), "all were seen: nothing was tested"
    assert len(notes) == 1 and "lower bounds" in notes[0], "it said %r" % notes
    return "%d of %d calls" % (sum(got.values()), sum(want.values()))
