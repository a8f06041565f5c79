# SPDX-License-Identifier: BSD-2-Clause
"""Maps a file for execution, over and over, for the seconds of its argument."""
import mmap
import sys
import time

with open(sys.executable, "rb") as program:
    end = time.monotonic() + float(sys.argv[1])
    while time.monotonic() < end:
        mmap.mmap(program.fileno(), 4096, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_EXEC).close()
