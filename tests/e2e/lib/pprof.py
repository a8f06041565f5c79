# SPDX-License-Identifier: BSD-2-Clause
"""A decoder of profile.proto of its own, so that adder's reading and writing are not checked by
themselves.  Only the standard library."""
import gzip
from collections import namedtuple

Frame = namedtuple("Frame", "function file line start_line")
Sample = namedtuple("Sample", "stack values labels")  # stack: leaf first; labels: {key: text or int}


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7f) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def signed(value):
    return value - (1 << 64) if value >> 63 else value


def fields(data):
    """Each field of a message: its number and its int or bytes."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
            yield key >> 3, signed(value)
        elif key & 7 == 2:
            size, at = varint(data, at)
            if at + size > len(data):
                raise ValueError("a field is longer than the message")
            yield key >> 3, data[at:at + size]
            at += size
        else:
            raise ValueError("wire type %d is not used in profiles" % (key & 7))


def message(data):
    """Field number -> its last value."""
    return dict(fields(data))


def numbers(data, number):
    """A repeated integer: packed or not."""
    out = []
    for n, value in fields(data):
        if n == number and isinstance(value, int):
            out.append(value)
        elif n == number:
            at = 0
            while at < len(value):
                one, at = varint(value, at)
                out.append(signed(one))
    return out


class Profile:
    """types [(name, unit)], samples, time_ns, duration_ns, period, comments {key: value}."""

    def __init__(self, data):
        top = {}
        for n, value in fields(gzip.decompress(data)):
            top.setdefault(n, []).append(value)
        self.strings = [s.decode() for s in top.get(6, [])]
        self.types = [self.value_type(t) for t in top.get(1, [])]
        functions = {f[1]: f for f in map(message, top.get(5, []))}
        locations = {}
        for raw in top.get(4, []):
            lines = [message(v) for n, v in fields(raw) if n == 4]
            locations[message(raw)[1]] = [self.frame(functions[line[1]], line) for line in lines]
        self.samples = [self.sample(raw, locations) for raw in top.get(2, [])]
        self.time_ns = top.get(9, [0])[0]
        self.duration_ns = top.get(10, [0])[0]
        self.period_type = self.value_type(top[11][0]) if 11 in top else None
        self.period = top.get(12, [0])[0]
        self.default_type = self.strings[top.get(14, [0])[0]]
        self.comment_lines = [self.strings[i] for value in top.get(13, []) for i in
                              ([value] if isinstance(value, int) else packed(value))]
        self.comments = dict(line.split(": ", 1) for line in self.comment_lines if ": " in line)

    def value_type(self, raw):
        m = message(raw)
        return self.strings[m.get(1, 0)], self.strings[m.get(2, 0)]

    def frame(self, function, line):
        if function.get(3, 0):
            raise ValueError("system_name is set: pprof would not show <module>")
        return Frame(self.strings[function.get(2, 0)], self.strings[function.get(4, 0)],
                     line.get(2, 0), function.get(5, 0))

    def sample(self, raw, locations):
        labels = {}
        for m in (message(v) for n, v in fields(raw) if n == 3):
            labels[self.strings[m[1]]] = self.strings[m[2]] if m.get(2) else m.get(3, 0)
        stack = tuple(f for i in numbers(raw, 1) for f in locations[i])
        return Sample(stack, dict(zip([t[0] for t in self.types], numbers(raw, 2))), labels)


def packed(data):
    out, at = [], 0
    while at < len(data):
        value, at = varint(data, at)
        out.append(value)
    return out


def load(path):
    with open(path, "rb") as f:
        return Profile(f.read())
