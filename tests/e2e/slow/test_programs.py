#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Other people's programs under load while adder records the whole host: its seconds are those that
the kernel and the programs' own counters tell, and they are hardly slower for it."""
import contextlib
import mmap
import os
import shutil
import struct
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import adder
import engines
import harness
import programs
from harness import case
from programs import APPS, CONNECTIONS, find, wrk

STATES = "cpu runq gil lock disk net ipc child poll sleep fault stop other".split()
SECOND = 1e9
LOAD_SECONDS = 3
IDLE_SECONDS = 0.3  # for what is under way as the load ends: the recording begins and ends in peace
TICK = 0.01  # of the kernel's account of a process that has ended
HZ = 99


# ---- what the kernel says ----

def threads_cpu(pids):
    """{(pid, tid): seconds} as the scheduler has charged it, of those that are there."""
    found = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            for tid in os.listdir("/proc/%d/task" % pid):
                with open("/proc/%d/task/%s/schedstat" % (pid, tid)) as file:
                    found[pid, int(tid)] = int(file.read().split()[0]) / SECOND
    return found


# ---- what adder says ----

def total(samples, state):
    return sum(s.values[state] for s in samples) / SECOND


def is_in(sample, function):
    return any(f.function.rsplit(".", 1)[-1] == function for f in sample.stack)


def wrong_sums(samples):
    threads = {}
    for s in samples:
        threads.setdefault((s.labels["pid"], s.labels["tid"]), []).append(s)
    for thread, mine in threads.items():
        wall, parts = total(mine, "wall"), sum(total(mine, state) for state in STATES)
        if abs(wall - parts) > 0.001 * wall:
            yield "thread %d/%d: states %.4f of %.4f s" % (thread + (parts, wall))


def wrong_cpu(samples, before, after):
    """Of the processes that were there all the time, without the threads that were not."""
    by_thread, by_pid, used = {}, {}, {}
    for s in samples:
        thread = s.labels["pid"], s.labels["tid"]
        by_thread[thread] = by_thread.get(thread, 0) + s.values["cpu"] / SECOND
    for thread in set(before) & set(after):
        pid = thread[0]
        used[pid] = used.get(pid, 0) + after[thread] - before[thread]
        by_pid[pid] = by_pid.get(pid, 0) + by_thread.get(thread, 0)
    python = {s.labels["pid"] for s in samples}
    for pid in set(used) & python:
        if abs(by_pid[pid] - used[pid]) > max(0.01 * used[pid], 2 * TICK):
            yield "process %d: CPU %.4f s, but used %.4f s" % (pid, by_pid[pid], used[pid])
    if not python:
        yield "none of its processes is there"


def unwalked(profile):
    """The part of the switches at which no stack was walked, for the sake of the budget: whose waits
    these were is an estimate."""
    walked, not_walked = (int(profile.comments[name]) for name in ("walked", "unwalked"))
    return not_walked / max(1, walked + not_walked)


def wrong_functions(samples, before, after, states, estimated):
    """A function's seconds, as it has measured them itself; @estimated is a part of its waits."""
    names = {name for _, name in after}
    for name in sorted(names):
        calls = wall = cpu = 0
        for key in (k for k in after if k[1] == name):
            old = before.get(key, (0, 0, 0))
            calls, wall, cpu = (x + b - a for x, a, b in zip((calls, wall, cpu), old, after[key]))
        if not calls:
            continue
        mine = [s for s in samples if is_in(s, name)]
        # The split of CPU time is sampled: four standard deviations of the number of ticks.
        chance = 4 * (max(total(mine, "cpu"), cpu) * HZ + 1) ** 0.5 / HZ
        if abs(total(mine, "cpu") - cpu) > 0.01 * cpu + chance:
            yield "%s: CPU %.3f s, but used %.3f s in %d calls" % (
                name, total(mine, "cpu"), cpu, calls)
        if name not in states:
            continue
        if abs(total(mine, "wall") - wall) > 0.01 * wall + chance + estimated * (wall - cpu):
            yield "%s: wall %.3f s, but took %.3f s in %d calls" % (
                name, total(mine, "wall"), wall, calls)
        waited = sum(total(mine, state) for state in set(STATES) - {"cpu", "runq", "gil"})
        known = sum(total(mine, state) for state in states[name].split("+"))
        if known < 0.98 * waited:
            yield "%s: %s is %.3f of the %.3f s it waited: %s" % (
                name, states[name], known, waited, {s: round(total(mine, s), 3) for s in STATES})


# ---- a program that goes on until it is ended ----

def measure(program, load):
    """Throughput without adder, then with it; and what everybody says of the second time."""
    load(program, 1)  # warms it up
    plain = load(program, LOAD_SECONDS)
    time.sleep(IDLE_SECONDS)
    before = threads_cpu(program.pids())
    counted = program.counters()
    with adder.Recording() as recording:
        loaded = load(program, LOAD_SECONDS)
        time.sleep(IDLE_SECONDS)
    after, pids = threads_cpu(program.pids()), program.pids()
    samples = [s for s in recording.profile.samples
               if s.labels["pid"] in pids | {pid for pid, _ in program.counters()}]
    return plain, loaded, samples, (before, after), (counted, program.counters()), \
        unwalked(recording.profile)


def wrong_calls(before, after, loaded):
    """Every request that was answered was a call; of those at the end, the answer may not count."""
    for name in {name for _, name in after}:
        calls = sum(after[k][0] - before.get(k, (0,))[0] for k in after if k[1] == name)
        if not loaded <= calls <= loaded + CONNECTIONS:
            yield "%s: %d calls for %d requests" % (name, calls, loaded)


def judge(program, load, states, unit):
    plain, loaded, samples, cpu, counted, estimated = measure(program, load)
    wrong = list(wrong_sums(samples)) + list(wrong_cpu(samples, *cpu))
    if unit != "calls":
        wrong += wrong_calls(*counted, loaded)
    wrong += list(wrong_functions(samples, *counted, states, estimated))
    assert not wrong, "; ".join(wrong)
    return "%.0f %s/s, with adder %.0f: %.2f; %.0f %% of the switches walked" % (
        plain / LOAD_SECONDS, unit, loaded / LOAD_SECONDS, loaded / plain, 100 - 100 * estimated)


def web(url, **states):
    """A case: a web server, loaded at @url."""
    def mark(start):
        def run():
            with programs.running(start) as program:
                programs.wait_for_answer(program, url)
                return judge(program, lambda p, s: wrk(p, url, s), states, "requests")
        run.__name__ = start.__name__
        case(alone=True)(run)
        return start
    return mark


def loop(**states):
    """A case: a program that works by itself; its throughput is the calls that it counts."""
    def mark(start):
        def calls(program, seconds):
            before = sum(c for c, _, _ in program.counters().values())
            with open(program.env["GATE"], "w"):
                time.sleep(seconds)
            os.remove(program.env["GATE"])
            return sum(c for c, _, _ in program.counters().values()) - before

        def run():
            def start_behind_gate(program):
                program.env["GATE"] = program.folder + "/gate"
                start(program)

            with programs.running(start_behind_gate) as program:
                return judge(program, calls, states, "calls")
        run.__name__ = start.__name__
        case(alone=True)(run)
        return start
    return mark


def gunicorn(program, app, *args):
    program.python("-m", "gunicorn", "-b", "127.0.0.1:%d" % program.port, *args, app,
                   port=program.port)


@web("/render")
def flask_two_workers(program):
    gunicorn(program, "flaskapp:app", "-w", "2")


@web("/render", render="gil")
def flask_eight_threads(program):
    gunicorn(program, "flaskapp:app", "-w", "1", "--threads", "8")


@web("/slow", slow="sleep")
def flask_that_sleeps(program):
    gunicorn(program, "flaskapp:app", "-w", "1", "--threads", "8")


@web("/render")
def flask_in_gevent(program):
    gunicorn(program, "flaskapp:app", "-w", "1", "-k", "gevent")


@web("/admin/login/")
def django_login(program):
    env, cwd = program.env, program.folder
    for command in "-m django startproject shop .", "manage.py migrate -v 0":
        subprocess.run([programs.PYTHON] + command.split(), env=env, cwd=cwd, check=True)
    gunicorn(program, "shop.wsgi", "-w", "2", "--chdir", cwd)


@web("/")
def fastapi_uvloop(program):
    program.python("-m", "uvicorn", "--port", program.port, "--log-level", "warning",
                   "asyncapps:fastapp", port=program.port)


@web("/")
def aiohttp_server(program):
    program.python(APPS + "/asyncapps.py", program.port, port=program.port)


@web("/render")
def uwsgi(program):
    plugin = find("usr/lib/uwsgi/plugins/python3*_plugin.so")
    program.start(find("usr/bin/uwsgi-core"), "--plugin", plugin, "--http-socket",
                  "127.0.0.1:%d" % program.port, "--module", "flaskapp:app", "--master",
                  "--processes", "2", "--threads", "2", "--die-on-term", "-L", "--chdir", APPS,
                  port=program.port)


WSGI = """ServerRoot /
PidFile {folder}/pid
ServerName localhost
Listen 127.0.0.1:{port}
ErrorLog {folder}/error
User nobody
Group nogroup
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule wsgi_module {modules}/mod_wsgi.so
WSGISocketPrefix {folder}/wsgi
WSGIDaemonProcess app processes=2 threads=4 python-path={path}
WSGIProcessGroup app
WSGIApplicationGroup %{{GLOBAL}}
WSGIScriptAlias / {apps}/flaskapp.py
<Directory {apps}>
Require all granted
</Directory>
"""


@web("/render")
def mod_wsgi(program):
    modules = os.path.dirname(find("usr/lib/apache2/modules/mod_wsgi.so"))
    with open(program.folder + "/conf", "w") as file:
        file.write(WSGI.format(folder=program.folder, port=program.port, modules=modules, apps=APPS,
                               path=program.env["PYTHONPATH"]))
    os.chmod(program.folder + "/counters", 0o777)
    program.start(find("usr/sbin/apache2"), "-f", program.folder + "/conf", "-DFOREGROUND",
                  port=program.port)


@web("/render", render="gil")
def waitress_threads(program):
    serve = "import flaskapp, waitress; waitress.serve(flaskapp.app, port=%d, threads=4)"
    program.python("-c", serve % program.port, port=program.port)


@web("/")
def tornado(program):
    program.python(APPS + "/servers.py", "tornado", program.port, port=program.port)


@web("/")
def twisted(program):
    program.python(APPS + "/servers.py", "twisted", program.port, port=program.port)


@web("/", write="disk+sleep")
def threads_and_sqlite(program):
    program.python(APPS + "/sqlserver.py", program.port, port=program.port)


def celery_feed(program, seconds):
    done = subprocess.run([programs.PYTHON, APPS + "/tasks.py", str(seconds)], env=program.env,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=seconds + 40)
    assert done.returncode == 0, done.stderr.decode()[-300:]
    return int(done.stdout.split()[-1])


@case(alone=True)
def celery_prefork():
    def start(program):
        port = program.env["REDIS_PORT"] = str(programs.free_port())
        program.start(find("usr/bin/redis-server"), "--port", port, "--bind", "127.0.0.1",
                      "--save", "", port=int(port))
        program.python("-m", "celery", "--workdir", APPS, "-A", "tasks", "worker", "-c", "2", "-l",
                       "warning")
    with programs.running(start) as program:
        return judge(program, celery_feed, {}, "tasks")


@loop(slow_query="net", big_query="net")
def psycopg2_and_postgresql(program):
    where = os.path.dirname(find("usr/lib/postgresql/*/bin/initdb"))
    os.chmod(program.folder, 0o777)
    data = program.folder + "/db"
    initdb = [where + "/initdb", "-D", data, "-A", "trust", "-U", "postgres", "--locale=C", "-N"]
    subprocess.run(programs.NOBODY + initdb, env=program.env, check=True,
                   stdout=subprocess.DEVNULL, cwd="/")
    program.start(*programs.NOBODY, where + "/postgres", "-D", data, "-p", program.port, "-k",
                  program.folder, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off",
                  port=program.port)
    time.sleep(1)
    program.python(APPS + "/loops.py", "postgres", program.port)


@loop()
def numpy_and_blas(program):
    program.python(APPS + "/loops.py", "numpy")


@loop()
def threads_without_the_gil(program):
    program.python(APPS + "/loops.py", "gil_release")


@loop()
def pool_of_processes(program):
    program.python(APPS + "/loops.py", "processes")


@loop(spawn="child+ipc")
def starts_programs(program):
    program.python(APPS + "/loops.py", "spawning")


@loop(fork="child")
def forks(program):
    program.python(APPS + "/loops.py", "forking")


# ---- a program that comes to an end ----

def run_batch(program, cgroup, command):
    """Run it; returns its pid, exit status, seconds, and seconds of CPU with its children's."""
    begin = mmap.mmap(-1, 8)

    def about_to_begin():
        cgroup.enter()
        begin[:] = struct.pack("d", time.monotonic())

    process = program.start(*command, preexec_fn=about_to_begin)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - struct.unpack("d", begin[:])[0]
    process.returncode = status
    assert "Traceback" not in program.log(), program.log()
    return process.pid, status, seconds, usage.ru_utime + usage.ru_stime


def judge_batch(program, command, only_python):
    name = "adder-%d.service" % os.getpid()
    with engines.Cgroup("/system.slice/" + name) as cgroup:
        run_batch(program, cgroup, command)  # warms it up: what it reads, and compiles
        _, want, plain, _ = run_batch(program, cgroup, command)
        with adder.Recording() as recording:
            pid, status, seconds, used = run_batch(program, cgroup, command)
    assert status == want, "status %#x, with adder %#x" % (want, status)
    samples = [s for s in recording.profile.samples if s.labels.get("container") == name]
    wrong, cpu = list(wrong_sums(samples)), total(samples, "cpu")
    count = len({s.labels["pid"] for s in samples})
    slack = max(0.01 * used, 2 * TICK * count)
    if cpu > used + slack or (only_python and cpu < used - slack):
        wrong.append("CPU %.3f s, but used %.3f s" % (cpu, used))
    wall = total([s for s in samples if s.labels["tid"] == pid], "wall")
    # We hear of its end a little late, more so on a busy machine.
    if not seconds - max(0.02 * seconds, 0.05) <= wall <= seconds + TICK:
        wrong.append("main thread: wall %.3f s, but took %.3f s" % (wall, seconds))
    assert not wrong, "; ".join(wrong)
    return "%.2f s, with adder %.2f: %.2f; %d processes" % (plain, seconds, plain / seconds, count)


def batch(only_python=True):
    """A case: a program's command line, which the function gives.  @only_python: it starts no
    others, whose CPU time adder does not see."""
    def mark(arguments):
        def run():
            with programs.running(lambda program: None) as program:
                return judge_batch(program, [programs.PYTHON] + arguments(program), only_python)
        run.__name__ = arguments.__name__
        case(alone=True)(run)
        return arguments
    return mark


def library(*names):
    """Folders of the standard library of the Python that runs it."""
    home = os.path.dirname(subprocess.check_output(
        [programs.PYTHON, "-c", "import os; print(os.__file__)"]).decode().strip())
    return [os.path.join(home, name) for name in names]


@batch()
def compileall_two_workers(program):
    program.env["PYTHONPYCACHEPREFIX"] = program.folder + "/pyc"
    return ["-m", "compileall", "-q", "-f", "-j", "2"] + library("")


@batch()
def mypy(program):
    return ["-m", "mypy", "--no-incremental", "--cache-dir=/dev/null", "-c", "import json, asyncio"]


@batch()
def black_two_workers(program):
    return ["-m", "black", "-q", "--check", "--workers", "2"] + library("json")


@batch()
def pylint(program):
    return ["-m", "pylint", "--score=n", "-j", "1"] + library("json")


@batch()
def sphinx(program):
    os.mkdir(program.folder + "/doc")
    with open(program.folder + "/doc/conf.py", "w") as file:
        file.write("extensions = ['sphinx.ext.autodoc']\n")
    with open(program.folder + "/doc/index.rst", "w") as file:
        file.write("T\n=\n\n" + "".join(".. automodule:: %s\n   :members:\n\n" % name for name in (
            "json", "logging", "argparse", "threading", "socket", "subprocess")))
    return ["-m", "sphinx", "-q", "-E", "-a", "doc", "out"]


@batch()
def cython_compiled_by_itself(program):
    shutil.copy(library("argparse.py")[0], program.folder)
    return [find("usr/bin/cython3"), "-3", "argparse.py"]


@batch(only_python=False)
def scons(program):
    with open(program.folder + "/SConstruct", "w") as file:
        file.write("for i in range(60):\n    AlwaysBuild(Command('out%d' % i, [], 'true'))\n")
    return [find("usr/bin/scons"), "-Q", "-s", "-j", "2"]


@batch()
def mercurial(program):
    subprocess.run([programs.PYTHON, find("usr/bin/hg"), "init", program.folder], env=program.env,
                   check=True)
    with open(program.folder + "/.hg/hgrc", "w") as file:
        file.write("[ui]\nusername = e2e\n[ui]\nallowemptycommit = true\n")
    for folder in "asyncio", "json", "email":
        shutil.copytree(library(folder)[0], os.path.join(program.folder, folder))
    return [find("usr/bin/hg"), "--cwd", program.folder, "addremove", "-n", "-q"]


@batch(only_python=False)
def borg(program):
    program.env.update(BORG_BASE_DIR=program.folder, BORG_REPO=program.folder + "/repo")
    program.env["BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK"] = "yes"
    borg = find("usr/bin/borg")
    subprocess.run([programs.PYTHON, borg, "init", "-e", "none"], env=program.env, check=True)
    return [borg, "create", "--compression", "zstd,9", "::{utcnow:%H%M%S%f}"] + library("")


@batch(only_python=False)
def ansible(program):
    with open(program.folder + "/play.yml", "w") as file:
        file.write("- hosts: localhost\n  connection: local\n  gather_facts: false\n  tasks:\n"
                   "    - command: 'true'\n      loop: '{{ range(0, 5) | list }}'\n")
    return [find("usr/bin/ansible-playbook"), "-i", "localhost,", "play.yml"]


if __name__ == "__main__":
    harness.main()
