# SPDX-License-Identifier: BSD-2-Clause
"""Imports much: nested, in functions, parents of dotted names, what is not there."""
import json
import xml.etree.ElementTree
from email.mime import text


def in_function():
    import concurrent.futures.thread
    return concurrent


def not_there():
    for name in ("adder_has_no_such_module", "json.adder_has_none", "\u00fcnicode_module"):
        try:
            __import__(name)
        except ImportError:
            pass


class Importer:
    def by_name(self):
        import importlib
        return importlib.import_module("unittest.mock")


in_function()
not_there()
Importer().by_name()
