# SPDX-License-Identifier: BSD-2-Clause
"""A WSGI application that answers, after a second and a half, with the stack that it waited in:
{"pid", "tid", "stack": [[name, file, line], ...]}, leaf first."""
import json
import os
import sys
import time


def pause(frames):
    frames += stack_of(sys._getframe(1))
    here = sys._getframe()
    frames.insert(0, [here.f_code.co_qualname, here.f_code.co_filename, here.f_lineno + 1])
    time.sleep(1.5)


def stack_of(frame):
    stack = []
    while frame:
        stack.append([frame.f_code.co_qualname, frame.f_code.co_filename, frame.f_lineno])
        frame = frame.f_back
    return stack


def application(environ, start_response):
    frames = []
    pause(frames)
    start_response("200 OK", [("Content-Type", "application/json")])
    tid = int(os.readlink("/proc/thread-self").rsplit("/", 1)[1])
    return [json.dumps({"pid": os.getpid(), "tid": tid, "stack": frames}).encode()]
