#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Servers and workers of others under load, beside adder (lib/loads.py)."""
import os
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
import programs
from loads import fed, web
from programs import APPS, find

def gunicorn(program, app, *args):
    program.python("-m", "gunicorn", "-b", "127.0.0.1:%d" % program.port, *args, app,
                   port=program.port)


@web("/render")
def flask_two_workers(program):
    gunicorn(program, "flaskapp:app", "-w", "2")


@web("/render", render="gil")
def flask_eight_threads(program):
    gunicorn(program, "flaskapp:app", "-w", "1", "--threads", "8")


@web("/slow", slow="sleep")
def flask_that_sleeps(program):
    gunicorn(program, "flaskapp:app", "-w", "1", "--threads", "8")


@web("/render")
def flask_in_gevent(program):
    gunicorn(program, "flaskapp:app", "-w", "1", "-k", "gevent")


@web("/admin/login/")
def django_login(program):
    env, cwd = program.env, program.folder
    for command in "-m django startproject shop .", "manage.py migrate -v 0":
        subprocess.run([programs.PYTHON] + command.split(), env=env, cwd=cwd, check=True)
    gunicorn(program, "shop.wsgi", "-w", "2", "--chdir", cwd)


@web("/")
def fastapi_uvloop(program):
    program.python("-m", "uvicorn", "--port", program.port, "--log-level", "warning",
                   "asyncapps:fastapp", port=program.port)


@web("/")
def aiohttp_server(program):
    program.python(APPS + "/asyncapps.py", program.port, port=program.port)


@web("/render")
def uwsgi(program):
    plugin = find("usr/lib/uwsgi/plugins/python3*_plugin.so")
    program.start(find("usr/bin/uwsgi-core"), "--plugin", plugin, "--http-socket",
                  "127.0.0.1:%d" % program.port, "--module", "flaskapp:app", "--master",
                  "--processes", "2", "--threads", "2", "--die-on-term", "-L", "--chdir", APPS,
                  port=program.port)


WSGI = """ServerRoot /
PidFile {folder}/pid
ServerName localhost
Listen 127.0.0.1:{port}
ErrorLog {folder}/error
User nobody
Group nogroup
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule wsgi_module {modules}/mod_wsgi.so
WSGISocketPrefix {folder}/wsgi
WSGIDaemonProcess app processes=2 threads=4 python-path={path}
WSGIProcessGroup app
WSGIApplicationGroup %{{GLOBAL}}
WSGIScriptAlias / {apps}/flaskapp.py
<Directory {apps}>
Require all granted
</Directory>
"""


@web("/render")
def mod_wsgi(program):
    modules = os.path.dirname(find("usr/lib/apache2/modules/mod_wsgi.so"))
    with open(program.folder + "/conf", "w") as file:
        file.write(WSGI.format(folder=program.folder, port=program.port, modules=modules, apps=APPS,
                               path=program.env["PYTHONPATH"]))
    os.chmod(program.folder + "/counters", 0o777)
    program.start(find("usr/sbin/apache2"), "-f", program.folder + "/conf", "-DFOREGROUND",
                  port=program.port)


@web("/render", render="gil")
def waitress_threads(program):
    serve = "import flaskapp, waitress; waitress.serve(flaskapp.app, port=%d, threads=4)"
    program.python("-c", serve % program.port, port=program.port)


@web("/")
def tornado(program):
    program.python(APPS + "/servers.py", "tornado", program.port, port=program.port)


@web("/")
def twisted(program):
    program.python(APPS + "/servers.py", "twisted", program.port, port=program.port)


@web("/", write="disk+sleep")
def threads_and_sqlite(program):
    program.python(APPS + "/sqlserver.py", program.port, port=program.port)


@web("/render")
def quart_two_workers(program):
    program.needs("hypercorn", "quart")
    program.python("-m", "hypercorn", "-b", "127.0.0.1:%d" % program.port, "-w", "2", "quartapp:app",
                   port=program.port)


@web("/")
def starlette_on_trio(program):
    program.needs("hypercorn", "starlette", "trio")
    program.python("-m", "hypercorn", "-b", "127.0.0.1:%d" % program.port, "-k", "trio",
                   "starletteapp:app", port=program.port)


@web("/thread")
def starlette_in_threads(program):
    program.needs("uvicorn", "starlette")
    program.python("-m", "uvicorn", "--port", program.port, "--log-level", "warning",
                   "starletteapp:app", port=program.port)


@web("/render")
def flask_in_eventlet(program):
    program.needs("eventlet")
    gunicorn(program, "flaskapp:app", "-w", "1", "-k", "eventlet")


@web("/")
def cherrypy(program):
    program.needs("cherrypy")
    program.python(APPS + "/servers.py", "cherrypy", program.port, port=program.port)


@fed("clients.py smtp {port}", "mails")
def mail_server(program):
    program.needs("aiosmtpd")
    program.python(APPS + "/servers.py", "smtp", program.port, port=program.port)


@fed("clients.py grpc {port}", "calls")
def grpc(program):
    program.needs("grpc")
    program.python(APPS + "/servers.py", "grpc", program.port, port=program.port)


@fed("clients.py jupyter kernel.json", "cells")
def jupyter_kernel(program):
    program.needs("ipykernel", "jupyter_client")
    path = os.path.join(program.folder, "kernel.json")
    program.python("-m", "ipykernel_launcher", "-f", path)
    deadline = time.monotonic() + programs.START_SECONDS
    while not os.path.exists(path) and time.monotonic() < deadline:
        time.sleep(0.05)


def redis(program):
    port = program.env["REDIS_PORT"] = str(programs.free_port())
    program.start(find("usr/bin/redis-server"), "--port", port, "--bind", "127.0.0.1", "--save", "",
                  port=int(port))


@fed("tasks.py", "tasks")
def celery_prefork(program):
    redis(program)
    program.python("-m", "celery", "--workdir", APPS, "-A", "tasks", "worker", "-c", "2", "-l",
                   "warning")


@fed("rqjobs.py", "jobs", at_most=0)
def rq_a_process_each(program):
    program.needs("rq")
    redis(program)
    program.python(find("usr/bin/rq"), "worker", "-q", "-u",
                   "redis://127.0.0.1:" + program.env["REDIS_PORT"])


if __name__ == "__main__":
    harness.main()
