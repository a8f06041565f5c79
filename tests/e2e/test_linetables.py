#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Line tables against the interpreters' own word.

usage: test_linetables.py [COMMAND...]

Each interpreter compiles modules of its standard library and says, for every instruction of every
code object, which line it has (dis.findlinestarts, co_lines); linetable_line() must say the same.
Each COMMAND starts one; without: every CPython 3.6 to 3.15 that pyenv, the system or (for root)
the trees of fetch-pythons have.
"""
import ctypes
import glob
import json
import os
import shlex
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VERSIONS = ["3.%d" % minor for minor in range(6, 16)]

# Runs in each interpreter: a JSON line per code object, with ranges [start, end, line] in bytes.
TELLER = r"""
import dis, glob, json, os, sys

def ranges(code):
    if hasattr(code, "co_lines"):
        return [r for r in code.co_lines()]
    starts = list(dis.findlinestarts(code)) + [(len(code.co_code), None)]
    return [(a, b, line) for (a, line), (b, _) in zip(starts, starts[1:])]

def tell(code):
    table = code.co_linetable if hasattr(code, "co_linetable") else code.co_lnotab
    print(json.dumps([code.co_name, code.co_firstlineno, table.hex(), ranges(code)]))
    for const in code.co_consts:
        if hasattr(const, "co_code"):
            tell(const)

print(json.dumps(list(sys.version_info[:3])))
files = glob.glob(os.path.join(os.path.dirname(os.__file__), "*.py"))
files = sorted(filter(os.path.exists, files))
for path in files[::max(1, len(files) // 50)]:
    with open(path, "rb") as f:
        tell(compile(f.read(), path, "exec"))
# What no library has: long functions, long lines, long jumps between lines.
tell(compile("def f():\n" + " x = 1\n" * 700 + "\n" * 1000 + " y = [\n" + "\n" * 300 + "z]\n",
             "<long>", "exec"))
tell(compile("x = (" + "a + " * 500 + "b)\ntry:\n f()\nexcept:\n pass\nfinally:\n g()", "<wide>",
             "exec"))
"""


def load_decoder(directory):
    """linetable.c needs nothing else: alone it makes a library."""
    path = os.path.join(directory, "linetable.so")
    source = os.path.join(ROOT, "user", "python", "linetable.c")
    subprocess.run([os.environ.get("CC", "cc"), "-std=gnu17", "-O2", "-shared", "-fPIC",
                    "-I" + os.path.join(ROOT, "user"), "-o", path, source], check=True)
    line = ctypes.CDLL(path).linetable_line
    line.argtypes = [ctypes.c_uint16, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int,
                     ctypes.c_int32]
    return line


def check_code(decode, version, told):
    """Compare one code object; returns instructions compared, and what differs."""
    name, first, table, ranges = told
    table, number = bytes.fromhex(table), version[0] << 8 | version[1]
    unit = 2 if number == 0x030a else 1
    count, wrong = 0, []
    for start, end, line in ranges:
        for byte in range(start, end, 2):
            got = decode(number, table, len(table), first, byte // unit)
            # Without a line it gets a neighbour's; a module's start, line 0, gets the first.
            count += 1
            if got != line and not (line in (None, 0) and got > 0):
                wrong.append("%s: instruction at %d: line %d, not %s" % (name, byte, got, line))
    return count, wrong


def check_interpreter(decode, command):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    run = subprocess.run(command + ["-s", "-c", TELLER], env=clean, stdout=subprocess.PIPE,
                         check=True)
    lines = run.stdout.splitlines()
    version, count, wrong = json.loads(lines[0]), 0, []
    for line in lines[1:]:
        more, differs = check_code(decode, version, json.loads(line))
        count += more
        wrong += differs
    return ".".join(map(str, version)), count, wrong


def find_interpreter(minor):
    """The command that starts one of this version; None if there is none."""
    paths = glob.glob(os.path.expanduser("~/.pyenv/versions/%s.*/bin/python" % minor))
    for path in paths + ["/usr/bin/python" + minor, "/usr/local/bin/python" + minor]:
        if os.access(path, os.X_OK):
            return [path]
    for tree in glob.glob(os.path.join(ROOT, "build", "pythons", "*")):
        if os.geteuid() == 0 and os.access(tree + "/usr/bin/python" + minor, os.X_OK):
            return ["chroot", tree, "/usr/bin/python" + minor]
    return None


def main():
    found = {minor: find_interpreter(minor) for minor in VERSIONS}
    commands = [shlex.split(arg) for arg in sys.argv[1:]] or [c for c in found.values() if c]
    absent = [] if sys.argv[1:] else [minor for minor, c in found.items() if not c]
    total, bad, versions = 0, 0, []
    with tempfile.TemporaryDirectory() as directory:
        decode = load_decoder(directory)
        for command in commands:
            version, count, wrong = check_interpreter(decode, command)
            versions.append(version)
            total += count
            bad += len(wrong)
            for line in wrong[:5]:
                print("%s: %s" % (version, line))
    print("linetables: %d of %d instructions right (%s)%s" % (
        total - bad, total, " ".join(versions),
        "; not on this machine: " + " ".join(absent) if absent else ""))
    return 1 if bad or not total else 0


if __name__ == "__main__":
    sys.exit(main())
