# SPDX-License-Identifier: BSD-2-Clause
"""Collects garbage at once, a few times, then says so and waits."""
import gc
import sys

for _ in range(5):
    gc.collect()
gc.disable()
print("[]", flush=True)
sys.stdin.readline()
