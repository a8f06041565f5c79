#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What goes wrong: one clear line, the right status, never a crash; and hostile names made safe."""
import csv
import gzip
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import adder
import harness
import pprof
from harness import Skip, Workload, case
from judging import UNSAFE
from pythons import find_all

FORMATS = "folded flamegraph html speedscope callgrind pstats chrometrace gecko json csv dot".split()
REQUIRED = "folded flamegraph speedscope".split()  # the others are checked once they are there
PYTHON = sys.executable


def python(least=6):
    """An interpreter that runs outside of a tree."""
    found = [p for p in find_all() if not p.tree and p.minor >= least]
    if not found:
        raise Skip("no Python 3.%d or later outside of a tree" % least)
    return found[-1]


def lines(text):
    return text.decode(errors="replace").splitlines()


def check_failed(done, status, what, words=()):
    """It failed with @status, said one line, and gave no result."""
    said = lines(done.stderr)
    assert done.returncode >= 0, "%s: killed by signal %d" % (what, -done.returncode)
    assert done.returncode == status, "%s: status %d, not %d; said %r" % (
        what, done.returncode, status, said)
    assert said and said[0].startswith("adder"), "%s: said %r" % (what, said)
    assert status == 2 or len(said) == 1, "%s: %d lines: %r" % (what, len(said), said)
    assert not done.stdout, "%s: wrote %r to standard output" % (what, done.stdout[:80])
    for word in words:
        assert word in done.stderr.decode(), "%s: %r does not say %r" % (what, said, word)


def dead_pid():
    p = subprocess.Popen(["true"])
    p.wait()
    return p.pid


class Folder:
    """A folder that anybody may enter, gone at the end."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="adder-e2e-")
        os.chmod(self.path, 0o755)
        return self

    def __exit__(self, *args):
        shutil.rmtree(self.path)

    def file(self, name, data=None):
        path = os.path.join(self.path, name)
        if data is not None:
            with open(path, "wb") as f:
                f.write(data)
        return path


def good_profile():
    """The bytes of a recording of something."""
    with Workload(python(), "serve.py", "work_here", 30) as program:
        time.sleep(0.2)
        with adder.Recording("-p", program.pid) as recording:
            time.sleep(1)
        with open(recording.path, "rb") as f:
            return f.read()


@case()
def without_rights():
    with Folder() as folder:
        copy = folder.file("adder")
        shutil.copy(adder.ADDER, copy)
        os.chmod(copy, 0o755)
        os.chmod(folder.path, 0o777)
        done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", copy,
                               "record", "-d", "1", "-o", folder.file("out")],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=20)
        check_failed(done, 1, "record as nobody")
        assert re.search("root|CAP_", done.stderr.decode()), "no remedy in %r" % done.stderr
        assert not os.path.exists(folder.file("out")), "an output file was left behind"


@case()
def says_whom_it_may_not_look_into():
    with Workload(python(), "serve.py", "work_here", 30) as program:
        time.sleep(0.2)
        done = subprocess.run(["setpriv", "--bounding-set=-sys_ptrace", adder.ADDER, "dump", "-p",
                               str(program.pid)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=20)
    said = done.stdout.decode()
    assert said.startswith("%d " % program.pid) and "CAP_SYS_PTRACE" in said, "%r" % done


@case()
def waits_for_what_is_not_there():
    with Folder() as folder:
        for what in (["-p", dead_pid()], ["--comm", "nosuchcomm"], ["--container", "nosuchone"]):
            out = folder.file("out")
            done = adder.run("record", "-d", "0.5", "-o", out, *what)
            assert done.returncode == 0, "%s: status %d: %s" % (what, done.returncode, done.stderr)
            assert b"wait" in done.stderr, "%s: it does not say that it waits: %r" % (what, done.stderr)
            pprof.load(out)


@case()
def misuse():
    wrong = []
    for args in (["record", "--nonsense"], ["record", "-r", "0"], ["record", "-r", "abc"],
                 ["record", "-r", "-5"], ["record", "-r", "10000000"], ["record", "-d", "-1"],
                 ["record", "-d", "x"], ["record", "-d", ""], ["record", "-p", "x"],
                 ["record", "-p", ""], ["record", "-p", "0"], ["record", "-p", "99999999999"],
                 ["record", "-p", "1,,2"], ["record", "--user", "no such user"],
                 ["export", "-f", "nonsense", "/dev/null"], ["export", "/dev/null"],
                 ["report", "--by", "nonsense", "/dev/null"],
                 ["report", "-l", "x", "/dev/null"], ["report", "--nonsense"], ["nosuchverb"],
                 ["calls", "--slower", "x"], ["calls", "--slower", "-1"],
                 ["calls", "--slower", "5", "--cpu"], ["calls", "--slower", "5", "-l", "3"],
                 ["calls", "--histogram", "f", "--no-times"], ["calls", "--gc", "--match", "f"],
                 ["calls", "-s", "nonsense"], ["calls", "--json", "-s", "nonsense"],
                 ["calls", "--slower", "5", "-o", "-"], ["calls", "--histogram", "f", "-o", "-"],
                 ["calls", "--slower", "5", "--per-process"], ["report", "--per-process", "/dev/null"],
                 ["calls", "-s", "pid"], ["calls", "-s", "Process", "--json"],
                 ["report", "--by", "calls", "-s", "pid", "/dev/null"],
                 ["-o", "/tmp/never.pb.gz"], ["-Q"]):
        try:
            check_failed(adder.run(*args, timeout=5), 2, " ".join(args))
        except AssertionError as e:
            wrong.append(str(e))
    with Folder() as folder:
        done = adder.run("report", "-s", "nonsense", folder.file("good", good_profile()))
        check_failed(done, 2, "report -s nonsense")
    assert not wrong, "; ".join(wrong)


@case()
def help_and_version():
    for args in (["--help"], ["--version"], ["record", "--help"], ["report", "--help"],
                 ["export", "--help"], ["calls", "--help"]):
        done = adder.run(*args)
        assert done.returncode == 0 and done.stdout and not done.stderr, "%s: %r" % (args, done)


@case()
def output_that_cannot_be_written():
    with Folder() as folder:
        for verb in (["record"], ["calls", "-p", str(os.getpid())]):
            begin = time.monotonic()
            done = adder.run(*verb, "-d", "5", "-o", folder.file("no/such/folder"))
            check_failed(done, 1, verb[0] + " into a folder that is not there")
            assert time.monotonic() - begin < 3, "it found out only after the recording"
        done = adder.run("record", "-d", "0.3", "-o", folder.path)
        check_failed(done, 1, "record into a folder")
        done = adder.run("record", "-d", "0.3", "-o", "/dev/full")
        said = lines(done.stderr)
        assert done.returncode == 1 and re.search("No space|full", said[-1]), "/dev/full: %d %r" % (
            done.returncode, said)
        good = folder.file("good", good_profile())
        with open("/dev/full", "wb") as full:
            for args in (["report", good], ["export", good, "-f", "folded", "-o", "-"],
                         ["report", "--json", good]):
                done = adder.run(*args, stdout=full)
                assert done.returncode == 1 and len(lines(done.stderr)) == 1, "%s: %d %r" % (
                    args[0], done.returncode, done.stderr)
        for args in (["export", good, "-f", "folded", "-o", "/dev/full"],
                     ["export", good, "-f", "folded", "-o", folder.file("no/such/folder")]):
            check_failed(adder.run(*args), 1, " ".join(args[2:]))


@case()
def recording_is_private():
    with Folder() as folder:
        out = folder.file("out")
        assert adder.run("record", "-d", "0.2", "-o", out).returncode == 0
        mode = os.stat(out).st_mode & 0o777
        assert mode == 0o600, "the file's mode is %o" % mode


@case()
def broken_files():
    good, chance = good_profile(), random.Random(1)
    plain = gzip.decompress(good)
    bad = {"empty": b"", "one byte": b"\x1f", "text": b"hello\n" * 100, "zeros": bytes(4096),
           "gzip of text": gzip.compress(b"hello\n" * 100), "gzip of nothing": gzip.compress(b""),
           "elf": open("/bin/true", "rb").read(), "random": chance.randbytes(5000)}
    for i in range(8):
        bad["cut %d" % i] = good[:chance.randrange(len(good))]
    with Folder() as folder:
        for name, data in bad.items():
            path = folder.file("bad", data)
            for args in (["report", path], ["export", path, "-f", "folded", "-o", "-"]):
                check_failed(adder.run(*args), 1, "%s of %s" % (args[0], name))
        for name in "missing", ".":
            check_failed(adder.run("report", folder.file(name)), 1, "report of %s" % name)
        # Behind gzip's checksum: whatever the bits say, it is refused or read, never a crash.
        for i in range(60):
            data = bytearray(plain)
            for _ in range(1 + i % 4):
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            path = folder.file("flipped", gzip.compress(bytes(data), 1))
            done = adder.run("report" if i % 2 else "export", path,
                             *([] if i % 2 else ["-f", "folded", "-o", "-"]))
            if done.returncode != 0:
                check_failed(done, 1, "flipped bits (%d)" % i)
        for i in range(20):
            data = bytearray(good)
            # Not the last byte before gzip's checksum, whose bits may be mere padding.
            data[chance.randrange(10, len(data) - 9)] ^= 1 << chance.randrange(8)
            check_failed(adder.run("report", folder.file("flipped", bytes(data))), 1,
                         "flipped bits in gzip (%d)" % i)


@case()
def signals_end_a_recording_well():
    for number in signal.SIGINT, signal.SIGTERM:
        with Workload(python(), "serve.py", "work_here", 30) as program:
            recording = adder.Recording("-p", program.pid)
            time.sleep(0.5)
            profile = recording.stop(number)
        assert any(f.function == "work_here" for s in profile.samples for f in s.stack), \
            "nothing in the file after signal %d" % number
        assert 0.4e9 < profile.duration_ns < 2e9, "it lasted %.3f s" % (profile.duration_ns / 1e9)


@case()
def runs_a_command():
    with Folder() as folder:
        out = folder.file("out")
        code = "import sys, time\ndef in_command(): time.sleep(0.2)\nin_command()\n" \
               "sys.stdout.buffer.write(b'a\\0b'); sys.exit(7)"
        done = adder.run("record", "-o", out, "--", PYTHON, "-c", code)
        assert done.returncode == 7, "status %d, not the command's 7: %s" % (
            done.returncode, done.stderr)
        assert done.stdout == b"a\0b", "the command's output became %r" % done.stdout
        profile = pprof.load(out)
        assert any(f.function == "in_command" for s in profile.samples for f in s.stack), \
            "the command's function is not in the file"
        for what, want in ((["sh", "-c", "kill -9 $$"], 137), (["sh", "-c", "kill -TERM $$"], 143),
                           (["true"], 0), (["false"], 1), (["/no/such/program"], 127)):
            done = adder.run("record", "-o", out, "--", *what)
            assert done.returncode == want, "%s: status %d, not %d: %s" % (
                what, done.returncode, want, done.stderr)


@case()
def follows_a_commands_children():
    with Folder() as folder:
        code = "import os, time\ndef in_child(): time.sleep(0.2)\n" \
               "pid = os.fork()\nif pid == 0:\n    in_child()\n    os._exit(0)\nos.waitpid(pid, 0)"
        done = adder.run("record", "-o", folder.file("out"), "--", "sh", "-c",
                         'x=1; "$0" "$@"', PYTHON, "-c", code)
        assert done.returncode == 0, done.stderr
        profile = pprof.load(folder.file("out"))
        assert any(f.function == "in_child" for s in profile.samples for f in s.stack), \
            "the grandchild's function is not in the file"


# ---- names ----

def check_format(name, data, names):
    """Whether a format's own reader would take the names as what they are."""
    if name == "pstats":
        assert data, "nothing"
        return
    text = data.decode()  # all of them are UTF-8
    if name in ("speedscope", "chrometrace", "gecko", "json"):
        tree = json.dumps(json.loads(text), ensure_ascii=False)
        for one in names:
            assert json.dumps(one, ensure_ascii=False)[1:-1] in tree, "%r is not in it" % one
        return
    found = UNSAFE.search(text.replace("\r\n", "\n"))
    assert not found, "a raw %r" % found.group()
    if name == "flamegraph":
        xml.etree.ElementTree.fromstring(text)
    if name in ("flamegraph", "html"):
        assert "<script>alert" not in text, "HTML is let through"
    if name == "folded":
        for line in text.splitlines():
            assert re.fullmatch(r".+ \d+", line), "the line %r" % line
        assert "semi;colon" not in text, "a semicolon is let through"
    if name == "csv":
        rows = list(csv.reader(text.splitlines()))
        assert len({len(r) for r in rows}) == 1, "rows of different lengths"
        assert not any(cell.startswith("=") for r in rows for cell in r), "a formula is let through"


class Format:
    def __init__(self, name):
        self.name = name


def known_formats():
    """Those that adder itself lists when asked for one that there is not."""
    if not os.access(adder.ADDER, os.X_OK):
        return []
    done = adder.run("export", "-f", "nonsense", "/dev/null")
    return [Format(name) for name in FORMATS if re.search(r"\b%s\b" % name, done.stderr.decode())]


def hostile_recording():
    """The recording of a program with names that would do harm, and the names."""
    with Workload(python(least=8), "hostile.py") as program:
        program.expect("ready")
        with adder.Recording("-p", program.pid, hz=999) as recording:
            program.go()
            names = json.loads(program.read())
    return recording, names


@case()
def all_formats():
    known = [f.name for f in known_formats()]
    assert set(REQUIRED) <= set(known), "missing: %s" % " ".join(sorted(set(REQUIRED) - set(known)))


@case()
def hostile_names():
    recording, names = hostile_recording()
    in_file = {f.function for s in recording.profile.samples for f in s.stack}
    missing = [n for n in names if n not in in_file]
    assert not missing, "not in the file: %r" % missing
    for args in (["report"], ["report", "--tree"], ["report", "--by", "line"], ["report", "--idle"]):
        done = adder.run(*args, recording.path)
        assert done.returncode == 0, "%s: %r" % (args, done.stderr)
        found = UNSAFE.search(done.stdout.decode())
        assert not found, "%s: a raw %r" % (args, found.group())
    done = adder.run("report", "--json", recording.path)
    json.loads(done.stdout.decode())


@case(each=known_formats)
def hostile_names_exported(form):
    recording, names = hostile_recording()
    with Folder() as folder:
        out = folder.file("out")
        done = adder.run("export", recording.path, "-f", form.name, "-o", out)
        assert done.returncode == 0, "status %d: %r" % (done.returncode, done.stderr)
        with open(out, "rb") as f:
            check_format(form.name, f.read(), names)


if __name__ == "__main__":
    harness.main()
