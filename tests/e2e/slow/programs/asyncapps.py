# SPDX-License-Identifier: BSD-2-Clause
"""fastapp: for uvicorn.  As a program: aiohttp's own server, at the port of its argument."""
import asyncio
import sys

from counted import counted


@counted
def encode(n):
    return ",".join(str(i) for i in range(n))


async def query():
    await asyncio.sleep(0.02)
    return encode(500)


if __name__ == "__main__":
    from aiohttp import web

    async def answer(request):
        return web.Response(text=await query())

    application = web.Application()
    application.add_routes([web.get("/", answer)])
    web.run_app(application, port=int(sys.argv[1]), print=None)
else:
    from fastapi import FastAPI

    fastapp = FastAPI()

    @fastapp.get("/")
    async def answer():
        return {"numbers": encode(3000)}
