#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Stacks that are hard to read, of every interpreter, against what the interpreter itself says."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import harness
from harness import case, needs
from judging import check_stacks, every_build


@case(each=every_build)
def stacks(python):
    needs(python)
    return check_stacks(python)


if __name__ == "__main__":
    harness.main()
