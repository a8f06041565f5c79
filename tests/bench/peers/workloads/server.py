# SPDX-License-Identifier: BSD-2-Clause
"""An asyncio server, and a process with eight clients that never rest.

Tells what the server did: requests, and the CPU time of its process.
"""
import asyncio
import contextlib
import json
import queue
import subprocess
import sys
import threading
import time

import asked

CLIENTS = 8
served = 0


def reply(line):
    order = json.loads(line)
    order["sum"] = sum(len(word) for word in order["words"])
    return json.dumps(order).encode() + b"\n"


async def handle(reader, writer):
    global served
    with contextlib.suppress(ConnectionError):  # at the end
        while line := await reader.readline():
            writer.write(reply(line))
            await writer.drain()
            served += 1


async def listen(ready):
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    ready(server.sockets[0].getsockname()[1])
    await server.serve_forever()


async def ask_on(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    line = json.dumps({"words": ["word %d" % i for i in range(100)]}).encode() + b"\n"
    while True:
        writer.write(line)
        await reader.readline()


async def all_ask(port):
    await asyncio.gather(*[ask_on(port) for _ in range(CLIENTS)])


def work(seconds):
    before = served, time.process_time()
    time.sleep(seconds)
    return {"requests": served - before[0], "cpu": time.process_time() - before[1]}


def main():
    ports = queue.Queue()
    threading.Thread(target=lambda: asyncio.run(listen(ports.put)), daemon=True).start()
    clients = subprocess.Popen([sys.executable, "-S", "-B", __file__, str(ports.get())])
    asked.serve(work)
    clients.kill()
    clients.wait()


if sys.argv[1:]:
    asyncio.run(all_ask(int(sys.argv[1])))
else:
    main()
