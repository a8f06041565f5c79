#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Seconds: a program that measures what it does, against the ledger."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import harness
from harness import case
from pythons import spread
from seconds import check_ledger


@case(each=spread, alone=True)
def ledger(python):
    return check_ledger(python)


if __name__ == "__main__":
    harness.main()
