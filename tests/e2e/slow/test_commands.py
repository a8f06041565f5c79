#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Commands of others, which come to an end, while adder records the whole host."""
import mmap
import os
import shutil
import statistics
import struct
import subprocess
import sys
import time
import zipfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import accounts
import adder
import engines
import harness
import programs
from accounts import TICK, total
from harness import case
from programs import find

RUNS, SECONDS = 3, 2  # so many runs without adder and so many with it, if they take no longer; their medians
NEXT_TO_NOTHING = 0.02  # what the kernel does of a program's start and end beside


class Ended:
    """A command that came to an end: its pid and status; least and most seconds that it was there,
    where .most begins before it is forked and ends when we have heard of its end; and seconds of
    CPU, with its children's."""

    def __init__(self, program, cgroup, command):
        begin, shared = time.monotonic(), mmap.mmap(-1, 8)

        def about_to_begin():
            cgroup.enter()
            shared[:] = struct.pack("d", time.monotonic())

        process = program.start(*command, preexec_fn=about_to_begin)
        before = accounts.delay()
        _, self.status, usage = os.wait4(process.pid, 0)
        end, late = time.monotonic(), accounts.delay() - before
        self.pid, self.most = process.pid, end - begin
        self.least = end - late - struct.unpack("d", shared[:])[0]
        self.used = usage.ru_utime + usage.ru_stime
        process.returncode = self.status
        assert "Traceback" not in program.log(), program.log()


class Run:
    """One run of a command beside adder: what it, the kernel and the counters say."""

    def __init__(self, program, cgroup, command):
        before = program.counters()
        with adder.Recording() as recording:
            self.ended = Ended(program, cgroup, command)
        self.counted = before, program.counters()
        self.estimated = accounts.unwalked(recording.profile)
        name = os.path.basename(cgroup.folders[0])
        self.samples = [s for s in recording.profile.samples if s.labels.get("container") == name]
        self.main = [s for s in recording.profile.samples if s.labels["tid"] == self.ended.pid]
        self.count = len({s.labels["pid"] for s in self.samples})

    def wrong(self, only_python):
        yield from accounts.wrong_sums(self.samples)
        yield from accounts.wrong_functions(self.samples, *self.counted, {}, self.estimated)
        ended, wall, cpu = self.ended, total(self.main, "wall"), total(self.samples, "cpu")
        slack = max(0.01 * ended.used, 2 * TICK * self.count)
        if cpu > ended.used + slack or (only_python and cpu < ended.used - slack):
            yield "CPU %.3f s, but used %.3f s" % (cpu, ended.used)
        if not 0.99 * ended.least - NEXT_TO_NOTHING <= wall <= ended.most:
            yield "main thread: wall %.3f s, but took %.3f to %.3f s" % (wall, ended.least, ended.most)


def judge_batch(program, command, only_python):
    plain, runs = [], []
    with engines.Cgroup("/system.slice/adder-%d.service" % os.getpid()) as cgroup:
        Ended(program, cgroup, command)  # warms it up: what it reads, and compiles
        while not runs or (len(runs) < RUNS and sum(plain) < SECONDS):
            alone = Ended(program, cgroup, command)
            plain.append(alone.most)
            runs.append(Run(program, cgroup, command))
            status = runs[-1].ended.status
            assert status == alone.status, "status %#x, with adder %#x" % (alone.status, status)
    wrong = [line for run in runs for line in run.wrong(only_python)]
    assert not wrong, "; ".join(wrong)
    alone, beside = (statistics.median(x) for x in (plain, [run.ended.most for run in runs]))
    return "%.2f s, with adder %.2f: %.2f; %d processes" % (alone, beside, alone / beside, runs[-1].count)


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


@batch(only_python=False)  # it asks lsb_release, uname and rustc who they are
def pip(program):
    wheel = program.folder + "/many-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        for name in sorted(os.listdir(library("")[0])):
            if name.endswith(".py"):
                file.write(os.path.join(library("")[0], name), "many/" + name)
        for name, text in (("WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
                           ("METADATA", "Metadata-Version: 2.1\nName: many\nVersion: 1.0\n"), ("RECORD", "")):
            file.writestr("many-1.0.dist-info/" + name, text)
    program.needs("pip")
    return ["-m", "pip", "install", "-q", "--no-index", "--no-deps", "--no-cache-dir", "--upgrade", "-t",
            program.folder + "/out", "--root-user-action=ignore", wheel]


@batch()
def pytest_two_workers(program):
    program.needs("pytest", "xdist")
    with open(program.folder + "/test_many.py", "w") as file:
        file.write("import cells, pytest\n\n\n@pytest.mark.parametrize('i', range(100))\n"
                   "def test_it(i):\n    assert cells.crunch(30000)\n")
    return ["-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", "test_many.py"]


@batch(only_python=False)
def meson(program):
    with open(program.folder + "/meson.build", "w") as file:
        file.write("project('many', 'c')\ncc = meson.get_compiler('c')\n"
                   "foreach h : ['stdio.h', 'stdlib.h', 'none.h']\n  cc.has_header(h)\nendforeach\n"
                   "foreach i : range(400)\n  configure_file(output: f'out@i@.h', configuration: {'N': i})\n"
                   "endforeach\n")
    shutil.copy(find("usr/bin/ninja"), program.folder + "/ninja")
    program.env["NINJA"] = program.folder + "/ninja"
    subprocess.run([programs.PYTHON, find("usr/bin/meson"), "setup", "out"], env=program.env,
                   cwd=program.folder, check=True, stdout=subprocess.DEVNULL)
    return [find("usr/bin/meson"), "setup", "--wipe", "out"]


@batch()
def yt_dlp(program):
    program.needs("yt_dlp")
    return ["-m", "yt_dlp", "--ignore-config", "--list-extractors"]


SPIDER = """import scrapy

from counted import counted


@counted
def links(response):
    return response.css("a::attr(href)").getall()


class Spider(scrapy.Spider):
    name, start_urls = "pages", ["http://127.0.0.1:{port}/"]

    def parse(self, response):
        for link in links(response):
            if link.endswith("/"):
                yield response.follow(link)
"""


@batch()
def scrapy(program):
    program.needs("scrapy")
    for i in range(60):
        os.makedirs("%s/site/%d/%d" % (program.folder, i, i))
    program.python("-m", "http.server", "-b", "127.0.0.1", "-d", program.folder + "/site", program.port,
                   port=program.port)
    with open(program.folder + "/spider.py", "w") as file:
        file.write(SPIDER.replace("{port}", str(program.port)))
    return ["-m", "scrapy", "runspider", "--nolog", "spider.py"]


if __name__ == "__main__":
    harness.main()
