# SPDX-License-Identifier: BSD-2-Clause
"""A probe of somebody else's: perf's, on an instruction of a file."""
import ctypes
import os
import struct

from harness import Skip

SYS_PERF_EVENT_OPEN = 298
PMU = "/sys/bus/event_source/devices/uprobe/type"
ATTR_BYTES = 128


class Uprobe:
    """On the byte at @offset of the file at @path, in every process.  @semaphore: offset of the word that
    the kernel is to count up while it is there; 0: none."""

    def __init__(self, path, offset, semaphore=0):
        if not os.path.exists(PMU):
            raise Skip("the kernel's perf has no uprobes")
        with open(PMU) as f:
            kind = int(f.read())
        name = ctypes.create_string_buffer(path.encode())
        attr = struct.pack("<IIQ", kind, ATTR_BYTES, semaphore << 32).ljust(56, b"\0")
        attr += struct.pack("<QQ", ctypes.addressof(name), offset)
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd = libc.syscall(SYS_PERF_EVENT_OPEN, attr.ljust(ATTR_BYTES, b"\0"), -1, 0, -1, 0)
        if self.fd < 0:
            raise Skip("perf's uprobe: " + os.strerror(ctypes.get_errno()))

    def __enter__(self):
        return self

    def __exit__(self, *args):
        os.close(self.fd)
