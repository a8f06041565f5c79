#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Two containers of different Debian suites: told apart, and chosen."""
import contextlib
import json
import os
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import adder
import containers
import harness
import mounts
from harness import Skip, case
from pythons import WORKLOADS

LIFE_SECONDS = 30
RECORD_SECONDS = 1.5


@contextlib.contextmanager
def two_containers():
    """One like Docker's, known by its id; one like LXC's, known by its name."""
    why = containers.lacking()
    if why:
        raise Skip(why)
    name = "e2e-%d" % os.getpid()
    serve = ["/app/serve.py", None, str(LIFE_SECONDS)]

    def command(python, function):
        return [python] + [word or function for word in serve]
    with containers.Container("bullseye", "/docker/%s",
                              command("/usr/bin/python3.9", "serve_old")) as old, \
            containers.Container("trixie", "/lxc/" + name,
                                 command("/usr/bin/python3.13", "serve_new")) as new:
        new.name = name
        time.sleep(0.3)
        yield old, new


def record(*filters):
    with adder.Recording(*filters) as recording:
        time.sleep(RECORD_SECONDS)
    return recording.profile.samples


def seen(samples, old, new):
    """{(pid, container, python)} of the samples of these two with their functions."""
    mine = {old.pid: "serve_old", new.pid: "serve_new"}
    return {(s.labels["pid"], s.labels.get("container"), s.labels.get("python")) for s in samples
            if any(f.function == mine.get(s.labels["pid"]) for f in s.stack)}


@case()
def told_apart():
    with two_containers() as (old, new):
        got = seen(record(), old, new)
        want = {(old.pid, old.id[:12], "3.9"), (new.pid, new.name, "3.13")}
    assert got == want, "saw %r, not %r" % (got, want)


@case()
def dumped():
    """With source lines from the container's own files."""
    with two_containers() as (old, new):
        for container, label in (old, old.id[:12]), (new, new.name):
            done = adder.run("dump", "--json", "--source", "--container", label)
            assert done.returncode == 0, done.stderr
            processes = json.loads(done.stdout.decode())
            assert [p["pid"] for p in processes] == [container.pid], processes
            assert processes[0]["container"] == label, processes[0]["container"]
            frame = processes[0]["threads"][0]["frames"][-1]
            assert frame["function"] == "<module>" and frame["file"] == "/app/serve.py", frame
            with open(os.path.join(WORKLOADS, "serve.py")) as f:
                assert frame["source"] == f.read().split("\n")[frame["line"] - 1].lstrip(), frame


@case()
def started_while_recording():
    with adder.Recording() as recording:
        with two_containers() as (old, new):
            time.sleep(RECORD_SECONDS)
            want = {(old.pid, old.id[:12], "3.9"), (new.pid, new.name, "3.13")}
    got = seen(recording.profile.samples, old, new)
    assert got == want, "saw %r, not %r" % (got, want)


@case()
def chosen():
    """By a short id, a whole id, a name and a glob."""
    with two_containers() as (old, new):
        for text, pid in ((old.id[:12], old.pid), (old.id, old.pid), (new.name, new.pid),
                          (new.name[:-2] + "*", new.pid)):
            samples = record("--container", text)
            pids = {s.labels["pid"] for s in samples}
            assert pids == {pid}, "--container %s gave the pids %r, not %d" % (text, pids, pid)


@case()
def chosen_by_the_name_that_docker_gave():
    with mounts.private(), two_containers() as (old, new):
        mounts.empty("/var/lib")
        folder = "/var/lib/docker/containers/" + old.id
        os.makedirs(folder)
        with open(folder + "/config.v2.json", "w") as file:
            json.dump({"ID": old.id, "Name": "/shop-web"}, file, separators=(",", ":"))
        samples = record("--container", "shop-w*")
    got = {(s.labels["pid"], s.labels["container"]) for s in samples}
    assert got == {(old.pid, "shop-web")}, "saw %r" % got


@case()
def chosen_before_it_starts():
    name = "e2e-%d" % os.getpid()
    with adder.Recording("--container", name) as recording:
        with two_containers() as (old, new):
            time.sleep(RECORD_SECONDS)
            pid = new.pid
    pids = {s.labels["pid"] for s in recording.profile.samples}
    assert pids == {pid}, "--container %s gave the pids %r, not %d" % (name, pids, pid)


if __name__ == "__main__":
    harness.main()
