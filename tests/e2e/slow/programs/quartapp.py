# SPDX-License-Identifier: BSD-2-Clause
"""For hypercorn, on asyncio: "/render" computes and waits a little."""
import asyncio

from quart import Quart

from counted import counted

app = Quart(__name__)


@counted
def render(n):
    return "".join("<li>%d</li>" % (i * i % 97) for i in range(n))


@app.route("/render")
async def answer():
    await asyncio.sleep(0.002)
    return render(2000)
