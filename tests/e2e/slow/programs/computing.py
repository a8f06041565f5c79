# SPDX-License-Identifier: BSD-2-Clause
"""Programs whose work is in the libraries of science, and of text: computing.py NAME."""
import sys

from counted import counted


def pandas():
    """Cython and C, and Python functions called back from them."""
    import numpy
    import pandas
    random = numpy.random.default_rng(1)
    table = pandas.DataFrame({"key": random.integers(0, 200, 100000), "x": random.random(100000)})

    @counted
    def group():
        return table.groupby("key").agg(["mean", "std", "max"])

    @counted
    def apply():
        return table.x[:20000].apply(lambda x: x * 2 if x > 0.5 else -x)

    @counted
    def merge():
        return table.merge(table[:200].drop_duplicates("key"), on="key")

    while True:
        group()
        apply()
        merge()


def learning():
    """Threads that give the GIL back, by joblib, and ones that never had it, by OpenMP."""
    import numpy
    from sklearn import cluster, ensemble
    random = numpy.random.default_rng(1)
    points = random.random((1000, 8))
    kinds = (points.sum(axis=1) > 4).astype(int)

    @counted
    def forest():
        ensemble.RandomForestClassifier(4, n_jobs=2, random_state=1).fit(points, kinds)

    @counted
    def clusters():
        cluster.KMeans(8, n_init=2, random_state=1).fit(points)

    while True:
        forest()
        clusters()


def compiled():
    """Numba: machine code that no file holds, on threads of its own."""
    import numba
    import numpy
    array = numpy.arange(1 << 21, dtype=float)

    @numba.njit(parallel=True)
    def add_up(array):
        total = 0.0
        for i in numba.prange(array.size):
            total += array[i] ** 0.5
        return total

    @numba.njit
    def collatz(most):
        longest = 0
        for i in range(1, most):
            n, steps = i, 0
            while n != 1:
                n, steps = n // 2 if n % 2 == 0 else 3 * n + 1, steps + 1
            longest = max(longest, steps)
        return longest

    @counted
    def parallel():
        return add_up(array)

    @counted
    def alone():
        return collatz(10000)

    add_up(array)
    collatz(10)
    while True:
        parallel()
        alone()


def symbolic():
    """Python alone, in deep recursion."""
    import sympy
    from sympy.core.cache import clear_cache
    x, y = sympy.symbols("x y")

    @counted
    def expand():
        clear_cache()
        return sympy.expand((x + y + 1) ** 6)

    @counted
    def integrate():
        clear_cache()
        return sympy.integrate(x * sympy.exp(x), x)

    while True:
        expand()
        integrate()


def texts():
    """What templates and parsers do with pages."""
    import bs4
    import jinja2
    import lxml.html
    import markdown
    template = jinja2.Template("<ul>{% for i in rows %}<li class='a{{ i % 7 }}'>{{ i }}</li>{% endfor %}</ul>")
    text = "".join("# Head %d\n\nSome *text* with `code`.\n\n* one\n* two\n\n" % i for i in range(40))

    @counted
    def render():
        return template.render(rows=range(2000))

    @counted
    def translate():
        return markdown.markdown(text)

    @counted
    def parse(page):
        return lxml.html.fromstring(page).xpath("//li[@class='a3']/text()")

    @counted
    def soup(page):
        return [tag.text for tag in bs4.BeautifulSoup(page, "html.parser").find_all("li")]

    while True:
        page = render()
        parse(page)
        soup(page)
        translate()


def debugger():
    """In gdb, which has Python in it: no program of its own."""
    import gdb

    @counted
    def ask():
        return [gdb.parse_and_eval("%d * %d" % (i, i)) for i in range(200)]

    @counted
    def crunch():
        return sum(i * i % 7 for i in range(20000))

    while True:
        ask()
        crunch()


if __name__ == "__main__":
    globals()[sys.argv[1] if len(sys.argv) > 1 else "debugger"]()
