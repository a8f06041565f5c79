#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A small shop that waits for everything a program can wait for, to have something to profile.

  demo/demo.py [SECONDS]        for a minute, or SECONDS

Two threads render pages and fight for the GIL; a third asks a price server, a process of its own,
over TCP; two book orders in a file on disk, one at a time; one sleeps between looking for work.
"""
import os
import socket
import sys
import tempfile
import threading
import time


def serve_prices(listener):
    """Answer each question after a while, until the asker is gone."""
    connection, _ = listener.accept()
    while connection.recv(64):
        time.sleep(0.02)
        connection.sendall(b"9.99")


class Renderer:
    def __init__(self, words):
        self.words = words

    def escape(self, text):
        return text.replace("&", "&amp;").replace("<", "&lt;")

    def render(self):
        return "".join("<p>%s</p>" % self.escape(word) for word in self.words)

    def run(self):
        while True:
            self.render()


class Orders:
    """A file that one thread at a time may write."""

    def __init__(self):
        self.lock = threading.Lock()
        self.file = tempfile.TemporaryFile(dir="/var/tmp")

    def write(self, order):
        self.file.seek(0)
        self.file.write(order)
        self.file.flush()
        os.fsync(self.file.fileno())

    def book(self, order):
        with self.lock:
            self.write(order)

    def run(self):
        while True:
            self.book(b"one of those\n" * 100000)
            time.sleep(0.005)


def ask_prices(address):
    with socket.create_connection(address) as server:
        while True:
            server.sendall(b"price?")
            server.recv(64)


def look_for_mail():
    while True:
        time.sleep(0.25)


def start(name, function, *args):
    threading.Thread(target=function, args=args, name=name, daemon=True).start()


def main():
    listener = socket.create_server(("127.0.0.1", 0))
    if os.fork() == 0:
        try:
            serve_prices(listener)
        except ConnectionError:
            pass  # the asker was gone before its answer
        return
    orders = Orders()
    start("render-1", Renderer(["fish & chips"] * 200).run)
    start("render-2", Renderer(["<bread>"] * 300).run)
    start("prices", ask_prices, listener.getsockname())
    start("orders-1", orders.run)
    start("orders-2", orders.run)
    start("mail", look_for_mail)
    time.sleep(float(sys.argv[1]) if len(sys.argv) > 1 else 60)


if __name__ == "__main__":
    main()
