#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Programs with the libraries of others, which work by themselves, beside adder (lib/loads.py)."""
import os
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness
import programs
from loads import loop
from programs import APPS, find

def postgresql(program):
    where = os.path.dirname(find("usr/lib/postgresql/*/bin/initdb"))
    os.chmod(program.folder, 0o777)
    os.chmod(program.folder + "/counters", 0o777)
    data = program.folder + "/db"
    initdb = [where + "/initdb", "-D", data, "-A", "trust", "-U", "postgres", "--locale=C", "-N"]
    subprocess.run(programs.NOBODY + initdb, env=program.env, check=True,
                   stdout=subprocess.DEVNULL, cwd="/")
    program.start(*programs.NOBODY, where + "/postgres", "-D", data, "-p", program.port, "-k",
                  program.folder, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off",
                  port=program.port)
    time.sleep(1)


@loop(slow_query="net", big_query="net")
def psycopg2_and_postgresql(program):
    postgresql(program)
    program.python(APPS + "/databases.py", "postgres", program.port)


@loop()
def python_in_postgresql(program):
    find("usr/lib/postgresql/*/lib/plpython3.so")
    postgresql(program)
    program.python(APPS + "/databases.py", "plpython", program.port)


@loop()
def asyncpg(program):
    program.needs("asyncpg")
    postgresql(program)
    program.python(APPS + "/databases.py", "asynchronous", program.port)


@loop()
def sqlalchemy(program):
    program.needs("sqlalchemy")
    program.python(APPS + "/databases.py", "mapped")


@loop()
def pandas(program):
    program.needs("pandas")
    program.python(APPS + "/computing.py", "pandas")


@loop()
def scikit_learn(program):
    program.needs("sklearn")
    program.env["OMP_WAIT_POLICY"] = "passive"  # else its threads spin, beside others for seconds
    program.python(APPS + "/computing.py", "learning")


@loop()
def numba(program):
    program.needs("numba")
    program.python(APPS + "/computing.py", "compiled")


@loop()
def sympy(program):
    program.needs("sympy")
    program.python(APPS + "/computing.py", "symbolic")


@loop()
def pages(program):
    program.needs("bs4", "jinja2", "lxml", "markdown")
    program.python(APPS + "/computing.py", "texts")


@loop()
def python_in_gdb(program):
    program.start(find("usr/bin/gdb"), "-q", "-nx", "-batch", "-x", APPS + "/computing.py")


@loop()
def numpy_and_blas(program):
    program.python(APPS + "/loops.py", "numpy")


@loop()
def threads_without_the_gil(program):
    program.python(APPS + "/loops.py", "gil_release")


@loop()
def pool_of_processes(program):
    program.python(APPS + "/loops.py", "processes")


@loop()
def pool_from_a_fork_server(program):
    program.python(APPS + "/loops.py", "fork_server")


@loop(spawn="child+ipc")
def starts_programs(program):
    program.python(APPS + "/loops.py", "spawning")


@loop(fork="child")
def forks(program):
    program.python(APPS + "/loops.py", "forking")


if __name__ == "__main__":
    harness.main()
