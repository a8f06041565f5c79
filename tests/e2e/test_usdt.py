#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""`adder calls --gc --imports`, against what the programs say of themselves (gc.callbacks,
-X importtime), on every build that has static probes."""
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import adder
import greenlets
import harness
import mounts
from harness import Skip, Workload, case
from places import offset_of
from pythons import WORKLOADS
from static_probes import FOUND, PROBED, place_of, probed, program_of, semaphores
from uprobe import Uprobe

READY = "adder: tracing"
READY_SECONDS = 20
SHARE, SECONDS = 0.05, 20e-6  # by which durations may be shorter than the program's own
ROUNDED = 2e-6                # but not longer: probes are within what the program measures
INTERRUPTED = 0.1             # part of them of which the machine may take more, between the two
LASTING = 500_000_000         # of a collection that is not to end as others do


def needs(python):
    if not python:
        raise Skip("no Python here was built with static probes")


class Tracing:
    """`adder calls` with @args in the background, from when it has begun; .events is what it wrote,
    .lines what it said, once it is stopped."""

    def __init__(self, *args):
        command = [adder.ADDER, "calls", "--json"] + [str(a) for a in args]
        self.out = tempfile.TemporaryFile()
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.out,
                                        stderr=subprocess.PIPE)
        self.lines, self.ready = [], threading.Event()
        self.reader = threading.Thread(target=self.read_errors, daemon=True)
        self.reader.start()
        if not self.ready.wait(READY_SECONDS) or READY not in self.lines:
            self.process.kill()
            raise AssertionError("adder did not begin to trace: %s" % " | ".join(self.lines))

    def read_errors(self):
        for line in self.process.stderr:
            self.lines.append(line.decode().rstrip("\n"))
            if self.lines[-1] == READY:
                self.ready.set()
        self.ready.set()

    def stop(self, number=signal.SIGINT):
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(timeout=60)
        self.reader.join(5)
        assert status == (0 if number == signal.SIGINT else -number), "%d: %s" % (status, self.lines)
        self.out.seek(0)
        self.events = [json.loads(line) for line in self.out.read().decode().splitlines()]
        return self.events

    def has_said(self, *words):
        return any(all(w in line for w in words) for line in self.lines)


class Durations:
    """Compares pairs of durations: each has its upper bound, nearly all have a lower one."""

    def __init__(self):
        self.count, self.long, self.off = 0, [], []

    def add(self, what, got, want, is_bound=True):
        self.count += 1
        text = "%s: %.6f s, not %.6f" % (what, got, want)
        if is_bound and got > want + ROUNDED:
            self.long.append(text)
        if abs(got - want) > max(SHARE * want, SECONDS):
            self.off.append(text)

    def check(self):
        assert not self.long, "%d too long: %s" % (len(self.long), "; ".join(self.long[:4]))
        assert len(self.off) <= max(2, INTERRUPTED * self.count), "%d of %d are off: %s" % (
            len(self.off), self.count, "; ".join(self.off[:4]))


def plain(name):
    """Before 3.11, a method is called by its class where that is found."""
    return name.rpartition(".")[2]


# ---- collections ----

def find_epoch():
    """When perf_counter was 0, by the try that was interrupted least."""
    tries = []
    for _ in range(20):
        before, now, after = time.perf_counter(), time.time(), time.perf_counter()
        tries.append((after - before, now - (before + after) / 2))
    return min(tries)[1]


def wrong_collections(truth, events, epoch, durations):
    for want, got in zip(truth, events):
        start = got["time"] / 1e9 - epoch
        where = "collection at %.6f" % want["start"]
        for key in ("generation", "collected", "line", "tid"):
            if got[key] != want[key]:
                yield "%s: %s %s, not %s" % (where, key, got[key], want[key])
        if plain(got["function"] or "") != plain(want["function"]):
            yield "%s: for %s, not %s" % (where, got["function"], want["function"])
        if not got["file"].endswith("/collecting.py"):
            yield "%s: in %s" % (where, got["file"])
        if not want["switched"]:  # perhaps between callback and probe
            durations.add(where, got["duration"] / 1e9, want["duration"])
        if start < want["start"] - SECONDS or \
                start + got["duration"] / 1e9 > want["start"] + want["duration"] + SECONDS:
            yield "%s: not within it: at %.6f" % (where, start)


@case(each=probed, alone=True)
def collections(python):
    needs(python)
    with Workload(python, "collecting.py") as program:
        program.expect("ready")
        tracing = Tracing("--gc", "-p", program.pid)
        began = find_epoch()
        program.go()
        truth = json.loads(program.read())
        events = tracing.stop()
    truth.sort(key=lambda e: e["start"])
    # the last that ended before the callback was there, or after it had been taken away
    events = sorted((e for e in events if e["function"] not in ("all_ways", "main")),
                    key=lambda e: e["time"])
    assert len(events) == len(truth), "%d events of %d" % (len(events), len(truth))
    assert len(set(e["tid"] for e in events)) == 4, "not all threads"
    durations = Durations()
    wrong = list(wrong_collections(truth, events, began, durations))
    assert not wrong, "%d wrong: %s" % (len(wrong), "; ".join(wrong[:4]))
    durations.check()
    return "%d collections, %d of %d durations off" % (
        len(truth), len(durations.off), durations.count)


# ---- imports ----

def import_times(text):
    """(depth, module, self s, cumulative s) in the order in which they ended."""
    for line in text.splitlines():
        m = re.match(r"import time:\s+(\d+) \|\s+(\d+) \| ( *)(.*)$", line)
        if m:
            yield len(m.group(3)) // 2, m.group(4), int(m.group(1)) / 1e6, int(m.group(2)) / 1e6


def truth_of_imports(errors):
    return list(import_times(errors.decode()))


def wrong_imports(truth, events, durations):
    for want, got in zip(truth, events):
        depth, module, own, whole = want
        if (got["depth"], got["module"]) != (depth, module):
            yield "%s at depth %d, not %s at %d" % (got["module"], got["depth"], module, depth)
            return
        durations.add(module, got["duration"] / 1e9, whole)
        durations.add(module + " by itself", got["self"] / 1e9, own, is_bound=False)


def importer_of(events, module):
    found = [e for e in events if e["module"] == module]
    assert len(found) == 1, "%s was imported %d times" % (module, len(found))
    return found[0]["function"], os.path.basename(found[0]["file"]), found[0]["found"]


def run_importing(python):
    """(pid, what it wrote to its standard error)."""
    command = python.command("-X", "importtime", os.path.join(WORKLOADS, "importing.py"))
    program = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = program.communicate(timeout=60)[1]
    assert program.returncode == 0, errors.decode()[-500:]
    return program.pid, truth_of_imports(errors)


def check_imports(truth, events, pid):
    events = [e for e in events if e["pid"] == pid]
    assert len(truth) > 50 and len(events) == len(truth), "%d of %d" % (len(events), len(truth))
    durations = Durations()
    wrong = list(wrong_imports(truth, events, durations))
    assert not wrong, "%d wrong: %s" % (len(wrong), "; ".join(wrong[:4]))
    for module, want in (
            ("json", ("<module>", "importing.py", True)),
            ("concurrent.futures.thread", ("in_function", "importing.py", True)),
            ("concurrent", ("in_function", "importing.py", True)),
            ("adder_has_no_such_module", ("not_there", "importing.py", False)),
            ("json.adder_has_none", ("not_there", "importing.py", False)),
            ("\u00fcnicode_module", ("not_there", "importing.py", False)),
            ("json.decoder", ("<module>", "__init__.py", True))):
        got = importer_of(events, module)
        assert got == want, "%s: %s, not %s" % (module, got, want)
    durations.check()
    return "%d imports, %d deep, %d of %d durations off" % (
        len(events), max(e["depth"] for e in events) + 1, len(durations.off), durations.count)


@case(each=probed, alone=True)
def imports(python):
    """Of a program that begins when the trace has begun; its binary is known, for another runs it."""
    needs(python)
    with Workload(python, "called.py") as other:
        other.expect("ready")
        tracing = Tracing("--imports")
        pid, truth = run_importing(python)
        events = tracing.stop()
    return check_imports(truth, events, pid)


@case(alone=True)
def from_the_first():
    """With a command, no import is missed: neither of a script by its #!, nor through env."""
    found = [p for p in PROBED if not p.tree]
    if not found:
        raise Skip("no Python outside of a tree was built with static probes")
    program = program_of(found[0])
    with tempfile.TemporaryDirectory(prefix="adder-e2e-") as folder:
        script = os.path.join(folder, "adder-imports-json")
        with open(script, "w") as f:
            f.write("#!/usr/bin/env -S %s -X importtime\nimport json\n" % os.path.basename(program))
        os.chmod(script, 0o755)
        env = dict(os.environ, PATH=os.path.dirname(program) + ":" + folder)
        done = adder.run("calls", "--imports", "--json", "--", os.path.basename(script), env=env)
    errors = [x for x in done.stderr.splitlines() if not x.startswith(b"import time:")]
    assert done.returncode == 0, errors
    truth = truth_of_imports(done.stderr)
    events = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert len(truth) > 20, errors
    got = [(e["depth"], e["module"]) for e in events]
    assert got == [t[:2] for t in truth], "%r, not %r" % (got[:3], truth[:3])
    assert b"adder: tracing" in errors and len(errors) == 2, errors
    return "%d imports" % len(events)


@case(alone=True)
def in_greenlets():
    """Imports of one thread that take turns: each ends by its own beginning."""
    found = [p for p in PROBED if p in greenlets.pythons()]
    needs(found)
    with Workload(found[0], "switching_imports.py", *greenlets.modules(found[0])) as program:
        program.expect("ready")
        tracing = Tracing("--imports", "-p", program.pid)
        program.go()
        truth = json.loads(program.read())
        events = tracing.stop()
    got = {e["module"]: e for e in events if e["module"] in truth}
    assert len(truth) == 2 and set(got) == set(truth), "%s of %s" % (sorted(got), sorted(truth))
    for name, seconds in truth.items():
        took = got[name]["duration"] / 1e9
        assert took <= seconds and seconds - took <= max(SHARE * seconds, SECONDS), \
            "%s: %.6f s, not %.6f" % (name, took, seconds)
        assert got[name]["function"] == "importing_" + name[-1], got[name]
    return ", ".join("%.4f s" % t for t in truth.values())


# ---- one file, shown as several ----

@case()
def of_one_image():
    """In containers of one image each event is told once: their overlays show one file below."""
    trees = [p for p in PROBED if p.tree]
    needs(trees)
    with mounts.images(trees[0].tree, 2) as images:
        pythons = [trees[0]._replace(tree=image) for image in images]
        with Workload(pythons[0], "collecting.py") as a, Workload(pythons[1], "collecting.py") as b:
            for program in a, b:
                program.expect("ready")
            tracing = Tracing("--gc", "-p", "%d,%d" % (a.pid, b.pid))
            truths = []
            for program in a, b:
                program.go()
                truths.append(json.loads(program.read()))
            events = tracing.stop()
    for program, truth in zip((a, b), truths):
        got = [e for e in events if e["pid"] == program.pid and e["function"] != "all_ways"]
        assert len(got) == len(truth), "%d of %d" % (len(got), len(truth))
    assert not tracing.has_said("had begun"), tracing.lines
    return "%d collections" % sum(map(len, truths))


# ---- what has no end ----

def run_collecting(python, *args):
    """A program whose collection lasts half a second and is not ended as others are: (its pid, what it
    said, events)."""
    with Workload(python, "collecting.py", *args) as program:
        program.expect("ready")
        tracing = Tracing("--gc", *(["-p", program.pid] if args[0] == "exec" else []))
        program.go()
        said = program.read()
        return program.pid, json.loads(said), tracing.stop()


@case(each=probed)
def replaced(python):
    """A program that another one replaces within a collection has no end of it."""
    needs(python)
    pid, _, events = run_collecting(python, "exec", os.path.join(WORKLOADS, "littering.py"))
    events = [e for e in events if e["pid"] == pid]
    slow = [e for e in events if e["duration"] > LASTING]
    assert events and not slow, "%d events, slow: %s" % (len(events), slow[:2])
    return "%d collections after it" % len(events)


@case(each=probed)
def forked(python):
    """Of a collection that forks, the parent's end counts, not the child's."""
    needs(python)
    pid, children, events = run_collecting(python, "fork")
    events = [e for e in events if e["pid"] in [pid] + children]
    slow = [e for e in events if e["duration"] > LASTING]
    assert [e["pid"] for e in slow] == [pid], slow
    assert any(e["pid"] != pid for e in events), "nothing of the child"
    return "%.3f s in the parent" % (slow[0]["duration"] / 1e9)


@case()
def begun_before():
    """What had begun before the trace is not told, and counted."""
    needs(PROBED)
    with Workload(PROBED[0], "collecting.py", "wait") as program:
        program.expect("ready")
        program.go()
        program.expect("within")
        tracing = Tracing("--gc", "-p", program.pid)
        program.go()
        program.read()
        events = tracing.stop()
    assert not events, events
    assert tracing.has_said("1 more had begun before"), tracing.lines


@case()
def met_as_it_runs():
    """Whose interpreter adder did not know before it ran is named."""
    trees = [p for p in PROBED if p.tree]
    needs(trees)
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(1)"
    done = adder.run("calls", "--gc", "--json", "--", *trees[0].command("-c", code))
    pid, _, events = done.stdout.decode().partition("\n")
    said = [x for x in done.stderr.decode().splitlines() if "not traced" in x]
    assert len(said) == 1 and "not traced: %s -c: what it did before" % pid in said[0], said
    assert events, "no event: not even as it ended"


# ---- what is left behind ----

@case(each=probed, alone=True)
def detaches(python):
    """Semaphores are above zero while adder traces, and zero again when it ends, however."""
    needs(python)
    with Workload(python, "called.py") as program:
        program.expect("ready")
        before = semaphores(python, program.pid)
        assert not any(before.values()), "traced by another: %s" % before
        for number in (signal.SIGINT, signal.SIGKILL):
            tracing = Tracing("--gc", "-p", program.pid)
            during = semaphores(python, program.pid)
            assert {n for n, value in during.items() if value} == {"gc__start", "gc__done"}, during
            tracing.stop(number)
            deadline = time.monotonic() + 5
            while any(semaphores(python, program.pid).values()) and time.monotonic() < deadline:
                time.sleep(0.05)  # after SIGKILL the kernel takes its time
            after = semaphores(python, program.pid)
            assert after == before, "after %s: %s" % (number.name, after)
        program.go()
        program.expect("done")
    return "%d semaphores" % len(before)


# ---- what can't be traced ----

@case()
def without_probes():
    found = [p for p in FOUND if not p.tree and p not in PROBED]
    if not found:
        raise Skip("every Python here was built with static probes")
    with Workload(found[-1], "called.py") as program:
        program.expect("ready")
        tracing = Tracing("--gc", "--imports", "-p", program.pid)
        assert tracing.stop() == []
    said = [line for line in tracing.lines if "not traced" in line]
    assert len(said) == 1 and "--with-dtrace" in said[0] and str(program.pid) in said[0], \
        tracing.lines


@case(alone=True)
def held_by_another():
    """Another tracer's hold on a probe, without its semaphore, is said in one line."""
    needs(PROBED)
    with Workload(PROBED[0], "called.py") as program:
        program.expect("ready")
        path = program_of(PROBED[0])
        with Uprobe(path, offset_of(path, place_of(path, "gc__start"))):
            tracing = Tracing("--gc", "-p", program.pid)
            assert tracing.stop() == []
        said = [line for line in tracing.lines if "not traced" in line]
        assert len(said) == 1 and "another tracer" in said[0], tracing.lines
        assert not any(semaphores(PROBED[0], program.pid).values())


if __name__ == "__main__":
    harness.main()
