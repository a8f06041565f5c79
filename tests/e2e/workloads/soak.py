# SPDX-License-Identifier: BSD-2-Clause
"""All kinds of stacks, for the seconds of its argument: depths that change, functions that are made,
called and freed under one name, threads that hand each other a lock.

Prints "ready", waits for a line, works, prints the seconds of CPU that it used and waits for a line to
end.
"""
import queue
import random
import sys
import threading
import time

end = 0


def sink(depth):
    return sink(depth - 1) + 1 if depth else time.sleep(0.0001) or 0


def deep():
    chance = random.Random(1)
    while time.perf_counter() < end:
        sink(chance.randrange(40))


def compiled():
    while time.perf_counter() < end:
        space = {"time": time}
        exec(compile("def render():\n    sum(range(500))\n    time.sleep(0.0001)\n", "<template>", "exec"),
             space)
        space["render"]()


def handed(mine, other):
    while time.perf_counter() < end:
        other.put(1)
        try:
            mine.get(timeout=0.1)
        except queue.Empty:
            pass


ends = queue.Queue(), queue.Queue()
threads = [threading.Thread(target=deep), threading.Thread(target=compiled),
           threading.Thread(target=handed, args=ends), threading.Thread(target=handed, args=ends[::-1])]
print("ready", flush=True)
sys.stdin.readline()
begin, end = time.process_time(), time.perf_counter() + float(sys.argv[1])
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(time.process_time() - begin, flush=True)
sys.stdin.readline()
