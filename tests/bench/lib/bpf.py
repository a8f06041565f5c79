# SPDX-License-Identifier: BSD-2-Clause
"""What the kernel says of a process's BPF programs and maps."""
import ctypes
import glob
import json
import os
import shutil
import subprocess
from collections import namedtuple

SYS_BPF = {"x86_64": 321, "aarch64": 280}
BPF_ENABLE_STATS = 32
BPFTOOL = shutil.which("bpftool") or "/usr/sbin/bpftool"

Runs = namedtuple("Runs", "ns count")


class Stats:
    """Have the kernel time each run of a program, while the context lasts: costs each about 50 ns."""

    def __enter__(self):
        attr = (ctypes.c_uint32 * 16)()  # type: BPF_STATS_RUN_TIME is 0
        self.fd = ctypes.CDLL(None, use_errno=True).syscall(
            SYS_BPF[os.uname().machine], BPF_ENABLE_STATS, attr, 4)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "BPF_ENABLE_STATS")
        return self

    def __exit__(self, *_):
        os.close(self.fd)


def fd_infos(pid):
    """One dict for each of its open files that is a BPF program or map."""
    for path in glob.glob("/proc/%d/fdinfo/*" % pid):
        try:
            with open(path) as f:
                info = dict(line.split(":", 1) for line in f if ":" in line)
        except OSError:
            continue  # closed meanwhile
        if "prog_type" in info or "map_type" in info:
            yield {key: value.strip() for key, value in info.items()}


def names(kind):
    """{id: name} of all "prog" or "map" there are."""
    out = subprocess.run([BPFTOOL, "-j", kind, "show"], stdout=subprocess.PIPE, check=True).stdout
    return {str(one["id"]): one.get("name", "") for one in json.loads(out)}


class Programs:
    """The programs of one process: their names are asked for once."""

    def __init__(self, pid):
        self.pid = pid
        self.names = names("prog")

    def runs(self):
        """{name: Runs} since they were loaded, while Stats were on."""
        return {self.names.get(i["prog_id"], ""): Runs(int(i["run_time_ns"]), int(i["run_cnt"]))
                for i in fd_infos(self.pid) if "run_time_ns" in i}


def difference(after, before):
    return {name: Runs(after[name].ns - before[name].ns, after[name].count - before[name].count)
            for name in after if name in before}


def map_bytes(pid):
    """Kernel memory of its maps."""
    return sum({i["map_id"]: int(i["memlock"]) for i in fd_infos(pid) if "map_id" in i}.values())
