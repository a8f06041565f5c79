# SPDX-License-Identifier: BSD-2-Clause
"""Programs that ask databases: databases.py NAME [PORT]."""
import asyncio
import os
import sys

from counted import counted

MANY_ROWS = "select g, md5(g::text) from generate_series(1, 20000) g"


def connection():
    import psycopg2
    return psycopg2.connect(host="127.0.0.1", port=sys.argv[2], user="postgres", dbname="postgres")


def postgres():
    """Queries that take a tenth of a second, and ones that give many rows."""
    cursor = connection().cursor()

    @counted
    def slow_query():
        cursor.execute("select pg_sleep(0.1)")
        cursor.fetchall()

    @counted
    def big_query():
        cursor.execute(MANY_ROWS)
        return cursor.fetchall()

    while True:
        slow_query()
        big_query()


@counted
def inside(n):
    """Called by the server's own Python."""
    return sum(i * i % 7 for i in range(n))


def plpython():
    """The database's server has Python in it."""
    cursor = connection().cursor()
    cursor.execute("create extension plpython3u")
    cursor.execute("create function crunch(n int) returns bigint language plpython3u as "
                   "'import databases; return databases.inside(n)'")

    @counted
    def query():
        cursor.execute("select crunch(20000) from generate_series(1, 10)")
        return cursor.fetchall()

    while True:
        query()


@counted
def sum_up(rows):
    return sum(number for number, _ in rows)


async def ask(port):
    import asyncpg
    connections = [await asyncpg.connect(host="127.0.0.1", port=port, user="postgres",
                                         database="postgres") for _ in range(4)]
    while True:
        for rows in await asyncio.gather(*(c.fetch(MANY_ROWS) for c in connections)):
            sum_up(rows)


def asynchronous():
    """Four connections, an event loop."""
    asyncio.run(ask(int(sys.argv[2])))


def mapped():
    """Objects of SQLAlchemy's in an SQLite database on disk."""
    import sqlalchemy
    from sqlalchemy import orm
    base = orm.declarative_base()

    class Visit(base):
        __tablename__ = "visits"
        id = sqlalchemy.Column(sqlalchemy.Integer, primary_key=True)
        page = sqlalchemy.Column(sqlalchemy.String)

    engine = sqlalchemy.create_engine("sqlite:///%s/db.sqlite" % os.environ["COUNTERS"])
    base.metadata.create_all(engine)

    @counted
    def add():
        with orm.Session(engine) as session:
            session.add_all(Visit(page="/page/%d" % i) for i in range(50))
            session.commit()

    @counted
    def look():
        with orm.Session(engine) as session:
            query = session.query(Visit).order_by(Visit.id.desc()).limit(500)
            return [visit.page.upper() for visit in query]

    while True:
        add()
        look()


if __name__ == "__main__":
    globals()[sys.argv[1]]()
