#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Short-lived processes: each one is seen, by name; forks, execs and reused pids."""
import glob
import json
import os
import random
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import adder
import harness
from harness import Skip, Workload, case
from pythons import WORKLOADS, find_all, spread

PROCESSES = 300
AT_A_TIME = 8
LAST_PID = "/proc/sys/kernel/ns_last_pid"
SCRIPT = os.path.join(WORKLOADS, "short.py")


def functions_of(profile):
    """pid -> names of all functions seen in it."""
    seen = {}
    for s in profile.samples:
        seen.setdefault(s.labels.get("pid"), set()).update(f.function for f in s.stack)
    return seen


def start(python, name, work, rest):
    return subprocess.Popen(python.command(SCRIPT, name, work, rest), stdin=subprocess.DEVNULL)


@case(alone=True)
def storm():
    """Three hundred processes of 30 to 100 ms, eight at a time, of every version."""
    pythons, chance, running, names = find_all(), random.Random(1), [], {}
    with adder.Recording() as recording:
        for i in range(PROCESSES):
            while len(running) == AT_A_TIME:
                time.sleep(0.002)
                running = [p for p in running if p.poll() is None]
            name = "life_%d" % i
            p = start(pythons[i % len(pythons)], name, 0.01, chance.uniform(0.02, 0.09))
            running.append(p)
            names[p.pid] = name
        for p in running:
            p.wait()
        time.sleep(0.1)
    seen = functions_of(recording.profile)
    unseen = [pid for pid in names if pid not in seen]
    unnamed = [pid for pid, name in names.items() if pid in seen and name not in seen[pid]]
    wrong = [pid for pid in names if any(f.startswith("life_") and f != names[pid]
                                         for f in seen.get(pid, ()))]
    assert not (unseen or unnamed or wrong), \
        "of %d processes %d were not seen, %d without their function, %d with another's" % (
            len(names), len(unseen), len(unnamed), len(wrong))
    return "%d processes" % len(names)


@case(each=spread)
def family(python):
    """A child that forks and does not exec, and one that execs into another interpreter."""
    other = next(p for p in reversed(find_all()) if not p.tree and p.minor != python.minor)
    into = other.command(SCRIPT, "life_after", "0.05", "0.05")
    if python.tree:
        into = python.command(SCRIPT, "life_after", "0.05", "0.05")[-5:]
    with Workload(python, "family.py", *into) as program:
        program.expect("ready")
        with adder.Recording() as recording:
            program.go()
            pids = json.loads(program.read())
            time.sleep(0.1)
    profile = recording.profile
    seen = functions_of(profile)
    assert "child_work" in seen.get(pids["fork"], ()), "the forked child's function is missing"
    assert any("grandchild_work" in functions for pid, functions in seen.items()
               if pid not in (pids["fork"], program.pid)), "the grandchild is missing"
    assert "before_exec" in seen.get(pids["exec"], ()), "the function before exec is missing"
    assert "life_after" in seen.get(pids["exec"], ()), "the function after exec is missing"
    for s in profile.samples:
        if s.labels.get("pid") == pids["exec"]:
            names = {f.function for f in s.stack}
            assert not ({"before_exec"} & names and {"life_after"} & names), "two programs in a stack"
            if "life_after" in names and not python.tree:
                assert s.labels.get("python") == other.version, "python is %r after exec into %s" % (
                    s.labels.get("python"), other.version)


@case(alone=True)
def late_library():
    """A program that is no Python loads a libpython while others map files faster than adder looks."""
    libraries = sorted(glob.glob("/usr/lib/*/libpython3.*.so.1.0") +
                       glob.glob(os.path.expanduser("~/.pyenv/versions/*/lib/libpython3.*.so.1.0")))
    if not libraries:
        raise Skip("no libpython here")
    with adder.Recording() as recording:
        subprocess.run(["sleep", "0.01"], check=True)  # judged, as what it is without
        others = [subprocess.Popen([sys.executable, os.path.join(WORKLOADS, "mapping.py"), "1.5"])
                  for _ in range(2 * os.cpu_count())]
        time.sleep(0.5)
        late = subprocess.Popen(["sleep", "4"], env=dict(os.environ, LD_PRELOAD=libraries[-1]))
        for p in others + [late]:
            p.wait()
    lost = int(recording.profile.comments["lost_mapped"])
    wall = sum(s.values["wall"] for s in recording.profile.samples if s.labels["pid"] == late.pid) / 1e9
    assert lost > 0, "no mapping was lost: the storm was none"
    assert wall > 1, "it is in the profile for %.2f s" % wall
    return "%d times unseen, in the profile for %.2f s" % (lost, wall)


def start_with_pid(wanted, *args):
    """Start a process under the id that another has just given up; None if someone was faster."""
    with open(LAST_PID, "w") as f:
        f.write(str(wanted - 1))
    p = start(*args)
    if p.pid == wanted:
        return p
    p.wait()
    return None


@case(alone=True)
def reused_pid():
    """Two interpreters under one pid: no function of the one is taken for the other's."""
    pythons = [p for p in find_all() if not p.tree]
    first, second = pythons[0], pythons[-1]
    if not os.access(LAST_PID, os.W_OK) or first.minor == second.minor:
        raise Skip("needs a writable %s and two interpreters" % LAST_PID)
    reused = []
    with adder.Recording() as recording:
        for _ in range(20):
            p = start(first, "first_life", "0.02", "0.02")
            p.wait()
            again = start_with_pid(p.pid, second, "second_life", "0.02", "0.02")
            if again:
                again.wait()
                reused.append(p.pid)
            if len(reused) == 3:
                break
        time.sleep(0.1)
    if not reused:
        raise Skip("no pid could be had twice")
    seen = functions_of(recording.profile)
    for pid in reused:
        missing = {"first_life", "second_life"} - seen.get(pid, set())
        assert not missing, "pid %d: %s is missing" % (pid, missing)
    for s in recording.profile.samples:
        names = {f.function for f in s.stack}
        if s.labels.get("pid") not in reused:
            continue
        assert not {"first_life", "second_life"} <= names, "two lives in one stack"
        want = first.version if "first_life" in names else second.version \
            if "second_life" in names else s.labels.get("python")
        assert s.labels.get("python") == want, "%s is said to be of Python %s" % (
            names, s.labels.get("python"))
    return "%d pids" % len(reused)


if __name__ == "__main__":
    harness.main()
