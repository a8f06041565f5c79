# SPDX-License-Identifier: BSD-2-Clause
import time

from flask import Flask

from counted import counted

app = application = Flask(__name__)


@counted
def render(n):
    return "".join("<li>%d</li>" % (i * i % 97) for i in range(n))


@counted
def slow():
    time.sleep(0.05)
    return "ok"


app.add_url_rule("/render", "render", lambda: render(2000))
app.add_url_rule("/slow", "slow", lambda: slow())
