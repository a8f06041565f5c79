#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Pythons that are built, started or kept in other ways than most: their stacks, seconds and GIL."""
import ctypes
import functools
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import adder
import harness
from called import check_exact, check_lower_bounds
from harness import Skip, Workload
from judging import blocked_stack, check_stacks, difference
from pythons import BUILD, WORKLOADS, Python, one_each, spread
from seconds import add_up, check_ledger, check_sums

BUILT = os.path.join(BUILD, "pythons-built")
FETCH = os.path.join(HERE, "fetch-builds")


def cell(row, column, function, alone=False):
    """A case that becomes a cell of the matrix."""
    harness.CASES.append(("%s.%s" % (row, column), function, alone))


# ---- interpreters that run what any other runs ----

class Build(Python):
    """A Python with settings in its environment."""
    settings = ()
    free_threaded = False

    def command(self, *args):
        return ["env"] + list(self.settings) + Python.command(self, *args)


@functools.lru_cache(None)
def fetch(name):
    """The folder of one of fetch-builds' builds."""
    tree = os.path.join(BUILT, name)
    done = subprocess.run([FETCH, name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise Skip(done.stdout.decode(errors="replace").strip().split("\n")[-1])
    return tree


def built(version, name, program, settings=(), tree=False, free_threaded=False):
    folder = fetch(name)
    python = Build(version, program if tree else os.path.join(folder, program), name,
                   folder if tree else None)
    python.settings, python.free_threaded = settings, free_threaded
    return python


def sid(minor):
    """Debian's own, with the JIT on."""
    tree = os.path.join(BUILD, "pythons", "sid")
    if not os.path.exists(tree + "/usr/bin/python3.%d" % minor):
        raise Skip("no build/pythons/sid: run tests/e2e/fetch-pythons")
    python = Build("3.%d" % minor, "/usr/bin/python3.%d" % minor, "sid", tree)
    python.settings = ["PYTHON_JIT=1"]
    return python


BUILDS = {
    "JIT_3_14": lambda: sid(14),
    "JIT_3_15": lambda: sid(15),
    "tail_calls_3_14": lambda: built("3.14", "tailcall", "bin/python3.14"),
    "tail_calls,_JIT_3_14": lambda: built("3.14", "tailcall", "bin/python3.14", ["PYTHON_JIT=1"]),
    "debug_build_3_13": lambda: built("3.13", "debug", "/usr/bin/python3.13d", tree=True),
    "free-threaded_3_13": lambda: built("3.13", "nogil", "bin/python3.13t", free_threaded=True),
    "free-threaded,_GIL_on_3_13": lambda: built("3.13", "nogil", "bin/python3.13t", ["PYTHON_GIL=1"]),
    "musl_3_13": lambda: built("3.13", "musl", "bin/python3.13"),
    "static,_stripped,_fields_moved_3_13": lambda: built("3.13", "static", "bin/python3.13"),
    "standalone_3_10": lambda: built("3.10", "standalone-3.10", "bin/python3.10"),
    "standalone_3_11": lambda: built("3.11", "standalone-3.11", "bin/python3.11"),
}

# What differs between these is the code in which calls are counted.
LOOPS = {
    "clang_3_13": lambda: built("3.13", "loops", "bin/python3.13-clang"),
    "unoptimised_3_13": lambda: built("3.13", "loops", "bin/python3.13-O0"),
    "switch_3_13": lambda: built("3.13", "loops", "bin/python3.13-switch"),
    "switch,_clang_3_13": lambda: built("3.13", "loops", "bin/python3.13-switch-clang"),
    "switch,_for_size_3_13": lambda: built("3.13", "loops", "bin/python3.13-switch-size"),
    "switch,_O1_3_13": lambda: built("3.13", "loops", "bin/python3.13-switch-O1"),
    "not_PGO_3_11": lambda: built("3.11", "loops-3.11", "bin/python3.11"),
    "clang_3_11": lambda: built("3.11", "loops-3.11", "bin/python3.11-clang"),
    "switch_3_11": lambda: built("3.11", "loops-3.11", "bin/python3.11-switch"),
    "switch,_clang_3_11": lambda: built("3.11", "loops-3.11", "bin/python3.11-switch-clang"),
    "free-threaded,_clang_3_13": lambda: built("3.13", "nogil", "bin/python3.13t-clang"),
    "free-threaded,_switch_3_13": lambda: built("3.13", "nogil", "bin/python3.13t-switch"),
}


LEAST_GIL = 0.3  # seconds, of the 1.5 that one of two waits: on a loaded machine most is the run queue's


def of_thread(profile, tid):
    return [s for s in profile.samples if s.labels.get("tid") == int(tid)]


def check_rivals(python):
    """Two that spin: what was not CPU was the GIL's, and for the other's function."""
    with Workload(python, "rivals.py") as program:
        program.expect("ready")
        with adder.Recording("-p", program.pid) as recording:
            program.go()
            used = json.loads(program.read())
            program.go()
    wrong, gil, told = check_sums(recording.profile), 0, 0
    for tid, seconds in used.items():
        total = add_up(of_thread(recording.profile, tid))
        if abs(total["cpu"] / 1e9 - seconds) > 0.01 * seconds + 0.002:
            wrong.append("CPU %.4f s, but used %.4f s" % (total["cpu"] / 1e9, seconds))
        samples = [s for s in of_thread(recording.profile, tid)
                   if any(f.function == "spin" for f in s.stack)]
        total = add_up(samples)
        waited = total["wall"] - total["cpu"] - total["runq"]
        if waited - total["gil"] > 0.02 * total["wall"]:
            wrong.append("waited %.3f s, for the GIL %.3f s" % (waited / 1e9, total["gil"] / 1e9))
        gil += total["gil"] / 1e9
        told += sum(s.values["gil"] for s in samples if s.labels.get("on") == "spin") / 1e9
    has_gil = not getattr(python, "free_threaded", False)
    if has_gil and (gil < LEAST_GIL or told < 0.95 * gil):
        wrong.append("%.3f s for the GIL, of which %.3f s for spin" % (gil, told))
    if not has_gil and gil > 0:
        wrong.append("%.3f s for a GIL that there isn't" % gil)
    assert not wrong, "; ".join(wrong)
    return "%.1f s for the GIL" % gil


def check_build(row, check):
    return lambda: check(BUILDS[row]())


for name in BUILDS:
    cell(name, "stacks", check_build(name, check_stacks))
    cell(name, "seconds", check_build(name, check_ledger), alone=True)
    cell(name, "gil", check_build(name, check_rivals))
    cell(name, "calls", check_build(name, check_lower_bounds if "JIT" in name else check_exact))
for name in LOOPS:
    cell(name, "calls", functools.partial(lambda loop: check_exact(loop()), LOOPS[name]))



# ---- sub-interpreters ----

def check_subinterpreters(python, own):
    """Threads in sub-interpreters, blocked and busy, as the program has made them."""
    harness.needs(python)
    with Workload(python, "subinterpreters.py", *(["own"] if own else [])) as program:
        program.expect("ready")
        with adder.Recording("-p", program.pid) as recording:
            program.go()
            said = json.loads(program.read())
    wrong = check_sums(recording.profile)
    for what, tid in said["tids"].items():
        samples = of_thread(recording.profile, tid)
        n, wall, right, seen = what[-1], add_up(samples)["wall"], 0, {}
        want = {"outside": ["outside_leaf", "outside"], "blocked": ["blocked_" + n, "middle_" + n, "<module>"],
                "busy": ["spin_" + n, "middle_" + n, "<module>"]}[what.split("_")[0]]
        for s in samples:
            names = [f.function for f in s.stack]
            seen[tuple(names[:3])] = s.values["wall"] / 1e9
            if names[:len(want)] == want and (what == "outside" or len(names) == 3):
                right += s.values["wall"]
        # the busy ones come from a lock of the main interpreter, and go back there
        if right < 0.95 * (1.5e9 if what.startswith("busy") else wall):
            wrong.append("%s: %.3f of %.3f s are right; %r" % (what, right / 1e9, wall / 1e9, seen))
    gil = sum(add_up(of_thread(recording.profile, said["tids"]["busy_" + n]))["gil"] for n in "12") / 1e9
    if (gil < 0.01) != own:
        wrong.append("%.3f s for the GIL" % gil)
    assert not wrong, "; ".join(wrong)
    return "%d threads, %.2f s for the GIL" % (len(said["tids"]), gil)


# ---- what is loaded late, twice, or no longer there ----

class Embedded(Build):
    """A C program that loads a libpython."""

    def command(self, *args):
        if not self.tree:
            return ["env"] + list(self.settings) + [self.path, self.lib] + [str(a) for a in args]
        return Build.command(self, self.lib, *args)


def compile_embed(folder):
    path = os.path.join(folder, "embed")
    done = subprocess.run(["gcc", "-O1", "-o", path, os.path.join(WORKLOADS, "embed.c"), "-ldl", "-lpthread"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise Skip("cannot compile: " + done.stdout.decode(errors="replace")[-200:])
    return path


def libpython(minor):
    return "/usr/lib/x86_64-linux-gnu/libpython3.%d.so.1.0" % minor


def embedded(folder, minor, lib=None, settings=()):
    python = Embedded("3.%d" % minor, compile_embed(folder), "embedded", fetch("libpythons"))
    python.lib, python.settings = lib or libpython(minor), settings
    return python


def copy_of_libpython(folder):
    path = os.path.join(folder, os.path.basename(libpython(14)))
    shutil.copy(fetch("libpythons") + libpython(14), path)
    return path


def in_folder(check, where="/tmp"):
    """Run @check with a folder, in one that chroots see too, that is gone afterwards."""
    def run():
        with tempfile.TemporaryDirectory(prefix="adder-e2e-", dir=where) as folder:
            return check(folder)
    return run


def check_embedded(minor, folder):
    return check_stacks(embedded(folder, minor))


def check_deleted_library(folder):
    """As a bundle that unpacks into a temporary folder and removes that does."""
    path = copy_of_libpython(folder)
    return check_stacks(embedded(folder, 14, path), lambda _: os.unlink(path))


def check_replaced_library(folder):
    """By another version: an upgrade."""
    path = copy_of_libpython(folder)
    new = shutil.copy(fetch("libpythons") + libpython(15), path + ".new")
    return check_stacks(embedded(folder, 14, path), lambda _: os.rename(new, path))


def own_copy(folder):
    """The interpreter that runs this, by another path."""
    path = os.path.join(folder, "python3")
    shutil.copy(os.path.realpath(sys.executable), path)
    version = "%d.%d" % sys.version_info[:2]
    return Build(version, path, "copy", None), path


def check_deleted_program(folder):
    python, path = own_copy(folder)
    python.settings = ["PYTHONHOME=" + sys.base_prefix]
    return check_stacks(python, lambda _: os.unlink(path))


def check_replaced_program(folder):
    python, path = own_copy(folder)
    python.settings = ["PYTHONHOME=" + sys.base_prefix]
    new = shutil.copy("/bin/true", path + ".new")
    return check_stacks(python, lambda _: os.rename(new, path))


def check_two(first, second, folder):
    """One is read in full, and it is said that there is another."""
    python = embedded(folder, first, settings=["SECOND=" + libpython(second)])
    result = check_stacks(python)
    with Workload(python, "hard_stacks.py") as program:
        program.expect("ready")
        text = adder.run("dump", "-p", program.pid).stdout.decode()
    want = "has a second interpreter, of Python 3.%d, that is not read" % second
    assert want in text, "dump does not say %r: %s" % (want, text[-200:])
    return result


def check_refused():
    python = built("3.9", "debug-old", "/usr/bin/python3.9d", tree=True)
    with Workload(python, "rivals.py") as program:
        program.expect("ready")
        done = adder.run("dump", "-p", program.pid)
    text = (done.stdout + done.stderr).decode()
    assert "debug build of Python 3.9" in text, "it said %r" % text[-200:]
    return "debug build of Python 3.9"


def check_future(folder):
    """3.15 that says that it is 3.16: only its debug offsets tell how to read it."""
    path, real = os.path.join(folder, "python"), sid(15)
    with open(real.tree + real.path, "rb") as f:
        program = f.read()
    found = re.search(b"xdebugpy..\x0f\x03", program, re.DOTALL)
    assert found, "no debug offsets in %s" % real.path
    at = found.start()
    with open(path, "wb") as f:
        f.write(program[:at + 10] + b"\x10\x03" + program[at + 12:])
    os.chmod(path, 0o755)
    python = Build("3.16", path, "future", real.tree)
    python.settings = ["PYTHONHOME=/usr"]
    return check_stacks(python)


# ---- servers that have Python within ----

def wait_for_answer(port):
    for _ in range(100):
        try:
            return json.loads(urllib.request.urlopen("http://127.0.0.1:%d/" % port, timeout=20).read().decode())
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    raise AssertionError("the server does not answer")


def check_server(command, port):
    """The stack that a request says it waited in."""
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        pid = wait_for_answer(port)["pid"]
        with adder.Recording("-p", pid) as recording:
            said = wait_for_answer(port)
        sample = blocked_stack(recording.profile, said["pid"], said["tid"])
        why = difference({"name": "", "stack": said["stack"]}, sample._replace(labels={})) if sample else "no stack"
        assert said["pid"] == pid and not why, why
        return "%d frames" % len(said["stack"])
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def check_uwsgi(folder):
    if not shutil.which("uwsgi_python3"):
        raise Skip("uwsgi-plugin-python3 is not installed")
    port = free_port()
    return check_server(["uwsgi_python3", "--http-socket", "127.0.0.1:%d" % port, "--chdir", WORKLOADS,
                         "--module", "wsgi_app", "--master", "--processes", "1", "--threads", "2"], port)


APACHE = """
ServerRoot {folder}
PidFile {folder}/pid
ServerName localhost
User www-data
Group www-data
Listen 127.0.0.1:{port}
ErrorLog {folder}/error
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule wsgi_module {modules}/mod_wsgi.so
WSGISocketPrefix {folder}/wsgi
WSGIDaemonProcess app processes=1 threads=2
WSGIProcessGroup app
WSGIScriptAlias / {app}
<Directory {folder}>
Require all granted
</Directory>
"""


def check_mod_wsgi(folder):
    """Each application has a sub-interpreter of its own there."""
    modules = "/usr/lib/apache2/modules"
    if not os.path.exists(modules + "/mod_wsgi.so"):
        raise Skip("libapache2-mod-wsgi-py3 is not installed")
    os.chmod(folder, 0o755)
    app, port = shutil.copy(os.path.join(WORKLOADS, "wsgi_app.py"), folder), free_port()
    os.chmod(app, 0o644)
    with open(folder + "/conf", "w") as f:
        f.write(APACHE.format(folder=folder, port=port, modules=modules, app=app))
    return check_server(["/usr/sbin/apache2", "-f", folder + "/conf", "-DFOREGROUND"], port)


# ---- memory that is not there ----

class Swap:
    """Some more swap space, in a file."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "swap")

    def __enter__(self):
        for command in (["fallocate", "-l", "256M", self.path], ["chmod", "600", self.path],
                        ["mkswap", self.path], ["swapon", self.path]):
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            if done.returncode:
                raise Skip("no swap space: " + done.stdout.decode(errors="replace").strip()[-100:])

    def __exit__(self, *args):
        subprocess.run(["swapoff", self.path])


def page_out(pid):
    """All of a process's private memory: process_madvise(MADV_PAGEOUT)."""
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = libc.syscall(434, pid, 0)
    for line in open("/proc/%d/maps" % pid).read().splitlines():
        begin, end = (int(x, 16) for x in line.split()[0].split("-"))
        if line.split()[1] != "rw-p":
            continue
        part = struct.pack("QQ", begin, end - begin)
        if libc.syscall(440, pidfd, part, 1, 21, 0) < 0 and ctypes.get_errno() in (1, 38):
            raise Skip("process_madvise: " + os.strerror(ctypes.get_errno()))
    os.close(pidfd)


def check_paged_out(interpreter, folder):
    """The outer end of a stack that was swapped out is read by user space, while the thread sleeps."""
    with Swap(folder), Workload(interpreter, "deep_sleep.py") as program:
        program.expect("ready")
        with adder.Recording("-p", program.pid) as recording:
            for _ in range(4):
                time.sleep(0.5)
                page_out(program.pid)
            time.sleep(1)
    cut = int(recording.profile.comments.get("lost_frame_fault", "0"))
    torn = [s for s in recording.profile.samples if s.stack[-1].function != "<module>"]
    time_of = lambda samples: add_up(samples)["wall"] / 1e9
    assert cut, "no stack was cut short: nothing was tested; %r" % recording.profile.comments
    assert time_of(torn) < 0.02 * time_of(recording.profile.samples), "%.3f of %.3f s: ... %s" % (
        time_of(torn), time_of(recording.profile.samples), torn[0].stack[-1].function)
    return "%d stacks cut short, all read on" % cut


for minor, interpreter in one_each().items():
    if minor >= 8:
        cell("sub-interpreters_3_%d" % minor, "stacks", functools.partial(
            check_subinterpreters, interpreter or harness.Missing(minor), False))
    if minor >= 12:
        cell("sub-interpreters_with_own_GIL_3_%d" % minor, "stacks", functools.partial(
            check_subinterpreters, interpreter or harness.Missing(minor), True))
for interpreter in spread():
    cell("paged_out_3_%d" % interpreter.minor, "stacks",
         in_folder(functools.partial(check_paged_out, interpreter), "/var/tmp"))
for row, check in (
        ("loaded_late_3_14", functools.partial(check_embedded, 14)),
        ("loaded_late_3_15", functools.partial(check_embedded, 15)),
        ("two_libpythons_3_14,_3_15", functools.partial(check_two, 14, 15)),
        ("two_libpythons_3_15,_3_14", functools.partial(check_two, 15, 14)),
        ("libpython_deleted", check_deleted_library), ("libpython_replaced", check_replaced_library),
        ("program_deleted", check_deleted_program), ("program_replaced", check_replaced_program),
        ("newer_than_adder", check_future), ("uwsgi", check_uwsgi), ("mod_wsgi", check_mod_wsgi)):
    cell(row, "stacks", in_folder(check))
for minor in 14, 15:
    cell("loaded_late_3_%d" % minor, "calls", in_folder(lambda folder, m=minor: check_exact(embedded(folder, m))))
cell("debug_build_3_9,_refused", "stacks", check_refused)


if __name__ == "__main__":
    harness.main()
