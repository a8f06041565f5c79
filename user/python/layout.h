/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where each version of CPython keeps what the walker reads: one row a minor version.
 *
 * The numbers were compiled with offsetof() from each version's own headers (x86_64; aarch64's
 * differ by the size of a mutex alone), and compared with the _Py_DebugOffsets of the 3.13 to 3.15
 * binaries.
 */
#ifndef PYTHON_LAYOUT_H
#define PYTHON_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

/**
 * The layout of @version (PY_VERSION_HEX; its micro matters for 3.7 only), free-threaded or not;
 * NULL if the version is not known.
 */
const struct adder_layout *layout_find(uint32_t version, bool free_threaded);

/* How every version's _Py_DebugOffsets begin: the cookie, PY_VERSION_HEX, free-threaded or not. */
#define LAYOUT_DEBUG_COOKIE "xdebugpy"
enum { LAYOUT_DEBUG_VERSION = 8, LAYOUT_DEBUG_FREE_THREADED = 16, LAYOUT_DEBUG_HEADER = 24 };

/**
 * Check a layout against the _Py_DebugOffsets at the start of a 3.13+ _PyRuntime, and let those
 * override it where they differ.  @debug: its first @size bytes, untrusted.  With the newest layout
 * that is known, they may be of a later version, if they are in the same order.
 *
 * 0; -EBADMSG if @debug is no such table, or one whose values can't be right; -ENOTSUP if its
 * version has no known table layout.
 */
int layout_apply_debug_offsets(struct adder_layout *layout, const uint8_t *debug, size_t size);

#endif
