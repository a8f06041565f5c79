#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Containers of every engine, in every layout of cgroups: called by their names, and measured as
on the host."""
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import adder
import engines
import harness
from harness import Skip, case

STATES = "cpu runq gil lock disk net ipc child poll sleep fault stop other".split()
WAITS = "sleep lock ipc net".split()
SECOND = 1e9


def cpu_seconds(pid):
    """As the scheduler has charged it."""
    total = 0
    for tid in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/schedstat" % (pid, tid)) as file:
            total += int(file.read().split()[0])
    return total / SECOND


def wait_for_threads(pid, count):
    for _ in range(200):
        if len(os.listdir("/proc/%d/task" % pid)) == count:
            break
        time.sleep(0.05)
    time.sleep(0.2)


def wrong_waits(samples):
    """Threads that do not wait for what their function is named after, all the time."""
    for state in WAITS:
        mine = [s for s in samples if any(f.function == "in_" + state for f in s.stack)]
        wall = sum(s.values["wall"] for s in mine)
        waited = sum(s.values[state] for s in mine)
        if not mine or waited < 0.99 * wall:
            yield "in_%s: %.3f of %.3f s" % (state, waited / SECOND, wall / SECOND)


def wrong_sums(samples, length_ns):
    threads = {}
    for s in samples:
        threads.setdefault(s.labels["tid"], []).append(s)
    for tid, mine in threads.items():
        wall = sum(s.values["wall"] for s in mine)
        parts = sum(s.values[state] for s in mine for state in STATES)
        if abs(wall - length_ns) > 0.01 * length_ns or abs(parts - wall) > 0.001 * wall:
            yield "thread %d: states %.3f, wall %.3f of %.3f s" % (
                tid, parts / SECOND, wall / SECOND, length_ns / SECOND)


def wrong_cpu(samples, used):
    got = sum(s.values["cpu"] for s in samples) / SECOND
    if abs(got - used) > max(0.01 * used, 0.02):
        yield "CPU %.4f s, but used %.4f s" % (got, used)
    worked = sum(s.values["cpu"] for s in samples if any(f.function == "work" for f in s.stack))
    if abs(worked / SECOND - 0.5) > 0.05:
        yield "work() used %.3f s of CPU, not 0.5" % (worked / SECOND)


def record(inside):
    """The samples of the whole host while it works, and what it used meanwhile."""
    before = cpu_seconds(inside.pid)
    with adder.Recording(hz=997) as recording:
        open(inside.app + "/go", "w").close()
        deadline = time.monotonic() + 20
        while cpu_seconds(inside.pid) - before < 0.5 and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(0.2)
    return recording.profile, cpu_seconds(inside.pid) - before


def check(inside):
    wait_for_threads(inside.pid, 6)
    profile, used = record(inside)
    samples = [s for s in profile.samples if s.labels["pid"] == inside.pid]
    tids = {int(t) for t in os.listdir("/proc/%d/task" % inside.pid)}
    wrong = []
    keys = "container", "python", "process"
    labels = {tuple(s.labels.get(key) for key in keys) for s in samples}
    if labels != {(inside.label, "3.13", "inside.py")}:
        wrong.append("labels %r, not %r" % (labels, inside.label))
    if {s.labels["tid"] for s in samples} != tids:
        wrong.append("threads %r, not %r" % ({s.labels["tid"] for s in samples}, tids))
    wrong += wrong_waits(samples)
    wrong += wrong_sums(samples, profile.duration_ns)
    wrong += wrong_cpu(samples, used)
    wrong += wrongly_chosen(inside)
    assert not wrong, "; ".join(wrong)
    return "called %s; CPU %.3f of %.3f s" % (
        inside.label, sum(s.values["cpu"] for s in samples) / SECOND, used)


def wrongly_chosen(inside):
    for name in inside.asked_by:
        done = adder.run("dump", "--container", name)
        head = done.stdout.decode().split("\n")[0]
        if not head.startswith("%d inside.py (%s) " % (inside.pid, inside.label)):
            yield "--container %s: %r %r" % (name, head, done.stderr)


class Layout:
    def __init__(self, name):
        self.name = name


LAYOUTS = [Layout(name) for name in ("hybrid", "v1", "cgroup2")]


def define(engine, each=None):
    def run(layout=Layout(engines.layouts()[0])):
        with engines.private_system(layout.name), engines.app_folder() as app:
            with engine(app) as inside:
                return check(inside)
    run.__name__ = engine.__name__
    case(each=each)(run)


for one in (engines.docker, engines.containerd, engines.kubernetes, engines.podman, engines.runc,
            engines.lxc, engines.nspawn, engines.systemd_unit):
    define(one, lambda: LAYOUTS)
for one in (engines.runc_user_namespace, engines.bubblewrap, engines.pid_namespaces,
            engines.user_namespace, engines.chroot):
    define(one)


@case(each=lambda: LAYOUTS)
def adder_itself_in_docker(layout):
    """With the host's pids it sees all that it sees from the host."""
    with engines.private_system(layout.name), engines.app_folder() as app:
        with engines.docker(app) as inside, tempfile.TemporaryDirectory(dir="/run") as folder:
            adder.ADDER = engines.adder_in_docker(folder)
            return check(inside)


@case()
def adder_itself_in_a_pid_namespace():
    """One line, and the status of a failure."""
    for args in (), ("record", "-d", "1", "-o", "/dev/null"), ("record", "--", "true"), ("dump",):
        done = subprocess.run(["unshare", "-pf", "--mount-proc", adder.ADDER] + list(args),
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=20)
        said = done.stderr.decode()
        assert done.returncode == 1 and not done.stdout, "%s: %r" % (args, done)
        assert said.count("\n") == 1, said
        assert "pid namespace" in said and "--pid=host" in said, said


@case()
def hosts_names_from_inside_a_container():
    """Docker's files are the host's, not those that adder sees: it reads them by process 1."""
    ident = secrets.token_hex(32)
    folder = "/var/lib/docker/containers/" + ident
    if not os.access("/proc/1/root/", os.R_OK):
        raise Skip("the kernel lets nobody look into process 1 of this machine")
    os.makedirs(folder)
    try:
        with open(folder + "/config.v2.json", "w") as file:
            json.dump({"ID": ident, "Name": "/shop-web"}, file, separators=(",", ":"))
        with engines.private_system(engines.layouts()[0]), engines.app_folder() as app, \
                engines.runc(app, ident=ident) as inside:
            inside.label, inside.asked_by = "shop-web", ["shop-web", "shop-*"]
            return check(inside)
    finally:
        os.remove(folder + "/config.v2.json")
        os.removedirs(folder)


if __name__ == "__main__":
    harness.main()
