# SPDX-License-Identifier: BSD-2-Clause
"""Where adder finds an interpreter's opcode handlers, and would probe them."""
import functools
import os
import re
import subprocess
from collections import namedtuple

from harness import Skip
from pythons import BUILD, find_all

EVAL = "_PyEval_EvalFrameDefault"
VERSIONS = range(11, 16)  # of Python 3, those that have handlers to probe

Probe = namedtuple("Probe", "opcode role address")
Places = namedtuple("Places", "table handlers probes why")  # address, {opcode: address}, [Probe]; None, or why none


@functools.lru_cache(None)
def tool():
    path = os.path.join(BUILD, "tests", "places")
    done = subprocess.run(["make", "-s", path[len(os.path.dirname(BUILD)) + 1:]], cwd=os.path.dirname(BUILD),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise Skip("cannot make tests/places: " + done.stdout.decode(errors="replace")[-200:])
    return path


def of_its_own_program():
    """A Python that times calls, whose interpreter is in its program: a command's are all seen."""
    for python in find_all():
        if python.minor >= 11 and not python.tree and interpreter_file(python) == os.path.realpath(python.path):
            return python
    raise Skip("no interpreter of 3.11 or later that is in its program")


def find(path, minor):
    """Of the interpreter in the file at @path, taken for 3.@minor."""
    out = subprocess.run([tool(), path, "%#x" % (0x0300 | minor)], stdout=subprocess.PIPE).stdout.decode()
    table, handlers, probes, why = None, {}, [], None
    for line in out.splitlines():
        word, _, rest = line.partition(" ")
        if word == "table":
            table = int(rest, 16)
        elif word == "handler":
            opcode, address = rest.split()
            handlers[int(opcode)] = int(address, 16)
        elif word == "probe":
            opcode, role, address = rest.split()
            probes.append(Probe(int(opcode), int(role), int(address, 16)))
        elif word == "refused:":
            why = rest
    return Places(table, handlers, probes, why)


def interpreter_file(python):
    """The file that holds the interpreter of @python, as seen from here."""
    maps = subprocess.run(python.command("-c", "print(open('/proc/self/maps').read())"),
                          stdout=subprocess.PIPE, check=True).stdout.decode()
    files = list(dict.fromkeys(line.split(None, 5)[5] for line in maps.splitlines() if line.count(" /")))
    library = [f for f in files if os.path.basename(f).startswith("libpython3")]
    program = [f for f in files if os.path.basename(f).startswith("python3")] or files
    path = (library or program)[0]
    return path if not python.tree or path.startswith(python.tree + "/") else python.tree + path


# ---- symbols ----

def readelf(path, *options):
    try:
        return subprocess.run(["readelf", "-W"] + list(options) + [path], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL).stdout.decode(errors="replace")
    except OSError:
        raise Skip("no readelf: install binutils")


def offset_of(path, address):
    """Where in the file the byte at @address is."""
    for line in readelf(path, "-l").splitlines():
        f = line.split()
        if f[:1] == ["LOAD"]:
            offset, start, _, size = (int(x, 16) for x in f[1:5])
            if start <= address < start + size:
                return address - start + offset
    raise LookupError("%x is not in %s" % (address, path))


def debug_file(path):
    """Where the symbols of a file are: in itself, or among those that the slow tests have fetched."""
    if " .symtab " in readelf(path, "-S"):
        return path
    build_id = re.search(r"Build ID: (\w\w)(\w+)", readelf(path, "-n"))
    fetched = build_id and os.path.join(BUILD, "pythons-built/debug/usr/lib/debug/.build-id",
                                        build_id.group(1), build_id.group(2) + ".debug")
    return fetched if fetched and os.path.exists(fetched) else None


def eval_ranges(path):
    """[begin, end) of the eval loop's parts."""
    for line in readelf(path, "-s").splitlines():
        f = line.split()
        if len(f) == 8 and f[3] == "FUNC" and f[7].split("@")[0] in (EVAL, EVAL + ".cold"):
            yield int(f[1], 16), int(f[1], 16) + int(f[2], 0)


def labels(path):
    """{opcode's name: address}, as the debug information has it."""
    found, name = {}, None
    for line in readelf(path, "--debug-dump=info").splitlines():
        if "DW_AT_name" in line:
            match = re.search(r": TARGET_(\w+)$", line)
            name = match and match.group(1)
        elif name and "DW_AT_low_pc" in line:
            found[name] = int(line.rpartition(" ")[2], 16)
            name = None
    return found
