# SPDX-License-Identifier: BSD-2-Clause
"""Four threads that fight for the GIL.

What each was neither running nor waiting for a CPU, it waited for that.
"""
import threading
import time

import asked


def fight(until, total=0):
    while time.perf_counter() < until:
        for i in range(1000):
            total += i * i


def f_first(until):
    fight(until)


def f_second(until):
    fight(until)


def f_third(until):
    fight(until)


def f_fourth(until):
    fight(until)


def work(seconds):
    account, until = asked.Account(), time.perf_counter() + seconds
    threads = [threading.Thread(target=account.charge, args=(function, until))
               for function in (f_first, f_second, f_third, f_fourth)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return account.told()


asked.serve(work)
