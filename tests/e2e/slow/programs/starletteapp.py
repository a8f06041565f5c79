# SPDX-License-Identifier: BSD-2-Clause
"""For any ASGI server and loop: "/" computes in the loop, "/thread" in a pool of threads."""
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from counted import counted


@counted
def encode(n):
    return ",".join(str(i) for i in range(n))


async def in_loop(request):
    return PlainTextResponse(encode(1000))


def in_thread(request):
    return PlainTextResponse(encode(1000))


app = Starlette(routes=[Route("/", in_loop), Route("/thread", in_thread)])
