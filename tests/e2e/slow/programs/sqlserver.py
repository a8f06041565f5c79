# SPDX-License-Identifier: BSD-2-Clause
"""The standard library's web server, a thread a connection, with an SQLite database on disk."""
import http.server
import os
import sqlite3
import sys
import threading

from counted import counted

PATH = os.path.join(os.environ["COUNTERS"], "db.sqlite")
LOCAL = threading.local()


def connection():
    if not hasattr(LOCAL, "db"):
        LOCAL.db = sqlite3.connect(PATH, timeout=30)
    return LOCAL.db


@counted
def write():
    with connection() as db:
        db.execute("insert into visits (at) values (1)")


@counted
def read():
    # as quick at the end as at the beginning: a request's CPU time is compared
    return connection().execute("select rowid, at from visits order by rowid desc limit 1").fetchone()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        write()
        body = b"%d %d" % read()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


with connection() as database:
    database.execute("create table visits (at integer)")
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
